"""Mirrors at the edges, and blocks of pixels that move between space and batch: a few strided copies each."""

from __future__ import annotations

from itertools import product

from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.movement import copy_inside, plane_strides, refuses_moves
from tfjslab.backends.wasm.lower.registry import lowering
from tfjslab.backends.wasm.text.layouts import Layout
from tfjslab.base.shapes import Shape, size_of
from tfjslab.passes.fusion import Group

_IMAGE_RANK = 4
_PLANE_AXES: Shape = (0, 3, 1, 2)
# Along one axis: where a run begins in the source and in the output, its step in the source, its length.
_Run = tuple[int, int, int, int]


@lowering("MirrorPad", refuses=refuses_moves)
def lower_mirror_pad(b: WasmBuilder, group: Group) -> None:
    """The inside, and what is mirrored before and behind it along each axis, on rows or planes."""
    core = group.core_node
    x, attrs = core.inputs[0], core.attrs
    shape, out, item = b.shape(x), b.shape(group.output), b.item(x)
    if len(shape) == _IMAGE_RANK and b.has_planes(x):
        source, place = b.planes(x), b.new(group.output, Layout.PLANES)
        axes, steps, steps_out = _PLANE_AXES, plane_strides(shape), plane_strides(out)
    else:
        source, place = b.rows(x), b.new(group.output)
        axes, steps, steps_out = tuple(range(len(shape))), row_strides(shape), row_strides(out)
    spare = int(attrs["mode"] == "REFLECT")  # the edge itself is not repeated
    for box in product(*(_mirrored(shape[a], attrs["paddings"][a], spare) for a in axes)):
        first = sum(run[0] * s for run, s in zip(box, steps, strict=True))
        first_out = sum(run[1] * s for run, s in zip(box, steps_out, strict=True))
        strides = tuple(run[2] * s for run, s in zip(box, steps, strict=True))
        dims = tuple(run[3] for run in box)
        b.copy(source + item * first, place + item * first_out, dims, strides, steps_out, item)


def _mirrored(length: int, padding: tuple[int, int], spare: int) -> list[_Run]:
    before, behind = padding
    runs = [
        (before - 1 + spare, 0, -1, before), (0, before, 1, length), (length - 1 - spare, before + length, -1, behind),
    ]
    return [run for run in runs if run[3]]


@lowering("SpaceToBatchND", refuses=refuses_moves)
def lower_space_to_batch(b: WasmBuilder, group: Group) -> None:
    """[n, h, by, w, bx, ...] of the padded image is read as [by, bx, n, h, w, ...]."""
    core = group.core_node
    x, block, pads = core.inputs[0], core.attrs["block_shape"], core.attrs["paddings"]
    shape, m, item = b.shape(x), len(block), b.item(x)
    source = b.rows(x)
    if any(map(any, pads)):
        before = (0, *(p[0] for p in pads), *(0,) * (len(shape) - m - 1))
        space = (d + sum(p) for d, p in zip(shape[1:], pads, strict=False))
        inside, image, shape = shape, source, (shape[0], *space, *shape[m + 1 :])
        source = b.temporary(item * size_of(shape))
        b.fill(source, size_of(shape), 0.0, b.spec(x).dtype)
        copy_inside(b, (image, source), inside, row_strides(inside), row_strides(shape), before, item)
    cut = (n for d, k in zip(shape[1:], block, strict=False) for n in (d // k, k))
    axes = (*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m, 2), *range(2 * m + 1, m + len(shape)))
    _permute(b, source, b.new(group.output), (shape[0], *cut, *shape[m + 1 :]), axes, item)


@lowering("BatchToSpaceND", refuses=refuses_moves)
def lower_batch_to_space(b: WasmBuilder, group: Group) -> None:
    """[by, bx, n, h, w, ...] is read as [n, h, by, w, bx, ...], and cropped."""
    core = group.core_node
    block, crops, item = core.attrs["block_shape"], core.attrs["crops"], b.item(group.output)
    shape, out, m = b.shape(core.inputs[0]), b.shape(group.output), len(block)
    source, place = b.rows(core.inputs[0]), b.new(group.output)
    blocks = (*block, out[0], *shape[1:])
    axes = (m, *(n for i in range(m) for n in (m + 1 + i, i)), *range(2 * m + 1, m + len(shape)))
    if not any(map(any, crops)):
        _permute(b, source, place, blocks, axes, item)
        return
    space = (d * k for d, k in zip(shape[1:], block, strict=False))
    steps = row_strides((out[0], *space, *shape[m + 1 :]))
    whole = b.temporary(item * size_of(shape))
    _permute(b, source, whole, blocks, axes, item)
    first = sum(c * s for (c, _), s in zip(crops, steps[1:], strict=False))
    b.copy(whole + item * first, place, out, steps, row_strides(out), item)


def _permute(b: WasmBuilder, source: WasmPlace, place: WasmPlace, shape: Shape, axes: Shape, item: int) -> None:
    """Copy with the axes in another order."""
    dims, steps = tuple(shape[a] for a in axes), row_strides(shape)
    b.copy(source, place, dims, tuple(steps[a] for a in axes), row_strides(dims), item)
