"""Operators that move elements, ask for shapes, or make tensors."""

from __future__ import annotations

from tfjslab.formats.tflite.operator import Operator, operator
from tfjslab.graph.builder import Supplied


@operator("RESHAPE")
def _reshape(op: Operator) -> str:
    """The shape is the second input, or an option of older files."""
    shape = op.attr(1) if op.has(1) else list(op.option("new_shape"))
    return op.add("Reshape", op.value(0), shape=shape)


@operator("SQUEEZE")
def _squeeze(op: Operator) -> str:
    return op.add("Squeeze", op.value(0), axis=list(op.option("squeeze_dims")))


@operator("EXPAND_DIMS")
def _expand_dims(op: Operator) -> str:
    return op.add("ExpandDims", op.value(0), axis=op.single(1))


@operator("TRANSPOSE")
def _transpose(op: Operator) -> str:
    return op.add("Transpose", op.value(0), perm=op.attr(1))


@operator("PAD")
def _pad(op: Operator) -> str:
    return op.add("Pad", op.value(0), paddings=op.attr(1))


@operator("PADV2")
def _pad_with(op: Operator) -> str:
    return op.add("PadV2", op.value(0), paddings=op.attr(1), constant_value=op.single(2))


@operator("MIRROR_PAD")
def _mirror_pad(op: Operator) -> str:
    return op.add("MirrorPad", op.value(0), paddings=op.attr(1), mode=op.option("mode"))


@operator("CONCATENATION")
def _concatenation(op: Operator) -> str:
    joined = op.all_values
    return op.activated(op.add("ConcatV2", *joined, axis=op.option("axis")) if len(joined) > 1 else joined[0])


@operator("PACK")
def _pack(op: Operator) -> str:
    return op.add("Pack", *op.all_values, axis=op.option("axis"))


@operator("UNPACK")
def _unpack(op: Operator) -> list[str]:
    return _several(op, op.add("Unpack", op.value(0), axis=op.option("axis"), num=_count(op, "num")))


@operator("SPLIT")
def _split(op: Operator) -> list[str]:
    """The axis comes first."""
    return _several(op, op.add("Split", op.value(1), axis=op.single(0), num_split=_count(op, "num_splits")))


@operator("SPLIT_V")
def _split_v(op: Operator) -> list[str]:
    return _several(op, op.add("SplitV", op.value(0), size_splits=op.attr(1), axis=op.single(2),
                                num_split=len(op.told.outputs)))


def _count(op: Operator, option: str) -> int:
    """How many outputs there are, which an option says as well."""
    count = len(op.told.outputs)
    if op.option(option) != count:
        raise op.fail(f"{option} is {op.option(option)}; the outputs are {count}")
    return count


def _several(op: Operator, made: str) -> list[str]:
    return [made if i == 0 else f"{made}:{i}" for i in range(len(op.told.outputs))]


@operator("SLICE")
def _slice(op: Operator) -> str:
    return op.add("Slice", op.value(0), begin=op.attr(1), size=op.attr(2))


@operator("STRIDED_SLICE")
def _strided_slice(op: Operator) -> str:
    """With an offset, ends count from the beginnings."""
    end = Supplied(op.add("AddV2", op.value(1), op.value(2))) if op.option("offset") else op.attr(2)
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return op.add("StridedSlice", op.value(0), begin=op.attr(1), end=end, strides=op.attr(3),
                  **{name: op.option(name) for name in masks})


@operator("GATHER")
def _gather(op: Operator) -> str:
    return op.add("GatherV2", op.value(0), op.value(1), axis=op.option("axis"), batch_dims=op.option("batch_dims"))


@operator("EMBEDDING_LOOKUP")
def _embedding_lookup(op: Operator) -> str:
    """Ids first, then the table."""
    return op.add("GatherV2", op.value(1), op.value(0), axis=0)


@operator("GATHER_ND")
def _gather_nd(op: Operator) -> str:
    return op.add("GatherNd", op.value(0), op.value(1))


@operator("SCATTER_ND")
def _scatter_nd(op: Operator) -> str:
    return op.add("ScatterNd", op.value(0), op.value(1), shape=op.attr(2))


@operator("TILE")
def _tile(op: Operator) -> str:
    return op.add("Tile", op.value(0), reps=op.attr(1))


@operator("BROADCAST_TO")
def _broadcast_to(op: Operator) -> str:
    return op.add("BroadcastTo", op.value(0), shape=op.attr(1))


@operator("BROADCAST_ARGS")
def _broadcast_args(op: Operator) -> str:
    return op.add("BroadcastArgs", op.value(0), op.value(1))


@operator("REVERSE_V2")
def _reverse(op: Operator) -> str:
    return op.add("ReverseV2", op.value(0), axis=op.attr(1))


@operator("SPACE_TO_DEPTH")
def _space_to_depth(op: Operator) -> str:
    return op.add("SpaceToDepth", op.value(0), block_size=op.option("block_size"))


@operator("DEPTH_TO_SPACE")
def _depth_to_space(op: Operator) -> str:
    return op.add("DepthToSpace", op.value(0), block_size=op.option("block_size"))


@operator("SPACE_TO_BATCH_ND")
def _space_to_batch(op: Operator) -> str:
    return op.add("SpaceToBatchND", op.value(0), block_shape=op.attr(1), paddings=op.attr(2))


@operator("BATCH_TO_SPACE_ND")
def _batch_to_space(op: Operator) -> str:
    return op.add("BatchToSpaceND", op.value(0), block_shape=op.attr(1), crops=op.attr(2))


@operator("SHAPE")
def _shape(op: Operator) -> str:
    return op.add("Shape", op.value(0))


@operator("RANK")
def _rank(op: Operator) -> str:
    return op.add("Rank", op.value(0))


@operator("FILL")
def _fill(op: Operator) -> str:
    return op.add("Fill", op.value(1), dims=op.attr(0))


@operator("RANGE")
def _range(op: Operator) -> str:
    dtype = op.tensor(0).type.dtype
    return op.add("Range", start=op.single(0), limit=op.single(1), delta=op.single(2), dtype=dtype)


@operator("ONE_HOT")
def _one_hot(op: Operator) -> str:
    return op.add("OneHot", op.value(0), depth=op.single(1), on_value=op.single(2), off_value=op.single(3),
                  axis=op.option("axis"), dtype=op.tensor(2).type.dtype)


@operator("WHERE")
def _where(op: Operator) -> str:
    return op.add("Where", op.value(0))


@operator("UNIQUE")
def _unique(op: Operator) -> list[str]:
    return _several(op, op.add("Unique", op.value(0)))
