"""Sums, means, extremes, and whether all or any are true."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.kernels.reductions import reduced, reduced_axes
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.kernels.typed import Typed, convert, leaf, typed
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.loops import on_rows
from tfjslab.backends.wasm.lower.registry import lowering, only_elements
from tfjslab.backends.wasm.text.layouts import pitch
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.expr import Expr, X, Y, prim
from tfjslab.passes.fusion import Group

_INT32 = np.iinfo(np.int32)
_SPATIAL = (1, 2)
_ROWS = 4
_SHORT, _LONG = 64, 1 << 12  # elements of rows that are folded at once: the sums should stay in the nearest cache


@dataclass(frozen=True)
class _Fold:
    """How two sums are folded, of what dtype they are, the value that changes nothing, and what an element gives."""

    fold: Expr
    dtype: str
    start: float
    element: Expr = X


def _fold(op: str, dtype: str) -> _Fold:
    """The fold of an op over elements of ``dtype``. Sums and products of truth values are counts."""
    number = "int32" if dtype == "bool" else dtype
    lowest, highest = (-math.inf, math.inf) if number == "float32" else (_INT32.min, _INT32.max)
    return {
        "Sum": _Fold(X + Y, number, 0), "Mean": _Fold(X + Y, number, 0), "Prod": _Fold(X * Y, number, 1),
        "Max": _Fold(prim("max", X, Y), number, lowest), "Min": _Fold(prim("min", X, Y), number, highest),
        "All": _Fold(prim("and", X, Y), "bool", 1), "Any": _Fold(prim("or", X, Y), "bool", 0),
        "EuclideanNorm": _Fold(X + Y, number, 0, X * X),
    }[op]


def _finish(op: str, value: Typed, n: int) -> Expr:
    """The result of a sum of n elements; a mean of nothing is NaN."""
    if op == "Mean":
        count = n or math.nan
        mean = X * (1.0 / count) if value.dtype == "float32" else X / count  # a count is divided exactly
        return typed(mean, [convert(value, "float32")], "float32").expr
    return typed(prim("sqrt", X), [value], value.dtype).expr if op == "EuclideanNorm" else value.expr


@lowering("Sum", "Mean", "Prod", "Max", "Min", "All", "Any", "EuclideanNorm", refuses=only_elements)
def lower_reduction(b: WasmBuilder, group: Group) -> None:
    """[outer][n][inner]; over the pixels of channel planes without changing the layout."""
    core = group.core_node
    x, dtype = core.inputs[0], b.spec(core.inputs[0]).dtype
    shape = b.shape(x)
    axes = reduced_axes(shape, core.attrs)
    n = size_of([shape[a] for a in axes])
    how = _fold(core.op, dtype)
    start = typed(Expr("const", leaf=how.start), (), how.dtype)
    if n == 0:
        on_rows(b, group.output, _finish(core.op, start, n), [])
        return
    if axes == _SPATIAL and b.has_planes(x) and dtype == "float32":
        outer, inner, step = shape[0] * shape[3], 1, pitch(n, shape[2])
        source = b.planes(x)
    else:
        source, outer, inner = _together(b, x, axes)
        step = n * inner
    if core.op == "Mean" and dtype == "int32":
        k = kernel("mean_int32", ("x", "c"), n=n, inner=inner)
        b.call(k, (source, b.new(group.output)), outer * inner, flops=outer * n * inner)
        return
    total, other = leaf(0, how.dtype), leaf(1, how.dtype)
    element = convert(typed(how.element, [leaf(1, dtype)], dtype), how.dtype)
    expressions = (
        _finish(core.op, total, n), typed(how.fold, [total, other], how.dtype).expr,
        typed(how.fold, [total, element], how.dtype).expr, start.expr,
    )
    dtypes = dtype, how.dtype, b.spec(group.output).dtype
    fold(b, (source, b.new(group.output)), expressions, dtypes, (outer, n, inner), step)


def fold(
    b: WasmBuilder, places: tuple[WasmPlace, WasmPlace], expressions: tuple[Expr, ...], dtypes: tuple[str, str, str],
    dims: Shape, pitch: int,
) -> None:
    """Fold the middle of [outer][n][inner]; the kernel says what the expressions and dtypes are, and ``pitch``."""
    outer, n, inner = dims
    k = kernel(
        "reduce", ("x", "c"), expressions=expressions, n=n, inner=inner, step=inner, pitch=pitch, dtypes=dtypes,
        sizes=tuple(numpy_dtype(d).itemsize for d in dtypes), in_rows=_rows_at_once(n, inner, dtypes, b.lanes),
    )
    b.call(k, places, outer, flops=outer * n * inner)


def _rows_at_once(n: int, inner: int, dtypes: tuple[str, str, str], lanes: int) -> int:
    """How many rows are folded at once into results that hold the sums meanwhile; 0 where columns are better."""
    _, of_sum, of_result = dtypes
    holds = of_sum == of_result and of_sum != "bool"
    return _ROWS if holds and n >= _ROWS and inner % (2 * lanes) == 0 and _SHORT <= inner <= _LONG else 0


def _together(b: WasmBuilder, x: str, axes: Shape) -> tuple[WasmPlace, int, int]:
    """The value as [outer][what is reduced][inner], with outer and inner."""
    shape, item = reduced(b.shape(x), axes), b.item(x)
    source = b.rows(x)
    if shape.moved is not None:
        rows, source = source, b.temporary(item * size_of(shape.moved.dims))
        b.copy(rows, source, shape.moved.dims, shape.moved.strides, row_strides(shape.moved.dims), item)
    return source, shape.outer, shape.inner
