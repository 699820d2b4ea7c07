"""Elementwise chains without a core, and what is one in all but name: casts, choices, tensors of one value.

A backend registers all of them at once. It adds how a loop over a typed expression is written, and which primitives it
has instructions for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from tfjslab.backends.kernels.builder import Builder
from tfjslab.backends.kernels.operands import Operand, prepare
from tfjslab.backends.kernels.table import CHAIN, KernelTable, Specs
from tfjslab.backends.kernels.typed import ELEMENTS, Typed, convert, leaf, typed, unknown
from tfjslab.graph.ir import Node
from tfjslab.ops.expr import Expr, X, Y, Z, prim
from tfjslab.ops.selection import condition_shape
from tfjslab.passes.fusion import Group, single

B = TypeVar("B", bound=Builder[Any, Any, Any])
# Adds the loop that makes a value of a typed expression; leaves of the expression are the operands.
Loop = Callable[[B, str, Expr, list[Operand]], None]
Alias = Callable[[B, str, str], None]  # lets a value be another's bytes


def register_elementwise(table: KernelTable[B], native: frozenset[str], loop: Loop[B], alias: Alias[B]) -> None:
    """Add the rows to a table."""
    rows = _Elementwise(table, native, loop, alias)
    others = rows.refuses_others
    table.lowering(CHAIN, refuses=rows.refuses_chain)(rows.chain)
    table.lowering("Cast", refuses=others, takes_epilogue=True)(rows.cast)
    table.lowering("Select", refuses=others)(rows.select)
    table.lowering("ZerosLike", "Zeros", refuses=others)(lambda b, g: rows.constant(b, g, 0.0))
    table.lowering("OnesLike", "Ones", refuses=others)(lambda b, g: rows.constant(b, g, 1.0))
    table.lowering("Fill", refuses=others)(rows.fill)


@dataclass(frozen=True)
class _Elementwise(Generic[B]):
    """The rows of one table."""

    table: KernelTable[B]
    native: frozenset[str]
    loop: Loop[B]
    alias: Alias[B]

    def refuses_others(self, node: Node, specs: Specs) -> str:
        """Loops move floats, integers and truth values."""
        return self.table.only(node, specs, *ELEMENTS)

    def refuses_chain(self, node: Node, specs: Specs) -> str:
        """Integers can do less than floats can."""
        if reason := self.refuses_others(node, specs):
            return reason
        group = single(node)
        leaves = [leaf(i, specs[v].dtype) for i, v in enumerate(group.operands)]
        return self.table.none_for(unknown(typed(group.expr, leaves, specs[group.output].dtype).expr, self.native))

    def chain(self, b: B, group: Group) -> None:
        """Add the loop for ``group``, which has no core."""
        untyped, operands = prepare(b, group)
        self.loop(b, group.output, typed(untyped, _leaves(operands), b.spec(group.output).dtype).expr, operands)

    def cast(self, b: B, group: Group) -> None:
        """One loop for the cast and the chain behind it; to the same dtype nothing happens."""
        core = group.core_node
        source, target = _operand(b, core.inputs[0]), b.spec(core.outputs[0]).dtype
        if source.dtype == target and group.expr is X:
            self.alias(b, group.output, source.name)
            return
        chain, others = prepare(b, group)
        operands = [source, *others]
        value, *rest = _leaves(operands)
        expr = typed(chain, [convert(value, target), *rest], b.spec(group.output).dtype).expr
        self.loop(b, group.output, expr, operands)

    def select(self, b: B, group: Group) -> None:
        """As SelectV2; only the condition is broadcast, by a rule of its own."""
        condition, yes, no = (_operand(b, v) for v in group.core_node.inputs)
        condition = replace(condition, shape=condition_shape(condition.shape, len(yes.shape)))
        operands = [condition, yes, no]
        expr = typed(prim("select", X, Y, Z), _leaves(operands), yes.dtype).expr
        self.loop(b, group.output, expr, operands)

    def constant(self, b: B, group: Group, value: float) -> None:
        """No operand is read."""
        self.loop(b, group.output, typed(Expr("const", leaf=value), (), b.spec(group.output).dtype).expr, [])

    def fill(self, b: B, group: Group) -> None:
        """One value is read, and may be cast."""
        spread(b, group.output, group.core_node.inputs[0], self.loop)


def spread(b: B, output: str, value: str, loop: Loop[B]) -> None:
    """Let ``output`` be a value that is broadcast, and cast to its dtype."""
    operands = [_operand(b, value)]
    loop(b, output, convert(_leaves(operands)[0], b.spec(output).dtype).expr, operands)


def _operand(b: Builder[Any, Any, Any], value: str) -> Operand:
    return Operand(value, b.shape(value), b.constant_array(value), b.spec(value).dtype)


def _leaves(operands: Sequence[Operand]) -> list[Typed]:
    return [leaf(i, o.dtype) for i, o in enumerate(operands)]
