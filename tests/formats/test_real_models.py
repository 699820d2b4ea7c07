"""Real models, where they are at hand: read, written, and loaded again by TensorFlow.js."""

import json
from pathlib import Path

import numpy as np
import pytest
from support import tfjs

from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.formats.registry import read_model
from tfjslab.graph.text import dump

SHARED = Path(__file__).parents[3] / "shared"
MODELS = ("mobilenet_v2_graph", "mobilenet_v2_layers", "blazeface-front", "facemesh", "handtrack")
NUMPY = {"float32": "<f4", "int32": "<i4"}


@pytest.fixture(params=MODELS)
def real(request):
    """(folder of the model, what its golden outputs are)."""
    folder = SHARED / "models" / request.param
    if not folder.is_dir():
        pytest.skip("the real models are not beside this repository")
    return folder, json.loads((SHARED / "golden" / request.param / "meta.json").read_text())


def test_inputs_and_outputs_are_called_as_in_tfjs(real):
    folder, golden = real
    graph = read_model(folder)
    assert [p.name for p in graph.outputs] == [o["name"] for o in golden["outputs"]]
    assert [(p.name, p.dtype) for p in graph.inputs] == [(i["name"], i["dtype"]) for i in golden["inputs"]]


def _lines(graph):
    """The dump without functions, whose arguments are called after what the loops were made of."""
    return sorted(line for line in dump(graph).splitlines() if not line.startswith(" "))


def test_writing_and_reading_gives_the_same_graph(real, tmp_path):
    graph = read_model(real[0])
    copy = read_model(save_graph_model(graph, tmp_path / "m"))
    if real[1]["kind"] == "graph":
        assert _lines(copy) == _lines(graph)
    for name, weight in graph.constants.items():
        np.testing.assert_array_equal(copy.constants[name], weight)


def test_tfjs_computes_the_golden_outputs_from_what_is_written(real, tmp_path):
    tfjs.peers()
    folder, golden = real
    data = SHARED / "golden" / folder.name
    feeds = {i["name"]: np.fromfile(data / i["file"], NUMPY[i["dtype"]]).reshape(i["shape"]) for i in golden["inputs"]}
    (found,) = tfjs.predict([(save_graph_model(read_model(folder), tmp_path / "m"), feeds)])
    assert not isinstance(found, str), found
    for (name, values), wanted in zip(found, golden["outputs"], strict=True):
        assert name == wanted["name"]
        np.testing.assert_array_equal(
            values, np.fromfile(data / wanted["file"], NUMPY[wanted["dtype"]]).reshape(wanted["shape"])
        )
