"""Calibration: what is chosen, that it is kept, that it can be turned off, and that every candidate is right."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.wasm import graph_of

from tfjslab.backends.registry import env
from tfjslab.backends.wasm import tuning
from tfjslab.backends.wasm.backend import create
from tfjslab.backends.wasm.emit import SIMD
from tfjslab.backends.wasm.lower import product, window
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Choices of these tests stay in a folder of their own."""
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path))
    tuning.tuner.cache_clear()
    yield
    tuning.tuner.cache_clear()
    env().reset()


def _run(op, w_shape, size=13):
    """Run one node with bias and activation; gives the largest error and the tiles that were used."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (1, size, size, 6)).astype(np.float32)
    w, bias = (rng.uniform(-1, 1, s).astype(np.float32) for s in (w_shape, w_shape[-1:]))
    if op == "DepthwiseConv2dNative":
        bias = rng.uniform(-1, 1, (6,)).astype(np.float32)
    definition = registry.get(op)
    attrs = definition.resolve_attrs({"padding": "SAME"}, "test")
    (sums,) = definition.run([x.astype(np.float64), w.astype(np.float64)], attrs)
    nodes = [Node("c", op, ("x", "w"), attrs), Node("b", "Add", ("c", "bias")), Node("y", "Relu6", ("b",))]
    graph = graph_of(nodes, {"x": x}, {"w": w, "bias": bias}, ["y"])
    backend = create("simd", 1)
    plan = backend.open_session().compile(specialize(graph, {"x": Spec(x.shape, "float32")}), ["y"])
    found = plan.run({"x": x})["y"]
    backend.dispose()
    return np.abs(found - np.clip(sums + bias, 0, 6)).max(), plan.info.details["tiles"]


_CORES = [("Conv2D", (1, 1, 6, 12)), ("Conv2D", (3, 3, 6, 12)), ("DepthwiseConv2dNative", (3, 3, 6, 1))]


@pytest.mark.parametrize(("op", "shape"), _CORES)
@pytest.mark.parametrize("index", range(len(product.SIMD_TILES)))
def test_every_candidate_computes_the_same(op, shape, index, monkeypatch):
    for module in (product, window):
        tiles = module.SIMD_TILES
        monkeypatch.setattr(module, "SIMD_TILES", (tiles[index % len(tiles)],))
    env().set("WASM_CALIBRATE", value=False)
    error, _ = _run(op, shape)
    assert error < 1e-5


def test_choices_are_kept_on_disk_and_used_again(tmp_path, monkeypatch):
    _, first = _run("Conv2D", (1, 1, 6, 12))
    (path,) = (tmp_path / "wasm-tiles").iterdir()
    assert list(json.loads(path.read_text())) == list(first)
    tuning.tuner.cache_clear()
    monkeypatch.setattr(tuning.Tuner, "_measure", lambda *_: pytest.fail("measured again"))
    assert _run("Conv2D", (1, 1, 6, 12))[1] == first


def test_without_calibration_the_first_candidate_is_taken_and_reported(tmp_path):
    env().set("WASM_CALIBRATE", value=False)
    _, tiles = _run("Conv2D", (1, 1, 6, 12))
    assert list(tiles.values()) == [str(product.SIMD_TILES[0])]
    assert not (tmp_path / "wasm-tiles").exists()


@pytest.mark.parametrize("damage", [b"", b"{", b'{"x": 1}', b"[]"])
def test_damaged_choices_are_measured_again(tmp_path, damage):
    _run("Conv2D", (1, 1, 6, 12))
    (path,) = (tmp_path / "wasm-tiles").iterdir()
    path.write_bytes(damage)
    tuning.tuner.cache_clear()
    assert tuning.tuner(SIMD)._choices == {}
    assert len(_run("Conv2D", (1, 1, 6, 12))[1]) == 1
