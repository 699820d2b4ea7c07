"""Elementwise ops: each is one expression and one row. Broadcasting and dtypes follow TensorFlow.js.

Adding one here is all that it takes: the numpy reference, the WebAssembly (scalar and SIMD) and GPU kernels, every
fused chain, the eager function and the conformance tests come from the row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError
from tfjslab.base.shapes import Shape, broadcast, size_of
from tfjslab.ops import activations as act
from tfjslab.ops import expr as ex
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.expr import Expr, X, Y, Z, param, prim
from tfjslab.ops.facts import FIRST, Facts, Like
from tfjslab.ops.promotion import Promotion
from tfjslab.ops.registry import Case, Cost, Infer, OpDef, Reference, Spec, Specs, T, Tf, Tolerance, register

FLOAT, NUMBER, BOOL, ANY = ("float32",), ("float32", "int32"), ("bool",), ("float32", "int32", "bool")
TEXT = ("string",)


def check_dtypes(name: str, specs: Specs, takes: tuple[str, ...]) -> None:
    """DTypeError unless all ``specs`` have one dtype, which is among ``takes``. Casts are nodes of their own."""
    if len({s.dtype for s in specs}) > 1:
        raise DTypeError(f"{name}: dtypes {', '.join(s.dtype for s in specs)} differ; cast one of them")
    if specs and specs[0].dtype not in takes:
        raise DTypeError(f"{name}: dtype {specs[0].dtype}; expected {' or '.join(takes)}")


def _infer(name: str, result: str | None, takes: tuple[str, ...], condition: int) -> Infer:
    def infer(ins: Specs, _attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins[:condition], BOOL)
        check_dtypes(name, ins[condition:], takes)
        return [Spec(broadcast(*(s.known_shape for s in ins)), result or ins[-1].dtype)]

    return infer


def _reference(expression: Expr, result: str | None) -> Reference:
    def run(*inputs: Array, **attrs: Any) -> Array:
        with np.errstate(all="ignore"):
            out = np.asarray(ex.evaluate(expression, inputs, attrs))
        return out.astype(bool if result == "bool" else inputs[-1].dtype, copy=False)

    return run


def _flops(expression: Expr) -> Cost:
    return lambda _ins, outs, _attrs: size_of(outs[0].known_shape) * ex.flops(expression)


_NAMES = ("x", "y", "z")


def elementwise(
    name: str, expression: Expr, doc: str, *, tf: str | Iterable[Tf] | None = None, api: str = "",
    attrs: Iterable[Attr] = (), result: str | None = None, cases: Iterable[Case] = (), inputs: str = "",
    tolerance: Tolerance | None = None, takes: tuple[str, ...] = FLOAT, condition: int = 0, rank: Like | None = None,
    quantized: str = "", casts: str = "back", text: bool = False,
) -> OpDef:
    """Register an op by its expression.

    ``tf`` is a list of spellings, or names separated by spaces (the first is written); default ``name``. ``takes`` are
    the dtypes of the inputs, of which the first ``condition`` are bool; ``result`` the output's when not the same.
    ``rank`` tells which of several inputs has all axes; ``quantized`` is as in ``Facts``. ``casts`` says what becomes
    of other dtypes than it takes, as in TF.js: the result goes ``back`` to theirs, stays ``wide``, is the input where
    that is ``whole``, or they are refused (""). ``text`` ops take strings too, on the host.
    """
    names = tuple(inputs.split()) or _NAMES[: ex.num_inputs(expression)]
    spellings = name if tf is None else tf
    forms = (
        tuple(Tf(t, " ".join(names), write=i == 0) for i, t in enumerate(spellings.split()))
        if isinstance(spellings, str) else tuple(spellings)
    )
    facts = Facts(
        dtype=result or (takes[0] if len(takes) == 1 else Like(condition)),
        rank=FIRST if len(names) == 1 else rank, quantized=quantized,
        promotes=Promotion(takes, condition, casts == "back" and result is None, casts == "whole") if casts else None,
    )
    return register(OpDef(
        name, names, tuple(attrs), _infer(name, result, takes + TEXT * text, condition), _reference(expression, result),
        _flops(expression), forms, api or name.lower(), (*cases, *_default_cases(len(names), takes, condition)), doc,
        expr=expression, tolerance=tolerance or Tolerance(), facts=facts,
    ))


def _default_cases(n: int, takes: tuple[str, ...], condition: int) -> list[Case]:
    """Plain, broadcast, scalar and empty inputs of every dtype the op takes."""
    found = []
    for dtype in takes:
        for case in _SHAPES.get(n, []):
            dtypes = ["bool"] * condition + [dtype] * (n - condition)
            found.append(Case(tuple(T(s, d, lo=-4, hi=4) for s, d in zip(case, dtypes, strict=True))))
    return found


_SHAPES: dict[int, list[tuple[Shape, ...]]] = {
    1: [((2, 3, 5),), ((1,),), ((),), ((0, 3),)],
    2: [
        ((2, 3, 5), (2, 3, 5)), ((2, 4, 4, 8), (8,)), ((2, 4, 4, 3), (1, 4, 1, 3)), ((), (7,)), ((3, 1), (1, 5)),
        ((0, 3), (3,)), ((), ()),
    ],
    3: [((2, 5), (2, 5), (5,)), ((), (3, 4), ()), ((4, 1), (1, 3), (4, 3)), ((0,), (0,), ())],
}


def _case(*columns: tuple[str, list[float]], expect: list[Any], **attrs: Any) -> Case:
    """A case written out: (dtype, values) of each input, and the result."""
    return Case(tuple(T((len(v),), d, values=v) for d, v in columns), attrs, expect)


def _f(*values: float) -> tuple[str, list[float]]:
    return "float32", list(values)


def _i(*values: int) -> tuple[str, list[float]]:
    return "int32", list(values)


_FIELD = (*NUMBER, "complex64")  # what can be added and multiplied

# ---- arithmetic ------------------------------------------------------------------------------------------------------

elementwise(
    "Add", X + Y, "x + y.", takes=_FIELD, quantized="add", cases=[_case(_i(1, 2), _i(3, -4), expect=[4, -2])],
    tf=[
        Tf("AddV2", "x y"), Tf("Add", "x y", write=False), Tf("BiasAddV1", "x y", write=False),
        # Channels last is plain broadcasting; a bias along another axis is not.
        Tf("BiasAdd", "x y", write=False, only={"data_format": "NHWC"}),
    ],
)
elementwise("Sub", X - Y, "x - y.", takes=_FIELD)
elementwise("Multiply", X * Y, "x * y.", tf="Mul", api="mul", takes=_FIELD)
elementwise(
    "RealDiv", X / Y, "x / y; of integers the floor, as in TF.js, and 0 where y is 0.", tf="RealDiv Div", api="div",
    takes=NUMBER, cases=[
        _case(_i(7, -7, 5), _i(2, 2, 0), expect=[3, -4, 0]),
        _case(_f(1, -1, 0), _f(0, 0, 0), expect=[math.inf, -math.inf, math.nan]),
    ],
)
elementwise(
    "DivNoNan", prim("select", prim("eq", Y, 0), 0, X / Y), "x / y, and 0 where y is 0.", api="div_no_nan",
    takes=NUMBER,
    cases=[_case(_i(7, -7, 5), _i(2, 2, 0), expect=[3, -4, 0]), _case(_f(1, 3), _f(0, 2), expect=[0, 1.5])],
)
elementwise(
    "FloorDiv", prim("floordiv", X, Y), "The floor of x / y, a float for floats (TF.js makes it int32).",
    api="floor_div", takes=NUMBER,
    # At a whole quotient one ulp decides the floor; these are chosen away from it.
    casts="wide",
    cases=[_case(_f(7, -7, 1), _f(2, 2, 4), expect=[3, -4, 0]), _case(_i(-7, 7), _i(2, -2), expect=[-4, -4])],
)
elementwise(
    "Mod", prim("floormod", X, Y), "What the floored division leaves; it has the sign of y.", tf="FloorMod Mod",
    takes=NUMBER, cases=[_case(_f(7, -7, 7, -7), _f(3, 3, -3, -3), expect=[1, 2, -2, -1])],
)
elementwise(
    "Pow", prim("pow", X, Y), "x to the power of y.", takes=NUMBER, cases=[
        Case((T((3, 5), lo=0.1, hi=4), T((5,), lo=-3, hi=3))),
        _case(_f(2, 0, -2, -2), _f(3, 0, 3, 0.5), expect=[8, 1, -8, math.nan]),
        _case(_i(2, -3, 2), _i(10, 3, -1), expect=[1024, -27, 0]),
        _case(_i(3, 46341, -1, 0, -1), _i(21, 2, -3, -1, 2**31 - 1), expect=[1870418611, -2147479015, -1, 0, -1]),
    ],
    tolerance=Tolerance(relative=4e-6),
)
elementwise("Maximum", prim("max", X, Y), "Larger of x and y; NaN wins.", takes=NUMBER,
            casts="wide", cases=[_case(_f(1, math.nan), _f(2, 0), expect=[2, math.nan])])
elementwise("Minimum", prim("min", X, Y), "Smaller of x and y; NaN wins.", takes=NUMBER, casts="wide")
elementwise("SquaredDifference", (X - Y) * (X - Y), "(x - y) squared.", api="squared_difference", takes=NUMBER)
elementwise("Atan2", prim("atan2", X, Y), "The angle of the point (y, x).", inputs="y x", api="atan2")
elementwise("Neg", -X, "-x.", takes=NUMBER)
elementwise("Abs", prim("abs", X), "x without its sign.", takes=NUMBER)
elementwise("Square", X * X, "x * x.", takes=NUMBER)
elementwise("Sign", prim("select", prim("lt", X, 0), -1, prim("select", prim("gt", X, 0), 1, 0)),
            "-1, 0 or 1.", takes=NUMBER, cases=[_case(_f(-2, 0, 3), expect=[-1, 0, 1])])
elementwise("Sqrt", prim("sqrt", X), "The square root.", casts="", cases=[_case(_f(4, -1), expect=[2, math.nan])])
elementwise("Rsqrt", 1 / prim("sqrt", X), "1 / sqrt(x).", casts="", cases=[_case(_f(4, 0), expect=[0.5, math.inf])])
elementwise("Reciprocal", 1 / X, "1 / x.", tf="Reciprocal Inv")
elementwise("Floor", prim("floor", X), "The next whole number below.", casts="")
elementwise("Ceil", prim("ceil", X), "The next whole number above.", casts="")
elementwise("Round", prim("nearest", X), "The nearest whole number; halves go to the even one.", tf="Round Rint",
            casts="whole", cases=[_case(_f(0.5, 1.5, 2.5, -0.5), expect=[0, 2, 2, 0])])
elementwise(
    "ClipByValue", prim("max", prim("min", X, param("clip_value_max")), param("clip_value_min")),
    "x held between two bounds.", api="clip_by_value", takes=NUMBER,
    tf=[Tf("ClipByValue", "x @clip_value_min @clip_value_max")],
    attrs=[Attr("clip_value_min", "float", -1), Attr("clip_value_max", "float", 1)],
    cases=[
        _case(_f(-2, 0.25, 9), expect=[-0.5, 0.25, 1], clip_value_min=-0.5),
        _case(_i(-9, 3, 9), expect=[-1, 3, 9], clip_value_max=math.inf),
    ],
)

elementwise("BitwiseAnd", prim("bitand", X, Y), "The bits that both have.", api="bitwise_and", takes=("int32",),
            casts="", cases=[_case(_i(6, -1), _i(3, 12), expect=[2, 12])])

# ---- functions -------------------------------------------------------------------------------------------------------

_POSITIVE = [Case((T((3, 5), lo=1e-3, hi=30),))]
_WITHIN_ONE = [Case((T((3, 5), lo=-1, hi=1),))]
_ANGLES = [
    Case((T((7,), values=[8191.5, -8192.5, 1e5, -1e10, 1e22, -3e38, 12.5]),)),
    Case((T((3,), values=[math.inf, -math.inf, math.nan]),), expect=[math.nan] * 3),
    Case((T((4, 33), lo=-1e6, hi=1e6),)),
]
elementwise("Exp", prim("exp", X), "e to the power of x.",
            casts="wide", cases=[_case(_f(0, 100, -200), expect=[1, math.inf, 0])], tolerance=Tolerance(4e-6))
elementwise("Expm1", prim("expm1", X), "exp(x) - 1, exact near 0.", cases=[_case(_f(0, -200), expect=[0, -1])])
elementwise("Log", prim("log", X), "The natural logarithm.",
            casts="", cases=[*_POSITIVE, _case(_f(1, 0, -1), expect=[0, -math.inf, math.nan])])
elementwise("Log1p", prim("log1p", X), "log(1 + x), exact near 0.", cases=[*_POSITIVE, _case(_f(0), expect=[0])])
elementwise("Sin", prim("sin", X), "The sine.", casts="", cases=_ANGLES)
elementwise("Cos", prim("cos", X), "The cosine.", casts="", cases=[*_ANGLES, _case(_f(0), expect=[1])])
elementwise("Tan", prim("tan", X), "The tangent.", casts="", cases=_ANGLES)
elementwise("Asin", prim("asin", X), "The inverse of the sine.", cases=_WITHIN_ONE)
elementwise("Acos", prim("acos", X), "The inverse of the cosine.", cases=_WITHIN_ONE)
elementwise("Atan", prim("atan", X), "The inverse of the tangent.")
elementwise("Sinh", prim("sinh", X), "The hyperbolic sine.")
elementwise("Cosh", prim("cosh", X), "The hyperbolic cosine.", casts="")
elementwise("Asinh", prim("asinh", X), "The inverse of the hyperbolic sine.")
elementwise("Acosh", prim("acosh", X), "The inverse of the hyperbolic cosine.", cases=[Case((T((9,), lo=1, hi=30),))])
elementwise("Atanh", prim("atanh", X), "The inverse of the hyperbolic tangent.", cases=_WITHIN_ONE)
elementwise("Erf", prim("erf", X), "The error function.", casts="wide")
elementwise("IsNan", prim("isnan", X), "Whether x is not a number.", api="is_nan", result="bool",
            cases=[_case(_f(1, math.nan, math.inf), expect=[0, 1, 0])])
elementwise("IsInf", prim("eq", prim("abs", X), math.inf), "Whether x is infinite.", api="is_inf", result="bool",
            cases=[_case(_f(1, math.nan, -math.inf), expect=[0, 0, 1])])
elementwise("IsFinite", prim("isfinite", X), "Whether x is a number and not infinite.", api="is_finite", result="bool",
            cases=[_case(_f(1, math.nan, math.inf), expect=[1, 0, 0])])

# ---- activations -----------------------------------------------------------------------------------------------------

elementwise("Relu", act.RELU, "max(x, 0).", takes=NUMBER, quantized="clamp")
elementwise("Relu6", act.RELU6, "min(max(x, 0), 6).", takes=NUMBER, quantized="clamp",
            cases=[_case(_f(-1, 3, 7), expect=[0, 3, 6])])
elementwise("Elu", act.ELU, "x where x >= 0, else exp(x) - 1.", casts="")
elementwise("Selu", act.SELU, "Elu scaled so that it keeps mean 0 and variance 1.")
elementwise("Softplus", act.SOFTPLUS, "log(1 + exp(x)).",
            cases=[_case(_f(200, -200), expect=[200, 0])])
elementwise("Sigmoid", act.SIGMOID, "1 / (1 + exp(-x)).", casts="", cases=[_case(_f(0, 200, -200), expect=[0.5, 1, 0])])
elementwise("Tanh", act.TANH, "The hyperbolic tangent.", casts="", cases=[_case(_f(0, 50, -50), expect=[0, 1, -1])])
elementwise("Prelu", act.PRELU, "x where x >= 0, else alpha * x.", inputs="x alpha", quantized="prelu", casts="wide")
elementwise(
    "LeakyRelu", act.leaky_relu("alpha"), "x where x >= 0, else alpha * x.", api="leaky_relu",
    quantized="prelu",
    attrs=[Attr("alpha", "float", 0.2)], casts="wide", cases=[_case(_f(-2, 3), expect=[-0.5, 3], alpha=0.25)],
)
elementwise(
    "Step", prim("select", prim("isnan", X), X, prim("select", prim("gt", X, 0), 1, param("alpha"))),
    "1 where x > 0, else alpha.", tf=(), attrs=[Attr("alpha", "float", 0)],
    cases=[_case(_f(-2, 3), expect=[0.5, 1], alpha=0.5)],
)

# ---- comparison and logic --------------------------------------------------------------------------------------------

elementwise("Equal", prim("eq", X, Y), "x == y.", result="bool", takes=ANY, text=True,
            cases=[_case(_f(1, 2, math.nan), _f(1, 3, math.nan), expect=[1, 0, 0])])
elementwise("NotEqual", prim("ne", X, Y), "x != y.", result="bool", takes=ANY, text=True, api="not_equal",
            cases=[_case(_f(1, 2, math.nan, math.nan), _f(1, 3, math.nan, 0), expect=[0, 1, 1, 1])])
elementwise("Less", prim("lt", X, Y), "x < y.", result="bool", takes=NUMBER,
            cases=[_case(_i(1, 2, 3), _i(2, 2, 2), expect=[1, 0, 0])])
elementwise("LessEqual", prim("le", X, Y), "x <= y.", result="bool", takes=NUMBER, api="less_equal")
elementwise("Greater", prim("gt", X, Y), "x > y.", result="bool", takes=NUMBER)
elementwise("GreaterEqual", prim("ge", X, Y), "x >= y.", result="bool", takes=NUMBER, api="greater_equal")
elementwise("LogicalAnd", prim("and", X, Y), "x and y.", result="bool", takes=BOOL, api="logical_and")
elementwise("LogicalOr", prim("or", X, Y), "x or y.", result="bool", takes=BOOL, api="logical_or")
elementwise("LogicalXor", prim("and", prim("or", X, Y), prim("not", prim("and", X, Y))), "Either x or y, not both.",
            result="bool", takes=BOOL, api="logical_xor")
elementwise("LogicalNot", prim("not", X), "not x.", result="bool", takes=BOOL, api="logical_not")
elementwise(
    "SelectV2", prim("select", X, Y, Z), "y where the condition holds, else z; all three are broadcast.", api="where",
    inputs="condition y z", takes=ANY, condition=1, text=True,
    cases=[_case(("bool", [1, 0]), _f(1, 2), _f(3, 4), expect=[1, 4])],
)
