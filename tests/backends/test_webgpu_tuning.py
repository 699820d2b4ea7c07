"""Forms and tiles of the GPU's products: each is right on sizes that fit it badly, and the fastest is kept on disk."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from support.available import need
from support.wasm import graph_of

from tfjslab.backends.flags import env
from tfjslab.backends.webgpu import backend as webgpu
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec, get

FORMS = ("rows", "columns", "staged", "broadcast", "deep")
# m, k, n: single vectors, sizes below and above those of every tile, and rows that are no whole vectors.
SIZES = ((9, 4, 4), (67, 36, 44), (70, 17, 42), (130, 20, 136), (11, 1200, 12))


@pytest.fixture(name="session", params=["webgpu", "webgl"])
def _session(request, tmp_path, monkeypatch):
    """A session with a cache of its own; skipped with the reason where there is no adapter."""
    need(request.param)
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path))
    backend = webgpu.create(request.param, 1)
    yield backend.open_session()
    backend.dispose()
    env().reset()


def _plan(session, op, shape, w, **attrs):
    node = Node("y", op, ("x", "w"), get(op).resolve_attrs(attrs, "test"))
    graph = graph_of([node], {"x": np.zeros(shape)}, {"w": w}, ["y"])
    return session.compile(specialize(graph, {"x": Spec(shape, "float32")}), ["y"])


def _numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_product_is_right(session, form, monkeypatch):
    """The form is taken wherever it can be, on both kinds of adapters' tiles."""
    tiles = pytest.importorskip("tfjslab.backends.webgpu.lower.tiles")
    capabilities = pytest.importorskip("tfjslab.backends.webgpu.capabilities").Capabilities(session.device)
    if form == "broadcast" and not capabilities.subgroups:
        pytest.skip("the adapter's subgroups do not broadcast")
    lists = tiles._BROADCAST, tiles._SOFTWARE, tiles._STAGED, tiles._HARDWARE, tiles._DEEP
    every = [t for t in itertools.chain(*lists) if t.form == form]
    env().set("WEBGPU_CALIBRATE", value=False)
    for m, k, n in SIZES:
        x, w = _numbers(m, k), _numbers(k, n)
        for tile in [t for t in every if t.fits(m, -(-n // 4))][::3]:
            with monkeypatch.context() as patch:
                patch.setattr(tiles, "_fitting", lambda *_, tile=tile: (tile,))
                plan = _plan(session, "BatchMatMul", (m, k), w, transpose_a=False, transpose_b=False)
            assert list(plan.info.details["tiles"].values()) == [str(tile)]
            np.testing.assert_allclose(plan.run({"x": x})["y"], x.astype(np.float64) @ w, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ["rows", "columns", "broadcast"])
@pytest.mark.parametrize(("cin", "n"), [(3, 24), (4, 10), (20, 36)])
def test_every_form_of_a_convolution_agrees(session, form, cin, n, monkeypatch):
    """Against the form that each invocation computes alone; the op's cases hold that one against the reference."""
    tiles = pytest.importorskip("tfjslab.backends.webgpu.lower.tiles")
    capabilities = pytest.importorskip("tfjslab.backends.webgpu.capabilities").Capabilities(session.device)
    if form == "broadcast" and not capabilities.subgroups:
        pytest.skip("the adapter's subgroups do not broadcast")
    env().set("WEBGPU_CALIBRATE", value=False)
    x, w, found = _numbers(2, 9, 11, cin), _numbers(3, 5, cin, n), []
    every = (*tiles._BROADCAST, *tiles._SOFTWARE, *tiles._HARDWARE)
    for tile in (tiles.GpuTile("rows", 1, 1, 8), next(t for t in every if t.form == form and t.fits(110, -(-n // 4)))):
        with monkeypatch.context() as patch:
            patch.setattr(tiles, "_fitting", lambda *_, tile=tile: (tile,))
            plan = _plan(session, "Conv2D", x.shape, w, strides=[2, 1], padding="SAME")
        found.append(plan.run({"x": x})["y"])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-4)


def test_the_fastest_tile_is_measured_once_and_kept(session, tmp_path):
    """What was measured leaves no buffer and no pipeline of a loser behind."""
    w = _numbers(128, 256)
    before = session.backend.memory()
    plan = _plan(session, "BatchMatMul", (256, 128), w, transpose_a=False, transpose_b=False)
    (path,) = (tmp_path / "gpu-tiles").iterdir()
    found = json.loads(path.read_text())
    assert {kind: choice["chosen"] for kind, choice in found.items()} == plan.info.details["tiles"]
    assert found["product 256x32x64"]["confidence"]["waited"] is None  # the device works, not this thread
    assert list(found) == ["product 256x32x64"]
    assert session.backend.memory()["pipelines"] == 1
    plan.dispose()
    after = session.backend.memory()
    assert after["gpu_buffers"] == before["gpu_buffers"]
    path.write_text("{}")  # what is known is not asked for again
    _plan(session, "BatchMatMul", (256, 128), w, transpose_a=False, transpose_b=False)
    assert path.read_text() == "{}"


def test_measuring_can_be_turned_off(session, tmp_path):
    env().set("WEBGPU_CALIBRATE", value=False)
    plan = _plan(session, "BatchMatMul", (256, 128), _numbers(128, 256), transpose_a=False, transpose_b=False)
    assert list(plan.info.details["tiles"]) == ["product 256x32x64"]
    assert not (tmp_path / "gpu-tiles").exists()
