"""Shapes that the command line settles for models that leave lengths open."""

import json

import numpy as np
import pytest

from tfjslab.base.errors import UsageError
from tfjslab.cli.app import main
from tfjslab.cli.feeds import OpenLengthWarning, sampled, shaped
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.formats.registry import read_model
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

IMAGE = Port("image", "image", (None, None, 3), "float32")
SIZE = Port("size", "size", None, "int32")


def test_a_shape_settles_open_lengths_of_the_input_it_names():
    assert [p.shape for p in shaped((IMAGE, SIZE), ["image=2,4,3", "size=2"])] == [(2, 4, 3), (2,)]
    assert shaped((IMAGE,), ["1, 1, 3"])[0].shape == (1, 1, 3)
    assert shaped((IMAGE, SIZE), []) == (IMAGE, SIZE)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("2,4,3", "the model has 2 inputs; write NAME=2,4,3; inputs: image, size"),
        ("imge=2,4,3", "the model has no input 'imge'; inputs: image, size; did you mean 'image'?"),
    ],
)
def test_a_shape_says_which_input_it_is_for(given, reason):
    with pytest.raises(UsageError) as caught:
        shaped((IMAGE, SIZE), [given])
    assert str(caught.value) == f"--shape {given}: {reason}"


def test_all_names_that_are_no_inputs_are_told_at_once():
    with pytest.raises(UsageError) as caught:
        shaped((IMAGE, SIZE), ["imge=2,4,3", "size=2", "sice=1"])
    assert str(caught.value) == ("--shape: these are no inputs of the model: 'imge' (did you mean 'image'?), 'sice' "
                                 "(did you mean 'size'?); inputs: image, size")


@pytest.mark.parametrize("dims", ["2,4", "2,4,4", "2,4,3,1"])
def test_a_shape_must_fit_what_the_model_declares(dims):
    with pytest.raises(UsageError) as caught:
        shaped((IMAGE,), [dims])
    assert str(caught.value) == f"--shape {dims}: does not fit input 'image', which is ?,?,3"


@pytest.mark.parametrize("dims", ["", "2x4", "-1,3", "1,,3"])
def test_a_shape_is_lengths_with_commas(dims):
    with pytest.raises(UsageError) as caught:
        shaped((IMAGE,), [dims])
    assert str(caught.value) == f"--shape {dims}: expected lengths with commas, such as 1,224,224,3"


def test_more_than_an_open_batch_is_said_to_be_taken_as_1():
    message = r"^input 'image' is \?,\?,3; open lengths are taken as 1, --shape sets them$"
    with pytest.warns(OpenLengthWarning, match=message):
        assert sampled((IMAGE,))["image"].shape == (1, 1, 3)
    assert sampled(shaped((IMAGE,), ["1,5,3"]))["image"].shape == (1, 5, 3)


def test_commands_use_the_shape(capsys, model):
    assert main(["run", model, "--backend", "cpu", "--shape", "7,3", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"][0]["shape"] == [7, 2]
    flops = []
    for rows in "17":
        assert main(["inspect", model, "--backend", "cpu", "--shape", f"{rows},3", "--json", "-"]) == 0
        flops.append(json.loads(capsys.readouterr().out)["flops"])
    assert flops[1] == 7 * flops[0]
    assert main(["profile", model, "--backend", "cpu", "--shape", "7,3", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["kernels"][-1]["output_shapes"] == [[7, 2]]
    assert main(["bench", model, "--backend", "cpu", "--shape", "x=7,4"]) == 2
    assert "does not fit input 'x', which is ?,3" in capsys.readouterr().err


@pytest.fixture
def wide(tmp_path):
    """A model of images of any size, and eight of 6 by 6."""
    b = GraphBuilder()
    x = b.input("x", (None, None, None, 2))
    w = b.constant("w", np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float32))
    y = b.value("conv", "Conv2D", x, w, strides=[1], padding="SAME")
    y = b.value("mean", "Mean", y, axis=[1, 2], keep_dims=False)
    folder = save_graph_model(b.build([Port("mean", y, (None, 4), "float32")], {}), tmp_path / "wide")
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(8, 6, 6, 2)).astype(np.float32))
    return str(folder), str(tmp_path / "x.npy")


def test_quantize_runs_what_the_shape_says_and_writes_open_lengths(wide, tmp_path, capsys):
    model, data = wide
    how = ["quantize", model, "--backend", "cpu", "--shape", "4,6,6,2", "--json", "-"]
    assert main([*how, "--kind", "int8", "--calibration", data, "--report", "-r", "2", "--warmup", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outputs"][0]["samples"] == 8
    assert main([*how, "--kind", "uint8", "--out", str(tmp_path / "small")]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"][0]["samples"] == 4
    assert read_model(tmp_path / "small").inputs[0].shape == (None, None, None, 2)
    wrong = ["--kind", "int8", "--calibration", data, "--report", "--shape", "2,5,5,2"]
    assert main(["quantize", model, *wrong]) == 3
    assert "calibration batch 0: input 'x' has shape [2, 6, 6, 2]; expected [2, 5, 5, 2]" in capsys.readouterr().err
    assert main(["quantize", model, "--kind", "uint8", "--report", "--shape", "1,6,6,3"]) == 2
    assert "--shape 1,6,6,3: does not fit input 'x', which is ?,?,?,2" in capsys.readouterr().err


def test_generated_inputs_have_the_shape(wide, capsys):
    argv = ["quantize", wide[0], "--kind", "int8", "--generate", "3", "--report", "--backend", "cpu", "-r", "2"]
    assert main([*argv, "--shape", "1,16,16,2", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"][0]["sqnr_db"] > 20


def test_evaluate_and_sweep_run_what_the_shape_says(wide, capsys):
    model, data = wide
    how = ["--input", data, "--backend", "cpu", "--shape", "2,6,6,2"]
    assert main(["evaluate", model, "--reference", model, *how, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["samples"], told["batch_size"]) == (8, 2)
    argv = ["sweep", model, *how, "--kind", "uint8", "-r", "2", "--warmup", "1", "--json", "-"]
    assert main(argv) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 8
    assert main(["evaluate", model, "--reference", model, "--input", data, "--shape", "2,5,5,2"]) == 3
    assert "input 'x'" in capsys.readouterr().err
