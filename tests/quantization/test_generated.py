"""Generated inputs are varied and repeatable, those of two seeds differ; the command calibrates and judges on them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.tfjs import peers

import tfjslab as tf
from tfjslab.base.errors import InputError, UsageError
from tfjslab.cli.app import main
from tfjslab.graph.ir import Port
from tfjslab.quantization.calibrate import calibration_batches
from tfjslab.zoo import load

IMAGE = Port("image", "image", (None, 20, 17, 3), "float32")


def test_equal_seeds_give_equal_inputs_and_others_share_none():
    first, again, other = (tf.generated_inputs([IMAGE], 12, seed, -1, 1) for seed in (0, 0, 1))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a["image"], b["image"])
    seen = {x["image"].tobytes() for x in (*first, *other)}
    assert len(seen) == 24


def test_they_fill_the_range_and_can_be_calibrated_on():
    found = tf.generated_inputs([IMAGE], 12, 3, -1, 1)
    assert {x["image"].shape for x in found} == {(1, 20, 17, 3)}
    values = np.concatenate([x["image"].ravel() for x in found])
    assert values.dtype == np.float32
    assert (values.min(), values.max()) == (-1, 1)
    assert len(calibration_batches(found, [IMAGE])) == 12


def test_vectors_integers_and_truth_values_are_generated_too():
    ports = [Port("v", "v", (None, 9), "float32"), Port("i", "i", (4,), "int32"), Port("b", "b", (30,), "bool")]
    (found,) = tf.generated_inputs(ports, 1)
    assert {k: (v.shape, v.dtype.name) for k, v in found.items()} == {
        "v": ((1, 9), "float32"), "i": ((4,), "int32"), "b": ((30,), "bool")}
    assert 0 <= found["i"].min() <= found["i"].max() <= 255


def test_what_cannot_be_generated_is_refused():
    with pytest.raises(UsageError) as e:
        tf.generated_inputs([IMAGE], 0)
    assert str(e.value) == "count=0, low=0, high=1; expected a count of 1 or more and low < high"
    with pytest.raises(InputError) as i:
        tf.generated_inputs([Port("t", "t", (1,), "string")], 1)
    assert str(i.value) == "input 't' has no declared shape of numbers; give values for it"


@pytest.fixture(name="digits", scope="module")
def _digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "model"
    with load("digits", backend="cpu") as model:
        model.save(folder)
    return str(folder)


def test_the_command_calibrates_and_judges_on_different_inputs(digits, capsys):
    args = ["quantize", digits, "--kind", "int8", "--generate", "24", "--report", "--backend", "wasm-simd", "-r", "2"]
    assert main([*args, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["evaluated_on"] == "256 generated inputs"
    assert found["outputs"][0]["samples"] == 256
    assert found["outputs"][0]["classes"] > 4
    assert found["speed"]["speed_ratio"] > 0
    assert "compared" not in found["speed"]


def test_the_command_runs_float32_int8_and_tensorflowjs_in_turns(digits, capsys):
    """One run, three sides: each of ours is held against TensorFlow.js running the model as it came."""
    args = ["quantize", digits, "--kind", "int8", "--generate", "6", "--report", "--backend", "wasm-simd", "-r", "4"]
    assert main([*args, "--compare", "tfjs", "--peers", peers(), "--rounds", "2", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["speed"]
    assert found["speed_ratio_min"] <= found["speed_ratio"] <= found["speed_ratio_max"]
    float32, int8 = found["compared"]
    assert (float32["model"], int8["model"]) == ("float32", "int8")
    assert float32["peer"]["difference"] < 1e-5 < int8["peer"]["difference"] < 0.2
    assert float32["peer"]["median_ms"] == int8["peer"]["median_ms"] > 0
    assert len(int8["peer"]["rounds_ms"]) == 2
    assert int8["peer"]["ratio"] > 0
    assert int8["peer"]["reason"] == ""


@pytest.mark.parametrize(("extra", "message"), [
    (["--out", "x", "--kind", "uint8", "--compare", "tfjs"], "--compare is for --report; add it"),
    (["--report", "--kind", "int8", "--rounds", "2"], "--rounds is for --compare; add --compare tfjs"),
    (["--report", "--kind", "int8", "--generate", "2", "--calibration", "a.npy"],
     "--generate makes what --calibration and --evaluation would read; give one or the other"),
    (["--report", "--kind", "int8", "--generate", "2", "--range", "1"],
     "--range 1: expected two numbers, the smaller first, such as -1,1"),
])
def test_options_that_do_not_go_together_are_refused(digits, capsys, extra, message):
    assert main(["quantize", digits, *extra]) == 2
    assert capsys.readouterr().err == f"tfjslab: error: {message}\n"
