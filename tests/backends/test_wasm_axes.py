"""Reductions and softmax along any axes run as kernels, and agree with the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import assert_runs as bit_for_bit
from support.wasm import run_nodes

from tfjslab.graph.ir import Node
from tfjslab.ops import registry


def assert_runs(sessions, op, attrs, x):
    """Without a host step, within the op's tolerance."""
    attrs = op.resolve_attrs(attrs, "test")
    (want,) = op.run([x.astype(np.float64)], attrs)
    for session in sessions:
        found, infos = run_nodes(session, [Node("out", op.name, ("x",), attrs)], {"x": x}, {}, ["out"])
        assert [i.reason for i in infos if i.fallback] == []
        assert found["out"].shape == want.shape
        allowed = op.tolerance.relative * np.abs(want).max(initial=1) + op.tolerance.absolute
        assert np.abs(found["out"] - want).max(initial=0) <= allowed


_INT32 = np.iinfo(np.int32)
_shapes = st.lists(st.sampled_from([1, 2, 3, 5, 8, 13]), min_size=1, max_size=5).map(tuple)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=_shapes, name=st.sampled_from(["Sum", "Mean", "Prod", "Max", "Min"]), data=st.data(), keep=st.booleans(),
    seed=st.integers(0, 9999),
)
def test_a_reduction_over_any_axes(open_sessions, shape, name, data, keep, seed):
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), max_size=len(shape)))
    x = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    assert_runs(open_sessions, registry.get(name), {"axis": tuple(axes), "keep_dims": keep}, x)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=_shapes, name=st.sampled_from(["Softmax", "LogSoftmax"]), data=st.data(), seed=st.integers(0, 9999))
def test_a_softmax_along_any_axis(open_sessions, shape, name, data, seed):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.random.default_rng(seed).uniform(-9, 9, shape).astype(np.float32)
    assert_runs(open_sessions, registry.get(name), {"axis": axis}, x)


def test_a_softmax_of_nothing_along_a_middle_axis(open_sessions):
    assert_runs(open_sessions, registry.get("Softmax"), {"axis": 1}, np.zeros((0, 3, 2), np.float32))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.sampled_from([0, 1, 2, 3, 5, 16, 33, 70]), max_size=4).map(tuple), data=st.data(),
    name=st.sampled_from(["Sum", "Prod", "Max", "Min"]), keep=st.booleans(), seed=st.integers(0, 9999),
)
def test_a_reduction_of_integers_over_any_axes(open_sessions, shape, data, name, keep, seed):
    """Sums and products wrap; of nothing there is a result, too."""
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), max_size=4)) if shape else []
    x = np.random.default_rng(seed).integers(_INT32.min, _INT32.max, shape, np.int32, endpoint=True)
    bit_for_bit(open_sessions, name, {"axis": tuple(axes), "keep_dims": keep}, {"x": x})


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.sampled_from([0, 1, 2, 3, 5, 16, 33, 70]), max_size=4).map(tuple), data=st.data(),
    name=st.sampled_from(["All", "Any", "Sum", "Prod"]), seed=st.integers(0, 9999),
    share=st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]),
)
def test_a_reduction_of_truth_values_over_any_axes(open_sessions, shape, data, name, seed, share):
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), max_size=4)) if shape else []
    x = np.random.default_rng(seed).random(shape) < share
    bit_for_bit(open_sessions, name, {"axis": tuple(axes)}, {"x": x})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.sampled_from([0, 1, 2, 3, 5, 16, 70]), max_size=4).map(tuple), data=st.data(),
    dtype=st.sampled_from(["int32", "bool"]), seed=st.integers(0, 9999),
)
def test_a_mean_of_integers_is_that_of_doubles(open_sessions, shape, data, dtype, seed):
    """Large numbers with different signs would cancel in floats."""
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), max_size=4)) if shape else []
    rng = np.random.default_rng(seed)
    x = rng.random(shape) < 0.5
    if dtype == "int32":
        x = rng.integers(_INT32.min, _INT32.max, shape, np.int32, endpoint=True)
    bit_for_bit(open_sessions, "Mean", {"axis": tuple(axes)}, {"x": x})


def test_bytes_that_are_no_1_are_true(open_sessions):
    x = np.array([[0, 2, 255, 128] * 9, [1] * 36], np.uint8).view(np.bool_)
    for name, want in (("All", [False, True]), ("Any", [True, True]), ("Sum", [27, 36])):
        attrs = registry.get(name).resolve_attrs({"axis": [1]}, "test")
        for session in open_sessions:
            found, _ = run_nodes(session, [Node("out", name, ("x",), attrs)], {"x": x}, {}, ["out"])
            assert found["out"].tolist() == want


@pytest.mark.parametrize("name", ["Sum", "Prod", "Max", "Min", "Mean", "EuclideanNorm"])
@pytest.mark.parametrize("shape", [(7,), (300,), (300, 7)])
def test_a_reduction_passes_nan_on(open_sessions, name, shape):
    x = np.ones(shape, np.float32)
    x[5], x[6] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        bit_for_bit(open_sessions, name, {"axis": [0]}, {"x": x})


def test_norms_over_any_axes(open_sessions):
    x = np.random.default_rng(0).uniform(-1, 1, (5, 6, 70)).astype(np.float32)
    for axis in ([0], [1], [2], [0, 2], [0, 1, 2], []):
        assert_runs(open_sessions, registry.get("EuclideanNorm"), {"axis": axis}, x)


@pytest.mark.parametrize("name", ["Sum", "Prod", "Max", "Min", "Mean", "EuclideanNorm"])
def test_a_reduction_of_no_floats(open_sessions, name):
    for shape, axis in (((0, 3), [0]), ((2, 0), [1]), ((0,), [0]), ((2, 0, 3), [1])):
        bit_for_bit(open_sessions, name, {"axis": axis}, {"x": np.zeros(shape, np.float32)})
