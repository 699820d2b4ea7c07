"""From an elementwise expression to WebAssembly text, scalar or SIMD.

Sub-expressions that occur twice go to a local. Locals follow the naming convention of the templates (``$v_`` vector
or float, ``$m_`` mask), so they are declared by ``tfjslab.backends.wasm.text.templates``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from tfjslab.backends.wasm.text.far_angles import SCALAR_PATTERNS, SIMD_PATTERNS
from tfjslab.ops.expr import Expr, is_boolean, transform
from tfjslab.ops.expr_math import expand


@dataclass(frozen=True, eq=False)
class Lanes:
    """How one variant spells vectors: ``count`` floats in a value of type ``type``."""

    name: str
    count: int
    type: str
    mask: str
    simple: dict[str, str]  # primitive -> instruction
    patterns: dict[str, str] = field(default_factory=dict)  # primitive -> text with {0}, {1}, {2}


_COMMON = ("add", "sub", "mul", "div", "neg", "abs", "sqrt", "floor", "ceil", "nearest", "trunc", "eq", "ne", "lt",
           "le", "gt", "ge", "min", "max")
# On integers and masks, which are compared as integers; see ``tfjslab.backends.kernels.typed``.
_TYPED = {f"int.{p}": p for p in ("add", "sub", "mul", "eq", "ne")} | {f"bool.{p}": p for p in ("eq", "ne")} | {
    f"int.{p}": f"{p}_s" for p in ("lt", "le", "gt", "ge")
}

# Integers have no quotient in lanes, and elsewhere one that traps. That of doubles is exact enough for its floor.
_QUOTIENT = "(f64x2.floor (f64x2.div (f64x2.convert_low_i32x4_s {0}) (f64x2.convert_low_i32x4_s {1})))"
_UPPER = "(i8x16.swizzle {0} (v128.const i8x16 8 9 10 11 12 13 14 15 0 0 0 0 0 0 0 0))"
_LANES = ("(local.get $m_dividend)", "(local.get $m_divisor)")
_LOWER_QUOTIENTS, _UPPER_QUOTIENTS = (
    f"(i32x4.trunc_sat_f64x2_s_zero {_QUOTIENT.format(*lanes)})" for lanes in (_LANES, map(_UPPER.format, _LANES))
)
# A power by the bits of the exponent, which is not negative, as long as there are any.
_POWER = """(block (result {type}) {{0}} {{1}} (local.set $m_exponent) (local.set $m_square) (local.set $m_power {one})
(loop $L_power
(local.set $m_power {chosen})
(local.set $m_square ({mul} (local.get $m_square) (local.get $m_square)))
(br_if $L_power ({any} (local.tee $m_exponent ({shift} (local.get $m_exponent) (i32.const 1))))))
(local.get $m_power))"""
_FIRST_HALVES = " ".join(map(str, (*range(8), *range(16, 24))))
_ONES = "(v128.const i32x4 1 1 1 1)"
_BIT_SET = f"(i32x4.eq (v128.and (local.get $m_exponent) {_ONES}) {_ONES})"
_WITH_BIT, _WITHOUT_BIT = "({mul} (local.get $m_power) (local.get $m_square))", "(local.get $m_power)"
_LAST_BIT = "(i32.and (local.get $m_exponent) (i32.const 1))"

# scale2(x, n) builds the float 2**n: adding 1.5 * 2**23 + 127 to a whole n leaves n + 127 in the low bits. What is
# subtracted from n goes into that constant, {2}.
_EXPONENT_BIAS = 1.5 * 2**23 + 127
# turned(x, n) adds 1.5 * 2**23 to n, whose last bit then is the last one, and moves that to the sign.
SIMD = Lanes("simd", 4, "v128", "v128", {p: f"f32x4.{p}" for p in _COMMON} | {
    p: f"i32x4.{instruction}" for p, instruction in _TYPED.items()
} | {
    "and": "v128.and", "or": "v128.or", "not": "v128.not", "from_int": "f32x4.convert_i32x4_s",
    "int.bitand": "v128.and", "int.trunc": "i32x4.trunc_sat_f32x4_s", "int.trunc_unsigned": "i32x4.trunc_sat_f32x4_u",
}, dict.fromkeys(("select", "int.select", "bool.select"), "(v128.bitselect {1} {2} {0})") | {
    "scale2": "(f32x4.mul {0} (i32x4.shl (f32x4.add {1} {2}) (i32.const 23)))",
    "power2": "(i32x4.shl (f32x4.add {0} {1}) (i32.const 23))",
    "exponent": "(f32x4.convert_i32x4_s (i32x4.sub (i32x4.shr_u (v128.and {0} (i32x4.splat (i32.const 0x7fffffff)))"
                " (i32.const 23)) (i32x4.splat (i32.const 127))))",
    "mantissa": "(v128.or (v128.and {0} (i32x4.splat (i32.const 0x7fffff))) (i32x4.splat (i32.const 0x3f800000)))",
    "turned": "(v128.xor {0} (i32x4.shl (f32x4.add {1} (v128.const f32x4 0x1.8p23 0x1.8p23 0x1.8p23 0x1.8p23))"
              " (i32.const 31)))",
    # Both operands are computed before the locals are set: they may be quotients, too.
    "int.quotient": "(block (result v128) {0} {1} (local.set $m_divisor) (local.set $m_dividend)"
                    f" (i8x16.shuffle {_FIRST_HALVES} {_LOWER_QUOTIENTS} {_UPPER_QUOTIENTS}))",
    "int.power": _POWER.format(
        type="v128", one=_ONES, mul="i32x4.mul", any="v128.any_true", shift="i32x4.shr_u",
        chosen=f"(v128.bitselect {_WITH_BIT.format(mul='i32x4.mul')} {_WITHOUT_BIT} {_BIT_SET})",
    ),
    # One instruction each; a constant second operand lets NaN through as min and max must.
    "min_const": "(f32x4.pmin {0} {1})",
    "max_const": "(f32x4.pmax {0} {1})",
} | SIMD_PATTERNS)
SCALAR = Lanes("scalar", 1, "f32", "i32", {p: f"f32.{p}" for p in _COMMON} | {
    p: f"i32.{instruction}" for p, instruction in _TYPED.items()
} | {
    "and": "i32.and", "or": "i32.or", "not": "i32.eqz", "from_int": "f32.convert_i32_s",
    "int.bitand": "i32.and", "int.trunc": "i32.trunc_sat_f32_s", "int.trunc_unsigned": "i32.trunc_sat_f32_u",
}, dict.fromkeys(("int.select", "bool.select"), "(select {1} {2} {0})") | {
    # Cranelift branches on a float select, and data decide the branch; an integer select is a conditional move.
    "select": "(f32.reinterpret_i32 (select (i32.reinterpret_f32 {1}) (i32.reinterpret_f32 {2}) {0}))",
    "scale2": "(f32.mul {0} (f32.reinterpret_i32 (i32.shl (i32.reinterpret_f32 (f32.add {1} {2})) (i32.const 23))))",
    "power2": "(f32.reinterpret_i32 (i32.shl (i32.reinterpret_f32 (f32.add {0} {1})) (i32.const 23)))",
    "exponent": "(f32.convert_i32_s (i32.sub (i32.shr_u (i32.and (i32.reinterpret_f32 {0}) (i32.const 0x7fffffff))"
                " (i32.const 23)) (i32.const 127)))",
    "mantissa": "(f32.reinterpret_i32 (i32.or (i32.and (i32.reinterpret_f32 {0}) (i32.const 0x7fffff))"
                " (i32.const 0x3f800000)))",
    "turned": "(f32.reinterpret_i32 (i32.xor (i32.reinterpret_f32 {0}) (i32.shl (i32.reinterpret_f32"
              " (f32.add {1} (f32.const 0x1.8p23))) (i32.const 31))))",
    "int.quotient": "(i32.trunc_sat_f64_s (f64.floor (f64.div (f64.convert_i32_s {0}) (f64.convert_i32_s {1}))))",
    "int.power": _POWER.format(
        type="i32", one="(i32.const 1)", mul="i32.mul", any="i32.ne (i32.const 0)", shift="i32.shr_u",
        chosen=f"(select {_WITH_BIT.format(mul='i32.mul')} {_WITHOUT_BIT} {_LAST_BIT})",
    ),
    # f32.min and f32.max become several branches each; these comparisons become minss and maxss, and pass NaN on.
    "min_const": "(select {1} (local.tee $v_p {0}) (f32.lt {1} (local.get $v_p)))",
    "max_const": "(select {1} (local.tee $v_p {0}) (f32.lt (local.get $v_p) {1}))",
} | SCALAR_PATTERNS)
_INPUTS, _CONSTANTS = (tuple(f"{prefix}{leaf}" for prefix in ("", "int.", "bool.")) for leaf in ("in", "const"))
NATIVE = frozenset((*SIMD.simple, *SIMD.patterns, *_INPUTS, *_CONSTANTS))


def const(value: float, lanes: Lanes) -> str:
    """A float constant, in every lane."""
    with np.errstate(over="ignore"):
        v = float(np.float32(value))
    text = "nan" if v != v else ("-inf" if v < 0 else "inf") if v in (np.inf, -np.inf) else v.hex()  # noqa: PLR0124
    return f"(f32.const {text})" if lanes.count == 1 else f"(v128.const f32x4 {' '.join([text] * 4)})"


def _typed_const(e: Expr, lanes: Lanes) -> str:
    """An integer or a mask, in every lane."""
    value = int(e.args[0].leaf)
    if lanes.count == 1:
        return f"(i32.const {value})"
    return f"(v128.const i32x4 {' '.join([str(-value if e.op == 'bool.const' else value)] * 4)})"


class Emitter:
    """Turns expressions into text; temporaries are numbered so that uses in one function may share locals."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes

    def emit(self, expression: Expr, leaves: Sequence[str]) -> str:
        """One folded instruction for ``expression``; ``leaves[i]`` is the text that supplies input ``i``.

        A leaf may be used more than once, so callers pass ``(local.get ...)`` or accept that a load is shared
        through a temporary.
        """
        tree, shared = _prepared(expression)
        return self._node(tree, leaves, shared, set())

    def _node(self, e: Expr, leaves: Sequence[str], shared: dict[Expr, int], done: set[Expr]) -> str:
        if e in shared and not (e.op == "in" and leaves[e.leaf].startswith("(local.get")):
            # What is no float has the type of a mask: i32 where that is one lane.
            local = f"${'m' if is_boolean(e) or '.' in e.op else 'v'}_t{shared[e]}"
            if e in done:
                return f"(local.get {local})"
            text = self._plain(e, leaves, shared, done)
            done.add(e)
            return f"(local.tee {local} {text})"
        return self._plain(e, leaves, shared, done)

    def _plain(self, e: Expr, leaves: Sequence[str], shared: dict[Expr, int], done: set[Expr]) -> str:
        if e.op in _INPUTS:
            return str(leaves[e.leaf if e.op == "in" else e.args[0].leaf])
        if e.op in _CONSTANTS:
            return const(e.leaf, self.lanes) if e.op == "const" else _typed_const(e, self.lanes)
        bounded = f"{e.op}_const"  # min or max with a constant, where the variant has a better way
        name = bounded if bounded in self.lanes.patterns and e.args[1].op == "const" else e.op
        # Evaluation order of the text must be that of the instruction: values, then condition.
        if name.endswith("select"):
            yes, no, cond = (self._node(a, leaves, shared, done) for a in (e.args[1], e.args[2], e.args[0]))
            return self.lanes.patterns[name].format(cond, yes, no)
        args = [self._node(a, leaves, shared, done) for a in e.args]
        if name in self.lanes.patterns:
            return self.lanes.patterns[name].format(*args)
        return f"({self.lanes.simple[name]} {' '.join(args)})"


@lru_cache(maxsize=256)
def _prepared(expression: Expr) -> tuple[Expr, dict[Expr, int]]:
    """The expression in primitives, and numbers for its parts that occur twice: asked for at each vector."""
    tree = transform(expand(expression, NATIVE), _bias_exponent)
    counts: Counter[Expr] = Counter()
    _count(tree, counts)
    return tree, {e: i for i, e in enumerate(e for e, n in counts.items() if n > 1 and e.op not in _CONSTANTS)}


def _bias_exponent(e: Expr, args: tuple[Expr, ...]) -> Expr:
    """Gives scale2 its third argument, the constant that it adds to the exponent; of 1 it is that power itself."""
    if e.op != "scale2":
        return Expr(e.op, args, e.leaf)
    x, n = args
    less, n = (n.args[1].leaf, n.args[0]) if n.op == "sub" and n.args[1].op == "const" else (0.0, n)
    bias = Expr("const", leaf=_EXPONENT_BIAS - less)
    return Expr("power2", (n, bias)) if x.op == "const" and x.leaf == 1 else Expr(e.op, (x, n, bias))


def _count(e: Expr, counts: Counter[Expr]) -> None:
    counts[e] += 1
    if counts[e] == 1:
        for a in e.args:
            _count(a, counts)
