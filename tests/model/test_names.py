"""Names that a model does not have are told at once, each with the nearest that it has."""

import pytest

import tfjslab as tf
from tfjslab.base.errors import InputError, ModelError
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port


@pytest.fixture
def model():
    b = GraphBuilder()
    left, right = b.input("left", (2,)), b.input("right", (2,))
    total = b.value("total", "AddV2", left, right)
    with tf.Model(b.build([Port("total", total, (2,), "float32")], {}), "cpu") as made:
        yield made


X = {"left": [1.0, 2.0], "right": [1.0, 2.0]}


def test_one_unknown_output(model):
    with pytest.raises(ModelError) as e:
        model.execute(X, "totl")
    assert str(e.value) == "'totl' is not an output or node of the model; did you mean 'total'?"


def test_several_unknown_outputs(model):
    with pytest.raises(ModelError) as e:
        model.execute(X, ["totl", "total", "zzz"])
    assert str(e.value) == "these are no outputs or nodes of the model: 'totl' (did you mean 'total'?), 'zzz'"


def test_several_unknown_inputs(model):
    with pytest.raises(InputError) as e:
        model.predict({"lft": [1.0, 2.0], "rigt": [1.0, 2.0]})
    assert str(e.value) == ("these are no inputs of the model: 'lft' (did you mean 'left'?), 'rigt' (did you mean "
                            "'right'?); inputs: left, right")


def test_several_missing_inputs(model):
    with pytest.raises(InputError) as e:
        model.predict({})
    assert str(e.value) == "inputs 'left', 'right' are missing; given: none"
