"""``verify`` checks every promise of the IR and names the node that breaks it."""

from dataclasses import replace

import numpy as np
import pytest

from tfjslab.base.errors import GraphError
from tfjslab.base.limits import LIMITS
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.graph.verify import verify


def small():
    """relu(x + w), its first and last value by a split, and a loop over functions."""
    cond, body, outer = GraphBuilder(), GraphBuilder(), GraphBuilder()
    i = cond.input("i", (), "int32")
    j = body.input("i", (), "int32")
    less = cond.value("less", "Less", i, cond.constant("three", np.int32(3)))
    more = body.value("more", "AddV2", j, body.constant("one", np.int32(1)))
    outer.functions["cond"] = cond.build([Port("go", less, None, "bool")], {})
    outer.functions["body"] = body.build([Port("next", more, None, "")], {})
    x, start = outer.input("x", (None, 2)), outer.input("start", (), "int32")
    total = outer.value("sum", "AddV2", x, outer.constant("w", np.float32([1, 2])))
    relu = outer.value("relu", "Relu", total)
    outer.node("split", "Split", [relu], num_split=2, axis=1)
    loop = outer.value("loop", "While", start, cond="cond", body="body")
    return outer.build(
        [Port("a", "split", (None, 1), "float32"), Port("b", "split:1", None, ""), Port("c", loop, (), "")], {}
    )


def with_node(graph, which, **changes):
    return graph.with_(nodes=tuple(replace(n, **changes) if n.name == which else n for n in graph.nodes))


def with_function(graph, name, change):
    return graph.with_(functions={**graph.functions, name: change(graph.functions[name])})


def moved_first(graph, name):
    return graph.with_(nodes=tuple(sorted(graph.nodes, key=lambda n: n.name != name)))


def test_a_sound_graph_passes():
    verify(small())


BROKEN = {
    "node 'relu': the name is used twice": lambda g: with_node(g, "sum", name="relu"),
    "node '': the name is empty": lambda g: with_node(g, "sum", name=""),
    "node 'relu': value 'sum' does not exist, or is made later": lambda g: moved_first(g, "relu"),
    "node 'relu': value 'nothing' does not exist, or is made later": lambda g: with_node(
        g, "relu", inputs=("nothing",)
    ),
    "node 'relu': value 'split:2' does not exist, or is made later": lambda g: with_node(
        g, "relu", inputs=("split:2",)
    ),
    "node 'sum': Add has 1 inputs, expected 2": lambda g: with_node(g, "sum", inputs=("x",)),
    "node 'sum': Add has 3 inputs, expected 2": lambda g: with_node(g, "sum", inputs=("x", "w", "w")),
    "node 'sum': Add lacks one of its 2 required inputs": lambda g: with_node(g, "sum", inputs=("x", "")),
    "node 'sum': Add has 2 outputs, expected 1": lambda g: with_node(g, "sum", num_outputs=2),
    "node 'split': SplitV has 3 outputs, expected 2": lambda g: with_node(g, "split", num_outputs=3),
    "node 'sum': op 'Addd' is not in the registry; did you mean 'Add'?": lambda g: with_node(g, "sum", op="Addd"),
    "node 'sum': Add has no attribute 'alpha'": lambda g: with_node(g, "sum", attrs={"alpha": 1}),
    "node 'split': SplitV: attribute 'axis' is 'one'; expected an integer": lambda g: with_node(
        g, "split", attrs={"num_split": 2, "axis": "one", "size_splits": None}
    ),
    "node 'split': attribute 'size_splits' is [1, 1], expected (1, 1)": lambda g: with_node(
        g, "split", attrs={"num_split": 2, "axis": 1, "size_splits": [1, 1]}
    ),
    "node 'split': attribute 'axis' is given twice": lambda g: with_node(g, "split", attr_inputs={"axis": "start"}),
    "node 'split': SplitV has no attribute 'angle'": lambda g: with_node(g, "split", attr_inputs={"angle": "start"}),
    "node 'loop': function 'condition' of attribute 'cond' does not exist": lambda g: with_node(
        g, "loop", attrs={"cond": "condition", "body": "body"}
    ),
    "node 'loop': function 'body' of attribute 'body' has 1 inputs and 1 outputs, expected 2 and 2": lambda g: (
        with_node(
            with_function(g, "cond", lambda f: f.with_(inputs=(*f.inputs, Port("k", "k", None, "")))),
            "loop",
            inputs=("start", "start"),
            num_outputs=2,
        )
    ),
    "function 'body': node 'more': value 'one' does not exist, or is made later": lambda g: with_function(
        g, "body", lambda f: f.with_(constants={})
    ),
    "constant 'w' is stored as float64, expected float32": lambda g: g.with_(constants={"w": np.array([1.0, 2.0])}),
    "constant 'w' is stored as int64, expected int32": lambda g: g.with_(constants={"w": np.array([1, 2])}),
    "constant 'w' is not an array of a known dtype": lambda g: g.with_(constants={"w": [1.0, 2.0]}),
    "constant 'w' has rank 9, above the limit of 8": lambda g: g.with_(constants={"w": np.zeros([1] * 9, np.float32)}),
    "input 'x': value 'w' is made twice": lambda g: g.with_(inputs=(Port("x", "w", None, "float32"), *g.inputs)),
    "input 'x': the name is used twice": lambda g: g.with_(inputs=(*g.inputs, Port("x", "z", None, "float32"))),
    "input 'x': dtype 'float' is not one of float32, int32, bool, complex64, string, variant": lambda g: g.with_(
        inputs=(Port("x", "x", None, "float"), g.inputs[1])
    ),
    "input 'x': shape [-1]; expected lengths >= 0 or None": lambda g: g.with_(
        inputs=(Port("x", "x", (-1,), "float32"), g.inputs[1])
    ),
    "output 'a': the name is used twice": lambda g: g.with_(outputs=(g.outputs[0], g.outputs[0])),
    "output 'z': value 'zz' does not exist": lambda g: g.with_(outputs=(Port("z", "zz", None, ""),)),
    "node 'x': value 'x' is made twice": lambda g: g.with_(nodes=(Node("x", "Relu", ("x",)), *g.nodes)),
}


@pytest.mark.parametrize("message", BROKEN)
def test_broken_promises_are_named(message):
    with pytest.raises(GraphError) as caught:
        verify(BROKEN[message](small()))
    assert str(caught.value) == f"graph: {message}"


def test_a_node_may_not_claim_endless_outputs():
    graph = with_node(small(), "split", num_outputs=2**40, attrs={"num_split": 2**40, "axis": 1, "size_splits": None})
    with pytest.raises(GraphError, match="has 1099511627776 outputs"):
        verify(graph)


def test_the_number_of_nodes_is_limited():
    node = Node("n", "NoOp", num_outputs=0)
    with pytest.raises(GraphError, match="above the limit of"):
        verify(Graph((), (), (node,) * (LIMITS.nodes + 1)))


def test_the_caller_is_named():
    with pytest.raises(GraphError, match=r"^after fold: node 'relu': "):
        verify(with_node(small(), "relu", inputs=()), "after fold")
