"""Keras 3's operations that move elements: reshape, transpose, join, split, repeat, pad, index."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfjslab.formats.layers_model.layers.call import Call, Value, layer
from tfjslab.formats.layers_model.layers.elementwise import keras_dtype
from tfjslab.formats.layers_model.layers.operands import arguments, as_float, each_of, listed, operands, tensor
from tfjslab.formats.strict_json import show

_MODES = {"reflect": "REFLECT", "symmetric": "SYMMETRIC"}


def _integers(c: Call, name: str, value: Any) -> list[int]:
    """An argument that is one integer or several."""
    values = value if isinstance(value, (list, tuple)) else [value]
    if any(type(v) is not int for v in values):
        raise c.fail(f"argument '{name}' is {show(str(value))}, expected integers")
    return list(values)


def _axis(c: Call, x: str, name: str, value: Any, extra: int = 0) -> int:
    """One axis, counted from 0."""
    rank = c.rank(x) + extra
    found = _integers(c, name, value)
    if len(found) != 1 or not -rank <= found[0] < rank:
        raise c.fail(f"argument '{name}' is {show(str(value))} for an input of rank {c.rank(x)}")
    return found[0] % rank


def reshape_operation(c: Call) -> str:
    """Keras's ``ops.reshape``, whose shape has the batch."""
    shape = [-1 if v is None else v for v in c.config.get("newshape") or ()]
    return c.add("Reshape", c.x, shape=_integers(c, "newshape", shape))


@layer("Ravel")
def _ravel(c: Call) -> str:
    return c.add("Reshape", c.x, shape=[-1])


@layer("Transpose")
def _transpose(c: Call) -> str:
    axes = c.integers("axes", range(c.rank(c.x))[::-1])
    return c.add("Transpose", c.x, perm=[a % c.rank(c.x) for a in axes])


@layer("Swapaxes")
def _swap(c: Call) -> str:
    perm = list(range(c.rank(c.x)))
    one, other = (_axis(c, c.x, k, c.config.get(k)) for k in ("axis1", "axis2"))
    perm[one], perm[other] = perm[other], perm[one]
    return c.add("Transpose", c.x, perm=perm)


@layer("Moveaxis")
def _move(c: Call) -> str:
    rank = c.rank(c.x)
    source, destination = (
        [_axis(c, c.x, k, v) for v in _integers(c, k, c.config.get(k))] for k in ("source", "destination")
    )
    perm = [a for a in range(rank) if a not in source]
    for to, origin in sorted(zip(destination, source, strict=True)):
        perm.insert(to, origin)
    return c.add("Transpose", c.x, perm=perm)


@layer("ExpandDims")
def _expand(c: Call) -> str:
    out, given = c.x, _integers(c, "axis", c.config.get("axis"))
    for axis in sorted(_axis(c, c.x, "axis", a, len(given)) for a in given):
        out = c.add("ExpandDims", out, axis=axis)
    return out


@layer("Squeeze")
def _squeeze(c: Call) -> str:
    given = c.config.get("axis")
    ones = [i for i, d in enumerate(c.shape(c.x)) if d == 1]
    axes = ones if given is None else [_axis(c, c.x, "axis", a) for a in _integers(c, "axis", given)]
    return c.add("Squeeze", c.x, squeeze_dims=axes) if axes else c.x


@layer("Stack")
def _stack(c: Call) -> str:
    values = operands(c, listed(c))
    return c.add("Pack", *values, axis=_axis(c, values[0], "axis", c.config.get("axis", 0), 1))


@layer("Unstack")
def _unstack(c: Call) -> Sequence[str]:
    axis = _axis(c, c.x, "axis", c.config.get("axis", 0))
    length = c.shape(c.x)[axis]
    if length is None:
        raise c.fail(f"input {list(c.shape(c.x))}; the length of axis {axis} must be known")
    return c.several("Unpack", length, c.x, axis=axis, num=length)


