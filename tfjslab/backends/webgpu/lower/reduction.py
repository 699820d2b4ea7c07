"""Reductions over any axes: sums, means, extremes, all, any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.backends.kernels.reductions import reduced, reduced_axes
from tfjslab.backends.kernels.typed import convert, leaf
from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.movement import moved
from tfjslab.backends.webgpu.lower.operands import element_type, refuses_words
from tfjslab.backends.webgpu.lower.registry import lowering
from tfjslab.backends.webgpu.text.emit import Function, function
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.ops.expr import Expr, X, Y, prim
from tfjslab.passes.fusion import Group

_GROUP = 32
_FLOAT, _WHOLE, _BOOL = "float32", "int32", "bool"
_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True)
class _Fold:
    """How two values become one, what is done with each before, and what changes nothing, of floats and integers."""

    combine: Expr
    start: float
    whole_start: float
    take: Expr = X


_FOLDS = {
    "Sum": _Fold(X + Y, 0, 0), "Mean": _Fold(X + Y, 0, 0), "Prod": _Fold(X * Y, 1, 1),
    "Max": _Fold(prim("max", X, Y), -math.inf, _INT32.min), "Min": _Fold(prim("min", X, Y), math.inf, _INT32.max),
    "All": _Fold(prim("min", X, Y), 1, 1), "Any": _Fold(prim("max", X, Y), 0, 0),
    "EuclideanNorm": _Fold(X + Y, 0, 0, X * X),
}


@lowering(*_FOLDS, refuses=refuses_words)
def lower_reduction(b: GpuBuilder, group: Group) -> None:
    """An invocation for each result, or a workgroup where what is folded lies together."""
    core = group.core_node
    x, shape = core.inputs[0], b.shape(core.inputs[0])
    extent = reduced(shape, reduced_axes(shape, core.attrs))
    source = moved(b, x, extent.moved) if extent.moved else b.place(x)
    dtype, result = b.spec(x).dtype, b.spec(group.output).dtype
    together = extent.inner == 1
    lanes = 4 if extent.inner % 4 == 0 and not together else 1
    count = extent.outer * extent.inner // lanes
    sizes = {"n": extent.n, "inner": extent.inner // lanes, "count": count}
    folded = _WHOLE if result == _BOOL else result
    bindings = Binding("a", element_type(dtype, lanes), source.constant), Binding("c", element_type(result, lanes))
    k = kernel(
        "reduce", bindings,
        tuple(sizes), functions=_functions(core.op, dtype, folded, result, extent.n, lanes), lanes=lanes, group=_GROUP,
        together=together, whole=folded == _WHOLE, takes_bool=dtype == _BOOL, gives_bool=result == _BOOL,
    )
    b.call(k, (source, b.new(group.output)), sizes, grid(count if together else -(-count // _GROUP)))


def _functions(op: str, dtype: str, folded: str, result: str, n: int, lanes: int) -> tuple[Function, ...]:
    """To fold, to finish, to start, to take an element."""
    fold = _FOLDS[op]
    finish: dict[str, Any] = {"Mean": X * (1 / n if n else math.inf), "EuclideanNorm": prim("sqrt", X)}
    start = Expr("const", leaf=float(fold.whole_start if folded == _WHOLE else fold.start))
    element = function(fold.take, dtype, result=dtype, lanes=lanes) if dtype == _FLOAT else None
    return (
        function(fold.combine, folded, folded, result=folded, lanes=lanes),
        function(prim("ne", X, 0) if result == _BOOL else finish.get(op, X), folded, result=result, lanes=lanes),
        function(start, result=folded, lanes=lanes),
        element or Function(convert(leaf(0, dtype), folded).expr, (dtype,), folded, lanes),
    )
