"""Profiling a model with a clock that the test moves: every figure is exact."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.backends.cpu import CpuBackend
from tfjslab.base.errors import UsageError
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.profiling import collect
from tfjslab.profiling.collect import profile_model
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


def test_the_median_run_is_shown(monkeypatch):
    walls = iter([5.0, 1.0, 3.0])
    real = collect.attribute
    monkeypatch.setattr(collect, "attribute", lambda kernels, _wall: real(kernels, next(walls)))
    assert profile_model(lambda _b, _t: Model(GRAPH), runs=3).wall_ms == 3.0


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"warmup": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError, match="expected runs >= 1 and warmup >= 0"):
        profile_model(lambda _b, _t: Model(GRAPH), **wrong)


def test_profiles_are_reached_from_the_top():
    assert tf.profile_model is profile_model
