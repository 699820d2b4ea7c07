"""What is not written to .tflite: each refusal names the node and its op, the reason, and what to do."""

from __future__ import annotations

import pytest

from tfjslab.base.errors import ModelError, UnknownOpError
from tfjslab.formats.tflite.writer.graph import tflite_file
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import STATES, Graph, Node, Port

TO_DO = ("Replace these nodes, or end the model before them; 'tfjslab export' to a folder writes it as WebAssembly "
         "instead")


def one(name, tf_op, *shapes, dtype="float32", **attrs):
    """A model of one node."""
    b = GraphBuilder()
    given = [b.input(f"x{i}", s, dtype) for i, s in enumerate(shapes)]
    return b.build([Port("y", b.value(name, tf_op, *given, **attrs), None, "")], {})


def branch():
    """A model that gives what it is given, by one way or another."""
    inner = GraphBuilder()
    inner.input("x", (2,))
    same = inner.build([Port("y", "x", None, "float32")], {})
    ports = Port("p", "p", (), "bool"), Port("x", "x", (2,), "float32")
    node = Node("branch", "If", ("p", "x"), {"then_branch": "same", "else_branch": "same", "Tout": ("float32",)})
    return Graph(ports, (Port("y", "branch", None, ""),), (node,), {}, {"same": same})


@pytest.mark.parametrize(("graph", "reason"), [
    (one("groups", "Conv3D", (1, 3, 3, 3, 4), (2, 2, 2, 2, 6), strides=[1] * 5, padding="VALID"),
     "'groups' (Conv3D): its channels are in 2 groups, which CONV_3D lacks; split it into as many"),
    (one("words", "Squeeze", (1, 3), dtype="string", squeeze_dims=[0]),
     "'words' (Squeeze): it works on string; float32, int32, bool are written"),
    (branch(),
     "'branch' (If): loops, branches and calls are not written; a loop of a known length can be unrolled"),
    (one("places", "Where", (3,), dtype="bool"),
     "'places' (Where): the shape of what it reads or makes depends on data, and files have fixed shapes"),
    (one("bent", "Erf", (3,)),
     "'bent' (Erf): no operator of .tflite computes it, nor do any together that are known here"),
])
def test_a_node_is_refused_with_its_reason_and_what_to_do(graph, reason):
    with pytest.raises(UnknownOpError) as caught:
        tflite_file(graph)
    assert str(caught.value) == f"1 node cannot be written to .tflite: {reason}. {TO_DO}"
    assert caught.value.code == "model.tflite_write"


def test_states_are_to_become_inputs_and_outputs():
    b = GraphBuilder()
    x, s = b.input("x", (2,)), b.input("s", (2,))
    said = b.value("y", "AddV2", x, s)
    ports = [Port(name, said, None, "float32") for name in ("y", "s/next")]
    graph = b.build(ports, {STATES: {"s": "s/next"}})
    with pytest.raises(ModelError) as caught:
        tflite_file(graph)
    assert str(caught.value) == (
        "this model keeps s from one call to the next, which is not written to .tflite; save it as a model.json and "
        "write that: states are inputs and outputs then")
    assert len(tflite_file(graph.with_(metadata={})).subgraphs[0].inputs) == 2
