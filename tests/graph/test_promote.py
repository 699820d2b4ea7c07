"""Casts: the rule of the ops, the nodes that a reader adds, and those of a run that tells dtypes."""

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.graph.promote import with_casts
from tfjslab.graph.verify import verify
from tfjslab.model.model import Model
from tfjslab.ops import registry
from tfjslab.ops.promotion import Casts, Promotion, casts

BOTH = ("float32", "int32")


@pytest.mark.parametrize(("rule", "dtypes", "expected"), [
    (None, ("int32", "float32"), None),
    (Promotion(BOTH), ("int32", "int32"), None),
    (Promotion(BOTH), ("int32", "float32"), Casts(("float32", ""))),
    (Promotion(BOTH), ("int32", "bool"), Casts(("", "int32"))),
    (Promotion(BOTH, back=True), ("bool", "bool"), Casts(("int32", "int32"), ("bool",))),
    (Promotion(("float32",), back=True), ("bool",), Casts(("float32",), ("int32", "bool"))),
    (Promotion(("float32",), whole=True), ("int32",), Casts(("",), passes_on=True)),
    (Promotion(BOTH, first=1), ("bool", "float32", "int32"), Casts(("", "", "float32"))),
    (Promotion(BOTH), ("int32", "string"), None),
    (Promotion(BOTH), ("int32", ""), None),
])
def test_the_rule(rule, dtypes, expected):
    assert casts(rule, dtypes) == expected


# What TensorFlow.js 4.22 answers for int32 [0, 1, 2, -3, 9] and bool [1, 0].
INTS, BOOLS = np.int32([0, 1, 2, -3, 9]), np.array([True, False])
UNARY = [
    ("Acosh", INTS, np.int32([0, 0, 1, 0, 2])), ("Expm1", INTS, np.int32([0, 1, 6, 0, 8102])),
    ("Round", np.int32([2**31 - 1, -(2**31)]), np.int32([2**31 - 1, -(2**31)])),
    ("Softplus", INTS, np.int32([0, 1, 2, 0, 9])), ("Exp", INTS, np.exp(INTS).astype(np.float32)),
    ("LeakyRelu", INTS, np.float32([0, 1, 2, -0.6, 9])), ("IsFinite", INTS, np.ones(5, bool)),
    ("Neg", BOOLS, BOOLS), ("Acos", BOOLS, ~BOOLS), ("Max", BOOLS, np.bool_(1)), ("Cumsum", BOOLS, np.int32([1, 1])),
]
BINARY = [
    ("Add", BOOLS, BOOLS, BOOLS), ("Sub", BOOLS, ~BOOLS, np.array([True, True])),
    ("Maximum", BOOLS, ~BOOLS, np.int32([1, 1])), ("Multiply", INTS, np.float32(0.5), (INTS / 2).astype(np.float32)),
    ("Equal", np.array(["a", "b"], object), np.array(["a", "c"], object), BOOLS),
    ("Less", INTS, np.float32(0.5), INTS < 1), ("Concat", np.float32([1.5]), INTS[:1], np.float32([1.5, 0])),
    ("BatchMatMul", INTS[None], np.float32([[1], [0.5], [1], [1], [1]]), np.float32([[8.5]])),
]


def _graph(op, arrays, *, unknown=False):
    names = [f"x{i}" for i in range(len(arrays))]
    dtypes = {"f": "float32", "i": "int32", "b": "bool", "O": "string"}
    ports = tuple(Port(n, n, None, "" if unknown else dtypes[a.dtype.kind]) for n, a in zip(names, arrays, strict=True))
    node = Node("y", op, tuple(names), registry.get(op).resolve_attrs({}, "test"))
    return Graph(ports, (Port("y", "y", None, ""),), (node,))


@pytest.mark.parametrize(("op", "arrays", "expected"), [
    *((op, (x,), e) for op, x, e in UNARY), *((op, (np.asarray(x), np.asarray(y)), e) for op, x, y, e in BINARY),
])
@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_mixed_dtypes_give_what_tensorflow_js_gives(op, arrays, expected, backend):
    """Cast when the model is read, and when only a run tells the dtypes."""
    for graph in (with_casts(_graph(op, arrays)), _graph(op, arrays, unknown=True)):
        verify(graph)
        with Model(graph, backend) as model:
            found = model.execute({p.name: a for p, a in zip(graph.inputs, arrays, strict=True)})
        assert found.dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6) if found.dtype.kind == "f" else (
            np.testing.assert_array_equal(found, expected))


def test_names_of_casts_are_free():
    graph = _graph("Multiply", (INTS, np.float32(1)))
    graph = graph.with_(nodes=(Node("y/upcast", "Identity", ("x0",)), *graph.nodes))
    made = with_casts(graph)
    verify(made)
    assert [(n.name, n.op) for n in made.nodes] == [("y/upcast", "Identity"), ("y/upcast_1", "Cast"), ("y", "Multiply")]


def test_a_value_whose_shape_depends_on_data_is_cast_when_it_runs():
    port = Port("x", "x", (None,), "float32")
    nodes = (
        Node("w", "Where", ("x",)), Node("h", "Multiply", ("w", "half")),
        Node("a", "Add", ("h", "one")),
    )
    constants = {"half": np.float32(0.5), "one": np.int32(1)}
    for make in (with_casts, lambda graph: graph):
        with Model(make(Graph((port,), (Port("a", "a", None, ""),), nodes, constants)), "wasm-simd") as model:
            np.testing.assert_array_equal(model.predict(np.float32([0, 5, 0, 5])), [[1.5], [2.5]])


def test_eager_functions_follow_the_rule():
    with tf.tensor([0, 1, 2, -3, 9], dtype="int32") as x, tf.softplus(x) as y:
        assert (y.dtype, y.numpy().tolist()) == ("int32", [0, 1, 2, 0, 9])
