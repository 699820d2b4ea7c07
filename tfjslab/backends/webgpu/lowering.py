"""The driver: groups the nodes of a program and adds the dispatches of each group to a builder."""

from __future__ import annotations

from tfjslab.backends.kernels.operands import epilogue_reads
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.webgpu import lower as _families  # noqa: F401 - fills the table
from tfjslab.backends.webgpu.builder import Builder
from tfjslab.backends.webgpu.lower.elementwise import lower_chain, refuses_chain
from tfjslab.backends.webgpu.lower.registry import TABLE
from tfjslab.backends.webgpu.splitting import Limit
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.decompose import decompose
from tfjslab.passes.fusion import group_nodes, single


def lower_program(b: Builder, program: Specialized, limit: Limit) -> None:
    """Add all nodes of ``program``: kernels where there are some and values are not too large, host steps elsewhere."""
    specs = program.specs
    reasons = {n.name: refusal(n, specs) or limit.refusal(n, specs) for n in program.graph.nodes}
    rules = TABLE.rules(reasons, epilogue_reads)
    for group in group_nodes(program.graph.nodes, specs, b.outputs, rules):
        reason = reasons[group.nodes[-1].name]
        b.open(group, "+".join(n.op for n in group.nodes), reason)
        if reason:
            b.host(group.nodes[0])
        elif group.core is None:
            lower_chain(b, group)
        else:
            TABLE.rows[group.core.op].lower(b, group)


def refusal(node: Node, specs: Specs) -> str:
    """Why a node has no GPU kernel; empty when it has one."""
    parts = decompose(node.op, node.inputs, node.attrs)
    if parts.core_op is None:
        return refuses_chain(node, specs)
    found, core = TABLE.rows.get(parts.core_op), single(node).core
    if found is None or core is None:
        return TABLE.none_for(node.op)
    out = specs[node.outputs[0]]
    unread = [v for v in parts.operands if not epilogue_reads(specs[v], out)]
    if unread:
        return f"no GPU kernel for an argument of shape {list(specs[unread[0]].known_shape)} after {parts.core_op}"
    return found.refuses(core, specs)
