"""Splitting a graph into plans and single steps: few plans, right order, nothing that is not needed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfjslab.base.errors import GraphError
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model.schedule import NodeStep, PlanStep, prune, schedule
from tfjslab.ops.registry import Spec

X = Port("x", "x", (4,), "float32")
EACH = {"axis": ()}
SPEC = {"x": Spec((4,), "float32")}


def graph(*nodes, constants=None, inputs=(X,)):
    return Graph(tuple(inputs), (), nodes, constants or {})


def shape_of(steps):
    """Groups as lists of node names, single steps as names."""
    return [[n.name for n in s.program.graph.nodes] if isinstance(s, PlanStep) else s.node.name for s in steps]


def test_a_static_graph_is_one_plan():
    g = graph(Node("a", "Relu", ("x",)), Node("b", "Neg", ("a",)))
    plan = schedule(g, SPEC, ("b",))
    assert shape_of(plan.steps) == [["a", "b"]]
    assert (plan.steps[0].inputs, plan.steps[0].outputs) == (("x",), ("b",))


def test_what_no_output_needs_is_left_out():
    g = graph(Node("a", "Relu", ("x",)), Node("b", "Neg", ("w",)), constants={"w": np.ones(2, np.float32)})
    assert shape_of(schedule(g, SPEC, ("a",)).steps) == [["a"]]
    pruned = prune(g, ["a"])
    assert (pruned.constants, [n.name for n in pruned.nodes]) == ({}, ["a"])


def test_shape_arithmetic_disappears_with_the_nodes_that_only_fed_it():
    g = graph(
        Node("big", "Neg", ("x",)), Node("shape", "Shape", ("big",)),
        Node("out", "Reshape", ("x",), attr_inputs={"shape": "shape"}),
    )
    assert shape_of(schedule(g, SPEC, ("out",)).steps) == [["out"]]


def test_static_nodes_around_dynamic_ones_need_as_few_plans_as_possible():
    """Two dynamic nodes with static work before, between and beside them: three plans, not five."""
    g = graph(
        Node("a", "Relu", ("x",)), Node("u1", "Unique", ("a",), EACH, num_outputs=2), Node("b", "Neg", ("x",)),
        Node("c", "Abs", ("b",)), Node("u2", "Unique", ("c",), EACH, num_outputs=2), Node("d", "Sqrt", ("c",)),
    )
    assert shape_of(schedule(g, SPEC, ("u1", "u2", "d")).steps) == [["a", "b", "c", "d"], "u1", "u2"]


def test_values_are_let_go_after_their_last_use():
    g = graph(Node("u", "Unique", ("x",), EACH, num_outputs=2), Node("v", "Neg", ("u",)), Node("w", "Neg", ("v",)))
    plan = schedule(g, SPEC, ("w",))
    assert shape_of(plan.steps) == ["u", "v", "w"]
    assert [set(v) for v in plan.last_uses] == [{"x", "u:1"}, {"u"}, {"v"}]


def test_strings_are_never_compiled():
    text = Port("s", "s", (2,), "string")
    plan = schedule(graph(Node("same", "Identity", ("s",)), inputs=[text]), {"s": Spec((2,), "string")}, ("same",))
    assert shape_of(plan.steps) == ["same"]


def test_feeding_a_value_from_inside_cuts_the_graph_there():
    g = graph(Node("a", "Relu", ("x",)), Node("b", "Neg", ("a",)))
    assert shape_of(schedule(g, {"a": Spec((2,), "float32")}, ("b",)).steps) == [["b"]]


def test_a_node_is_fed_as_a_whole_or_not_at_all():
    g = graph(Node("u", "Unique", ("x",), EACH, num_outputs=2))
    with pytest.raises(GraphError) as caught:
        schedule(g, {"u": Spec((2,), "float32")}, ("u",))
    assert str(caught.value) == "node 'u' is fed without its output 'u:1'; feed all of its outputs"


def test_branches_of_a_switch_are_plans_of_their_own():
    """A plan runs as a whole, so it never holds nodes of both branches, nor nodes from outside of them."""
    p = Port("p", "p", (), "bool")
    g = graph(
        Node("before", "Neg", ("x",)), Node("s", "Switch", ("before", "p"), num_outputs=2),
        Node("no", "Relu", ("s",)), Node("no2", "Abs", ("no",)), Node("yes", "Sqrt", ("s:1",)),
        Node("m", "Merge", ("no2", "yes"), num_outputs=2), Node("after", "Neg", ("m",)),
        inputs=[X, p],
    )
    plan = schedule(g, {**SPEC, "p": Spec((), "bool")}, ("after",))
    assert shape_of(plan.steps) == [["before"], "s", ["no", "no2"], ["yes"], "m", ["after"]]


_OPS = st.lists(st.tuples(st.sampled_from(["Relu", "Neg", "Unique", "Add"]), st.integers(0, 50), st.integers(0, 50)),
                min_size=1, max_size=25)


@given(_OPS, st.integers(0, 50))
def test_every_step_comes_after_what_it_reads(rows, pick):
    nodes, values = [], ["x"]
    for i, (op, a, b) in enumerate(rows):
        first, second = values[a % len(values)], values[b % len(values)]
        name = f"n{i}"
        inputs, attrs = (first, second) if op == "Add" else (first,), EACH if op == "Unique" else {}
        nodes.append(Node(name, op, inputs, attrs, num_outputs=1 + (op == "Unique")))
        values.append(name)
    wanted = values[pick % len(values)]
    plan = schedule(graph(*nodes), SPEC, (wanted,))
    made = {"x"}
    for step in plan.steps:
        reads = step.inputs if isinstance(step, PlanStep) else step.node.uses
        assert set(reads) <= made
        made.update(step.outputs if isinstance(step, PlanStep) else step.node.outputs)
        assert isinstance(step, (PlanStep, NodeStep))
    assert wanted in made
    kinds = [isinstance(s, PlanStep) for s in plan.steps]
    assert not any(a and b for a, b in itertools.pairwise(kinds)), "neighbouring plans could be one"
