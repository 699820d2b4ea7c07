"""Elementwise expressions: one small language from which every backend makes its code.

An ``Expr`` is a tree over inputs (``X``, ``Y``, ...), constants, attributes of the op (``param``) and the
primitives in ``PRIMS``. ``evaluate`` runs it with numpy. WebAssembly and WGSL generators translate the same
tree, after ``expand`` has replaced what the target lacks (``exp`` on WebAssembly) by its definition from
``tfjslab.ops.expr_math``. Fusing a chain of elementwise ops is substitution of trees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from weakref import WeakValueDictionary

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.ops.far_angles import replacing
from tfjslab.ops.special import erf

_READABLE = 1000  # nodes of a tree that is written out
_INTERNED: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()


@dataclass(frozen=True, eq=False, repr=False)
class Expr:
    """A node: ``op`` is a primitive, ``"in"`` (``leaf`` = index), ``"const"`` or ``"param"`` (``leaf`` = value, name).

    Equal expressions are one object, so comparing and hashing take no time however often subtrees are shared.
    """

    op: str
    args: tuple[Expr, ...] = ()
    leaf: Any = None
    depth: int = field(init=False)  # operations one after the other, from here to the furthest leaf

    def __post_init__(self) -> None:
        inner = max((a.depth for a in self.args), default=-1)
        known = PRIMS[self.op].flops if inner >= 0 and self.op in PRIMS else 1
        object.__setattr__(self, "depth", known + inner)

    def __new__(cls, op: str, args: tuple[Expr, ...] = (), leaf: Any = None) -> Self:
        """Give the one object for this node."""
        # repr tells 0.0 from -0.0 and 1 from True, which == does not, and makes NaN equal to itself.
        found: Self = _INTERNED.setdefault((op, args, repr(leaf)), super().__new__(cls))
        return found

    def __reduce__(self) -> tuple[type[Expr], tuple[Any, ...]]:
        return Expr, (self.op, self.args, self.leaf)

    def __str__(self) -> str:
        """Readable and exact: ``min(max(x0, 0.0), 6.0)``. A large tree is told as ``repr`` tells it."""
        if self.op in ("in", "const", "param"):
            return f"x{self.leaf}" if self.op == "in" else str(self.leaf)
        if _tree_size(self) > _READABLE:
            return repr(self)
        return f"{self.op}({', '.join(map(str, self.args))})"

    def __repr__(self) -> str:
        """Exact, for keys: each distinct part once, by number, as parts that are shared double a tree at each level."""
        parts = nodes(self)
        number = {x: i for i, x in enumerate(parts)}
        return f"Expr[{'; '.join(f'{x.op} {x.leaf!r} {[number[a] for a in x.args]}' for x in parts)}]"

    def __add__(self, o: Expr | float) -> Expr:
        return prim("add", self, o)

    def __radd__(self, o: float) -> Expr:
        return prim("add", o, self)

    def __sub__(self, o: Expr | float) -> Expr:
        return prim("sub", self, o)

    def __rsub__(self, o: float) -> Expr:
        return prim("sub", o, self)

    def __mul__(self, o: Expr | float) -> Expr:
        return prim("mul", self, o)

    def __rmul__(self, o: float) -> Expr:
        return prim("mul", o, self)

    def __truediv__(self, o: Expr | float) -> Expr:
        return prim("div", self, o)

    def __rtruediv__(self, o: float) -> Expr:
        return prim("div", o, self)

    def __neg__(self) -> Expr:
        return prim("neg", self)


def _wrap(v: Expr | float) -> Expr:
    return v if isinstance(v, Expr) else Expr("const", leaf=float(v))


def prim(name: str, *args: Expr | float) -> Expr:
    """Apply primitive ``name``; numbers become constants."""
    if len(args) != PRIMS[name].arity:
        raise TypeError(f"{name} takes {PRIMS[name].arity} arguments, got {len(args)}")
    return Expr(name, tuple(_wrap(a) for a in args))


def param(name: str) -> Expr:
    """The value of the op's attribute ``name``."""
    return Expr("param", leaf=name)


X, Y, Z = (Expr("in", leaf=i) for i in range(3))


@dataclass(frozen=True)
class Prim:
    """A primitive: its numpy meaning, cost in operations, and whether it yields a truth value."""

    arity: int
    numpy: Callable[..., Any]
    flops: int = 1
    boolean: bool = False


