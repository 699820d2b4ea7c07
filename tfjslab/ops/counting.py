"""Counting values, and what is in one list and not in another."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.base.shapes import Shape, checked_shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import NUMBER, check_dtypes
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, op

_SIZE = Attr("size", "int")


def _check(name: str, ins: Specs, max_rank: int) -> None:
    x, weights = (s.known_shape for s in ins)
    if ins[0].dtype != "int32":
        raise DTypeError(f"{name}: values are {ins[0].dtype}; expected int32")
    if not 1 <= len(x) <= max_rank or weights not in (x, (0,)):
        raise ShapeError(f"{name}: values {list(x)} with weights {list(weights)}; expected one weight each, or [0]")


NEGATIVE = "a value of {value} is counted; expected numbers >= 0"


def check_counted(values: Array) -> None:
    """InputError when a value is negative."""
    if np.any(values < 0):
        raise InputError(NEGATIVE.format(value=int(values.min())))


def _counted(rows: Array, weights: Array, size: int, *, binary: bool) -> Array:
    """How often (or with which weight, or whether) each number below ``size`` is in each row."""
    check_counted(rows)
    known = rows < size
    row = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)[known]
    out = np.zeros((len(rows), size), weights.dtype)
    if binary:
        out[row, rows[known]] = 1
    else:
        np.add.at(out, (row, rows[known]), weights.reshape(rows.shape)[known] if weights.size else 1)
    return out


def _infer_bincount(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check("Bincount", ins, 1)
    return [Spec(checked_shape((attrs["size"],), "Bincount"), ins[1].dtype)]


_VALUES, _NO_WEIGHTS = T((5,), "int32", values=[1, 3, 1, 9, 0]), T((0,))


@op("Bincount", "x weights", infer=_infer_bincount, attrs=[_SIZE], api="bincount",
    tf=[Tf("Bincount", "x @size weights")], cases=(
        Case((_VALUES, _NO_WEIGHTS), {"size": 4}, expect=[1, 2, 0, 1]), Case((_VALUES, T((5,))), {"size": 4}),
    ))
def bincount(x: Array, weights: Array, size: int) -> Array:
    """How often each number below ``size`` occurs, or the sum of its weights; larger numbers are left out."""
    return np.asarray(_counted(x[None], weights, size, binary=False)[0])


def _infer_dense(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check("DenseBincount", ins, 2)
    shape: Shape = (*ins[0].known_shape[:-1], attrs["size"])
    return [Spec(checked_shape(shape, "DenseBincount"), ins[1].dtype)]


@op("DenseBincount", "x weights", infer=_infer_dense, api="dense_bincount",
    attrs=[_SIZE, Attr("binary_output", "bool", default=False)], tf=[Tf("DenseBincount", "x @size weights")], cases=(
        Case((_VALUES, _NO_WEIGHTS), {"size": 4, "binary_output": True}, expect=[1, 1, 0, 1]),
        Case((T((3, 4), "int32", 0, 5), _NO_WEIGHTS), {"size": 4}),
        Case((T((3, 4), "int32", 0, 5), T((3, 4))), {"size": 6}),
    ))
def dense_bincount(x: Array, weights: Array, size: int, *, binary_output: bool) -> Array:
    """Like Bincount for each row; ``binary_output`` says only whether a number occurs."""
    return _counted(np.atleast_2d(x), weights, size, binary=binary_output).reshape((*x.shape[:-1], size))


def _infer_list_diff(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check_dtypes("ListDiff", ins, NUMBER)
    if any(len(s.known_shape) != 1 for s in ins):
        raise ShapeError(f"ListDiff: shapes {' and '.join(str(list(s.known_shape)) for s in ins)}; expected rank 1")
    return [Spec(None, ins[0].dtype), Spec(None, "int32")]


@op("ListDiff", "x y", infer=_infer_list_diff, num_outputs=2, api="setdiff1d_async", tf=[Tf("ListDiff", "x y")], cases=(
    Case((T((4,), values=[1, 2, 3, 2]), T((2,), values=[1, 3])), expect=[2, 2]),
    Case((T((3,), "int32", 0, 2), T((0,), "int32"))),
))
def list_diff(x: Array, y: Array) -> list[Array]:
    """The values of x that are not in y, in order, and where they stand."""
    where = np.flatnonzero(~np.isin(x, y))
    return [x[where], where.astype(np.int32)]
