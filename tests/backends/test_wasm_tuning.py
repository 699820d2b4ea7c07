"""Calibration: what is chosen, that it is kept, that it can be turned off, and that every candidate is right."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.wasm import graph_of

from tfjslab.backends.flags import env
from tfjslab.backends.kernels import race
from tfjslab.backends.wasm import tuning
from tfjslab.backends.wasm.backend import create
from tfjslab.backends.wasm.lower import product, window
from tfjslab.backends.wasm.text.emit import SIMD
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


def _compile_and_run(nodes, x, constants, variant="simd"):
    graph = graph_of(nodes, {"x": x}, constants, ["y"])
    backend = create(variant, 2 if variant == "threads" else 1)
    plan = backend.open_session().compile(specialize(graph, {"x": Spec(x.shape, "float32")}), ["y"])
    found = plan.run({"x": x})["y"]
    info = plan.info
    backend.dispose()
    return found, info


def _run(op, w_shape, size=13, variant="simd", stride=1):
    """Run one node with bias and activation; gives the largest error and the tiles that were used."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (1, size, size, 6)).astype(np.float32)
    w, bias = (rng.uniform(-1, 1, s).astype(np.float32) for s in (w_shape, w_shape[-1:]))
    if op == "DepthwiseConv2dNative":
        bias = rng.uniform(-1, 1, (6,)).astype(np.float32)
    definition = registry.get(op)
    attrs = definition.resolve_attrs({"padding": "SAME", "strides": (1, stride, stride, 1)}, "test")
    (sums,) = definition.run([x.astype(np.float64), w.astype(np.float64)], attrs)
    nodes = [Node("c", op, ("x", "w"), attrs), Node("b", "Add", ("c", "bias")), Node("y", "Relu6", ("b",))]
    found, info = _compile_and_run(nodes, x, {"w": w, "bias": bias}, variant)
    return np.abs(found - np.clip(sums + bias, 0, 6)).max(), info.details["tiles"]


_VARIANTS = {"plain": (product.SCALAR_TILES, window.SCALAR_TILES), "simd": (product.SIMD_TILES, window.SIMD_TILES)}
_ALL = [("plain", t) for t in product.SCALAR_TILES] + [
    (v, t) for v in ("simd", "threads") for t in (*product.SIMD_TILES, *product.SMALL_TILES, *product.COLUMN_TILES)
]


@pytest.fixture(name="only")
def _only(monkeypatch):
    """Leaves one candidate for each kind of kernel."""
    env().set("WASM_CALIBRATE", value=False)

    def leave(product_tile, window_tile=None):
        if product_tile:
            monkeypatch.setattr(product.Pointwise, "tiles", lambda *_: (product_tile,))
        if window_tile:
            monkeypatch.setattr(window, "SIMD_TILES", (window_tile,))
            monkeypatch.setattr(window, "SCALAR_TILES", (window_tile,))

    return leave


@pytest.mark.parametrize(("variant", "tile"), _ALL, ids=str)
@pytest.mark.parametrize("winograd", [False, True])
def test_every_tile_of_a_convolution_computes_the_same(only, variant, tile, winograd):
    only(tile)
    env().set("WASM_WINOGRAD", winograd)
    error, _ = _run("Conv2D", (3, 3, 6, 12), variant=variant)
    assert error < 1e-5


@pytest.mark.parametrize(("variant", "tile"), [(v, t) for v, (_, tiles) in _VARIANTS.items() for t in tiles], ids=str)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 4, 5, 13, 27])
@pytest.mark.parametrize("width", [2, 3, 5, 7])
def test_every_tile_of_a_depthwise_convolution_computes_the_same(only, variant, tile, stride, size, width):
    """Of windows whose taps are written out, and of one that finds them through a table."""
    only(None, tile)
    error, _ = _run("DepthwiseConv2dNative", (width, width, 6, 1), size, variant, stride)
    assert error < 1e-5


@pytest.mark.parametrize(("variant", "tile"), _ALL, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 5), (7, 7), (8, 8), (13, 15)])
@pytest.mark.parametrize("outputs", [4, 24, 30])
def test_every_tile_of_a_pointwise_convolution_computes_the_same(only, variant, tile, size, outputs):
    """With a bias that sums start from, a residual, a factor for each channel, and every rest of pixels and outputs."""
    if tile.columns and outputs % 4:
        return  # never a candidate there
    only(tile)
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (2, *size, outputs)).astype(np.float32)
    w = rng.uniform(-1, 1, (1, 1, outputs, outputs)).astype(np.float32)
    constants = {"w": w, "bias": x[0, 0, 0], "factor": w[0, 0, 0]}
    attrs = registry.get("Conv2D").resolve_attrs({"padding": "SAME"}, "test")
    nodes = [
        Node("c", "Conv2D", ("x", "w"), attrs), Node("b", "Add", ("c", "bias")), Node("r", "Add", ("b", "x")),
        Node("y", "Multiply", ("r", "factor")),
    ]
    found, info = _compile_and_run(nodes, x, constants, variant)
    assert info.commands[0].kernel == "Conv2D+Add+Add+Multiply"
    want = (x.astype(np.float64) @ w[0, 0] + x[0, 0, 0] + x) * w[0, 0, 0]
    assert np.abs(found - want).max() < 2e-5