def _whole(*values: Any) -> bool:
    return np.result_type(*values).kind in "iu"


def _divide(x: Array, y: Array) -> Any:
    """The quotient; of integers its floor, as in TF.js, and 0 where y is 0."""
    return np.floor_divide(x, y) if _whole(x, y) else np.divide(x, y)


def _floor_divide(x: Array, y: Array) -> Any:
    """The floor of the rounded quotient, as in TF.js; numpy's own floors the exact one (1 // 0.1 is 9)."""
    return np.floor(_divide(x, y))


def _power(x: Array, y: Array) -> Any:
    """The power; of integers modulo 2**32, with the fraction cut off, where numpy refuses negative exponents."""
    if not _whole(x, y):
        return np.power(x, y)
    of_one = np.where((x == 1) | (x == -1), np.where(y % 2 == 0, 1, x), 0)
    return np.where(y < 0, of_one, np.power(x, np.maximum(y, 0)))


PRIMS: dict[str, Prim] = {
    "add": Prim(2, np.add), "sub": Prim(2, np.subtract), "mul": Prim(2, np.multiply), "div": Prim(2, _divide),
    "bitand": Prim(2, np.bitwise_and), "neg": Prim(1, np.negative), "abs": Prim(1, np.abs), "sqrt": Prim(1, np.sqrt),
    # tfjs min and max pass NaN on, as numpy's do.
    "min": Prim(2, np.minimum), "max": Prim(2, np.maximum),
    "floor": Prim(1, np.floor), "ceil": Prim(1, np.ceil), "nearest": Prim(1, np.rint), "trunc": Prim(1, np.trunc),
    "eq": Prim(2, np.equal, boolean=True), "ne": Prim(2, np.not_equal, boolean=True),
    "lt": Prim(2, np.less, boolean=True), "le": Prim(2, np.less_equal, boolean=True),
    "gt": Prim(2, np.greater, boolean=True), "ge": Prim(2, np.greater_equal, boolean=True),
    "and": Prim(2, np.logical_and, boolean=True), "or": Prim(2, np.logical_or, boolean=True),
    "not": Prim(1, np.logical_not, boolean=True),
    # select(condition, when true, when false)
    "select": Prim(3, np.where),
    # scale2(x, n) = x * 2**n for whole n in [-126, 127]; exponent and mantissa undo it: x = mantissa * 2**exponent,
    # mantissa in [1, 2). They are what exp and log are built from where the target has neither.
    "scale2": Prim(2, lambda x, n: np.ldexp(x, np.asarray(n).astype(np.int32))),
    "exponent": Prim(1, lambda x: np.frexp(x)[1].astype(np.asarray(x).dtype) - 1),
    "mantissa": Prim(1, lambda x: np.frexp(x)[0] * 2),
    # turned(x, n) = x * (-1)**n for whole n, far below 2**22 where it matters.
    "turned": Prim(2, lambda x, n: np.where(n % 2 != 0, -x, x)),
    # far_sin(near, x): near, or the sine of x where that is a large angle; see ``tfjslab.ops.far_angles``.
    "far_sin": Prim(2, replacing(np.sin)), "far_cos": Prim(2, replacing(np.cos)),
    "far_tan": Prim(2, replacing(np.tan)),
    "exp": Prim(1, np.exp, 8), "expm1": Prim(1, np.expm1, 10),
    "expm1_negative": Prim(1, np.expm1, 8),  # of what is known to be no more than 0
    "log": Prim(1, np.log, 8), "log1p": Prim(1, np.log1p, 10),
    "sin": Prim(1, np.sin, 10), "cos": Prim(1, np.cos, 10), "tan": Prim(1, np.tan, 20),
    "asin": Prim(1, np.arcsin, 12), "acos": Prim(1, np.arccos, 12), "atan": Prim(1, np.arctan, 12),
    "atan2": Prim(2, np.arctan2, 16), "sinh": Prim(1, np.sinh, 12), "cosh": Prim(1, np.cosh, 12),
    "sigmoid": Prim(1, lambda x: 1 / (1 + np.exp(-x)), 11),
    "tanh": Prim(1, np.tanh, 12), "asinh": Prim(1, np.arcsinh, 12), "acosh": Prim(1, np.arccosh, 12),
    "atanh": Prim(1, np.arctanh, 12), "pow": Prim(2, _power, 16), "erf": Prim(1, erf, 16),
    "floordiv": Prim(2, _floor_divide), "floormod": Prim(2, np.mod), "truncmod": Prim(2, np.fmod),
    "isnan": Prim(1, np.isnan, boolean=True), "isfinite": Prim(1, np.isfinite, boolean=True),
}


