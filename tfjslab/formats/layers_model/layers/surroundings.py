"""What is put around lines and volumes, cut off from them, or repeated in them (for images see ``reshaping``)."""

from __future__ import annotations

from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.images import channels_first
from tfjslab.formats.layers_model.layers.reshaping import sides
from tfjslab.formats.layers_model.layers.sizes import computed, reshaped, sizes_of


def _first_axis(c: Call) -> int:
    """The first axis of positions."""
    return 2 if channels_first(c) else 1


def _padded(c: Call, rank: int) -> str:
    pads = [[0, 0]] * (rank + 2)
    first = _first_axis(c)
    pads[first : first + rank] = sides(c, "padding", rank)
    return c.add("Pad", c.x, paddings=pads)


def _cropped(c: Call, rank: int) -> str:
    """Ends are counted from behind, so that lengths may be open."""
    pairs, first = sides(c, "cropping", rank), _first_axis(c)
    begin, end, whole = [0] * (rank + 2), [0] * (rank + 2), (1 << (rank + 2)) - 1
    for axis, (before, behind) in enumerate(pairs, first):
        begin[axis], end[axis] = before, -behind
        whole -= (behind > 0) << axis
    return c.add("StridedSlice", c.x, begin=begin, end=end, strides=[1] * (rank + 2), end_mask=whole)


def _repeated(c: Call, rank: int) -> str:
    """Each position as often as told, one behind the other."""
    out = c.x
    for axis, times in enumerate(c.integers("size", (2,) * rank, rank), _first_axis(c)):
        lengths = sizes_of(c, out)
        lengths[axis] = computed(c, "Mul", lengths[axis], times)
        reps = [times if i == axis + 1 else 1 for i in range(len(lengths) + 1)]
        out = reshaped(c, c.add("Tile", c.add("ExpandDims", out, axis=axis + 1), reps=reps), lengths)
    return out


@layer("ZeroPadding1D", rank=3)
def _pad1d(c: Call) -> str:
    return _padded(c, 1)


@layer("ZeroPadding3D", rank=5)
def _pad3d(c: Call) -> str:
    return _padded(c, 3)


@layer("Cropping1D", rank=3)
def _crop1d(c: Call) -> str:
    return _cropped(c, 1)


@layer("Cropping3D", rank=5)
def _crop3d(c: Call) -> str:
    return _cropped(c, 3)


@layer("UpSampling1D", rank=3)
def _repeat1d(c: Call) -> str:
    return _repeated(c, 1)


@layer("UpSampling3D", rank=5)
def _repeat3d(c: Call) -> str:
    return _repeated(c, 3)
