"""From an elementwise expression to a WGSL function, on single values or on vectors of four."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.kernels.typed import leaf, typed
from tfjslab.backends.webgpu.text.far_angles import far_angles
from tfjslab.ops.expr import Expr
from tfjslab.ops.expr_math import expand

# Text with {0}, {1}, {2} for the arguments; F, I, U, B are the types of floats, integers, bits and truth values.
_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">",
    "ge": ">=", "and": "&", "or": "|",
}
_CALLS = {"abs": "abs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "nearest": "round", "trunc": "trunc"}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_INTEGER = ("add", "sub", "mul", *_COMPARISONS)
_PATTERNS = {
    **{p: f"({{0}} {sign} {{1}})" for p, sign in _INFIX.items()},
    **{f"int.{p}": f"({{0}} {_INFIX[p]} {{1}})" for p in _INTEGER},
    **{f"bool.{p}": f"({{0}} {_INFIX[p]} {{1}})" for p in ("eq", "ne")},
    **{p: f"{call}({{0}})" for p, call in _CALLS.items()},
    **dict.fromkeys(("select", "int.select", "bool.select"), "select({2}, {1}, {0})"),
    "neg": "(-{0})", "not": "(!{0})",
    # naga's own != of floats is false where one is NaN.
    "ne": "(!({0} == {1}))",
    # WGSL's own min and max may lose a NaN, and so may a comparison of x with itself, and the choice between x and a
    # constant that drivers of OpenGL make a minimum of; bits may not.
    "min": "min_nan({0}, {1})", "max": "max_nan({0}, {1})", "isnan": "is_nan({0})",
    "scale2": "({0} * bitcast<F>((I({1}) + I(127)) << U(23u)))",
    "exponent": "(F(I((bitcast<U>({0}) >> U(23u)) & U(255u))) - F(127.0))",
    "mantissa": "bitcast<F>((bitcast<U>({0}) & U(0x7fffffu)) | U(0x3f800000u))",
    "from_int": "F({0})", "int.trunc": "I({0})",
    # What NaN becomes is left to the adapter.
    "int.trunc_unsigned": "bitcast<I>(select(U({0}), U(0u), is_nan({0})))",
    "turned": "bitcast<F>(bitcast<U>({0}) ^ (bitcast<U>(I({1})) << U(31u)))",
    **{p: f"{p}({{0}}, {{1}})" for p in ("far_sin", "far_cos", "far_tan")},
    "int.quotient": "int_quotient({0}, {1})", "int.power": "int_power({0}, {1})", "int.bitand": "({0} & {1})",
}
# What patterns call, written in front of the kernels that need it: the floor of a quotient by what is not 0 or -1, and
# powers whose exponent is not negative. What comes of others is not chosen.
_INT_QUOTIENT = """fn int_quotient(x: I, y: I) -> I {
  let safe = select(y, I(1), (y == I(0)) | (y == I(-1)));
  let q = x / safe;
  return select(q, q - I(1), (x - q * safe != I(0)) & ((x < I(0)) != (safe < I(0))));
}
"""
_INT_POWER = """fn int_power(x: I, y: I) -> I {
  var product = I(1);
  var square = x;
  for (var bit = 0u; bit < 31u; bit++) {
    product = select(product, product * square, ((y >> U(bit)) & I(1)) == I(1));
    square = square * square;
  }
  return product;
}
"""
_HELPERS = {"int_quotient(": _INT_QUOTIENT, "int_power(": _INT_POWER}
_INT32_MIN = -(2**31)
_PREFIXES = ("", "int.", "bool.")
_INPUTS, _CONSTANTS = (tuple(f"{prefix}{kind}" for prefix in _PREFIXES) for kind in ("in", "const"))
NATIVE = frozenset((*_PATTERNS, *_INPUTS, *_CONSTANTS))
_TYPES = {"float32": "F", "int32": "I", "bool": "B"}


@dataclass(frozen=True)
class Function:
    """A typed expression as a function: the dtypes of its leaves and of its value, and how many lanes that has."""

    expr: Expr
    dtypes: tuple[str, ...]
    result: str = "float32"
    lanes: int = 4


def function(expr: Expr, *dtypes: str, result: str = "float32", lanes: int = 4) -> Function:
    """The function of an expression that is not typed yet."""
    leaves = [leaf(i, d) for i, d in enumerate(dtypes)]
    return Function(typed(expr, leaves, result).expr, dtypes, result, lanes)


def types(lanes: int) -> dict[str, str]:
    """The names F, I, U, B as WGSL types."""
    plain = {"F": "f32", "I": "i32", "U": "u32", "B": "bool"}
    return {k: f"vec4<{v}>" if lanes > 1 else v for k, v in plain.items()}


def prelude(lanes: int) -> str:
    """Aliases for the types, and the helpers that the text of expressions calls."""
    aliases = "\n".join(f"alias {k} = {v};" for k, v in types(lanes).items())
    return f"""{aliases}
