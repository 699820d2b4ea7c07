"""Sparse tensors as coordinates with values. How long the results are depends on data: they are made on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.shapes import Shape, checked_shape, size_of
from tfjslab.ops.attrs import Attrs
from tfjslab.ops.elementwise import NUMBER
from tfjslab.ops.gathering import check_indices
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, Tf, no_flops, op
from tfjslab.ops.strings import check_rank

_MATRIX = 2


def check_size(name: str, shape: Shape) -> Shape:
    """The shape of what is about to be made, of up to 8 bytes an element; LimitError when that is too much."""
    check_limit(f"{name}: number of elements", size_of(shape), LIMITS.tensor_bytes // 8)
    return shape


def out_of_order(numbers: Array) -> bool:
    """Whether one of the numbers is smaller than the one before it; differences could wrap around."""
    return bool(np.any(numbers[1:] < numbers[:-1]))


def _check_int(name: str, what: str, spec: Spec, rank: int) -> None:
    if spec.dtype != "int32":
        raise DTypeError(f"{name}: {what} is {spec.dtype}; expected int32")
    check_rank(name, what, spec, rank)


def _ints(*values: int, shape: tuple[int, ...] | None = None) -> T:
    return T(shape or (len(values),), "int32", values=values)


# ---- SparseFillEmptyRows ---------------------------------------------------------------------------------------------


def _infer_fill(ins: Specs, _attrs: Attrs) -> list[Spec]:
    name = "SparseFillEmptyRows"
    indices, values, shape, default = ins
    _check_int(name, "indices", indices, _MATRIX)
    _check_int(name, "dense_shape", shape, 1)
    check_rank(name, "values", values, 1)
    count, rank = indices.known_shape
    if values.known_shape != (count,) or shape.known_shape != (rank,) or rank == 0 or default.size != 1:
        raise ShapeError(
            f"{name}: indices {list(indices.known_shape)}, values {list(values.known_shape)}, dense_shape "
            f"{list(shape.known_shape)}, default {list(default.known_shape)}; expected [n, rank], [n], [rank] and one",
        )
    if default.dtype != values.dtype:
        raise DTypeError(f"{name}: values are {values.dtype} and the default is {default.dtype}; expected one dtype")
    return [Spec(None, "int32"), Spec(None, values.dtype), Spec(None, "bool"), Spec((count,), "int32")]


@op("SparseFillEmptyRows", "indices values dense_shape default", infer=_infer_fill, num_outputs=4, flops=no_flops,
    api="sparse_fill_empty_rows", tf=[Tf("SparseFillEmptyRows", "indices values dense_shape default")], cases=(
        Case((_ints(0, 0, 1, 0, 1, 3, 1, 4, 3, 2, 3, 3, shape=(6, 2)), T((6,), values=[0, 10, 13, 14, 32, 33]),
              _ints(5, 6), T((), values=-1)), expect=[0, 0, 1, 0, 1, 3, 1, 4, 2, 0, 3, 2, 3, 3, 4, 0]),
        Case((_ints(1, 1, 0, 0, shape=(2, 2)), T((2,)), _ints(2, 2), T(()))),
        Case((T((0, 2), "int32"), T((0,), "string"), _ints(2, 2), T((), "string", values="x"))),
        Case((T((0, 2), "int32"), T((0,)), _ints(0, 2), T(()))),
    ))
def sparse_fill_empty_rows(indices: Array, values: Array, dense_shape: Array, default: Array) -> list[Array]:
    """A sparse tensor whose empty rows get ``default`` in their first column.

    Its indices and values, sorted by row; which rows were empty; and where each value has gone.
    """
    rows = int(dense_shape[0])
    if rows < 0:
        raise InputError(f"SparseFillEmptyRows: dense_shape {dense_shape.tolist()}; expected lengths >= 0")
    check_size("SparseFillEmptyRows", (rows, indices.shape[1]))
    check_indices("SparseFillEmptyRows", indices[:, 0], rows)
    empty = np.bincount(indices[:, 0], minlength=rows)[:rows] == 0
    added = np.zeros((int(empty.sum()), indices.shape[1]), np.int32)
    added[:, 0] = np.flatnonzero(empty)
    order = np.argsort(np.concatenate([indices[:, 0], added[:, 0]]), kind="stable")
    moved = np.empty(len(order), np.int32)
    moved[order] = np.arange(len(order), dtype=np.int32)
    filled = np.concatenate([values, np.full(len(added), default.reshape(()), values.dtype)])
    return [np.concatenate([indices, added])[order], filled[order], empty, moved[: len(indices)]]


# ---- SparseReshape ---------------------------------------------------------------------------------------------------


def _infer_reshape(ins: Specs, _attrs: Attrs) -> list[Spec]:
    name = "SparseReshape"
    for what, spec, rank in zip(("input_indices", "input_shape", "new_shape"), ins, (_MATRIX, 1, 1), strict=True):
        _check_int(name, what, spec, rank)
    count, rank = ins[0].known_shape
    if ins[1].known_shape != (rank,):
        raise ShapeError(
            f"{name}: input_indices {list(ins[0].known_shape)} with input_shape {list(ins[1].known_shape)}; "
            f"expected [n, rank] with [rank]",
        )
    target = ins[2].known_shape[0]
    return [Spec(checked_shape((count, target), name), "int32"), Spec((target,), "int32")]


def _wanted_shape(given: list[int], wanted: list[int]) -> list[int]:
    """``wanted`` with its -1 (at most one) computed; InputError when it has not as many elements as ``given``."""
    size, known = size_of(given), size_of([d for d in wanted if d != -1])
    found = [(size // known if known else 0) if d == -1 else d for d in wanted]
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1 or min(given, default=0) < 0 or size_of(found) != size or (
        -1 in wanted and not known
    ):
        raise InputError(f"SparseReshape: shape {given} with {size} elements cannot become {wanted}")
    return found


@op("SparseReshape", "input_indices input_shape new_shape", infer=_infer_reshape, num_outputs=2, flops=no_flops,
    api="sparse_reshape", tf=[Tf("SparseReshape", "input_indices input_shape new_shape")], cases=(
        Case((_ints(0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 2, 3, shape=(5, 3)), _ints(2, 3, 6), _ints(9, -1)),
             expect=[0, 0, 0, 1, 1, 2, 4, 2, 8, 1]),
        Case((_ints(2, 1, 0, shape=(3, 1)), _ints(4), _ints(2, 2))), Case((T((0, 2), "int32"), _ints(2, 3), _ints(6))),
        Case((T((1, 0), "int32"), T((0,), "int32"), T((0,), "int32"))),
    ))
def sparse_reshape(input_indices: Array, input_shape: Array, new_shape: Array) -> list[Array]:
    """The coordinates of a sparse tensor in another shape, and that shape; one length may be -1."""
    old = input_shape.tolist()
    new = _wanted_shape(old, new_shape.tolist())
    check_limit("SparseReshape: number of elements", size_of(old), 2**62)
    place = np.zeros(len(input_indices), np.int64)
    for axis, length in enumerate(old):
        place = place * length + input_indices[:, axis]
    columns = []
    for length in reversed(new):
        columns.append(place % max(length, 1))
        place = place // max(length, 1)
    indices = np.stack(columns[::-1], 1) if columns else np.zeros((len(input_indices), 0))
    return [indices.astype(np.int32), np.array(new, np.int32)]


# ---- SparseSegmentSum, SparseSegmentMean -----------------------------------------------------------------------------


def _infer_segment(name: str, takes: tuple[str, ...]) -> Infer:
    def infer(ins: Specs, _attrs: Attrs) -> list[Spec]:
        data, indices, segments = ins
        if data.dtype not in takes:
            raise DTypeError(f"{name}: dtype {data.dtype}; expected {' or '.join(takes)}")
        _check_int(name, "indices", indices, 1)
        _check_int(name, "segment_ids", segments, 1)
        if not data.known_shape or indices.known_shape != segments.known_shape:
            raise ShapeError(
                f"{name}: data {list(data.known_shape)}, indices {list(indices.known_shape)}, segment_ids "
                f"{list(segments.known_shape)}; expected rank 1 or more, and one segment for each index",
            )
        return [Spec(None, data.dtype)]

    return infer


def _segments(name: str, data: Array, indices: Array, segments: Array) -> tuple[Array, Array]:
    """The sum of the rows of each segment, and how many these are; InputError when segments are not in order."""
    if out_of_order(segments) or (segments.size and segments[0] < 0):
        raise InputError(f"{name}: segment_ids {segments[:8].tolist()}; expected numbers >= 0 in order")
    check_indices(name, indices, len(data))
    shape = check_size(name, (int(segments[-1]) + 1 if segments.size else 0, *data.shape[1:]))
    sums = np.zeros(shape, data.dtype)
    np.add.at(sums, segments, data[indices])
    return sums, np.bincount(segments, minlength=shape[0])


_SEGMENT_CASES = (
    Case((T((4, 3)), _ints(0, 2, 3, 3), _ints(0, 0, 2, 2))), Case((T((5,)), _ints(4, 0), _ints(1, 1))),
    Case((T((3, 2)), T((0,), "int32"), T((0,), "int32"))), Case((T((3, 2, 2)), _ints(1), _ints(0))),
)


@op("SparseSegmentSum", "data indices segment_ids", infer=_infer_segment("SparseSegmentSum", NUMBER), flops=no_flops,
    api="sparse_segment_sum", tf=[Tf("SparseSegmentSum", "data indices segment_ids")], cases=(
        *_SEGMENT_CASES,
        Case((T((3, 2), "int32", values=range(6)), _ints(0, 2, 1), _ints(0, 0, 2)), expect=[4, 6, 0, 0, 2, 3]),
    ))
def sparse_segment_sum(data: Array, indices: Array, segment_ids: Array) -> Array:
    """Sums of rows of ``data`` that ``indices`` choose, one for each segment; segments without rows are 0."""
    return _segments("SparseSegmentSum", data, indices, segment_ids)[0]


@op("SparseSegmentMean", "data indices segment_ids", infer=_infer_segment("SparseSegmentMean", NUMBER),
    flops=no_flops, api="sparse_segment_mean", tf=[Tf("SparseSegmentMean", "data indices segment_ids")], cases=(
        *_SEGMENT_CASES, Case((T((3, 2), values=range(6)), _ints(0, 2, 1), _ints(0, 0, 2)), expect=[2, 3, 0, 0, 2, 3]),
    ))
def sparse_segment_mean(data: Array, indices: Array, segment_ids: Array) -> Array:
    """Means of rows of ``data`` that ``indices`` choose, one for each segment; segments without rows are 0.

    Means of integers are cut off, as in TensorFlow.js.
    """
    sums, counts = _segments("SparseSegmentMean", data, indices, segment_ids)
    divisor: Any = np.maximum(counts, 1).reshape(-1, *[1] * (sums.ndim - 1))
    return np.asarray(sums / divisor).astype(data.dtype)
