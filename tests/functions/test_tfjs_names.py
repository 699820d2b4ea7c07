"""Every public name of TensorFlow.js has a counterpart here, or a reason why it has none."""

from __future__ import annotations

import importlib
import json
import subprocess
from pathlib import Path

import pytest
from support.tfjs import peers

import tfjslab as tf
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.tfjs_names import TENSOR, differences, snake_case, tfjs_names, version, why_not

NAMES = {n.name: n for n in tfjs_names()}
REPO = Path(__file__).parents[2]


def test_every_name_has_a_counterpart_or_a_reason():
    assert [n.name for n in NAMES.values() if not n.here and not n.because] == []
    assert all(bool(n.here) != bool(n.because) for n in NAMES.values())


def test_every_counterpart_resolves():
    with tf.tidy():
        x = tf.ones([1])
        for n in NAMES.values():
            space, _, name = n.here.rpartition(".")
            if space == TENSOR:
                assert callable(getattr(x, name)), n
            elif n.here:
                assert getattr(getattr(tf, space) if space else tf, name) is not None, n


def test_names_are_spelled_in_snake_case():
    expected = {
        "basicLSTMCell": "basic_lstm_cell", "multiRNNCell": "multi_rnn_cell", "gatherND": "gather_nd", "addN": "add_n",
        "conv2dTranspose": "conv2d_transpose", "isHTTPScheme": "is_http_scheme", "batchNorm2d": "batch_norm2d",
        "grayscaleToRGB": "grayscale_to_rgb", "setdiff1dAsync": "setdiff1d_async",
    }
    assert {n: snake_case(n) for n in expected} == expected
    assert {NAMES[n].here for n in ("isNaN", "GraphModel", "image.rgbToGrayscale", "tensor.as1D")} == {
        "is_nan", "Model", "image.rgb_to_grayscale", "tensor.as1d"}


def test_asking_for_what_is_not_there_tells_why():
    assert why_not("sequential") == NAMES["sequential"].because
    with pytest.raises(AttributeError) as caught:
        tf.variable_grads  # noqa: B018 - the look-up is what is tested
    assert str(caught.value) == "module 'tfjslab' has no attribute 'variable_grads': training is not here yet"


def test_differences_are_told_of_names_that_are_here():
    for difference in differences():
        assert all(NAMES[name].here for name in difference["names"].split())
        assert difference["here"] != difference["tfjs"]


def test_the_page_lists_every_name(monkeypatch):
    pytest.importorskip("mkdocs")
    monkeypatch.syspath_prepend(REPO / "docs")
    page = importlib.import_module("reference_pages").tensorflow_js()
    for n in NAMES.values():
        assert f"`{n.name}`" in page or f"tf.{n.name}`" in page or f"x.{n.name.removeprefix('tensor.')}`" in page
    here = sum(bool(n.here) for n in NAMES.values())
    assert f"TensorFlow.js {version()}: {here} of {len(NAMES)} have a counterpart" in page


def test_the_list_is_that_of_tensorflow_js():
    spaces = sorted({n.namespace for n in NAMES.values()} - {"", TENSOR})
    script = ("const tf = require('@tensorflow/tfjs'); const names = Object.keys(tf);"
              "for (const s of process.argv.slice(1)) names.push(...Object.keys(tf[s]).map(n => s + '.' + n));"
              "console.log(JSON.stringify([tf.version.tfjs, names]));")
    out = subprocess.run(["node", "-e", script, *spaces], cwd=peers(), check=True, capture_output=True, text=True)
    found, names = json.loads(out.stdout)
    assert found == version()
    assert sorted(names) == sorted(n for n in NAMES if not n.startswith(f"{TENSOR}."))


def test_methods_of_tensors_are_their_own_or_functions():
    own = {n for n in dir(Tensor) if not n.startswith("_")}
    assert {"clone", "data_sync", "print"} <= own
    assert all(NAMES[f"tensor.{n}"].here for n in ("norm", "concat", "toInt", "reshapeAs", "topk"))
