"""The zoo's models have the real architectures, say that their weights are random, and know where the real ones are."""

from collections import Counter

import numpy as np
import pytest

from tfjslab import zoo
from tfjslab.base.errors import ModelError
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.formats.registry import read_model
from tfjslab.graph.verify import verify
from tfjslab.model.model import Model
from tfjslab.passes.registry import run_passes
from tfjslab.zoo import mobilenet_v2, registry

ONE = {"mobilenet_v2": (1, 224, 224, 3), "blazeface": (1, 128, 128, 3), "digits": (1, 8, 8, 1)}
RANDOM = [n for n, e in zoo.ENTRIES.items() if e.random]
# Numbers of the published models: ops, and bytes of float32 weights without the shapes that files store as tensors.
OPS = {
    "mobilenet_v2": {
        "FusedConv2D": 35,
        "FusedDepthwiseConv2D": 17,
        "Add": 10,
        "PadV2": 4,
        "Mean": 1,
        "_FusedMatMul": 1,
        "Softmax": 1,
    },
    "blazeface": {
        "FusedConv2D": 21,
        "DepthwiseConv2dNative": 16,
        "Add": 16,
        "Relu": 16,
        "PadV2": 11,
        "MaxPool": 3,
        "Reshape": 4,
    },
    "digits": {
        "Conv2D": 3,
        "DepthwiseConv2dNative": 1,
        "FusedBatchNorm": 4,
        "Relu6": 4,
        "MaxPool": 1,
        "Add": 2,
        "Mean": 1,
        "BatchMatMul": 1,
        "Softmax": 1,
    },
}
WEIGHT_BYTES = {"mobilenet_v2": 13_951_264, "blazeface": 401_648, "digits": 42_920}
OUTPUTS = {
    "digits": {"digit": (1, 10)},
    "mobilenet_v2": {"predictions/Softmax": (1, 1000)},
    "blazeface": {
        "classificators_1": (1, 512, 1),
        "classificators_2": (1, 384, 1),
        "regressors_1": (1, 512, 16),
        "regressors_2": (1, 384, 16),
    },
}


def image(name, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, ONE[name]).astype(np.float32)


def test_entries_are_listed_by_name():
    assert list(zoo.ENTRIES) == ["blazeface", "digits", "mobilenet_v2"]
    assert all(e.name == n and e.doc for n, e in zoo.ENTRIES.items())
    assert all(zoo.ENTRIES[n].url.startswith("https://") for n in RANDOM)


@pytest.mark.parametrize("name", zoo.ENTRIES)
def test_the_architecture_is_the_real_one(name):
    graph = zoo.build(name)
    verify(graph)
    assert Counter(n.op for n in graph.nodes) == OPS[name]
    assert graph.weight_bytes == WEIGHT_BYTES[name]


@pytest.mark.parametrize("name", RANDOM)
def test_it_says_that_weights_are_random(name):
    graph = zoo.build(name, seed=3)
    assert graph.metadata["random_weights"] is True
    assert graph.metadata["seed"] == 3
    assert "The weights are random (seed 3)" in graph.metadata["description"]


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_gives_the_same_weights_and_another_seed_others(name):
    first, same, other = zoo.build(name), zoo.build(name, seed=0), zoo.build(name, seed=1)
    assert all(np.array_equal(c, same.constants[k]) for k, c in first.constants.items())
    assert not any(np.array_equal(c, other.constants[k]) for k, c in first.constants.items())


@pytest.mark.parametrize("name", zoo.ENTRIES)
def test_activations_keep_their_size(name):
    """Neither vanish nor explode, so that kernels work on numbers like those of the real model."""
    graph = zoo.build(name)
    with Model(graph, "cpu") as model:
        values = model.execute(image(name), [n.name for n in graph.nodes])
    spread = {n.name: float(v.std()) for n, v in zip(graph.nodes, values, strict=True)}
    last = {n for n, s in spread.items() if "Softmax" in n}
    assert {n: s for n, s in spread.items() if not 0.1 < s < 20 and n not in last} == {}


@pytest.mark.parametrize("name", zoo.ENTRIES)
def test_outputs_have_the_published_shapes_for_any_batch(name):
    with zoo.load(name, backend="cpu") as model:
        found = model.predict(image(name))
        found = found if isinstance(found, list) else [found]
        assert {p.name: v.shape for p, v in zip(model.outputs, found, strict=True)} == OUTPUTS[name]
        two = model.predict(np.concatenate([image(name), image(name, 2)]))
        first = two[0] if isinstance(two, list) else two
    np.testing.assert_allclose(first[0], found[0][0], rtol=1e-4, atol=1e-5)


def test_probabilities_are_spread_over_classes():
    with zoo.load("mobilenet_v2", backend="cpu") as model:
        probabilities = model.predict(image("mobilenet_v2"))
    assert abs(probabilities.sum() - 1) < 1e-4
    assert probabilities.max() < 0.5


def test_names_that_are_not_there():
    with pytest.raises(ModelError) as caught:
        zoo.get("mobilenet_v3")
    assert str(caught.value) == (
        "'mobilenet_v3' is not in the zoo (blazeface, digits, mobilenet_v2); did you mean 'mobilenet_v2'?"
    )


def test_real_weights_come_from_the_publisher_and_stay_in_the_cache(monkeypatch, tmp_path):
    path = save_graph_model(zoo.build("blazeface", seed=9), tmp_path / "m")
    asked = []

    def download(url, progress):
        asked.append(url)
        return read_model(path, progress=progress)

    monkeypatch.setattr(registry, "read_model", download)
    graph = zoo.build("blazeface", real=True)
    assert asked == [zoo.ENTRIES["blazeface"].url]
    assert "random_weights" not in graph.metadata


def test_without_a_network_the_error_names_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ModelError) as caught:
        zoo.load("mobilenet_v2", real=True)
    assert caught.value.code == "model.download"
    url = zoo.ENTRIES["mobilenet_v2"].url
    assert str(caught.value).startswith(f"{url}: model file cannot be downloaded: ")
    assert str(caught.value).endswith("; mobilenet_v2 with random weights needs no network")


def test_mobilenet_as_keras_saves_it_is_the_fused_one_after_the_passes():
    """A batch norm behind each convolution; optimizing leaves the very ops of the graph model."""
    plain, fused = mobilenet_v2.build(fused=False), zoo.build("mobilenet_v2")
    assert sum(n.op == "FusedBatchNorm" for n in plain.nodes) == 52
    made, _ = run_passes(plain)
    assert Counter(n.op for n in made.nodes) == Counter(n.op for n in run_passes(fused)[0].nodes)
