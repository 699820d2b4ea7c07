"""Reductions and softmax along any axes run as kernels, and agree with the float64 reference."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
