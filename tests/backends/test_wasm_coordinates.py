"""Reading and writing by coordinates as kernels: equal to the reference, errors included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import assert_runs, graph_of, run_nodes

from tfjslab.base.errors import InputError
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec

_many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_shapes = st.lists(st.sampled_from([1, 2, 3, 5, 40]), min_size=1, max_size=4).map(tuple)
_counts = st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple)
_dtypes, _seeds = st.sampled_from(["float32", "int32", "bool"]), st.integers(0, 9999)


def _indices(rng, shape, counts, depth):
    """Coordinates into the first ``depth`` axes; some are equal."""
    limits = np.array(shape[:depth], np.int64)
    return rng.integers(0, np.broadcast_to(limits, (*counts, depth))).astype(np.int32)


@_many
@given(shape=_shapes, counts=_counts, data=st.data(), dtype=_dtypes, constant=st.booleans(), seed=_seeds)
def test_a_gather_by_coordinates(open_sessions, shape, counts, data, dtype, constant, seed):
    rng, depth = np.random.default_rng(seed), data.draw(st.integers(0, len(shape)))
    feeds = {"x": rng.integers(-99, 99, shape).astype(dtype), "i": _indices(rng, shape, counts, depth)}
    assert_runs(open_sessions, "GatherNd", {}, feeds, ["i"] if constant else [])


@_many
@given(shape=_shapes, counts=_counts, data=st.data(), dtype=_dtypes, constant=st.booleans(), seed=_seeds)
def test_values_that_are_added_at_coordinates(open_sessions, shape, counts, data, dtype, constant, seed):
    """Where coordinates repeat, in their order; integers wrap, and of truth values one is enough."""
    rng, depth = np.random.default_rng(seed), data.draw(st.integers(0, len(shape)))
    updates = rng.integers(-(2**31), 2**31, (*counts, *shape[depth:])).astype(np.int32)
    feeds = {"i": _indices(rng, shape, counts, depth), "u": updates.astype(dtype) if dtype != "bool" else updates > 0}
    assert_runs(open_sessions, "ScatterNd", {"shape": shape}, feeds, ["i"] if constant else [])


@_many
@given(shape=_shapes, counts=_counts, data=st.data(), dtype=_dtypes, constant=st.booleans(), seed=_seeds)
def test_values_that_are_put_at_coordinates(open_sessions, shape, counts, data, dtype, constant, seed):
    """The last of equal coordinates stays."""
    rng, depth = np.random.default_rng(seed), data.draw(st.integers(0, len(shape)))
    x, u = (rng.integers(-9, 9, s).astype(dtype) for s in (shape, (*counts, *shape[depth:])))
    feeds = {"x": x, "i": _indices(rng, shape, counts, depth), "u": u}
    assert_runs(open_sessions, "TensorScatterUpdate", {}, feeds, ["i"] if constant else [])


@_many
@given(shape=_shapes, count=st.sampled_from([0, 1, 7]), dtype=_dtypes, one=st.booleans(), seed=_seeds)
def test_a_sparse_tensor_made_dense(open_sessions, shape, count, dtype, one, seed):
    rng = np.random.default_rng(seed)
    values, default = (rng.integers(-9, 9, s).astype(dtype) for s in (() if one else (count,), ()))
    feeds = {"i": _indices(rng, shape, (count,), len(shape)), "v": values, "d": default}
    assert_runs(open_sessions, "SparseToDense", {"output_shape": shape}, feeds)


def test_indices_of_rank_one_of_a_sparse_vector(open_sessions):
    feeds = {"i": np.array([3, 0], np.int32), "v": np.array([5, 6], np.float32), "d": np.array(-1, np.float32)}
    assert_runs(open_sessions, "SparseToDense", {"output_shape": (4,)}, feeds)


def test_updates_of_another_dtype_are_cast_by_the_reference(open_sessions):
    x, i, u = np.zeros((3, 2), np.float32), np.array([[1]], np.int32), np.array([[7, 2]], np.int32)
    attrs = registry.get("TensorScatterUpdate").resolve_attrs({}, "test")
    for session in open_sessions:
        node = Node("out", "TensorScatterUpdate", ("x", "i", "u"), attrs)
        found, (info,) = run_nodes(session, [node], {"x": x, "i": i, "u": u}, {}, ["out"])
        assert info.reason == "no WebAssembly kernel for int32 among float32"
        assert found["out"].tolist() == [[0, 0], [7, 2], [0, 0]]


_X, _U = np.arange(60, dtype=np.float32).reshape(3, 4, 5), np.ones((500, 5), np.float32)
_GOOD = np.random.default_rng(0).integers(0, 3, (500, 2)).astype(np.int32)
_CASES = {
    "GatherNd": ({}, lambda i: {"x": _X, "i": i}),
    "ScatterNd": ({"shape": (3, 4, 5)}, lambda i: {"i": i, "u": _U}),
    "TensorScatterUpdate": ({}, lambda i: {"x": _X, "i": i, "u": _U}),
    "SparseToDense": ({"output_shape": (3, 4)}, lambda i: {"i": i, "v": _U[:, 0], "d": np.zeros((), np.float32)}),
}


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("wrong", [
    {(257, 0): -1}, {(257, 1): 4}, {(0, 1): 2**31 - 1}, {(499, 1): -(2**31)}, {(3, 1): 9, (400, 0): 3, (401, 0): 5},
], ids=str)
@pytest.mark.parametrize("name", _CASES)
def test_coordinates_out_of_range_are_the_error_of_the_reference(open_sessions, name, wrong, constant):
    """Of several the same one; and the plan runs again."""
    attrs, feeds_of = _CASES[name]
    op = registry.get(name)
    attrs = op.resolve_attrs(attrs, "test")
    bad = _GOOD.copy()
    for at, value in wrong.items():
        bad[at] = value
    with pytest.raises(InputError) as right:
        op.run(list(feeds_of(bad).values()), attrs)
    node = Node("out", name, tuple(feeds_of(bad)), attrs)
    for session in open_sessions:
        if constant:
            feeds = feeds_of(bad)
            fixed = {"i": feeds.pop("i")}
            with pytest.raises(InputError) as found:
                run_nodes(session, [node], feeds, fixed, ["out"])
            assert str(found.value) == str(right.value)
            continue
        feeds = feeds_of(_GOOD)
        program = specialize(graph_of([node], feeds, {}, ["out"]), {
            k: Spec(v.shape, v.dtype.name) for k, v in feeds.items()})
        plan = session.compile(program, ["out"])
        (want,) = op.run(list(feeds.values()), attrs)
        for _ in range(2):
            with pytest.raises(InputError) as found:
                plan.run(feeds_of(bad))
            assert str(found.value) == str(right.value)
            np.testing.assert_array_equal(plan.run(feeds)["out"], want)
        plan.dispose()


@pytest.mark.parametrize(("name", "feeds", "attrs"), [
    ("GatherNd", {"x": np.zeros((3, 0), np.float32), "i": np.array([[1], [3]], np.int32)}, {}),
    ("GatherNd", {"x": np.zeros((0, 2), np.float32), "i": np.array([[0]], np.int32)}, {}),
    ("ScatterNd", {"i": np.array([[2]], np.int32), "u": np.zeros((1, 0), np.float32)}, {"shape": (2, 0)}),
])
def test_coordinates_into_nothing_are_looked_at(open_sessions, name, feeds, attrs):
    op = registry.get(name)
    attrs = op.resolve_attrs(attrs, "test")
    with pytest.raises(InputError) as right:
        op.run(list(feeds.values()), attrs)
    for session in open_sessions:
        with pytest.raises(InputError) as found:
            run_nodes(session, [Node("out", name, tuple(feeds), attrs)], feeds, {}, ["out"])
        assert str(found.value) == str(right.value)


@pytest.mark.parametrize(("indices", "values", "default"), [
    ((4, 2), (3,), ()), ((4, 2), (4,), (2,)), ((3,), (3,), ()), ((4, 2), (4, 1), ()),
])
def test_sparse_tensors_whose_parts_do_not_fit_are_left_to_the_reference(open_sessions, indices, values, default):
    """Which fails; nothing is read out of bounds."""
    op = registry.get("SparseToDense")
    attrs = op.resolve_attrs({"output_shape": (3, 4)}, "test")
    feeds = {
        "i": np.zeros(indices, np.int32), "v": np.zeros(values, np.float32), "d": np.zeros(default, np.float32),
    }
    node = Node("out", "SparseToDense", tuple(feeds), attrs)
    with pytest.raises((ValueError, IndexError)):
        op.run(list(feeds.values()), attrs)
    for session in open_sessions:
        with pytest.raises(Exception, match="node 'out'"):
            run_nodes(session, [node], feeds, {}, ["out"])
