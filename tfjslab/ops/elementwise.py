"""Elementwise ops: each is one expression and one row. Broadcasting and dtypes follow TensorFlow.js.

Adding one here is all that it takes: the numpy reference, the WebAssembly (scalar and SIMD) and GPU kernels, every
fused chain, the eager function and the conformance tests come from the row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError
from tfjslab.base.shapes import broadcast, size_of
from tfjslab.ops import expr as ex
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.expr import Expr, X, Y, Z, param, prim
from tfjslab.ops.registry import Case, Cost, Infer, OpDef, Reference, Spec, Specs, T, Tf, Tolerance, register


def _infer(name: str, result: str | None) -> Infer:
    """Broadcast shapes; dtypes of the compared inputs must agree (no silent upcast inside a graph)."""

    def infer(ins: Specs, _attrs: Attrs) -> list[Spec]:
        numeric = ins[1:] if name in ("Select", "SelectV2") else ins
        if len({s.dtype for s in numeric}) > 1:
            found = ", ".join(s.dtype for s in numeric)
            raise DTypeError(f"{name}: dtypes {found} differ; cast one of them")
        return [Spec(broadcast(*(s.known_shape for s in ins)), result or numeric[0].dtype)]

    return infer


def _reference(expression: Expr, result: str | None) -> Reference:
    def run(*inputs: Array, **attrs: Any) -> Array:
        with np.errstate(all="ignore"):
            out = np.asarray(ex.evaluate(expression, inputs, attrs))
        if ex.is_boolean(expression) and result is None:
            return out.astype(inputs[-1].dtype)
        return out if result is not None else out.astype(inputs[-1].dtype, copy=False)

    return run


def _flops(expression: Expr) -> Cost:
    return lambda _ins, outs, _attrs: size_of(outs[0].known_shape) * ex.flops(expression)


_NAMES = ("x", "y", "z")


def elementwise(
    name: str, expression: Expr, doc: str, *, tf: str | Iterable[Tf] = "", api: str = "", attrs: Iterable[Attr] = (),
    result: str | None = None, cases: Iterable[Case] = (), inputs: str = "", tolerance: Tolerance | None = None,
) -> OpDef:
    """Register an op by its expression. ``tf`` is a list of spellings, or names separated by spaces."""
    names = tuple(inputs.split()) or _NAMES[: ex.num_inputs(expression)]
    forms = (
        tuple(Tf(t, " ".join(names), write=i == 0) for i, t in enumerate((tf or name).split()))
        if isinstance(tf, str) else tuple(tf)
    )
    return register(OpDef(
        name, names, tuple(attrs), _infer(name, result), _reference(expression, result), _flops(expression), forms,
        api or name.lower(), tuple(cases) or _default_cases(len(names)), doc, expr=expression,
        tolerance=tolerance or Tolerance(),
    ))


def _default_cases(n: int) -> tuple[Case, ...]:
    if n == 1:
        return (Case((T((2, 3, 5), lo=-4, hi=4),)), Case((T((1,)),)), Case((T((0, 3)),)))
    return (
        Case((T((2, 3, 5), lo=-4, hi=4), T((2, 3, 5), lo=-4, hi=4))), Case((T((2, 4, 4, 8)), T((8,)))),
        Case((T((2, 4, 4, 3)), T((1, 4, 1, 3)))), Case((T(()), T((7,)))), Case((T((3, 1)), T((1, 5)))),
    )


elementwise("Add", X + Y, "x + y.", tf="AddV2 Add BiasAddV1")
elementwise("Sub", X - Y, "x - y.")
elementwise("Multiply", X * Y, "x * y.", tf="Mul", api="mul")
elementwise("RealDiv", X / Y, "x / y.", tf="RealDiv Div", api="div")
elementwise("Maximum", prim("max", X, Y), "Larger of x and y; NaN wins.")
elementwise("Minimum", prim("min", X, Y), "Smaller of x and y; NaN wins.")
elementwise("Relu", prim("max", X, 0), "max(x, 0).")
elementwise("Relu6", prim("min", prim("max", X, 0), 6), "min(max(x, 0), 6).")
elementwise("Prelu", prim("select", prim("ge", X, 0), X, X * Y), "x where x >= 0, else alpha * x.", inputs="x alpha")
elementwise(
    "LeakyRelu", prim("select", prim("ge", X, 0), X, X * param("alpha")), "x where x >= 0, else alpha * x.",
    api="leaky_relu", attrs=[Attr("alpha", "float", 0.2)],
    cases=[Case((T((2, 3, 5)),)), Case((T((4,)),), {"alpha": 0.01})],
)
elementwise("Sigmoid", 1 / (1 + prim("exp", -X)), "1 / (1 + exp(-x)).")
elementwise("Less", prim("lt", X, Y), "x < y.", result="bool")
elementwise("LogicalAnd", prim("and", X, Y), "x and y.", api="logical_and", result="bool",
            cases=[Case((T((2, 5), "bool"), T((5,), "bool")))])
elementwise("SelectV2", prim("select", X, Y, Z), "y where x else z, broadcast.", api="where", inputs="condition y z",
            cases=[Case((T((2, 5), "bool"), T((2, 5)), T((5,))))])