// Constant expressions must not be infinite or NaN; variables may be.
var<private> inf_bits: u32 = 0x7f800000u;
var<private> nan_bits: u32 = 0x7fc00000u;
fn is_nan(x: F) -> B {{ return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }}
// A choice by a comparison alone becomes the GPU's own min, which loses the NaN of x.
fn min_nan(x: F, y: F) -> F {{ return select(y, x, (x < y) | is_nan(x)); }}
fn max_nan(x: F, y: F) -> F {{ return select(y, x, (x > y) | is_nan(x)); }}
"""


def const(value: float) -> str:
    """A float constant, in every lane."""
    with np.errstate(over="ignore"):
        v = float(np.float32(value))
    if np.isnan(v):
        return "F(bitcast<f32>(nan_bits))"
    if np.isinf(v):
        return f"F({'-' if v < 0 else ''}bitcast<f32>(inf_bits))"
    return f"F({v.hex()}f)"


def emit(function: Function, name: str) -> str:
    """The WGSL function: parameters ``x0``, ``x1``, ..., shared sub-expressions in locals."""
    tree = expand(function.expr, NATIVE)
    counts: Counter[Expr] = Counter()
    _count(tree, counts)
    lines: list[str] = []
    done: dict[Expr, str] = {}

    def text(e: Expr) -> str:
        if e not in done:
            plain = _plain(e, [text(a) for a in e.args])
            if counts[e] > 1 and e.op not in (*_INPUTS, *_CONSTANTS):
                lines.append(f"let t{len(lines)} = {plain};")
                plain = f"t{len(lines) - 1}"
            done[e] = plain
        return done[e]

    result = text(tree)
    parameters = ", ".join(f"x{i}: {_TYPES[d]}" for i, d in enumerate(function.dtypes))
    body = "\n".join((*lines, f"return {result};"))
    return f"fn {name}({parameters}) -> {_TYPES[function.result]} {{\n{body}\n}}\n"


def helpers(functions: Sequence[str], lanes: int) -> str:
    """What the texts of functions call, beside the prelude."""
    found = [helper for call, helper in _HELPERS.items() if any(call in f for f in functions)]
    return "".join((*found, far_angles("".join(functions), lanes)))


def _plain(e: Expr, args: Sequence[str]) -> str:
    if e.op in _INPUTS:
        return f"x{e.leaf if e.op == 'in' else e.args[0].leaf}"
    if e.op == "const":
        return const(e.leaf)
    if e.op == "int.const":
        value = int(e.args[0].leaf)
        return f"I({value})" if value > _INT32_MIN else f"(I({value + 1}) - I(1))"
    if e.op == "bool.const":
        return f"B({'true' if e.args[0].leaf else 'false'})"
    return _PATTERNS[e.op].format(*args)


def _count(e: Expr, counts: Counter[Expr]) -> None:
    counts[e] += 1
    if e.op == "int.trunc_unsigned":  # its pattern has the argument twice
        counts[e.args[0]] += 1
    if counts[e] == 1:
        for a in e.args:
            _count(a, counts)
