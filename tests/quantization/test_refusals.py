"""What cannot be done is said in whole sentences and never done halfway: no float model leaves here as int8."""

from __future__ import annotations

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import InputError, ModelError
from tfjslab.cli.app import main
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port


def small(weight=1.0, name="small"):
    """A convolution of [batch, 4, 4, 2] and an Exp behind it."""
    b = GraphBuilder()
    x = b.input("x", (None, 4, 4, 2))
    w = b.constant("w", np.full((1, 1, 2, 3), weight, np.float32))
    y = b.value("y", "Exp", b.value("conv", "Conv2D", x, w, strides=[1], padding="SAME"))
    return b.build([Port("y", y, None, "float32")], {"name": name})


@pytest.fixture(name="model")
def _model():
    with tf.Model(small(), "cpu") as m:
        yield m


GOOD = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype(np.float32)


CONSTANT = "calibration batch 0: input 'x' is 0 everywhere; constant data tells nothing about ranges"
SHAPE = "calibration batch 0: input 'x' has shape [1, 4, 4, 5]; expected [-1, 4, 4, 2] (-1: any length)"
NOTHING = "no node of model 'small' can run in integers "


@pytest.mark.parametrize(("data", "message"), [
    (None, "int8 needs calibration data: arrays like the model's inputs"),
    ([], "the calibration data is empty; expected at least one batch"),
    (np.zeros((0, 4, 4, 2)), "calibration batch 0: input 'x' has shape [0, 4, 4, 2] and no values"),
    (np.zeros((1, 4, 4, 5)), SHAPE),
    ([GOOD, np.where(GOOD > 0, np.nan, GOOD)], "calibration batch 1: input 'x' has 48 values that are NaN or infinite"),
    (np.zeros((1, 4, 4, 2)), CONSTANT),
])
def test_calibration_that_cannot_be_used_is_refused(model, data, message):
    if isinstance(data, list) and len(data) == 2:
        message = message.replace("48", str(int((GOOD > 0).sum())))
    with pytest.raises(InputError) as e:
        tf.quantize(model, "int8", data)
    assert str(e.value) == message


def test_data_to_judge_by_is_called_by_its_name(model):
    with pytest.raises(InputError) as e:
        tf.quantize(model, "int8", GOOD, evaluation=np.zeros((1, 3)))
    assert str(e.value) == "evaluation batch 0: input 'x' has shape [1, 3]; expected [-1, 4, 4, 2] (-1: any length)"
    with pytest.raises(InputError) as e:
        tf.quantize(model, "uint8", evaluation=[])
    assert str(e.value) == "the evaluation data is empty; expected at least one batch"


def test_a_node_that_overflows_on_the_calibration_data_is_named():
    with tf.Model(small(1e38), "cpu") as m, pytest.raises(InputError) as e:
        tf.quantize(m, "int8", GOOD * 1e3)
    assert str(e.value) == "node 'conv' gives NaN or infinite values on the calibration data"


def test_every_node_without_an_integer_form_says_so(model):
    q, report = tf.quantize(model, "int8", GOOD)
    q.dispose()
    assert report.execution == "1 of 2 nodes run in int8, the others in float32"
    assert [(n.name, n.precision, n.reason) for n in report.nodes] == [
        ("conv", "int8", ""), ("y", "float32", "no integer form of Exp")]


@pytest.mark.parametrize(("weight", "kind", "message"), [
    (np.nan, "int8", f"{NOTHING}(int8): its weights are not all finite; no integer form of Exp"),
    (1.0, "dynamic-int8",
     f"{NOTHING}(dynamic-int8): Conv2D is not run in integers by this kind; no integer form of Exp"),
])
def test_a_model_of_which_nothing_can_run_in_integers_is_refused(weight, kind, message):
    with tf.Model(small(weight), "cpu") as m, pytest.raises(InputError) as e:
        tf.quantize(m, kind, GOOD)
    assert str(e.value) == message


def test_a_model_that_runs_in_integers_is_neither_written_nor_quantized_again(model, tmp_path):
    """The format would make it a float model; files of small weights are another kind."""
    with tf.quantize(model, "int8", GOOD).model as q:
        with pytest.raises(ModelError) as e:
            q.save(tmp_path / "m")
        assert str(e.value) == (
            "this model runs in int8, which a TensorFlow.js model cannot hold: it has no ops for it and would run as "
            "float32; save the float32 model it was made from, or store weights small with float16, uint8 or uint16")
        for kind in ("int8", "dynamic-int8", "uint8"):
            with pytest.raises(InputError) as i:
                tf.quantize(q, kind, GOOD)
            assert str(i.value) == (
                "model 'small int8' runs in int8 already; quantize the float32 model it was made from")
        # Passes of the optimizer leave it what it is.
        with tf.optimize(q, measure=False).model as again, pytest.raises(ModelError):
            again.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_weights_that_do_not_fit_the_kind_stay_float32_with_the_reason():
    b = GraphBuilder()
    y = b.value("y", "Add", b.input("x", (None, 2)), b.constant("large", np.float32([1e6, 1])))
    y = b.value("z", "Add", y, b.constant("fine", np.float32([0.5, 1])))
    with tf.Model(b.build([Port("z", y, None, "float32")], {"name": "sizes"}), "cpu") as m:
        q, report = tf.quantize(m, "float16")
        q.dispose()
    assert {w.name: (w.stored, w.reason) for w in report.weights} == {
        "large": ("float32", "empty, not finite, or too large for this kind"), "fine": ("float16", "")}


@pytest.mark.parametrize(("array", "message"), [
    (np.zeros((2, 4, 4, 2), np.float32), CONSTANT), (np.zeros((2, 4, 4, 5), np.float32), SHAPE),
])
def test_the_command_line_says_the_same_in_one_line(model, tmp_path, capsys, array, message):
    model.save(tmp_path / "m")
    np.save(tmp_path / "c.npy", array)
    args = ["quantize", str(tmp_path / "m"), "--kind", "int8", "--report", "--calibration", str(tmp_path / "c.npy")]
    assert main(args) == 3
    assert capsys.readouterr().err == f"tfjslab: error: {message}\n"
    assert main(["quantize", str(tmp_path / "m"), "--kind", "int8", "--report"]) == 3
    assert capsys.readouterr().err == (
        "tfjslab: error: int8 needs calibration data: arrays like the model's inputs\n")
