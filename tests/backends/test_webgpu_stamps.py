"""Time stamps: how long a tick is and who says so, sets of any size, and the clock where there are none."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from support.available import need
from support.wasm import graph_of

from tfjslab.backends.webgpu import backend as webgpu
from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec

ticks = pytest.importorskip("tfjslab.backends.webgpu.run.ticks")


@pytest.fixture(name="device", params=["webgpu", "webgl"])
def _device(request):
    """A device with time stamps."""
    need(request.param)
    made = webgpu.create(request.param, 1)
    device = made.open_session().device
    if not device.has_timestamps:
        made.dispose()
        pytest.skip(f"{device.adapter} has no time stamps")
    yield device
    assert device.counters["query_sets"] == 0
    made.dispose()


def test_the_queue_tells_the_tick_and_the_hosts_clock_agrees(device):
    """The measurement is what other versions of wgpu would get; both must say the same."""
    asked = ticks.tick_of(device)
    assert asked.source == f"{asked.ns:g} ns a tick by the queue's timestamp period"
    assert ticks.measure_tick(device) / asked.ns == pytest.approx(1, rel=0.5)


@pytest.mark.parametrize("told", [None, 0.0, math.nan, math.inf, -1.0])
def test_where_the_queue_cannot_tell_it_is_measured_and_says_so(device, told, monkeypatch):
    """A host's clock and a device's that are made up give the exact tick."""
    at = iter([(1000.0, 40), (3000.0, 90)])
    monkeypatch.setattr(ticks, "_stamp", lambda _: next(at))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    found = ticks.tick_of(device, lambda _: told)
    assert found == ticks.Tick(40.0, "40 ns a tick, measured against the host's clock over 0.1 s")


def test_an_older_wgpu_without_the_function_is_no_error(device, monkeypatch):
    monkeypatch.setattr(ticks.wgpu.backends, "wgpu_native", None)
    assert ticks.queue_period(device) is None


def test_stamps_are_turned_into_milliseconds_by_the_tick(device):
    recording = pytest.importorskip("tfjslab.backends.webgpu.run.recording")
    device.__dict__["tick"] = ticks.Tick(50.0, "made up")
    stamps = recording.Stamps(device, [[object()], [], [object()]])
    words = np.array([100, 20100, 7, 7 + 10**6], np.uint64).view(np.uint32)
    assert stamps.take(words) == [1.0, 0.0, 50.0]
    stamps.dispose()
    stamps.dispose()
    assert "made up" in recording.Stamps.clock(device)


def test_stamps_that_run_backwards_are_an_error_and_no_time(device):
    recording = pytest.importorskip("tfjslab.backends.webgpu.run.recording")
    device.__dict__["tick"] = ticks.Tick(50.0, "made up")
    stamps = recording.Stamps(device, [[object()], [object()]])
    words = np.array([20100, 100, 7, 7 + 10**6], np.uint64).view(np.uint32)
    with pytest.raises(BackendError, match=r"1 of 2 pairs of time stamps of .* ran backwards.*; profile again") as e:
        stamps.take(words)
    assert e.value.code == "backend.stamps"
    stamps.dispose()


def test_a_host_step_is_not_timed_with_the_kernels_before_it(device, monkeypatch):
    """Those have stamps of their own, and what is counted twice would be more than the whole run."""
    table = pytest.importorskip("tfjslab.backends.webgpu.lower.registry").TABLE
    monkeypatch.delitem(table.rows, "Cumsum", raising=False)
    x = np.ones((512, 512), np.float32)
    nodes = [Node(f"n{i}", "BatchMatMul", (f"n{i - 1}" if i else "x", "x"), {
        "transpose_a": False, "transpose_b": False}) for i in range(4)]
    nodes.append(Node("y", "Cumsum", ("n3",), {"axis": 0, "exclusive": False, "reverse": False}))
    backend = webgpu.create({"OpenGL": "webgl"}.get(device.adapter.api, "webgpu"), 1)
    graph = graph_of(nodes, {"x": x}, {}, ["y"])
    plan = backend.open_session().compile(specialize(graph, {"x": Spec(x.shape, "float32")}), ["y"])
    assert [c.fallback for c in plan.info.commands] == [False] * 4 + [True]
    plan.run({"x": x})
    stamps = []
    before = time.perf_counter()
    plan.run({"x": x}, stamps=stamps)
    assert sum(stamps) <= (time.perf_counter() - before) * 1e3
    assert all(ms > 0 for ms in stamps)
    backend.dispose()


def test_more_commands_than_a_set_of_queries_holds_are_all_stamped(device, monkeypatch):
    """Sets are small here, as plans of thousands of commands take their time."""
    recording = pytest.importorskip("tfjslab.backends.webgpu.run.recording")
    monkeypatch.setattr(recording, "_PAIRS", 16)
    monkeypatch.setattr("tfjslab.passes.fusion._MAX_NODES", 0)
    nodes = [Node(f"n{i}", "Tanh", (f"n{i - 1}" if i else "x",), {}) for i in range(35)]
    x = np.ones((2, 4), np.float32)
    backend = webgpu.create({"OpenGL": "webgl"}.get(device.adapter.api, "webgpu"), 1)
    session = backend.open_session()
    graph = graph_of(nodes, {"x": x}, {}, ["n34"])
    plan = session.compile(specialize(graph, {"x": Spec(x.shape, "float32")}), ["n34"])
    stamps = []
    plan.run({"x": x}, stamps=stamps)
    assert session.device.counters["query_sets"] == 3
    assert len(stamps) == 35
    assert all(0 <= ms < 1000 for ms in stamps)
    backend.dispose()
    assert session.device.counters["query_sets"] == 0
