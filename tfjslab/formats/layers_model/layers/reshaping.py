"""Layers that move data: reshape, permute, repeat, pad, crop, scale up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.images import channels_first, with_channels_last
from tfjslab.formats.layers_model.layers.rearranging import reshape_operation
from tfjslab.formats.layers_model.layers.sizes import Size, as_attribute, computed, reshaped, size_of
from tfjslab.formats.strict_json import show


@layer("Flatten")
def _flatten(c: Call) -> str:
    x = c.x
    rank = c.rank(x)
    if channels_first(c) and rank > 1:
        x = c.add("Transpose", x, perm=[0, *range(2, rank), 1])
    rest = c.shape(x)[1:]
    # Of two unknown lengths of the result the batch is the one that is asked for.
    return reshaped(c, x, [size_of(c, x, 0), -1] if None in rest else [-1, math.prod(d or 0 for d in rest)])


@layer("Reshape")
def _reshape(c: Call) -> str:
    """The layer, whose target is without the batch; Keras 3 has an operation of this name, too."""
    if "newshape" in c.config:
        return reshape_operation(c)
    given = c.config.get("target_shape")
    target: list[Any] = [-1 if v is None else v for v in given] if isinstance(given, list) else [given]
    if any(type(v) is not int for v in target) or sum(v < 0 for v in target) > 1:
        raise c.fail(f"option 'target_shape' is {show(str(target))}, expected integers, -1 at most once")
    dims = c.shape(c.x)[1:]
    if any(v < 0 for v in target) and None in dims:
        return reshaped(c, c.x, [size_of(c, c.x, 0), *(-1 if v < 0 else v for v in target)])
    if any(v < 0 for v in target):
        size = math.prod(d or 0 for d in dims)
        rest = math.prod(v for v in target if v >= 0)
        if rest == 0 or size % rest:
            raise c.fail(f"{size} elements cannot have shape {target}")
        target = [size // rest if v < 0 else v for v in target]
    return c.add("Reshape", c.x, shape=[-1, *target])


@layer("Permute")
def _permute(c: Call) -> str:
    return c.add("Transpose", c.x, perm=[0, *c.integers("dims", ())])


@layer("RepeatVector", rank=2)
def _repeat(c: Call) -> str:
    (times,) = c.integers("n", (1,), 1)
    return c.add("Tile", c.add("ExpandDims", c.x, axis=1), reps=[1, times, 1])


def sides(c: Call, key: str, rank: int) -> list[list[int]]:
    """What is before and behind each of ``rank`` axes.

    Keras writes one number, one for each axis, or a pair for each axis; for a single axis the pair itself.
    """
    value: Any = c.config.get(key, 1 if key == "padding" else 0)
    rows: Sequence[Any] = value if isinstance(value, list) else [value] * rank
    if rank == 1 and len(rows) == 2:  # noqa: PLR2004 - before and behind
        rows = [list(rows)]
    pairs = [v if isinstance(v, list) else [v, v] for v in rows]
    if len(pairs) != rank or any(len(p) != 2 or any(type(v) is not int or v < 0 for v in p) for p in pairs):  # noqa: PLR2004
        raise c.fail(f"option '{key}' is {show(str(value))}, expected {rank} pair{'s' * (rank > 1)} of integers >= 0")
    return pairs


@layer("ZeroPadding2D", rank=4)
def _zero_padding(c: Call) -> str:
    pads = sides(c, "padding", 2)
    full = [[0, 0], [0, 0], *pads] if channels_first(c) else [[0, 0], *pads, [0, 0]]
    return c.add("Pad", c.x, paddings=full)


@layer("Cropping2D", rank=4)
def _cropping(c: Call) -> str:
    first = 2 if channels_first(c) else 1
    begin: list[int] = [0] * c.rank(c.x)
    size: list[Size] = [-1] * c.rank(c.x)
    for axis, (start, end) in enumerate(sides(c, "cropping", 2), first):
        begin[axis] = start
        size[axis] = computed(c, "Sub", size_of(c, c.x, axis), start + end) if end else -1
    return c.add("Slice", c.x, begin=begin, size=as_attribute(c, size))


@layer("UpSampling2D", rank=4)
def _up_sampling(c: Call) -> str:
    factors = c.integers("size", (2, 2), 2)
    how = c.text("interpolation", "nearest", ("nearest", "bilinear"))
    tf_op = "ResizeNearestNeighbor" if how == "nearest" else "ResizeBilinear"

    def run(x: str) -> str:
        size = [computed(c, "Mul", size_of(c, x, 1 + i), f) for i, f in enumerate(factors)]
        # Keras looks at the centers of pixels, TF.js at their corners; of nearest ones both find the same.
        centers = c.bench.keras_3 and how == "bilinear"
        return c.add(tf_op, x, size=as_attribute(c, size), align_corners=False, half_pixel_centers=centers)

    return with_channels_last(c, c.x, run)
