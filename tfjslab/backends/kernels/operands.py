"""Operands of a group's expression: constants are folded, and each operand is told how a kernel can read it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from tfjslab.backends.kernels.builder import Builder
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.expr import Expr, evaluate, is_boolean
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Group


@dataclass(frozen=True)
class Operand:
    """A value of the graph, or an array computed from constants while planning, whose name is a digest."""

    name: str
    shape: Shape
    array: Array | None = field(default=None, compare=False)
    dtype: str = "float32"


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
    """Whether a convolution's or product's epilogue can read this operand.

    Scalars, and tensors of lower rank that lie like the output, only when they are constants.
    """
    kind = kind_of(operand.known_shape, out.known_shape)
    same_rank = len(operand.known_shape) == len(out.known_shape)
    return kind == "channel" or (kind == "full" and same_rank) or (bool(kind) and operand.value is not None)


def prepare(b: Builder[Any, Any, Any], group: Group) -> tuple[Expr, list[Operand]]:
    """Fold constant sub-expressions and single constants into the expression.

    Leaves of the result count from 1 when the group has a core (whose result is leaf 0), else from 0.
    """
    first = int(group.core is not None)
    operands = [Operand(v, b.shape(v), b.constant_array(v), b.spec(v).dtype) for v in group.operands]
    whole = [o.dtype == "int32" for o in operands]
    found: list[Operand] = []

    @cache
    def known(e: Expr) -> bool:
        if e.op == "in":  # integers wrap, which is not computed here
            return e.leaf >= first and operands[e.leaf - first].array is not None and not whole[e.leaf - first]
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
