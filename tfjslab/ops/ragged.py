"""Ragged tensors: rows of different lengths, as all values one after the other and where rows begin and end.

TensorFlow.js 4.22 has these ops as functions but cannot load them from files. The rules are TensorFlow's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, InputError, ShapeError, UsageError
from tfjslab.base.shapes import Shape, broadcast, checked_shape, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import NUMBER, check_dtypes
from tfjslab.ops.gathering import check_indices
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op
from tfjslab.ops.sparse import check_size, out_of_order


def _ints(*values: int, shape: Shape | None = None) -> T:
    return T((len(values),) if shape is None else shape, "int32", values=values)


def _check_int(name: str, what: str, spec: Spec, rank: int | None = None) -> None:
    if spec.dtype != "int32":
        raise DTypeError(f"{name}: {what} is {spec.dtype}; expected int32")
    if rank is not None and len(spec.known_shape) != rank:
        raise ShapeError(f"{name}: {what} has shape {list(spec.known_shape)}; expected rank {rank}")


# ---- RaggedRange -----------------------------------------------------------------------------------------------------


def _infer_range(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check_dtypes("RaggedRange", ins, NUMBER)
    shapes = [s.known_shape for s in ins]
    if len({s for s in shapes if s}) > 1 or max(map(len, shapes)) > 1:
        listed = ", ".join(str(list(s)) for s in shapes)
        raise ShapeError(f"RaggedRange: shapes {listed}; expected scalars, and vectors of one length")
    rows = size_of(broadcast(*shapes))
    return [Spec((rows + 1,), "int32"), Spec(None, ins[0].dtype)]


@op("RaggedRange", "starts limits deltas", infer=_infer_range, num_outputs=2, flops=no_flops, api="ragged_range",
    tf=[Tf("RaggedRange", "starts limits deltas")], cases=(
        Case((_ints(0, 5, 8), _ints(3, 7, 8), _ints(1, shape=())), expect=[0, 3, 5, 5]),
        Case((T((), values=0), T((2,), values=[1, -1]), T((2,), values=[0.25, -0.5])), expect=[0, 4, 6]),
        Case((_ints(3), _ints(0), _ints(1))), Case((T((0,), "int32"), T((0,), "int32"), T((0,), "int32"))),
    ))
def ragged_range(starts: Array, limits: Array, deltas: Array) -> list[Array]:
    """Ranges as the rows of a ragged tensor: where they begin and end, and their values."""
    columns = np.broadcast_arrays(*(np.atleast_1d(v) for v in (starts, limits, deltas)))
    splits, counts = [0], []
    for start, limit, delta in zip(*(c.tolist() for c in columns), strict=True):
        if not all(map(math.isfinite, (start, limit, delta))) or delta == 0:
            raise InputError(f"RaggedRange: from {start} to {limit} in steps of {delta} has no end")
        counts.append(max(math.ceil((limit - start) / delta), 0))
        splits.append(splits[-1] + counts[-1])
    check_size("RaggedRange", (splits[-1],))
    rows = [s + np.arange(n) * d for s, d, n in zip(columns[0], columns[2], counts, strict=True)]
    return [np.array(splits, np.int32), np.concatenate([np.zeros(0), *rows]).astype(starts.dtype)]


# ---- RaggedGather ----------------------------------------------------------------------------------------------------

_RANK = Attr("output_ragged_rank", "int", -1)


def _infer_gather(ins: Specs, attrs: Attrs) -> list[Spec]:
    values, indices, *splits = ins
    _check_int("RaggedGather", "indices", indices)
    for i, split in enumerate(splits):
        _check_int("RaggedGather", f"params_nested_splits {i}", split, 1)
    if not splits or not values.known_shape:
        raise ShapeError("RaggedGather: no splits, or values of rank 0; expected one or more, and rank 1 or more")
    rank = max(len(indices.known_shape) - 1 + len(splits), 0)
    if attrs["output_ragged_rank"] not in (-1, rank):
        raise ShapeError(f"RaggedGather: output_ragged_rank is {attrs['output_ragged_rank']}; expected {rank}")
    return [*[Spec(None, "int32")] * rank, Spec(None, values.dtype)]


def _gathered_rank(attrs: Attrs, num_inputs: int) -> int:
    """Outputs: a list of splits for each ragged axis, and the values. Without the attribute indices are a vector."""
    rank = attrs["output_ragged_rank"]
    return (num_inputs - 2 if rank < 0 else rank) + 1


def check_row_splits(name: str, splits: Array, size: int) -> None:
    """InputError unless splits are in order and do not point past ``size`` values."""
    if not splits.size or splits[0] < 0 or splits[-1] > size or out_of_order(splits):
        raise InputError(f"{name}: row splits {splits[:8].tolist()}; expected numbers in order up to {size}")


@op("RaggedGather", "values indices *splits", infer=_infer_gather, attrs=[_RANK], count_outputs=_gathered_rank,
    flops=no_flops, api="ragged_gather",
    tf=[Tf("RaggedGather", "*splits values indices", rename={"output_ragged_rank": "OUTPUT_RAGGED_RANK"})], cases=(
        Case((T((6,), values=range(6)), _ints(2, 0), _ints(0, 3, 3, 6)), {"output_ragged_rank": 1}, expect=[0, 3, 6]),
        Case((T((4, 2)), _ints(1, 0, 1), _ints(0, 2, 3), _ints(0, 1, 3, 4)), {"output_ragged_rank": 2}),
        Case((T((4,)), _ints(1, 0, 0, 1, shape=(2, 2)), _ints(0, 1, 4)), {"output_ragged_rank": 2}),
        Case((T((4,)), _ints(1, shape=()), _ints(0, 1, 4)), {"output_ragged_rank": 0}),
        Case((T((0,)), T((0,), "int32"), _ints(0))),
    ))
def ragged_gather(values: Array, indices: Array, *splits: Array, output_ragged_rank: int) -> list[Array]:  # noqa: ARG001
    """Rows of a ragged tensor, chosen by index: the splits of the result, outermost first, and its values.

    ``splits`` are those of the tensor that is read, outermost first, and ``values`` its innermost rows.
    """
    for inner, outer in pairwise((values, *reversed(splits))):
        check_row_splits("RaggedGather", outer, len(inner) - (inner is not values))
    check_indices("RaggedGather", indices, len(splits[0]) - 1)
    out: list[Array] = []
    for axis in range(indices.ndim - 1):  # the axes of the indices are regular
        rows = size_of(indices.shape[: axis + 1])
        out.append(np.arange(rows + 1) * indices.shape[axis + 1])
    chosen = indices.reshape(-1).astype(np.int64)
    for split in splits:
        lengths = np.diff(split)[chosen]
        check_size("RaggedGather", (int(lengths.sum()), *values.shape[1:]))
        out.append(np.concatenate([[0], np.cumsum(lengths)]))
        starts = np.repeat(split[:-1][chosen] - out[-1][:-1], lengths)
        chosen = starts + np.arange(len(starts))
    return [*(s.astype(np.int32) for s in out[len(out) - (indices.ndim - 1 + len(splits)) :]), values[chosen]]


# ---- RaggedTensorToTensor --------------------------------------------------------------------------------------------

_FIRST, _ROWIDS, _SPLITS = "FIRST_DIM_SIZE", "VALUE_ROWIDS", "ROW_SPLITS"
_PARTITIONS = Attr("row_partition_types", "strs")


def _check_partitions(types: Sequence[str], found: int) -> None:
    rest = types[1:] if types[:1] == (_FIRST,) else types
    known = all(t in (_ROWIDS, _SPLITS) for t in rest)
    begins = types[:1] in ((_SPLITS,), (_FIRST,))
    if not known or not begins or not rest or len(types) != found:
        raise UsageError(
            f"RaggedTensorToTensor: row_partition_types {list(types)} for {found} tensors; expected one for each, "
            f"{_FIRST} or {_SPLITS} first, then {_ROWIDS} or {_SPLITS}",
        )


def _infer_dense(ins: Specs, attrs: Attrs) -> list[Spec]:
    name = "RaggedTensorToTensor"
    shape, values, default, *partitions = ins
    _check_int(name, "shape", shape, min(len(shape.known_shape), 1))
    _check_partitions(attrs["row_partition_types"], len(partitions))
    for i, (kind, part) in enumerate(zip(attrs["row_partition_types"], partitions, strict=True)):
        _check_int(name, f"row partition {i}", part, 0 if kind == _FIRST else 1)
    if not values.known_shape or default.dtype != values.dtype:
        raise ShapeError(
            f"{name}: values {values.dtype} {list(values.known_shape)} with a default {default.dtype}; expected rank 1 "
            "or more and one dtype",
        )
    return [Spec(None, values.dtype)]


def _starts(parent: Array, count: int) -> Array:
    """Where in its row each value stands, by the rows that the values belong to (in order)."""
    first = np.searchsorted(parent, parent, side="left")
    return np.arange(count) - first


def _rows_of(kind: str, partition: Array, rows: int) -> Array:
    """The row of each value on the next level, in order; InputError when a partition does not fit its level."""
    if kind == _SPLITS:
        check_row_splits("RaggedTensorToTensor", partition, int(partition[-1]) if partition.size else 0)
        if len(partition) - 1 > rows or partition[0] != 0:
            raise InputError(f"RaggedTensorToTensor: {len(partition) - 1} rows of splits on a level of {rows} rows")
        check_size("RaggedTensorToTensor", (int(partition[-1]),))
        return np.repeat(np.arange(len(partition) - 1), np.diff(partition))
    check_indices("RaggedTensorToTensor", partition, rows)
    if out_of_order(partition):
        raise InputError("RaggedTensorToTensor: value_rowids are not in order")
    return partition.astype(np.int64)


def _combined(shape: Array, ragged: int, values: Shape) -> list[int]:
    """The wanted shape with -1 for what the data tells; InputError when it contradicts the values."""
    rank = ragged + len(values)
    wanted = [-1] * rank if shape.ndim == 0 else shape.tolist()
    if (shape.ndim == 0 and int(shape) != -1) or len(wanted) != rank or min(wanted, default=0) < -1:
        raise InputError(f"RaggedTensorToTensor: shape {shape.tolist()}; expected {rank} lengths, -1 for unknown ones")
    inner = wanted[ragged + 1 :]
    if any(w not in (-1, d) for w, d in zip(inner, values[1:], strict=True)):
        raise InputError(f"RaggedTensorToTensor: shape {wanted} does not fit values of shape {list(values)}")
    return [*wanted[: ragged + 1], *values[1:]]


@op("RaggedTensorToTensor", "shape values default *partitions", infer=_infer_dense, attrs=[_PARTITIONS], flops=no_flops,
    api="ragged_tensor_to_tensor", tf=[Tf("RaggedTensorToTensor", "shape values default *partitions")], cases=(
        Case((_ints(2, 3), T((3,), values=[1, 2, 3]), T((), values=-1), _ints(0, 2, 3)),
             {"row_partition_types": [_SPLITS]}, expect=[1, 2, -1, 3, -1, -1]),
        Case((_ints(4, 2), T((9,)), T(()), _ints(8, shape=()), _ints(0, 0, 2, 2, 2, 3, 3, 6, 7)),
             {"row_partition_types": [_FIRST, _ROWIDS]}),
        Case((_ints(-1, -1, -1), T((4,)), T(()), _ints(0, 2, 3), _ints(0, 1, 3, 4)),
             {"row_partition_types": [_SPLITS, _SPLITS]}),
        Case((_ints(-1, shape=()), T((3, 2)), T((2,)), _ints(0, 0, 2, 3)), {"row_partition_types": [_SPLITS]}),
        Case((_ints(1, 1), T((3,)), T(()), _ints(0, 2, 3)), {"row_partition_types": [_SPLITS]}),
        Case((_ints(-1, -1), T((0,)), T(()), _ints(0)), {"row_partition_types": [_SPLITS]}),
        Case((_ints(-1, 2), T((2,), "string", values=["a", "b"]), T((), "string", values=""), _ints(0, 1, 2)),
             {"row_partition_types": [_SPLITS]}),
    ))
def ragged_tensor_to_tensor(
    shape: Array, values: Array, default: Array, *partitions: Array, row_partition_types: tuple[str, ...],
) -> Array:
    """A ragged tensor as a dense one: rows are cut off at ``shape`` (-1: as long as the longest) or filled up."""
    levels = list(zip(row_partition_types, partitions, strict=True))
    rows = int(partitions[0]) if levels[0][0] == _FIRST else max(len(partitions[0]) - 1, 0)
    levels = levels[1:] if levels[0][0] == _FIRST else levels
    out = _combined(shape, len(levels), values.shape)
    out[0] = rows if out[0] < 0 else out[0]
    check_size("RaggedTensorToTensor", checked_shape((rows,), "RaggedTensorToTensor"))
    places, kept = [np.arange(rows)], np.arange(rows) < out[0]
    for level, (kind, partition) in enumerate(levels, start=1):
        parent = _rows_of(kind, partition, len(kept))
        column = _starts(parent, len(parent))
        out[level] = int(column.max(initial=-1)) + 1 if out[level] < 0 else out[level]
        kept = kept[parent] & (column < out[level])
        places = [*(p[parent] for p in places), column]
    if len(values) < len(kept):
        raise InputError(f"RaggedTensorToTensor: {len(values)} values for {len(kept)} places")
    return _filled(values, default, check_size("RaggedTensorToTensor", tuple(out)), [p[kept] for p in places], kept)


def _filled(values: Array, default: Array, shape: Shape, places: Sequence[Any], kept: Array) -> Array:
    """Values at their places, the default elsewhere."""
    inner = values.shape[1:]
    if broadcast(default.shape, inner) != inner:
        raise InputError(f"RaggedTensorToTensor: default {list(default.shape)} for values of {list(inner)}")
    out = np.empty(shape, values.dtype)
    out[...] = default
    out[tuple(places)] = values[: len(kept)][kept]
    return out
