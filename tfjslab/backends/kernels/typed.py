"""Expressions over several element types: which instructions int32 and truth values need, told apart by prefixes.

An expression does not say what its inputs are: ``add`` adds floats and integers alike. ``typed`` spells that out, in a
tree that the emitters of backends write: primitives on integers become ``int.add``, on truth values ``bool.select``,
and inputs and constants that are no floats are marked (``int.in``, ``bool.const``). What floats compute stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np

from tfjslab.ops.expr import PRIMS, Expr, X, Y, is_boolean, nodes, prim, substitute

ELEMENTS = ("float32", "int32", "bool")
_PREFIX = {"float32": "", "int32": "int.", "bool": "bool."}
_LOGIC = ("and", "or", "not")
_INT32 = np.iinfo(np.int32)
_UNROLLED = 4  # powers up to this are written as products
_TWO_31, _TWO_32 = 2.0**31, 2.0**32
# The floor of a quotient, which is no instruction: not of what is divided by 0, which gives 0, nor by -1, which wraps.
_FLOORDIV = prim("select", prim("eq", Y, 0), 0, prim("select", prim("eq", Y, -1), 0 - X, Expr("quotient", (X, Y))))
# What integers lack, by what they have.
_BY_OTHERS = {
    "div": _FLOORDIV, "floordiv": _FLOORDIV,
    "floormod": prim("select", prim("eq", Y, 0), 0, X - prim("floordiv", X, Y) * Y),
    "neg": 0 - X, "abs": prim("select", prim("lt", X, 0), 0 - X, X),
    "min": prim("select", prim("lt", X, Y), X, Y), "max": prim("select", prim("gt", X, Y), X, Y),
}


def _by_others(e: Expr) -> Expr | None:
    """What integers lack, by what they have; None for what they have."""
    if e.op == "pow":
        return _power(*e.args)
    return substitute(_BY_OTHERS[e.op], e.args, {}) if e.op in _BY_OTHERS else None


def _power(x: Expr, y: Expr) -> Expr:
    """A power of integers; of a negative exponent nothing is left but with 1 and -1."""
    if y.op == "const" and 0 <= y.leaf <= _UNROLLED:
        return reduce(Expr.__mul__, [x] * int(y.leaf), Expr("const", leaf=1.0))
    of_one = prim("or", prim("eq", x, 1), prim("eq", x, -1))
    power = Expr("power", (x, y))
    return prim("select", prim("lt", y, 0), prim("select", of_one, power, 0), power)


@dataclass(frozen=True)
class Typed:
    """A typed expression and the dtype of its value."""

    expr: Expr
    dtype: str


def leaf(index: int, dtype: str) -> Typed:
    """The input with this index."""
    x = Expr("in", leaf=index)
    return Typed(x if dtype == "float32" else Expr(f"{_PREFIX[dtype]}in", (x,)), dtype)


def typed(e: Expr, inputs: Sequence[Typed], result: str) -> Typed:
    """``e`` with these in place of its inputs, as a value of dtype ``result``; see also ``unknown``."""

    @cache
    def dtype(x: Expr) -> str:
        """The dtype of a part; "" where there are only numbers, which fit in with any."""
        if x.op == "in":
            found: str = inputs[x.leaf].dtype
            return found
        if is_boolean(x):
            return "bool"
        return next(filter(None, map(dtype, x.args[x.op == "select":])), "")

    @cache
    def visit(x: Expr, wanted: str) -> Expr:
        prefix = _PREFIX[wanted]
        if not x.args:
            found: Expr = inputs[x.leaf].expr if x.op == "in" else _constant(x, wanted)
            return found
        if x.op == "select":
            return Expr(f"{prefix}select", (visit(x.args[0], "bool"), *(visit(a, wanted) for a in x.args[1:])))
        if is_boolean(x):
            of = "bool" if x.op in _LOGIC else next(filter(None, map(dtype, x.args)), "float32")
            return Expr(x.op if x.op in _LOGIC else f"{_PREFIX[of]}{x.op}", tuple(visit(a, of) for a in x.args))
        if wanted == "int32" and (others := _by_others(x)):
            return visit(others, wanted)
        return Expr(f"{prefix}{x.op}", tuple(visit(a, wanted) for a in x.args))

    return Typed(visit(e, result), result)


def _constant(x: Expr, dtype: str) -> Expr:
    """A number as a constant of a dtype; a fraction is none among integers, and nothing writes it."""
    if dtype == "float32":
        return x
    whole = dtype == "bool" or (x.leaf == np.trunc(x.leaf) and _INT32.min <= x.leaf <= _INT32.max)
    return Expr(f"{_PREFIX[dtype]}{'const' if whole else 'fraction'}", (x,))


def unknown(e: Expr, native: frozenset[str]) -> str:
    """A part of a typed expression that is not native to a target, as words; "" when there is none."""
    missing = [x.op for x in nodes(e) if x.op not in native]
    named = (f"{op.removeprefix(p)} of {dtype}" for op in missing for dtype, p in _PREFIX.items() if p and p in op)
    return next(named, "")


def convert(x: Typed, target: str) -> Typed:
    """The value cast to another dtype by the rules of the op Cast."""
    if x.dtype == target:
        return x
    if target == "bool":
        return typed(prim("ne", X, 0), [x], target)
    if x.dtype == "bool":
        return typed(prim("select", X, 1, 0), [x], target)
    return Typed(Expr("from_int", (x.expr,)) if target == "float32" else _low_bits(x.expr), target)


def _low_bits(x: Expr) -> Expr:
    """A float without its fraction, the low 32 bits of what int32 does not hold, and 0 for what is not finite."""
    whole = prim("trunc", x)
    # Exact: beyond 2**31 all floats are multiples of 2**8. Of infinity this makes NaN, and that becomes 0.
    rest = whole - prim("floor", whole * (1 / _TWO_32)) * _TWO_32
    fits = prim("lt", prim("abs", x), _TWO_31)
    return Expr("int.select", (fits, Expr("int.trunc", (x,)), Expr("int.trunc_unsigned", (rest,))))


def work(e: Expr) -> int:
    """Operations for each element of a typed expression, counted as those on floats are."""
    names = (x.op.rpartition(".")[2] for x in nodes(e))
    return sum(PRIMS[n].flops for n in names if n in PRIMS)
