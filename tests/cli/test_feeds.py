"""Shapes that the command line settles for models that leave lengths open."""

import json

import pytest

from tfjslab.base.errors import UsageError
from tfjslab.cli.app import main
from tfjslab.cli.feeds import OpenLengthWarning, sampled, shaped
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
