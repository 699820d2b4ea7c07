"""What results are printed as: a short line, a table as text, HTML of a moderate size; fields stay readable."""

from __future__ import annotations

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends import registry
from tfjslab.backends.registry import Backends, BackendStatus
from tfjslab.bench.results import BenchResults
from tfjslab.bench.settings import Settings

SHORT, PAGE = 200, 12_000  # characters
QUICK = Settings(runs=2, warmup=1)
IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)


@pytest.fixture(name="model")
def _model():
    with zoo.load("mobilenet_v2", backend="wasm-simd") as model:
        yield model


@pytest.fixture(name="digits")
def _digits():
    with zoo.load("digits", backend="wasm-simd") as model:
        yield model


RESULTS = {
    "profile": lambda model, _: tf.profile(lambda: model.predict(model.sample())),  # numpy in, numpy out
    "profile_model": lambda model, _: tf.profile_model(model, model.sample(), runs=1, warmup=0),
    "memory": lambda *_: tf.memory(),
    "backends": lambda *_: tf.backends(),
    "model": lambda model, _: model,
    "bench_models": lambda _, digits: tf.bench_models([("digits", digits, None)], ["cpu", "wasm-simd"], settings=QUICK),
    "optimize": lambda _, digits: tf.optimize(digits, settings=QUICK),
    "quantize": lambda _, digits: tf.quantize(digits, "int8", IMAGES),
    "sweep": lambda _, digits: tf.sweep(
        digits, IMAGES, IMAGES, settings=QUICK),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_a_short_line_and_a_table_in_a_page(name, model, digits):
    found = RESULTS[name](model, digits)
    line, page = repr(found), found._repr_html_()
    assert len(line) < SHORT * (len(found) if isinstance(found, list) else 1)
    assert "\n" not in line
    assert "<table" in page
    assert len(page) < PAGE
    for made in ("model",) if name in {"optimize", "quantize"} else ():
        getattr(found, made).dispose()


def test_a_whole_graph_is_a_line(model):
    assert repr(model.graph) == "Graph(69 nodes: input_1 -> predictions/Softmax)"


def test_memory_keeps_its_fields():
    held = tf.memory()
    with tf.ones([5]):
        more = tf.memory()
    assert (more.num_tensors - held.num_tensors, more.num_bytes - held.num_bytes) == (1, 20)
    assert isinstance(more.backends, dict)
    assert "bytes of tensors" in str(more)


def test_a_profile_tells_where_it_ran_and_what_it_left():
    tf.set_backend("cpu")
    info = tf.profile(lambda: tf.ones([4]))
    assert repr(info).startswith("ProfileInfo(0 kernels in ")
    info.result.dispose()
    with tf.tensor([1.0]) as x:
        info = tf.profile(lambda: tf.exp(x))
    assert repr(info).startswith("ProfileInfo(1 kernel on cpu in ")
    assert repr(info).endswith("+1 tensors)")
    assert info.profile.kernels is info.kernels
    assert info.kernel_names == ("Exp",)
    info.result.dispose()


def test_backends_are_a_list_that_marks_the_current_one_and_software():
    listed = tf.backends()
    assert isinstance(listed, list)
    assert [b.name for b in listed] == [b.name for b in registry.backends()]
    made = Backends([
        BackendStatus("webgpu", True, "", 3, "wgpu", "tfjs webgpu", "webgpu", True, {"adapter_type": "software"}),  # noqa: FBT003
        BackendStatus("webgl", False, "no adapter", 2, "wgpu", "tfjs webgl", "webgl", False),  # noqa: FBT003
    ])
    assert repr(made) == "[<webgpu (software adapter) (current)>, <webgl, not available>]"
    assert "->  webgpu (software adapter)  yes" in str(made)
    assert "no: no adapter" in made._repr_html_()


def test_results_of_a_benchmark_are_a_list_with_a_table(digits):
    found = tf.bench_models([("digits", digits, None)], ["cpu", "wasm-simd"], settings=QUICK)
    assert isinstance(found, BenchResults)
    assert [r.backend for r in found] == ["cpu", "wasm-simd"]
    assert found.to_json() == [r.to_json() for r in found]
    lines = str(found).splitlines()
    assert lines[0] == "Benchmark"
    assert [line.split()[1] for line in lines[2:4]] == ["cpu", "wasm-simd"]


def test_a_disposed_model_says_so_in_a_page():
    with zoo.load("digits", backend="cpu") as model:
        assert "float32" in model._repr_html_()
    assert model._repr_html_() == "<p><b>Model(digits, disposed)</b></p>"
