"""The driver: groups the nodes of a program and adds the calls of each group to a builder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from tfjslab.backends.kernels.builder import Builder
from tfjslab.backends.kernels.operands import epilogue_reads
from tfjslab.backends.kernels.table import CHAIN, KernelTable, Lower, Refuses, Specs
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.passes.fusion import Group, group_nodes, single

B = TypeVar("B", bound=Builder[Any, Any, Any])
# What runs as one, and how it is lowered where that is not its core's row.
Step = tuple[Group, Lower[B] | None]
# Groups, and the outputs of those that have kernels, to steps: where a backend runs several groups as one.
Fuse = Callable[[B, Sequence[Group], Collection[str]], Iterable[Step[B]]]


def apart(_builder: Any, groups: Sequence[Group], _kernels: Collection[str]) -> Iterable[Step[Any]]:
    """Each group is a step of its own."""
    return ((g, None) for g in groups)


def lower_program(
    b: B, program: Specialized, table: KernelTable[B], *, also_refuses: Refuses = lambda *_: "", fuse: Fuse[B] = apart,
) -> None:
    """Add all nodes of ``program``: kernels where there are some, host steps elsewhere.

    ``also_refuses`` are a backend's reasons against a node that are not about its op.
    """
    nodes, specs = program.graph.nodes, program.specs
    reasons = {n.name: refusal(table, n, specs) or also_refuses(n, specs) for n in nodes}
    groups = group_nodes(nodes, specs, b.outputs, table.rules(reasons, epilogue_reads))
    kernels = {g.output for g in groups if not reasons[g.nodes[-1].name]}
    for group, lower in fuse(b, groups, kernels):
        reason = reasons[group.nodes[-1].name]
        b.open(group, "+".join(n.op for n in group.nodes), reason)
        row = table.rows.get(group.core.op if group.core else CHAIN)
        if reason or row is None:
            b.host(group.nodes[0])
        elif table.skips_empty and not row.even_when_empty and not any(b.spec(v).size for v in group.nodes[-1].outputs):
            for v in group.nodes[-1].outputs:
                b.new(v)
        else:
            (lower or row.lower)(b, group)


def refusal(table: KernelTable[Any], node: Node, specs: Specs) -> str:
    """Why a node has no kernel; empty when it has one."""
    group = single(node)
    core = group.core
    found = table.rows.get(core.op if core else CHAIN)
    if found is None:
        return table.none_for(node.op)
    if core is None:
        return found.refuses(node, specs)
    reason = table.only(node, specs, "float32") if group.operands else ""
    return reason or found.refuses(core, specs) or table.none_for(_unread(group, core, specs))


def _unread(group: Group, core: Node, specs: Specs) -> str:
    """An operand that no epilogue reads, if there is one."""
    out = specs[group.output]
    shapes = [list(specs[v].known_shape) for v in group.operands if not epilogue_reads(specs[v], out)]
    return f"an argument of shape {shapes[0]} after {core.op}" if shapes else ""
