"""Profiling a model with a clock that the test moves: every figure is exact."""

from __future__ import annotations

import itertools
import math
from datetime import datetime

import numpy as np
import pytest
from support.available import need

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.backends.cpu import CpuBackend
from tfjslab.base.errors import UsageError
from tfjslab.base.version import __version__
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.profiling import collect
from tfjslab.profiling.captions import evidence
from tfjslab.profiling.collect import profile_model
from tfjslab.records.disturbance import judge
from tfjslab.records.profile import from_json, to_json

X = Port("x", "x", (None, 4), "float32")
GRAPH = Graph(
    (X,), (Port("y", "b", None, ""),), (Node("a", "Add", ("x", "w"), layer="first"), Node("b", "Relu", ("a",))),
    {"w": np.ones(4, np.float32)},
)


@pytest.fixture
def ticks(monkeypatch):
    """One clock for the backend and the profiler, one second further at each look."""
    clock = itertools.count(1.0).__next__
    monkeypatch.setitem(registry._STATE.made, ("cpu", 1), CpuBackend(clock))
    registry.set_backend("cpu")
    yield clock
    monkeypatch.undo()
    registry.set_backend("cpu")


def test_every_phase_and_kernel_has_its_exact_time(ticks):
    found = profile_model(lambda _backend, _threads: Model(GRAPH), clock=ticks, runs=3, warmup=2)
    assert found.phases.load_ms == 1000
    # Compiling looks at the clock twice itself, so it takes three steps; plain runs do not look at all.
    assert found.phases.compile_ms == 3000
    assert (found.phases.first_ms, found.phases.steady_ms) == (1000, (1000, 1000, 1000))
    # A profiled run looks once at its start and once after each of two kernels, then at its end.
    assert [k.kernel_time_ms for k in found.kernels] == [1000, 1000]
    assert (found.wall_ms, found.unattributed_ms, found.profiled_ms) == (4000, 2000, (4000, 4000, 4000))


def test_kernels_carry_what_the_contract_asks():
    found = profile_model(lambda _backend, _threads: Model(GRAPH), np.ones((2, 4)), runs=1)
    add, relu = found.kernels
    assert (add.name, add.node, add.layer, add.nodes) == ("Add", "a", "first", ("a",))
    assert (add.input_shapes, add.output_shapes) == (((2, 4), (4,)), ((2, 4),))
    assert (add.flops, add.bytes_added, add.bytes_moved, add.fallback) == (8, 32, 80, False)
    assert (add.total_bytes_snapshot, add.total_tensors_snapshot) == (16 + 32, 1 + 1)
    assert (relu.total_bytes_snapshot, relu.total_tensors_snapshot) == (16 + 64, 1 + 2)
    assert (found.peak_bytes, found.new_bytes, found.new_tensors) == (80, 0, 0)
    assert math.fsum(k.kernel_time_ms for k in found.kernels) + found.unattributed_ms == found.wall_ms
    assert (found.environment.backend, found.environment.threads) == ("cpu", registry.backend().threads)
    assert from_json(to_json(found)) == found


def test_a_loaded_model_has_no_load_time_and_lives_on():
    with Model(GRAPH) as model:
        assert profile_model(model, runs=1).phases.load_ms is None
        assert profile_model(model, backend="cpu", runs=1).phases.load_ms is None
        assert model.predict(np.ones((1, 4))).shape == (1, 4)


def test_the_median_run_is_shown(monkeypatch, ticks):
    walls = iter([5.0, 1.0, 3.0])
    real = collect.attribute
    monkeypatch.setattr(collect, "attribute", lambda kernels, _wall: real(kernels, next(walls)))
    assert profile_model(lambda _b, _t: Model(GRAPH), runs=3, clock=ticks).wall_ms == 3.0


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"warmup": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError, match="expected runs >= 1 and warmup >= 0"):
        profile_model(lambda _b, _t: Model(GRAPH), **wrong)


def test_profiles_are_reached_from_the_top():
    assert tf.profile_model is profile_model


def test_a_plan_that_was_there_before_is_not_said_to_be_compiled_in_no_time():
    with Model(GRAPH) as model:
        assert not model.is_compiled(np.ones((1, 4)))
        first, again = (profile_model(model, np.ones((1, 4)), runs=1) for _ in range(2))
        assert model.is_compiled(np.ones((1, 4)))
        assert not model.is_compiled(np.ones((2, 4)))
    assert first.phases.compile_ms > 0
    assert (again.phases.compile_ms, again.phases.compile_text) == (None, "cached in this process")
    assert "compile: cached in this process" in evidence(again)
    assert (to_json(first)["compile_cached_in_process"], to_json(again)["compile_cached_in_process"]) == (False, True)
    assert to_json(again)["phases"]["compile_ms"] is None
    assert from_json(to_json(again)) == again


def test_runs_go_on_until_they_are_precise_or_the_time_is_over(ticks):
    """Each second of this clock is a look at it; all runs take the same, so six of them are certain."""
    load = lambda _b, _t: Model(GRAPH)  # noqa: E731 - as everywhere here
    assert len(profile_model(load, clock=ticks, runs=2, warmup=0, precision=0.01,
                             max_time_s=100).profiled_ms) == 6
    # A plain run, a profiled one and the look whether time is over are eight looks; 15 seconds end with the second.
    assert len(profile_model(load, clock=ticks, runs=2, warmup=0, max_time_s=15).profiled_ms) == 2


def test_without_a_number_there_are_thirty_runs_or_more():
    assert len(profile_model(lambda _b, _t: Model(GRAPH), max_time_s=0.2).profiled_ms) >= 1
    assert len(profile_model(lambda _b, _t: Model(GRAPH)).profiled_ms) >= 30


@pytest.mark.parametrize("backend", ["wasm-plain", "webgpu"])
def test_copies_to_and_from_the_device_are_measured(backend):
    need(backend)
    with Model(GRAPH, backend) as model:
        found = profile_model(model, np.ones((64, 4), np.float32), runs=2)
    assert found.copies.upload_ms > 0
    assert found.copies.download_ms > 0
    assert set(to_json(found)["copies"]) == {"upload_ms", "download_ms"}


def test_copies_around_host_steps_count_and_the_host_itself_has_none(monkeypatch):
    table = pytest.importorskip("tfjslab.backends.wasm.lower.registry").TABLE
    monkeypatch.delitem(table.rows, "Softmax")
    graph = GRAPH.with_(nodes=(Node("a", "Add", ("x", "w")), Node("b", "Softmax", ("a",), {"axis": -1})))
    with Model(graph, "wasm-plain") as model:
        found = profile_model(model, np.ones((64, 4), np.float32), runs=1)
        assert [k.fallback for k in found.kernels] == [False, True]
        assert found.copies.upload_ms > 0
    with Model(graph, "cpu") as model:
        assert profile_model(model, np.ones((64, 4), np.float32), runs=1).copies is None


def test_a_profile_says_when_and_where_it_was_taken_and_how_the_machine_was():
    found = profile_model(lambda _b, _t: Model(GRAPH), runs=3)
    where = found.environment
    assert datetime.fromisoformat(where.date).tzinfo is not None
    assert where.tfjslab == __version__
    assert where.load_average is None or where.load_average >= 0
    assert len(found.profiled_states) == len(found.steady_states) == 3
    assert all(s.reference_ms > 0 for s in found.steady_states)
    assert [f.runs for f in found.figures] == [len(judge(found.phases.steady_ms, found.steady_states).kept)]
