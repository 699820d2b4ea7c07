"""Operands of a group's expression: constants are folded, and each operand is told how a kernel can read it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from tfjslab.backends.wasm.builder import Builder, Place
from tfjslab.backends.wasm.layouts import Layout, pitch
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.expr import Expr, X, evaluate, is_boolean, replace_expr
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Group


@dataclass(frozen=True)
class Operand:
    """A value of the graph, or an array computed from constants while planning, whose name is a digest."""

    name: str
    shape: Shape
    array: Array | None = field(default=None, compare=False)


def kind_of(shape: Shape, out: Shape) -> str:
    """How an epilogue reads an operand: "scalar", "channel" (last axis), "full", or "" when it cannot."""
    if shape and shape[-1:] == out[-1:] and size_of(shape) == out[-1]:
        return "channel"
    if size_of(shape) == 1:
        return "scalar"
    if size_of(shape) == size_of(out) and shape == out[len(out) - len(shape) :]:
        return "full"
    return ""


def epilogue_reads(operand: Spec, out: Spec) -> bool:
    """Whether a convolution's or product's epilogue can read this operand; scalars only when they are constants."""
    kind = kind_of(operand.known_shape, out.known_shape)
    return kind in ("channel", "full") or (kind == "scalar" and operand.value is not None)


def prepare(b: Builder, group: Group) -> tuple[Expr, list[Operand]]:
    """Fold constant sub-expressions and single constants into the expression.

    Leaves of the result count from 1 when the group has a core (whose result is leaf 0), else from 0.
    """
    first = int(group.core is not None)
    operands = [Operand(v, b.shape(v), b.constant_array(v)) for v in group.operands]
    found: list[Operand] = []

    def known(e: Expr) -> bool:
        if e.op == "in":
            return e.leaf >= first and operands[e.leaf - first].array is not None
        return all(known(a) for a in e.args)

    def leaf(o: Operand) -> Expr:
        if o.array is not None and o.array.size == 1:
            return Expr("const", leaf=float(o.array.reshape(())))
        if o not in found:
            found.append(o)
        return Expr("in", leaf=first + found.index(o))

    def compute(e: Expr) -> Operand:
        arrays = [np.zeros(()) if o.array is None else o.array.astype(np.float64) for o in operands]
        with np.errstate(all="ignore"):
            value = np.asarray(evaluate(e, [np.zeros(())] * first + arrays, {})).astype(np.float32)
        return Operand(f"computed {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}", value.shape, value)

    @cache
    def visit(e: Expr) -> Expr:
        if e.op == "in":
            return e if e.leaf < first else leaf(operands[e.leaf - first])
        if e.op == "const":
            return e
        return leaf(compute(e)) if known(e) and not is_boolean(e) else Expr(e.op, tuple(map(visit, e.args)), e.leaf)

    return visit(group.expr), found


def place_rows(b: Builder, o: Operand) -> Place:
    """The operand row-major."""
    array = o.array
    if array is None or o.name in b.graph.constants:
        return b.rows(o.name)
    return b.constant((o.name, "rows"), lambda: array)  # computed: the name is a digest of the content


def place_planes(b: Builder, o: Operand, out: Shape) -> Place:
    """The operand as channel planes of the output's geometry; it has the output's size."""
    array = o.array
    if array is None:
        return b.planes(o.name)
    return b.constant((o.name, "planes", out), lambda: to_planes(array.reshape(out)), array)


def to_planes(array: Array) -> Array:
    """A rank-4 array as channel planes."""
    n, h, w, c = array.shape
    planes = np.zeros((n, c, pitch(h * w, w)), np.float32)
    planes[:, :, : h * w] = array.transpose(0, 3, 1, 2).reshape(n, c, h * w)
    return planes


@dataclass(frozen=True)
class EpilogueText:
    """What a kernel source needs of an epilogue: operand kinds, ``initial``, which expression, a prefix for names."""

    operands: tuple[str, ...]
    initial: int
    expr: int = 0
    p: str = ""


@dataclass(frozen=True)
class Epilogue:
    """What a core's kernel does with its sums: expression, kinds and places of the operands.

    ``initial`` is the operand that the sums start from instead of being added (a bias), -1 for none.
    """

    expr: Expr
    kinds: tuple[str, ...]
    places: tuple[Place, ...]
    initial: int = -1

    def __str__(self) -> str:
        return f"{self.expr} of {', '.join(self.kinds) or 'sums'}"

    def text(self, expr: int = 0, prefix: str = "") -> EpilogueText:
        """For the kernel source; a kernel with two epilogues tells them apart by ``prefix``."""
        return EpilogueText(self.kinds, self.initial, expr, prefix)

    def pointers(self, prefix: str = "") -> tuple[str, ...]:
        """Names of the kernel's operand parameters."""
        return tuple(f"{prefix}op{i}" for i in range(len(self.kinds)))

    def at(self, num_bytes: int) -> list[Place]:
        """The places for an image further on in a batch: operands that lie like the output move along."""
        return [p + num_bytes if k == "full" else p for p, k in zip(self.places, self.kinds, strict=True)]


def epilogue(b: Builder, group: Group, layout: Layout, *, starts: bool = False) -> Epilogue:
    """The epilogue of a group with a core. ``starts`` says that the kernel can start its sums from an operand."""
    expr, operands = prepare(b, group)
    out = b.shape(group.output)
    kinds = tuple(kind_of(o.shape, out) for o in operands)
    places = tuple(_place(b, o, k, layout, out) for o, k in zip(operands, kinds, strict=True))
    found = Epilogue(expr, kinds, places)
    return _start_from_bias(found) if starts else found


def _start_from_bias(e: Epilogue) -> Epilogue:
    """Drop the addition of a channel operand to the bare sums, when the sums are read nowhere else."""
    sums = _count(e.expr, X)
    for i, kind in enumerate(e.kinds):
        leaf = Expr("in", leaf=i + 1)
        for biased in (X + leaf, leaf + X):
            if kind == "channel" and _count(e.expr, biased) == sums == _count(e.expr, leaf):
                return replace(e, expr=replace_expr(e.expr, biased, X), initial=i)
    return e


def _count(e: Expr, part: Expr) -> int:
    return 1 if e is part else sum(_count(a, part) for a in e.args)


def _place(b: Builder, o: Operand, kind: str, layout: Layout, out: Shape) -> Place:
    if kind == "full" and layout is Layout.PLANES:
        return place_planes(b, o, out)
    return place_rows(b, o)
