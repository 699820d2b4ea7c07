"""Gathers, one-hot rows and the index of the largest as kernels: equal to the reference, errors included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.wasm import assert_runs, graph_of, run_nodes

from tfjslab.base.errors import InputError
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec

_lengths = st.sampled_from([1, 2, 3, 5, 8, 40])
_many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_seeds = st.integers(0, 9999)
_MOST = 1 << 20  # elements of a result: larger ones are beyond what every adapter can bind


@_many
@given(
    shape=st.lists(_lengths, min_size=1, max_size=4).map(tuple), counts=st.lists(_lengths, max_size=2), data=st.data(),
    dtype=st.sampled_from(["float32", "int32", "bool"]), constant=st.booleans(), seed=_seeds,
)
def test_a_gather_along_any_axis(open_sessions, shape, counts, data, dtype, constant, seed):
    axis = data.draw(st.integers(0, len(shape) - 1))
    batch = data.draw(st.integers(0, axis))
    assume(size_of(shape) * size_of(counts) <= _MOST)
    rng = np.random.default_rng(seed)
    x = rng.integers(-99, 99, shape).astype(dtype)
    indices = rng.integers(0, shape[axis], (*shape[:batch], *counts)).astype(np.int32)
    attrs = {"axis": axis, "batch_dims": batch}
    assert_runs(open_sessions, "GatherV2", attrs, {"x": x, "i": indices}, ["i"] if constant else [])


@pytest.mark.parametrize(("shape", "axis"), [((0, 3), 1), ((3, 0), 0), ((3, 2, 0), 1)])
def test_a_gather_of_nothing_looks_at_its_indices(open_sessions, shape, axis):
    x, indices = np.zeros(shape, np.float32), np.array([0, 1, 0], np.int32)
    assert_runs(open_sessions, "GatherV2", {"axis": axis}, {"x": x, "i": indices})
    node = Node("out", "GatherV2", ("x", "i"), registry.get("GatherV2").resolve_attrs({"axis": axis}, "test"))
    for session in open_sessions:
        with pytest.raises(InputError, match=f"GatherV2: index 7 is out of range for a length of {shape[axis]}"):
            run_nodes(session, [node], {"x": x, "i": indices + 7}, {}, ["out"])


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("wrong", [-1, 4])
def test_an_index_out_of_range_is_the_error_of_the_reference(open_sessions, wrong, constant):
    """And the plan runs again, threads included: the product behind is shared."""
    rng = np.random.default_rng(0)
    x, w = rng.uniform(-1, 1, (4, 64)).astype(np.float32), rng.uniform(-1, 1, (64, 64)).astype(np.float32)
    indices = np.arange(500, dtype=np.int32) % 4
    bad = np.where(np.arange(500) == 257, wrong, indices).astype(np.int32)
    attrs = registry.get("GatherV2").resolve_attrs({}, "test")
    nodes = [
        Node("g", "GatherV2", ("x", "i"), attrs),
        Node("out", "BatchMatMul", ("g", "w"), registry.get("BatchMatMul").resolve_attrs({}, "test")),
    ]
    message = f"GatherV2: index {wrong} is out of range for a length of 4"
    for session in open_sessions:
        if constant:
            with pytest.raises(InputError, match=message):
                run_nodes(session, nodes, {"x": x}, {"i": bad, "w": w}, ["out"])
            continue
        feeds = {"x": x, "i": indices}
        program = specialize(
            graph_of(nodes, feeds, {"w": w}, ["out"]), {"x": Spec(x.shape, "float32"), "i": Spec((500,), "int32")})
        plan = session.compile(program, ["out"])
        want = plan.run(feeds)["out"]
        for _ in range(3):
            with pytest.raises(InputError, match=message):
                plan.run({"x": x, "i": bad})
            np.testing.assert_array_equal(plan.run(feeds)["out"], want)
        plan.dispose()


@_many
@given(
    shape=st.lists(_lengths, max_size=3).map(tuple), data=st.data(), depth=st.sampled_from([1, 3, 9]),
    dtype=st.sampled_from(["float32", "int32", "bool"]), seed=_seeds,
)
def test_one_hot_along_any_axis(open_sessions, shape, data, depth, dtype, seed):
    axis = data.draw(st.integers(-1, len(shape)))
    indices = np.random.default_rng(seed).integers(-2, depth + 2, shape).astype(np.int32)
    attrs = {"depth": depth, "axis": axis, "dtype": dtype, "on_value": 3, "off_value": -2}
    assert_runs(open_sessions, "OneHot", attrs, {"i": indices})


@_many
@given(
    shape=st.lists(_lengths, min_size=1, max_size=4).map(tuple), data=st.data(),
    name=st.sampled_from(["ArgMax", "ArgMin"]), dtype=st.sampled_from(["float32", "int32"]), seed=_seeds,
)
def test_the_index_of_the_largest_along_any_axis(open_sessions, shape, data, name, dtype, seed):
    """Few different values: the first of equals wins, and a NaN before all."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 3, shape).astype(dtype)
    if dtype == "float32":
        x = np.where(rng.random(shape) < 0.05, np.float32(rng.choice([np.nan, np.inf, -np.inf])), x)
    assert_runs(open_sessions, name, {"axis": data.draw(st.integers(-len(shape), len(shape) - 1))}, {"x": x})