@layer("Split", "ArraySplit")
def _split(c: Call) -> Sequence[str]:
    """Into as many parts as told, or at the indices told."""
    axis = _axis(c, c.x, "axis", c.config.get("axis", 0))
    length, given = c.shape(c.x)[axis], c.config.get("indices_or_sections")
    if length is None:
        raise c.fail(f"input {list(c.shape(c.x))}; the length of axis {axis} must be known")
    if type(given) is int and given > 0:
        sizes = [length // given + (i < length % given) for i in range(given)]
    else:
        ends = [0, *_integers(c, "indices_or_sections", given), length]
        sizes = [b - a for a, b in itertools.pairwise(ends)]
    return c.several("SplitV", len(sizes), c.x, axis=axis, size_splits=sizes, num_split=len(sizes))


@layer("Tile")
def _tile(c: Call) -> str:
    repeats, x = _integers(c, "repeats", c.config.get("repeats")), c.x
    for _ in range(len(repeats) - c.rank(x)):
        x = c.add("ExpandDims", x, axis=0)
    return c.add("Tile", x, reps=[1] * (c.rank(x) - len(repeats)) + repeats)


@layer("Repeat")
def _repeat(c: Call) -> str:
    """Each element as often as told, one behind the other."""
    x = c.x if c.config.get("axis") is not None else c.add("Reshape", c.x, shape=[-1])
    axis = _axis(c, x, "axis", c.config.get("axis") or 0)
    length, times = c.shape(x)[axis], _integers(c, "repeats", c.config.get("repeats"))
    if length is None:
        raise c.fail(f"input {list(c.shape(x))}; the length of axis {axis} must be known")
    indices = np.repeat(np.arange(length), times if len(times) > 1 else times[0])
    return c.add("GatherV2", x, c.constant("indices", indices, np.int32), axis=axis)


@layer("Flip")
def _flip(c: Call) -> str:
    given = c.config.get("axis")
    axes = range(c.rank(c.x)) if given is None else _integers(c, "axis", given)
    return c.add("ReverseV2", c.x, axis=[_axis(c, c.x, "axis", a) for a in axes])


@layer("Roll")
def _roll(c: Call) -> str:
    axis = _axis(c, c.x, "axis", c.config.get("axis"))
    length, (shift, *more) = c.shape(c.x)[axis], _integers(c, "shift", c.config.get("shift"))
    if length is None or more:
        raise c.fail(f"input {list(c.shape(c.x))}; rolling takes one axis of known length")
    indices = np.roll(np.arange(length), shift)
    return c.add("GatherV2", c.x, c.constant("indices", indices, np.int32), axis=axis)


@layer("Pad")
def _pad(c: Call) -> str:
    mode = c.text("mode", "constant", ("constant", *_MODES))
    width: Any = c.config.get("pad_width")
    rows = width if isinstance(width, list) else [width]
    rows = [row if isinstance(row, list) else [row, row] for row in rows]
    if len(rows) == 2 and all(type(v) is int for v in width):  # noqa: PLR2004 - (before, after) for every axis
        rows = [width]
    rows = rows * c.rank(c.x) if len(rows) == 1 else rows
    pads = [[*_integers(c, "pad_width", row)] * (2 if len(row) == 1 else 1) for row in rows]
    if mode != "constant":
        return c.add("MirrorPad", c.x, paddings=pads, mode=_MODES[mode])
    _, value = arguments(c, "x", "constant_values")
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise c.fail(f"argument 'constant_values' is {show(value)}, expected a number")
    return c.add("PadV2", c.x, paddings=pads, constant_value=value or 0)


@layer("BroadcastTo")
def _broadcast(c: Call) -> str:
    shape = _integers(c, "shape", c.config.get("shape"))
    return c.add("BroadcastTo", c.x, shape=shape)


@layer("Slice")
def _slice(c: Call) -> str:
    _, start = arguments(c, "inputs", "start_indices")
    begin, size = (_integers(c, k, v) for k, v in (("start_indices", start), ("shape", c.config.get("shape"))))
    return c.add("Slice", c.x, begin=begin, size=size)


@layer("GetItem")
def _get_item(c: Call) -> str:
    """``x[key]`` for integers, slices, None and Ellipsis, several of them for several axes; or for one tensor."""
    x, key = arguments(c, "x", "key")
    if isinstance(key, Value):
        return c.add("GatherV2", tensor(c, x), tensor(c, key, "int32"), axis=0)
    keys = key if isinstance(key, list) else [key]
    begin, end, strides = [0] * len(keys), [0] * len(keys), [1] * len(keys)
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    for i, part in enumerate(keys):
        if part is None or part is ...:
            masks["new_axis_mask" if part is None else "ellipsis_mask"] |= 1 << i
        elif type(part) is int:
            begin[i], end[i] = part, part + 1
            masks["shrink_axis_mask"] |= 1 << i
        elif isinstance(part, slice):
            begin[i], end[i], strides[i] = part.start or 0, part.stop or 0, part.step or 1
            masks["begin_mask"] |= (part.start is None) << i
            masks["end_mask"] |= (part.stop is None) << i
        else:
            raise c.fail(f"index {show(part)} among others, expected integers, slices, None and Ellipsis")
    return c.add("StridedSlice", tensor(c, x), begin=begin, end=end, strides=strides, **masks)


@layer("Take")
def _take(c: Call) -> str:
    x, indices = arguments(c, "x", "indices")
    x = tensor(c, x)
    if c.config.get("axis") is None:
        x = c.add("Reshape", x, shape=[-1])
    axis = _axis(c, x, "axis", c.config.get("axis") or 0)
    return c.add("GatherV2", x, tensor(c, indices, "int32"), axis=axis)


@layer("OneHot")
def _one_hot(c: Call) -> str:
    (depth,) = c.integers("num_classes", (1,), 1)
    indices = tensor(c, Value(c.x), "int32")
    out = c.add("OneHot", indices, depth=depth, axis=c.integers("axis", (-1,), 1)[0])
    return tensor(c, Value(out), keras_dtype(c, c.config.get("dtype") or "float32"))


@layer("TopK")
def _top_k(c: Call) -> Sequence[str]:
    (k,) = c.integers("k", (1,), 1)
    return c.several("TopKV2", 2, c.x, k=k, sorted=c.flag("sorted", default=True))


each_of({"OnesLike": "OnesLike", "ZerosLike": "ZerosLike"}, lambda c, tf_op: c.add(tf_op, c.x))


@layer("Resize")
def _resize(c: Call) -> str:
    """Keras's ``ops.image.resize``, whose samples are at the middles of pixels; without antialiasing."""
    how = c.text("interpolation", "bilinear", ("bilinear", "nearest"))
    if c.flag("antialias", default=False) or c.config.get("crop_to_aspect_ratio"):
        raise c.fail("antialias and crop_to_aspect_ratio are not supported")
    if c.config.get("data_format") == "channels_first" or c.config.get("pad_to_aspect_ratio"):
        raise c.fail("channels_first and pad_to_aspect_ratio are not supported")
    tf_op = "ResizeBilinear" if how == "bilinear" else "ResizeNearestNeighbor"
    return c.add(tf_op, as_float(c, c.x), size=list(c.integers("size", (), 2)), half_pixel_centers=True)
