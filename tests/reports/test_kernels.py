"""Steps that both sides have, though one cuts them into more kernels, or calls them by other names."""

from __future__ import annotations

import numpy as np

from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.records.profile import KernelRecord, Profile, attribute
from tfjslab.reports.kernels import steps

GRAPH = Graph(
    (Port("x", "x", (None, 4), "float32"),), (Port("y", "b/Relu", None, ""),),
    (Node("a/Add", "Add", ("x", "w"), layer="a"), Node("b/Mul", "Mul", ("a/Add", "w"), layer="b"),
     Node("b/Relu", "Relu", ("b/Mul",), layer="b")),
    {"w": np.ones(4, np.float32)},
)


def profile(*kernels):
    found = tuple(KernelRecord(name, node, ms, (), (), 0, 0, 0, 0, 0, fallback=False, times_ms=(ms,) * 7)
                  for name, node, ms in kernels)
    wall, rest = attribute(found, 10.0)
    return Profile(found, wall, rest, 0, 0, 0, profiled_ms=(10.0,) * 7)


def told(before, after, graph=GRAPH):
    return {s.key: (s.status, s.a_ms, s.b_ms) for s in steps(before, after, graph)}


def test_kernels_of_layers_count_for_the_one_that_has_them_all():
    """TensorFlow.js runs two layers, ours one kernel with the name of the last node."""
    theirs, ours = profile(("Add", "a", 2.0), ("Mul", "b", 3.0)), profile(("add+mul+relu", "b/Relu", 1.0))
    assert told(theirs, ours) == {"b": ("both", 5.0, 1.0)}


def test_nodes_that_quantizing_made_count_for_those_they_were_made_from():
    plain = profile(("add", "a/Add", 2.0), ("mul", "b/Relu", 3.0))
    small = profile(("quantize", "x/int8", 0.5), ("add8", "a/Add/int8", 1.0), ("mul8", "b/Mul/product/int8", 1.0))
    assert told(plain, small) == {"a": ("both", 2.0, 1.5), "b": ("both", 3.0, 1.0)}


def test_kernels_of_no_known_node_stand_for_themselves():
    assert told(profile(("Add", "", 2.0)), profile(("Mul", "other", 1.0))) == {
        "Add": ("vanished", 2.0, None), "other": ("appeared", None, 1.0)}


def test_without_a_graph_nodes_are_compared_by_name():
    assert told(profile(("Add", "a", 2.0)), profile(("Add", "a", 1.0)), None) == {"a": ("both", 2.0, 1.0)}


def test_a_side_without_a_profile_has_no_steps():
    assert steps(None, profile(("Add", "a", 2.0)), GRAPH) == ()
