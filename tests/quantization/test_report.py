"""The report of ``tf.quantize``: one line, text, HTML and JSON of the same figures."""

import json

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.tables import Report
from tfjslab.quantization.report import QuantizationReport


@pytest.fixture(name="made", scope="module")
def _made():
    """int8 with a Softmax that stays float32, twice, and a kind that only stores weights small."""
    data = np.random.default_rng(0).uniform(0, 1, (8, 8, 8, 1)).astype(np.float32)
    with zoo.load("digits", backend="cpu") as model:
        found = [tf.quantize(model, kind, data) for kind in ("int8", "int8", "uint8")]
    for new, _ in found:
        new.dispose()
    return [report for _, report in found]


def test_the_repr_is_one_line_that_is_the_same_each_time(made):
    first, again, stored = made
    assert isinstance(first, Report)
    assert repr(first) == repr(again)
    assert repr(first).startswith("<QuantizationReport of int8: weights 42.9 kB -> ")
    assert "; 1 node in float32; digit has SQNR " in repr(first)
    assert repr(stored).startswith("<QuantizationReport of uint8: weights 42.9 kB -> ")
    assert "\n" not in repr(first) + repr(stored)


def test_text_and_html_tell_what_runs_in_integers_and_what_it_cost(made):
    for shown in (str(made[0]), made[0]._repr_html_()):
        assert "int8: 9 of 10 nodes run in int8, the others in float32" in shown
        assert "no integer form of Softmax" in shown
        assert "Accuracy against float32, on the calibration data" in shown
        assert "x smaller" in shown
    assert "<table>" in made[0]._repr_html_()


def test_weights_that_are_only_stored_small_are_listed_instead_of_nodes(made):
    titles = [table.title for table in made[2].tables()]
    assert titles[1:] == ["Accuracy against float32, on the calibration data", f"Weights in files: {made[2].size()}"]
    assert [t.title for t in made[0].tables()][2] == "Nodes: how each runs, and its signal to noise"


@pytest.mark.parametrize("index", [0, 2])
def test_json_has_the_fields_and_the_ratio(made, index):
    told = json.loads(json.dumps(made[index].to_json(), allow_nan=False))
    fields = set(QuantizationReport.__dataclass_fields__)
    assert set(told) == fields | {"size_ratio"}
    assert told == json.loads(json.dumps(made[index].data()))