def evaluate(e: Expr, inputs: Sequence[Array], params: Mapping[str, Any]) -> Any:
    """Compute the expression with numpy in the precision of ``inputs``; shared subtrees once."""
    numeric = [a.dtype for a in inputs if a.dtype.kind != "b"]
    done: dict[Expr, Any] = {}

    def value(x: Expr) -> Any:
        if x not in done:
            if x.op == "in":
                done[x] = inputs[x.leaf]
            elif x.op in PRIMS:
                done[x] = PRIMS[x.op].numpy(*map(value, x.args))
            else:
                done[x] = _constant(x.leaf if x.op == "const" else params[x.leaf], numeric)
        return done[x]

    return value(e)


def _constant(value: Any, numeric: Sequence[np.dtype[Any]]) -> Any:
    """A constant in the precision of the first numeric input; what is no integer stays as it is among integers."""
    if not numeric or (numeric[0].kind in "iu" and not _fits(value, numeric[0])):
        return value
    return numeric[0].type(value)


def _fits(value: Any, dtype: np.dtype[Any]) -> bool:
    info = np.iinfo(dtype)
    return bool(info.min <= value <= info.max and value == int(value))


def transform(e: Expr, rule: Callable[[Expr, tuple[Expr, ...]], Expr]) -> Expr:
    """Rebuild the tree from the leaves up: ``rule(node, new arguments)`` gives each new node, once."""
    done: dict[Expr, Expr] = {}

    def visit(x: Expr) -> Expr:
        if x not in done:
            done[x] = rule(x, tuple(map(visit, x.args)))
        return done[x]

    return visit(e)


def replace_expr(e: Expr, old: Expr, new: Expr) -> Expr:
    """Put ``new`` wherever ``old`` stands."""
    return transform(e, lambda x, args: new if x is old else Expr(x.op, args, x.leaf))


def substitute(e: Expr, inputs: Sequence[Expr], params: Mapping[str, Any]) -> Expr:
    """Put expressions in place of inputs and values in place of params: how chains are fused."""
    if not params and all(x.op == "in" and x.leaf == i for i, x in enumerate(inputs)):
        return e  # a long chain that grows by one is not built anew each time

    def rule(x: Expr, args: tuple[Expr, ...]) -> Expr:
        if x.op == "in":
            found: Expr = inputs[x.leaf]
            return found
        if x.op == "param":
            return Expr("const", leaf=float(params[x.leaf]))
        return Expr(x.op, args, x.leaf)

    return transform(e, rule)


def nodes(e: Expr) -> list[Expr]:
    """The distinct nodes, arguments before their users."""
    found: dict[Expr, None] = {}

    def visit(x: Expr) -> None:
        if x not in found:
            for a in x.args:
                visit(a)
            found[x] = None

    visit(e)
    return list(found)


def _tree_size(e: Expr) -> int:
    """The number of nodes, shared parts as often as they are used."""
    sizes: dict[Expr, int] = {}
    for x in nodes(e):
        sizes[x] = 1 + sum(sizes[a] for a in x.args)
    return sizes[e]


def occurrences(e: Expr, part: Expr) -> int:
    """How often a part stands in the tree: where it is shared, as often as it is used."""
    found: dict[Expr, int] = {}
    for x in nodes(e):
        found[x] = 1 if x is part else sum(found[a] for a in x.args)
    return found[e]


def num_inputs(e: Expr) -> int:
    """One more than the largest input index."""
    return max((x.leaf + 1 for x in nodes(e) if x.op == "in"), default=0)


def flops(e: Expr) -> int:
    """Operations for each element; shared subtrees count once."""
    return sum(PRIMS[x.op].flops for x in nodes(e) if x.op in PRIMS)


def is_boolean(e: Expr) -> bool:
    """Whether the expression yields truth values."""
    return e.op in PRIMS and PRIMS[e.op].boolean
