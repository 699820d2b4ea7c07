"""Elementwise chains without a core, and what is one in all but name: casts, choices, tensors of one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tfjslab.backends.kernels.operands import Operand, prepare
from tfjslab.backends.kernels.table import CHAIN, Specs
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.loops import can_walk_planes, on_planes, on_rows
from tfjslab.backends.wasm.lower.registry import TABLE, lowering, only_elements
from tfjslab.backends.wasm.text.emit import NATIVE
from tfjslab.backends.wasm.text.typed import Typed, convert, leaf, typed, unknown
from tfjslab.graph.ir import Node
from tfjslab.ops.expr import Expr, X, Y, Z, prim
from tfjslab.ops.selection import condition_shape
from tfjslab.passes.fusion import Group, single


def _refuses_chain(node: Node, specs: Specs) -> str:
    """Integers can do less than floats can."""
    if reason := only_elements(node, specs):
        return reason
    group = single(node)
    leaves = [leaf(i, specs[v].dtype) for i, v in enumerate(group.operands)]
    return TABLE.none_for(unknown(typed(group.expr, leaves, specs[group.output].dtype).expr, NATIVE))


@lowering(CHAIN, refuses=_refuses_chain)
def lower_chain(b: WasmBuilder, group: Group) -> None:
    """Add the loop for ``group``, which has no core."""
    untyped, operands = prepare(b, group)
    expr = typed(untyped, _leaves(operands), b.spec(group.output).dtype).expr
    loop = on_planes if can_walk_planes(b, group.output, operands) else on_rows
    loop(b, group.output, expr, operands)


@lowering("Cast", refuses=only_elements, takes_epilogue=True)
def lower_cast(b: WasmBuilder, group: Group) -> None:
    """One loop for the cast and the chain behind it; to the same dtype nothing happens."""
    core = group.core_node
    source, target = _operand(b, core.inputs[0]), b.spec(core.outputs[0]).dtype
    if source.dtype == target and group.expr is X:
        b.alias(group.output, source.name)
        return
    chain, others = prepare(b, group)
    operands = [source, *others]
    value, *rest = _leaves(operands)
    expr = typed(chain, [convert(value, target), *rest], b.spec(group.output).dtype).expr
    on_rows(b, group.output, expr, operands)


@lowering("Select", refuses=only_elements)
def lower_select(b: WasmBuilder, group: Group) -> None:
    """As SelectV2; only the condition is broadcast, by a rule of its own."""
    condition, yes, no = (_operand(b, v) for v in group.core_node.inputs)
    condition = replace(condition, shape=condition_shape(condition.shape, len(yes.shape)))
    operands = [condition, yes, no]
    on_rows(b, group.output, typed(prim("select", X, Y, Z), _leaves(operands), yes.dtype).expr, operands)


@lowering("ZerosLike", "Zeros", refuses=only_elements)
def lower_zeros(b: WasmBuilder, group: Group) -> None:
    """No operand is read."""
    _fill(b, group.output, 0.0)


@lowering("OnesLike", "Ones", refuses=only_elements)
def lower_ones(b: WasmBuilder, group: Group) -> None:
    """As ``lower_zeros``."""
    _fill(b, group.output, 1.0)


def _fill(b: WasmBuilder, output: str, value: float) -> None:
    on_rows(b, output, typed(Expr("const", leaf=value), (), b.spec(output).dtype).expr, [])


@lowering("Fill", refuses=only_elements)
def lower_fill(b: WasmBuilder, group: Group) -> None:
    """One value is read, and may be cast."""
    spread(b, group.output, group.core_node.inputs[0])


def spread(b: WasmBuilder, output: str, value: str) -> None:
    """Let ``output`` be a value that is broadcast, and cast to its dtype."""
    operands = [_operand(b, value)]
    on_rows(b, output, convert(_leaves(operands)[0], b.spec(output).dtype).expr, operands)


def _operand(b: WasmBuilder, value: str) -> Operand:
    return Operand(value, b.shape(value), b.constant_array(value), b.spec(value).dtype)


def _leaves(operands: Sequence[Operand]) -> list[Typed]:
    return [leaf(i, o.dtype) for i, o in enumerate(operands)]