@pytest.mark.parametrize(("variant", "tile"), _ALL, ids=str)
@pytest.mark.parametrize("size", [3, 7, 14])
@pytest.mark.parametrize("stride", [1, 2])
def test_every_tile_of_an_expansion_computes_the_same(only, variant, tile, size, stride):
    """A 1x1 convolution and the depthwise convolution behind it, as one kernel."""
    only(tile)
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (1, size, size, 10)).astype(np.float32)
    w, taps = rng.uniform(-1, 1, (1, 1, 10, 72)), rng.uniform(-1, 1, (3, 3, 72, 1))
    bias = rng.uniform(-1, 1, 72)
    one, two = registry.get("Conv2D"), registry.get("DepthwiseConv2dNative")
    first = one.resolve_attrs({"padding": "SAME"}, "test")
    second = two.resolve_attrs({"padding": "SAME", "strides": (1, stride, stride, 1)}, "test")
    nodes = [
        Node("c", "Conv2D", ("x", "w"), first), Node("b", "Add", ("c", "bias")), Node("r", "Relu6", ("b",)),
        Node("d", "DepthwiseConv2dNative", ("r", "taps"), second), Node("y", "Add", ("d", "bias")),
    ]
    constants = {k: v.astype(np.float32) for k, v in {"w": w, "taps": taps, "bias": bias}.items()}
    found, info = _compile_and_run(nodes, x, constants, variant)
    assert info.commands[0].kernel == "Conv2D+Add+Relu6+DepthwiseConv2dNative+Add"
    (sums,) = one.run([x, w], first)
    (want,) = two.run([np.clip(sums + bias, 0, 6), taps], second)
    assert np.abs(found - want - bias).max() < 2e-5


def test_choices_are_kept_on_disk_and_used_again(tmp_path, monkeypatch):
    _, first = _run("Conv2D", (1, 1, 6, 12))
    (path,) = (tmp_path / "wasm-tiles").iterdir()
    (kept,) = json.loads(path.read_text()).values()
    assert [str(tuning.WasmTile(**kept["chosen"]))] == list(first.values())
    assert kept["confidence"]["samples"] >= 2
    tuning.tuner.cache_clear()
    monkeypatch.setattr(tuning.WasmTuner, "_measure", lambda *_: pytest.fail("measured again"))
    assert _run("Conv2D", (1, 1, 6, 12))[1] == first


def test_how_long_the_thread_had_no_processor_is_kept_beside_the_choice(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "waiting", lambda: lambda: 0.75)
    _run("Conv2D", (1, 1, 6, 12))
    (path,) = (tmp_path / "wasm-tiles").iterdir()
    (kept,) = json.loads(path.read_text()).values()
    assert kept["confidence"]["waited"] == 0.75


def test_without_calibration_the_first_candidate_is_taken_and_reported(tmp_path):
    env().set("WASM_CALIBRATE", value=False)
    _, tiles = _run("Conv2D", (1, 1, 6, 12))
    assert list(tiles.values()) == [str(product.COLUMN_TILES[0])]  # 13 x 13 pixels are few
    assert not (tmp_path / "wasm-tiles").exists()


@pytest.mark.parametrize("damage", [b"", b"{", b'{"x": 1}', b"[]"])
def test_damaged_choices_are_measured_again(tmp_path, damage):
    (kind,) = _run("Conv2D", (1, 1, 6, 12))[1]
    (path,) = (tmp_path / "wasm-tiles").iterdir()
    path.write_bytes(damage)
    tuning.tuner.cache_clear()
    assert tuning.tuner(SIMD)._choices.get(kind) is None
    assert len(_run("Conv2D", (1, 1, 6, 12))[1]) == 1


def test_candidates_are_one_module_and_share_all_but_weights(monkeypatch):
    """And are measured on memory that holds what each of them touches."""
    texts, calls = [], []
    compile_text, call = tuning.compile_text, tuning.Instance.call
    monkeypatch.setattr(tuning, "compile_text", lambda text: texts.append(text) or compile_text(text))
    second = race.Verdict(1, race.Confidence(None, None, 1, agreed=True, waited=None))
    monkeypatch.setattr(tuning, "race", lambda samples, _: [sample() for sample in samples] and second)
    monkeypatch.setattr(tuning.Instance, "call", lambda i, name, *a: calls.append((name, a)) or call(i, name, *a))
    _, tiles = _run("Conv2D", (1, 1, 6, 12))
    candidates = product.Pointwise(4 * 176, 169, 6, 12).tiles(SIMD.count)
    trials = [(name, a) for name, a in calls if len(a) > 3]
    assert len(texts) == 1
    assert [name for name, _ in trials] == [f"run{i}" for i in range(len(candidates))]
    assert list(tiles.values()) == [str(candidates[1])]
    _, _, scratch, *pointers = zip(*(a for _, a in trials), strict=True)
    inputs, weights, outputs, bias = pointers
    assert [len(set(p)) for p in (scratch, inputs, outputs, bias)] == [1, 1, 1, 1]
    assert len(set(weights)) == len(candidates)
