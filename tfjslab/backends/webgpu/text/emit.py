"""From an elementwise expression to a WGSL function, on single floats or on vectors of four."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.ops.expr import Expr, is_boolean
from tfjslab.ops.expr_math import expand

# Text with {0}, {1}, {2} for the arguments; F, I, U are the float, int and unsigned types, scalar or vector.
_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">",
    "ge": ">=", "and": "&", "or": "|",
}
_CALLS = {"abs": "abs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "nearest": "round", "trunc": "trunc"}
_PATTERNS = {
    **{p: f"({{0}} {sign} {{1}})" for p, sign in _INFIX.items()},
    **{p: f"{call}({{0}})" for p, call in _CALLS.items()},
    "neg": "(-{0})", "not": "(!{0})",
    "select": "select({2}, {1}, {0})",
    # WGSL's own min and max may lose a NaN, and so may a comparison of x with itself; bits may not.
    "min": "min_nan({0}, {1})", "max": "max_nan({0}, {1})", "isnan": "is_nan({0})",
    "scale2": "({0} * bitcast<F>((I({1}) + I(127)) << U(23u)))",
    "exponent": "(F(I((bitcast<U>({0}) >> U(23u)) & U(255u))) - F(127.0))",
    "mantissa": "bitcast<F>((bitcast<U>({0}) & U(0x7fffffu)) | U(0x3f800000u))",
}
_LOGIC = ("and", "or", "not")  # a constant truth value was folded to a number
NATIVE = frozenset(_PATTERNS)


@dataclass(frozen=True)
class Function:
    """An expression as a function of its leaves: which of them are truth values, and how many lanes a value has."""

    expr: Expr
    booleans: tuple[bool, ...]
    lanes: int = 4


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

    def truth(e: Expr) -> bool:
        return is_boolean(e) or (e.op == "in" and function.booleans[e.leaf])

    def text(e: Expr) -> str:
        if e not in done:
            plain = _plain(e, [text(a) for a in e.args], truth)
            if counts[e] > 1 and e.op not in ("const", "in"):
                lines.append(f"let t{len(lines)} = {plain};")
                plain = f"t{len(lines) - 1}"
            done[e] = plain
        return done[e]

    result = text(tree)
    parameters = ", ".join(f"x{i}: {'B' if b else 'F'}" for i, b in enumerate(function.booleans))
    body = "\n".join((*lines, f"return {result};"))
    return f"fn {name}({parameters}) -> {'B' if is_boolean(tree) else 'F'} {{\n{body}\n}}\n"


def _plain(e: Expr, args: Sequence[str], truth: Callable[[Expr], bool]) -> str:
    if e.op == "in":
        return f"x{e.leaf}"
    if e.op == "const":
        return const(e.leaf)
    if e.op in _LOGIC or (e.op in ("eq", "ne") and any(map(truth, e.args))):
        args = [_truth(a) if a.op == "const" else t for a, t in zip(e.args, args, strict=True)]
    elif e.op == "select" and e.args[0].op == "const":
        args = [_truth(e.args[0]), *args[1:]]
    bound = e.op in ("min", "max") and e.args[1].op == "const"
    if bound and e.args[1].leaf == e.args[1].leaf:
        return f"select({args[0]}, {args[1]}, {args[0]} {'>' if e.op == 'min' else '<'} {args[1]})"
    return _PATTERNS[e.op].format(*args)


def _truth(constant: Expr) -> str:
    return f"B({'true' if constant.leaf else 'false'})"


def _count(e: Expr, counts: Counter[Expr]) -> None:
    counts[e] += 1
    # A bounded value is read twice by its comparison.
    if e.op in ("min", "max"):
        counts[e.args[0]] += 1
    if counts[e] == 1:
        for a in e.args:
            _count(a, counts)
