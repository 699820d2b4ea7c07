"""Feeding a model and reading it out, on a graph small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tfjslab.base.errors import DisposedError, DTypeError, InputError, ModelError, ShapeError, TfjslabError
from tfjslab.engine.create import tensor
from tfjslab.engine.state import STATE
from tfjslab.engine.tensor import Tensor
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model.model import Model

X = Port("x", "x", (None, 3), "float32")
WEIGHTS = {"w": np.array([1, -2, 3], np.float32)}
NODES = (Node("sum", "Add", ("x", "w")), Node("relu", "Relu", ("sum",)))


Y = Port("y", "relu", (None, 3), "float32")


def small_graph(outputs=(Y,), inputs=(X,), nodes=NODES):
    return Graph(inputs, outputs, nodes, {k: v.copy() for k, v in WEIGHTS.items()})


@pytest.fixture
def model():
    with Model(small_graph()) as m:
        yield m


@pytest.mark.parametrize("x", [
    [[1, 2, 3]], [np.array([[1, 2, 3]], np.float32)], np.array([[1, 2, 3.0]]), {"x": [[1, 2, 3]]},
    {"x:0": np.array([[1, 2, 3]], np.float16)},
], ids=["lists", "a list of arrays", "float64", "by name", "by name:0"])
def test_every_way_to_feed_one_input_gives_the_same(model, x):
    np.testing.assert_array_equal(model.predict(x), [[2, 0, 6]])


def test_numpy_gives_numpy_and_tensors_give_tensors(model):
    assert type(model.predict([[1, 2, 3]])) is np.ndarray
    with tensor([[1, 2, 3]]) as x, model.predict(x) as y:
        assert isinstance(y, Tensor)
        assert (y.dtype, y.array_sync()) == ("float32", [[2, 0, 6]])


def test_several_outputs_come_as_a_list_and_never_alias_inputs_or_weights():
    outputs = [Port("same", "x", (None, 3), "float32"), Port("w", "w", (3,), "float32"), Port("y", "relu", None, "")]
    x = np.ones((1, 3), np.float32)
    with Model(small_graph((*outputs, outputs[2]))) as model:
        results = model.predict(x)
        assert [r.shape for r in results] == [(1, 3), (3,), (1, 3), (1, 3)]
        for r in results:
            r[...] = 7
        np.testing.assert_array_equal(model.predict(x)[1], WEIGHTS["w"])
    np.testing.assert_array_equal(x, 1)


def test_any_node_can_be_asked_for_and_fed(model):
    np.testing.assert_array_equal(model.execute([[1, 2, 3]], "sum"), [[2, 0, 6]])
    np.testing.assert_array_equal(model.execute({"x": [[-9, 2, 3]]}, ["sum:0"])[0], [[-8, 0, 6]])
    np.testing.assert_array_equal(model.execute({"sum": np.float32([[-1, 5, 0]])}, "y"), [[0, 5, 0]])


@pytest.mark.parametrize(("x", "error", "message"), [
    ({"z": 1}, InputError, "input 'z' is not an input of the model; inputs: x"),
    ({}, InputError, "input 'x' is missing; given: none"),
    ([np.zeros(3), np.zeros(3)], InputError, "2 input(s) given; the model has 1: x"),
    (np.zeros((2, 2)), ShapeError, "input 'x': shape [2, 2]; expected [?, 3]"),
    (np.zeros(3), ShapeError, "input 'x': shape [3]; expected [?, 3]"),
    ([[1], [2, 3]], ShapeError, "input 'x': a ragged list cannot become a tensor"),
    (np.zeros((1, 3), np.uint8), DTypeError,
     "input 'x': dtype int32 (uint8); expected float32; convert it with .astype(np.float32)"),
    ([["a", "b", "c"]], DTypeError, "input 'x': dtype string (<U1); expected float32"),
    (object(), DTypeError, "input 'x': values of object cannot become a tensor; expected numbers, bools or text"),
])
def test_what_does_not_fit_is_refused_with_found_and_expected(model, x, error, message):
    with pytest.raises(error) as caught:
        model.predict(x)
    assert str(caught.value) == message


def test_integers_that_do_not_fit_int32_are_refused():
    port = Port("i", "x", None, "int32")
    with Model(Graph((port,), (port,), ())) as model:
        np.testing.assert_array_equal(model.predict(np.array([5, -7])), np.array([5, -7], np.int32))
        with pytest.raises(DTypeError, match="input 'i': int64 values outside of int32"):
            model.predict(np.array([2**40]))


def test_an_unknown_output_suggests_a_close_one(model):
    with pytest.raises(ModelError) as caught:
        model.execute([[1, 2, 3]], "relo")
    assert str(caught.value) == "'relo' is not an output or node of the model; did you mean 'relu'?"


def test_weights_count_until_dispose_and_disposing_twice_is_fine():
    before = vars(STATE.counters).copy()
    model = Model(small_graph())
    assert STATE.counters.num_tensors == before["num_tensors"] + 1
    assert STATE.counters.num_bytes == before["num_bytes"] + 12
    model.dispose()
    model.dispose()
    assert vars(STATE.counters) == before
    with pytest.raises(DisposedError) as caught:
        model.predict([[1, 2, 3]])
    assert (str(caught.value), caught.value.code) == ("model 'model' is disposed and cannot be used", "model.disposed")


def test_errors_of_ops_name_the_node():
    nodes = (*NODES, Node("bad", "Add", ("relu", "x2")))
    graph = small_graph((Port("y", "bad", None, ""),), (X, Port("x2", "x2", None, "float32")), nodes)
    with Model(graph) as model, pytest.raises(TfjslabError) as caught:
        model.predict([np.zeros((1, 3)), np.zeros(4)])
    assert str(caught.value) == "node 'bad' (Add): shapes [1, 3] and [4] cannot be broadcast together"


def test_summary_shows_ports_sizes_and_ops(model):
    assert model.summary().splitlines() == [
        "Model: model", "inputs:", "  x  float32 [?, 3]", "outputs:", "  y  float32 [?, 3]",
        "parameters: 3 in 1 weights, 12 bytes", "operations: 6 for one example", "nodes: 2",
        "  Add                              1", "  Relu                             1",
    ]
    assert repr(model) == "Model(model: x -> y)"
