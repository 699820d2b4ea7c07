"""Runs nodes on a session."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import of_value
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.graph.specialize import specialize
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec


def graph_of(nodes, feeds, constants, outputs):
    """A graph with the given nodes; values in ``feeds`` are its inputs."""
    ports = tuple(Port(k, k, v.shape, of_value(v)) for k, v in feeds.items())
    return Graph(ports, tuple(Port(o, o, None, "") for o in outputs), tuple(nodes), constants)


def run_nodes(session, nodes, feeds, constants, outputs):
    """Compile and run once; gives (results by name, infos of the commands), or None when a node is not static."""
    program = specialize(
        graph_of(nodes, feeds, constants, outputs), {k: Spec(v.shape, of_value(v)) for k, v in feeds.items()},
    )
    if any(n.name not in program.static for n in program.graph.nodes):
        return None
    plan = session.compile(program, outputs)
    try:
        return plan.run(feeds), plan.info.commands
    finally:
        plan.dispose()


def run_node(session, op, inputs, attrs, num_outputs, *, constant):
    """One node whose inputs but the first are constants when ``constant`` is set."""
    values = {f"x{i}": v for i, v in enumerate(inputs)}
    constants = {k: v for k, v in values.items() if constant and k != "x0"}
    feeds = {k: v for k, v in values.items() if k not in constants}
    node = Node("n", op.name, tuple(values), op.resolve_attrs(attrs, "test"), num_outputs=num_outputs)
    return run_nodes(session, [node], feeds, constants, node.outputs)


def assert_runs(sessions, name, attrs, feeds, constants=()):
    """One op without a host step, bit for bit the reference; ``feeds`` in the op's order, some of them constants."""
    op = registry.get(name)
    attrs = op.resolve_attrs(attrs, "test")
    want = op.run(list(feeds.values()), attrs)
    node = Node("out", name, tuple(feeds), attrs, num_outputs=len(want))
    fixed = {k: feeds[k] for k in constants}
    given = {k: v for k, v in feeds.items() if k not in fixed}
    for session in sessions:
        found, infos = run_nodes(session, [node], given, fixed, node.outputs)
        assert [i.reason for i in infos if i.fallback] == []
        for value, right in zip(node.outputs, want, strict=True):
            assert found[value].dtype == right.dtype
            np.testing.assert_array_equal(found[value], right)
