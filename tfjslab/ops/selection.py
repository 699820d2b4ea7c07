"""Choosing elements: by condition, by size, by being different. Some shapes here depend on the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape, broadcast, normalize_axis
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import ANY, BOOL, NUMBER, check_dtypes
from tfjslab.ops.facts import FIRST, Facts, Like
from tfjslab.ops.promotion import Promotion
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, op


def condition_shape(condition: Shape, rank: int) -> Shape:
    """The shape to broadcast a condition from: one of rank 1 chooses whole rows when the values have a higher rank."""
    return (*condition, *(1,) * (rank - 1)) if len(condition) == 1 and rank > 1 else condition


def _infer_select(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check_dtypes("Select", ins[:1], BOOL)
    check_dtypes("Select", ins[1:], ANY)
    condition, x, y = (s.known_shape for s in ins)
    if x != y or broadcast(condition_shape(condition, len(x)), x) != x:
        raise ShapeError(f"Select: condition {list(condition)} does not choose between {list(x)} and {list(y)}")
    return [Spec(x, ins[1].dtype)]


@op("Select", "condition x y", infer=_infer_select, tf=[Tf("Select", "condition x y")],
    facts=Facts(dtype=Like(1), promotes=Promotion(ANY, first=1)), cases=(
    Case((T((2,), "bool", values=[1, 0]), T((2, 2), values=[1, 2, 3, 4]), T((2, 2), values=[5, 6, 7, 8])),
         expect=[1, 2, 7, 8]),
    Case((T((2, 3), "bool"), T((2, 3)), T((2, 3)))), Case((T((), "bool"), T((2, 3)), T((2, 3)))),
    Case((T((3,), "bool"), T((3,), "int32", -9, 9), T((3,), "int32", -9, 9))),
))
def select(condition: Array, x: Array, y: Array) -> Array:
    """X where the condition holds, else y; a condition of rank 1 chooses whole rows."""
    return np.where(condition.reshape(condition_shape(condition.shape, x.ndim)), x, y)


def _infer_where(_ins: Specs, _attrs: Attrs) -> list[Spec]:
    return [Spec(None, "int32")]


@op("Where", "condition", infer=_infer_where, tf=[Tf("Where", "condition")], cases=(
    Case((T((2, 2), "bool", values=[0, 1, 1, 1]),), expect=[0, 1, 1, 0, 1, 1]),
    Case((T((5,), values=[0, 2, 0, -1, 0]),)),
    Case((T((3,), "bool", values=[0, 0, 0]),)),
))
def where(condition: Array) -> Array:
    """The coordinates of what is not 0, a row each, in order."""
    return np.argwhere(condition).astype(np.int32)


def _infer_top_k(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("TopK", ins, NUMBER)
    shape, k = ins[0].known_shape, attrs["k"]
    if not shape or not 0 <= k <= shape[-1]:
        raise ShapeError(f"TopK: k {k} with shape {list(shape)}; expected rank 1 or more and k at most the last length")
    return [Spec((*shape[:-1], k), ins[0].dtype), Spec((*shape[:-1], k), "int32")]


@op("TopK", "x", infer=_infer_top_k, num_outputs=2, api="topk",
    attrs=[Attr("k", "int", 1), Attr("sorted", "bool", default=True)],
    tf=[Tf("TopKV2", "x @k")], facts=Facts(dtype=FIRST, promotes=Promotion(NUMBER)), cases=(
        Case((T((4,), values=[1, 5, 5, 2]),), {"k": 3}, expect=[5, 5, 2]), Case((T((2, 3, 9)),), {"k": 4}),
        Case((T((6,), "int32", -3, 3),), {"k": 6}), Case((T((3, 4)),), {"k": 0}),
    ))
def top_k(x: Array, k: int, **_sorted: Any) -> list[Array]:
    """The ``k`` largest along the last axis, largest first, and where they stand; of equal ones the first wins."""
    # A stable sort of the reversed array, read from its end: the first of equals comes first.
    last = x.shape[-1] - 1
    order = (last - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1])[..., :k]
    return [np.take_along_axis(x, order, -1), order.astype(np.int32)]


def _infer_unique(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = ins[0].known_shape
    axis = normalize_axis((attrs["axis"] or (0,))[0], len(shape))
    if not shape:
        raise ShapeError("Unique: a scalar; expected rank 1 or more")
    return [Spec(None, ins[0].dtype), Spec((shape[axis],), "int32")]


@op("Unique", "x", infer=_infer_unique, num_outputs=2, api="unique", attrs=[Attr("axis", "ints", ())],
    tf=[Tf("UniqueV2", "x @axis"), Tf("Unique", "x", fixed={"axis": ()}, write=False)], cases=(
        Case((T((5,), values=[3, 1, 3, 2, 1]),), expect=[3, 1, 2]),
        Case((T((3, 2), values=[1, 2, 0, 0, 1, 2]),), {"axis": [0]}),
        Case((T((0,)),)), Case((T((2, 4), "int32", 0, 1),), {"axis": [1]}),
    ))
def unique(x: Array, axis: Shape) -> list[Array]:
    """The different slices along an axis, in the order in which they come, and for each slice which one it is."""
    along = normalize_axis((axis or (0,))[0], x.ndim)
    _, first, inverse = np.unique(x, return_index=True, return_inverse=True, axis=along)
    order = np.argsort(first)
    rank = np.argsort(order).astype(np.int32)
    return [np.take(x, first[order], along), rank[np.ravel(inverse)]]


def _infer_bound(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check_dtypes("SearchSorted", ins, NUMBER)
    a, b = ins[0].known_shape, ins[1].known_shape
    if len(a) != 2 or len(b) != 2 or a[0] != b[0]:  # noqa: PLR2004 - rows and columns
        raise ShapeError(f"SearchSorted: shapes {list(a)} and {list(b)}; expected two matrices with equally many rows")
    return [Spec(b, "int32")]


def _search(x: Array, values: Array, side: Any) -> Array:
    rows = [np.searchsorted(a, v, side) for a, v in zip(x, values, strict=True)]
    return np.reshape(rows, values.shape).astype(np.int32)


_SORTED = T((1, 4), values=[1, 2, 2, 3])


@op("LowerBound", "x values", infer=_infer_bound, api="lower_bound", tf=[Tf("LowerBound", "x values")],
    cases=[Case((_SORTED, T((1, 3), values=[0, 2, 9])), expect=[0, 1, 4])])
def lower_bound(x: Array, values: Array) -> Array:
    """In each sorted row, the first place where a value could be put."""
    return _search(x, values, "left")


@op("UpperBound", "x values", infer=_infer_bound, api="upper_bound", tf=[Tf("UpperBound", "x values")],
    cases=[Case((_SORTED, T((1, 3), values=[0, 2, 9])), expect=[0, 3, 4])])
def upper_bound(x: Array, values: Array) -> Array:
    """In each sorted row, the last place where a value could be put."""
    return _search(x, values, "right")
