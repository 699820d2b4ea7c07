"""The driver: groups the nodes of a program and adds the calls of each group to a builder."""

from __future__ import annotations

from tfjslab.backends.kernels.operands import epilogue_reads
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.wasm import lower as _families  # noqa: F401 - fills the table
from tfjslab.backends.wasm.builder import Builder
from tfjslab.backends.wasm.lower.elementwise import lower_chain
from tfjslab.backends.wasm.lower.expand import find_pairs, lower_pair, merged
from tfjslab.backends.wasm.lower.movement import reserve_channels
from tfjslab.backends.wasm.lower.registry import TABLE, float_only
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.decompose import Parts, decompose
from tfjslab.passes.fusion import Group, group_nodes, single


def lower_program(b: Builder, program: Specialized) -> None:
    """Add all nodes of ``program``: kernels where there are some, host steps elsewhere."""
    specs = program.specs
    reasons = {n.name: refusal(n, specs) for n in program.graph.nodes}

    rules = TABLE.rules(reasons, epilogue_reads)
    groups = group_nodes(program.graph.nodes, specs, b.outputs, rules)
    pairs = find_pairs(b, groups, {g.output for g in groups if not reasons[g.nodes[-1].name]})
    inside = {g.output for g in pairs.values()}
    reserve_channels(b, program.graph.nodes)
    for group in groups:
        if group.output not in inside:
            _lower_group(b, group, pairs.get(group.output), reasons[group.nodes[-1].name])


def _lower_group(b: Builder, group: Group, first: Group | None, reason: str) -> None:
    """Add one group; ``first`` is the expansion that it computes inside, ``reason`` why it has no kernel."""
    whole = merged(first, group) if first else group
    b.open(whole, kernel_name(whole), reason)
    if reason:
        b.host(group.nodes[0])
    elif first:
        lower_pair(b, first, group)
    elif group.core is None:
        lower_chain(b, group)
    else:
        TABLE.rows[group.core.op].lower(b, group)


def refusal(node: Node, specs: Specs) -> str:
    """Why a node has no WebAssembly kernel; empty when it has one."""
    parts = decompose(node.op, node.inputs, node.attrs)
    if parts.core_op is None:
        return float_only(node, specs)
    found = TABLE.rows.get(parts.core_op)
    if found is None:
        return TABLE.none_for(node.op)
    core = single(node).core
    reason = float_only(node, specs) if parts.operands else ""
    return reason or (found.refuses(core, specs) if core else "") or _epilogue_refusal(parts, specs, node)


def _epilogue_refusal(parts: Parts, specs: Specs, node: Node) -> str:
    out = specs[node.outputs[0]]
    for v in parts.operands:
        if not epilogue_reads(specs[v], out):
            return f"no WebAssembly kernel for an argument of shape {list(specs[v].known_shape)} after {parts.core_op}"
    return ""


def kernel_name(group: Group) -> str:
    """The TF.js names of what runs as one: ``FusedConv2D+Add+Relu``."""
    return "+".join(n.op for n in group.nodes)
