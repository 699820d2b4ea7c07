"""Padding, and moving blocks between space, depth and batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape, checked_shape, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.conv import from_nhwc, to_nhwc
from tfjslab.ops.facts import FIRST, LIKE_FIRST, Facts
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op
from tfjslab.ops.shaping import cast
from tfjslab.ops.window import DATA_FORMAT, image_parts, image_shape

Pairs = tuple[tuple[int, int], ...]
_PADDINGS = Attr("paddings", "pairs")


def padded_shape(name: str, shape: Shape, pads: Pairs) -> Shape:
    """The shape with padding; ShapeError unless there is a pair >= 0 for each axis."""
    if len(pads) != len(shape) or any(n < 0 for p in pads for n in p):
        found = [list(p) for p in pads]
        raise ShapeError(f"{name}: paddings {found}; expected {len(shape)} pairs >= 0 for {list(shape)}")
    return checked_shape([d + sum(p) for d, p in zip(shape, pads, strict=True)], name)


def fill_value(value: float, dtype: np.dtype[Any]) -> Any:
    """The value that is padded with as an element of a dtype; what integers do not hold becomes one as in a cast."""
    if dtype.kind == "i":
        return dtype.type(cast(np.array(value, np.float64), "int32"))
    return dtype.type(value)


def _infer_pad(ins: Specs, attrs: Attrs) -> list[Spec]:
    return [Spec(padded_shape("PadV2", ins[0].known_shape, attrs["paddings"]), ins[0].dtype)]


@op("PadV2", "x", infer=_infer_pad, attrs=[_PADDINGS, Attr("constant_value", "float", 0)], flops=no_flops, api="pad",
    facts=Facts(dtype=FIRST, rank=FIRST, quantized="pad"),
    tf=[Tf("PadV2", "x @paddings @constant_value"), Tf("Pad", "x @paddings", write=False)], cases=(
        Case((T((2,), values=[1, 2]),), {"paddings": [[1, 2]], "constant_value": 9}, expect=[9, 1, 2, 9, 9]),
        Case((T((2, 4, 5, 3)),), {"paddings": [[0, 0], [1, 1], [0, 2], [0, 0]]}),
        Case((T((1, 3, 3, 16)),), {"paddings": [[0, 0], [0, 0], [0, 0], [0, 16]]}),
        Case((T((3,), "int32", -9, 9),), {"paddings": [[2, 0]], "constant_value": -1}),
        Case((T((2,), "int32", values=[1, 2]),), {"paddings": [[1, 1]], "constant_value": -math.inf},
             expect=[0, 1, 2, 0]),
        Case((T((0, 2)),), {"paddings": [[1, 1], [0, 0]]}), Case((T(()),), {"paddings": []}),
        Case((T((1, 3, 5, 24), "int8", 0, 127),), {"paddings": [[0, 0], [0, 0], [0, 0], [0, 6]], "constant_value": 9}),
        Case((T((2, 3, 4, 7), "int8", 0, 127),), {"paddings": [[1, 0], [1, 2], [3, 1], [1, 2]], "constant_value": 5}),
        Case((T((4, 150), "int8", 0, 127),), {"paddings": [[0, 1], [0, 0]], "constant_value": 127}),
        Case((T((0, 2), "int8", 0, 127),), {"paddings": [[1, 1], [0, 0]], "constant_value": 3}),
    ))
def pad(x: Array, paddings: Pairs, constant_value: float) -> Array:
    """Put a constant around."""
    return np.pad(x, paddings, constant_values=fill_value(constant_value, x.dtype)) if paddings else x.copy()


def _infer_mirror(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = ins[0].known_shape
    out = padded_shape("MirrorPad", shape, attrs["paddings"])
    spare = int(attrs["mode"] == "REFLECT")
    if any(max(p) > max(d - spare, 0) for d, p in zip(shape, attrs["paddings"], strict=True)):
        found = [list(p) for p in attrs["paddings"]]
        raise ShapeError(f"MirrorPad: shape {list(shape)} is too small to mirror {found}")
    return [Spec(out, ins[0].dtype)]


@op("MirrorPad", "x", infer=_infer_mirror, flops=no_flops, api="mirror_pad", facts=LIKE_FIRST,
    tf=[Tf("MirrorPad", "x @paddings")],
    attrs=[_PADDINGS, Attr("mode", "word", "REFLECT", ("REFLECT", "SYMMETRIC"))], cases=(
        Case((T((3,), values=[1, 2, 3]),), {"paddings": [[2, 1]]}, expect=[3, 2, 1, 2, 3, 2]),
        Case((T((3,), values=[1, 2, 3]),), {"paddings": [[2, 1]], "mode": "symmetric"}, expect=[2, 1, 1, 2, 3, 3]),
        Case((T((1, 4, 5, 2)),), {"paddings": [[0, 0], [3, 1], [2, 2], [0, 0]]}),
    ))
def mirror_pad(x: Array, paddings: Pairs, mode: Any) -> Array:
    """Mirror at the edges; REFLECT does not repeat the edge itself, SYMMETRIC does."""
    return np.pad(x, paddings, mode=mode.lower()) if paddings else x.copy()


# ---- blocks ----------------------------------------------------------------------------------------------------------

_BLOCK = Attr("block_size", "int")


def _infer_depth_to_space(ins: Specs, attrs: Attrs) -> list[Spec]:
    b = attrs["block_size"]
    n, (h, w), c = image_parts(ins[0].known_shape, attrs["data_format"], "DepthToSpace")
    if b < 1 or c % (b * b):
        raise ShapeError(f"DepthToSpace: {c} channels cannot be divided into blocks of {b} x {b}")
    return [Spec(image_shape(n, (h * b, w * b), c // (b * b), attrs["data_format"]), ins[0].dtype)]


@op("DepthToSpace", "x", infer=_infer_depth_to_space, attrs=[_BLOCK, DATA_FORMAT], flops=no_flops, api="depth_to_space",
    facts=LIKE_FIRST, tf=[Tf("DepthToSpace", "x")], cases=(
        Case((T((1, 1, 1, 4), values=[1, 2, 3, 4]),), {"block_size": 2}, expect=[1, 2, 3, 4]),
        Case((T((2, 3, 2, 12)),), {"block_size": 2}),
        Case((T((1, 9, 2, 3)),), {"block_size": 3, "data_format": "NCHW"}),
    ))
def depth_to_space(x: Array, block_size: int, data_format: str) -> Array:
    """Spread channels over blocks of pixels."""
    n, (h, w), c = image_parts(x.shape, data_format, "DepthToSpace")
    b, rest = block_size, c // block_size**2
    blocks = to_nhwc(x, data_format).reshape(n, h, w, b, b, rest).transpose(0, 1, 3, 2, 4, 5)
    return from_nhwc(blocks.reshape(n, h * b, w * b, rest), data_format)


def _infer_space_to_depth(ins: Specs, attrs: Attrs) -> list[Spec]:
    b = attrs["block_size"]
    n, (h, w), c = image_parts(ins[0].known_shape, attrs["data_format"], "SpaceToDepth")
    if b < 1 or h % b or w % b:
        raise ShapeError(f"SpaceToDepth: height {h} and width {w} cannot be divided into blocks of {b}")
    return [Spec(image_shape(n, (h // b, w // b), c * b * b, attrs["data_format"]), ins[0].dtype)]


@op("SpaceToDepth", "x", infer=_infer_space_to_depth, attrs=[_BLOCK, DATA_FORMAT], flops=no_flops, api="space_to_depth",
    facts=LIKE_FIRST, tf=[Tf("SpaceToDepth", "x")], cases=(
        Case((T((1, 2, 2, 1), values=[1, 2, 3, 4]),), {"block_size": 2}, expect=[1, 2, 3, 4]),
        Case((T((2, 6, 4, 3)),), {"block_size": 2}), Case((T((1, 2, 3, 6)),), {"block_size": 3, "data_format": "NCHW"}),
    ))
def space_to_depth(x: Array, block_size: int, data_format: str) -> Array:
    """Gather blocks of pixels into channels."""
    n, (h, w), c = image_parts(x.shape, data_format, "SpaceToDepth")
    b = block_size
    blocks = to_nhwc(x, data_format).reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
    return from_nhwc(blocks.reshape(n, h // b, w // b, b * b * c), data_format)


def _check_block(name: str, shape: Shape, block: Shape, pairs: Pairs) -> None:
    if not block or min(block) < 1 or len(block) != len(pairs) or len(shape) < len(block) + 1:
        raise ShapeError(
            f"{name}: block_shape {list(block)} with {len(pairs)} pairs for shape {list(shape)}; "
            "expected numbers >= 1, one pair each, and a rank above their number",
        )


def _space_to_batch_shape(shape: Shape, block: Shape, paddings: Pairs) -> tuple[Shape, Shape]:
    """The padded shape and the result's."""
    _check_block("SpaceToBatchND", shape, block, paddings)
    pads = ((0, 0), *paddings, *[(0, 0)] * (len(shape) - len(block) - 1))
    padded = padded_shape("SpaceToBatchND", shape, pads)
    space = padded[1 : len(block) + 1]
    if any(d % b for d, b in zip(space, block, strict=True)):
        raise ShapeError(f"SpaceToBatchND: padded lengths {list(space)} cannot be divided into blocks {list(block)}")
    small = (d // b for d, b in zip(space, block, strict=True))
    return padded, (shape[0] * size_of(block), *small, *padded[len(block) + 1 :])


_SPACE_ATTRS = (Attr("block_shape", "ints"), _PADDINGS)


@op("SpaceToBatchND", "x", attrs=_SPACE_ATTRS, flops=no_flops, facts=LIKE_FIRST, api="space_to_batch_nd",
    infer=lambda ins, attrs: [Spec(
        _space_to_batch_shape(ins[0].known_shape, attrs["block_shape"], attrs["paddings"])[1], ins[0].dtype)],
    tf=[Tf("SpaceToBatchND", "x @block_shape @paddings")], cases=(
        Case((T((1, 2, 2, 1), values=[1, 2, 3, 4]),), {"block_shape": [2, 2], "paddings": [[0, 0], [0, 0]]},
             expect=[1, 2, 3, 4]),
        Case((T((2, 5, 4, 3)),), {"block_shape": [2, 3], "paddings": [[1, 0], [0, 2]]}),
        Case((T((1, 6, 2)),), {"block_shape": [3], "paddings": [[0, 0]]}),
    ))
def space_to_batch_nd(x: Array, block_shape: Shape, paddings: Pairs) -> Array:
    """Cut space into blocks; pixels at the same place of all blocks become a batch element."""
    padded, out = _space_to_batch_shape(x.shape, block_shape, paddings)
    m = len(block_shape)
    image = np.pad(x, ((0, 0), *paddings, *[(0, 0)] * (x.ndim - m - 1)))
    cut = [n for d, b in zip(padded[1 : m + 1], block_shape, strict=True) for n in (d // b, b)]
    axes = (*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m, 2), *range(2 * m + 1, m + x.ndim))
    return image.reshape(x.shape[0], *cut, *x.shape[m + 1 :]).transpose(axes).reshape(out)


def _batch_to_space_shape(shape: Shape, block: Shape, crops: Pairs) -> Shape:
    _check_block("BatchToSpaceND", shape, block, crops)
    if shape[0] % size_of(block):
        raise ShapeError(f"BatchToSpaceND: batch {shape[0]} cannot be divided into blocks {list(block)}")
    space = [d * b - sum(c) for d, b, c in zip(shape[1:], block, crops, strict=False)]
    if min(space) < 0 or any(n < 0 for c in crops for n in c):
        raise ShapeError(f"BatchToSpaceND: crops {[list(c) for c in crops]} do not fit shape {list(shape)}")
    return (shape[0] // size_of(block), *space, *shape[len(block) + 1 :])


@op("BatchToSpaceND", "x", attrs=(Attr("block_shape", "ints"), Attr("crops", "pairs")), flops=no_flops,
    facts=LIKE_FIRST,
    infer=lambda ins, attrs: [Spec(
        _batch_to_space_shape(ins[0].known_shape, attrs["block_shape"], attrs["crops"]), ins[0].dtype)],
    api="batch_to_space_nd", tf=[Tf("BatchToSpaceND", "x @block_shape @crops")], cases=(
        Case((T((4, 1, 1, 1), values=[1, 2, 3, 4]),), {"block_shape": [2, 2], "crops": [[0, 0], [0, 0]]},
             expect=[1, 2, 3, 4]),
        Case((T((12, 3, 2, 3)),), {"block_shape": [2, 3], "crops": [[1, 0], [0, 2]]}),
        Case((T((3, 2, 2)),), {"block_shape": [3], "crops": [[0, 0]]}),
    ))
def batch_to_space_nd(x: Array, block_shape: Shape, crops: Pairs) -> Array:
    """Undo SpaceToBatchND, then crop."""
    out = _batch_to_space_shape(x.shape, block_shape, crops)
    m = len(block_shape)
    axes = [m, *(n for i in range(m) for n in (m + 1 + i, i)), *range(2 * m + 1, m + x.ndim)]
    space = [d * b for d, b in zip(x.shape[1:], block_shape, strict=False)]
    whole = x.reshape(*block_shape, out[0], *x.shape[1:]).transpose(axes).reshape(out[0], *space, *x.shape[m + 1 :])
    return whole[(slice(None), *(slice(c, c + n) for (c, _), n in zip(crops, out[1:], strict=False)))].copy()
