"""Kernels that read and write by index: any geometry, and indices of an enemy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sessions import adapter_session
from support.wasm import graph_of, run_nodes

from tfjslab.base.errors import InputError
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec

_many = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_lengths, _seeds = st.sampled_from([1, 2, 3, 4, 7, 8, 70]), st.integers(0, 9999)
_dtypes = st.sampled_from(["float32", "int32", "bool"])


@pytest.fixture(name="session", scope="module", params=["webgpu", "webgl", "webgpu-f16"])
def _session(request):
    with adapter_session(request.param) as session:
        yield session


def node(name, inputs, **attrs):
    return Node("y", name, tuple(inputs), registry.get(name).resolve_attrs(attrs, "test"))


def assert_runs(session, name, feeds, *, constant=False, exact=True, **attrs):
    """Without a host step, and as the reference has it."""
    made = node(name, feeds, **attrs)
    wanted = registry.get(name).run(list(feeds.values()), made.attrs)
    made = Node("y", name, made.inputs, made.attrs, num_outputs=len(wanted))
    fixed = {k: v for i, (k, v) in enumerate(feeds.items()) if constant and i}
    found, infos = run_nodes(session, [made], {k: v for k, v in feeds.items() if k not in fixed}, fixed, made.outputs)
    assert [i.reason for i in infos if i.fallback] == []
    for value, want in zip(found.values(), wanted, strict=True):
        assert (value.dtype, value.shape) == (want.dtype, want.shape)
        if exact:
            np.testing.assert_array_equal(value, want)
        else:
            np.testing.assert_allclose(value, want, rtol=1e-5, atol=1e-5)


def numbers(seed, shape, dtype="float32"):
    """Small whole ones: sums of them are exact in any order, and in float16."""
    return np.random.default_rng(seed).integers(-9, 9, shape).astype(dtype)


def coordinates(seed, shape, counts):
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, d, counts) for d in shape], axis=-1).astype(np.int32)


@_many
@given(target=st.lists(_lengths, min_size=1, max_size=3), rest=st.lists(_lengths, max_size=2),
       counts=st.lists(_lengths, max_size=2), dtype=_dtypes, constant=st.booleans(), seed=_seeds)
def test_slices_by_coordinates(session, target, rest, counts, dtype, constant, seed):
    """Read, put and added up; what is put twice is what came last."""
    at = coordinates(seed, target, counts)
    x, updates = numbers(seed, (*target, *rest), dtype), numbers(seed + 1, (*counts, *rest), dtype)
    assert_runs(session, "GatherNd", {"x": x, "i": at}, constant=constant)
    assert_runs(session, "TensorScatterUpdate", {"x": x, "i": at, "u": updates}, constant=constant)
    assert_runs(session, "ScatterNd", {"i": at, "u": updates}, constant=constant, shape=x.shape)


@_many
@given(shape=st.lists(_lengths, min_size=1, max_size=3), count=_lengths, one=st.booleans(), dtype=_dtypes, seed=_seeds)
def test_values_among_a_default(session, shape, count, one, dtype, seed):
    values = numbers(seed, () if one else (count,), dtype)
    feeds = {"i": coordinates(seed, shape, (count,)), "v": values, "d": numbers(seed + 1, (), dtype)}
    assert_runs(session, "SparseToDense", feeds, output_shape=shape)


@_many
@given(shape=st.lists(_lengths, min_size=1, max_size=2), size=_lengths, weighted=st.booleans(), binary=st.booleans(),
       dtype=st.sampled_from(["float32", "int32"]), seed=_seeds)
def test_counts(session, shape, size, weighted, binary, dtype, seed):
    x = np.random.default_rng(seed).integers(0, size + 3, shape).astype(np.int32)
    feeds = {"x": x, "w": numbers(seed, shape if weighted else (0,), dtype)}
    assert_runs(session, "DenseBincount", feeds, size=size, binary_output=binary)


@_many
@given(shape=st.lists(_lengths, min_size=1, max_size=4), data=st.data(), name=st.sampled_from(["Cumsum", "Cumprod"]),
       exclusive=st.booleans(), reverse=st.booleans(), dtype=st.sampled_from(["float32", "int32"]), seed=_seeds)
def test_running_sums_along_any_axis(session, shape, data, name, exclusive, reverse, dtype, seed):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = numbers(seed, shape, dtype)
    x = x if name == "Cumsum" else np.where(x < 0, -1, 1).astype(dtype)
    assert_runs(session, name, {"x": x}, axis=axis, exclusive=exclusive, reverse=reverse)


@_many
@given(rows=st.lists(_lengths, max_size=2), n=_lengths, data=st.data(), dtype=st.sampled_from(["float32", "int32"]),
       seed=_seeds)
def test_the_largest_of_rows(session, rows, n, data, dtype, seed):
    """Few different values: the first of equals comes first, and NaN before all."""
    x = numbers(seed, (*rows, n), dtype)
    if dtype == "float32":
        x[np.random.default_rng(seed).random(x.shape) < 0.1] = np.nan
    assert_runs(session, "TopK", {"x": x}, k=data.draw(st.integers(0, n)))


@_many
@given(rows=_lengths, n=_lengths, columns=_lengths, name=st.sampled_from(["LowerBound", "UpperBound"]), seed=_seeds)
def test_places_in_sorted_rows(session, rows, n, columns, name, seed):
    feeds = {"x": np.sort(numbers(seed, (rows, n)), axis=1), "v": numbers(seed + 1, (rows, columns))}
    assert_runs(session, name, feeds)


def test_long_rows_are_sorted_on_the_host(session):
    made = Node("y", "TopK", ("x",), registry.get("TopK").resolve_attrs({"k": 2}, "test"), num_outputs=2)
    x = numbers(0, (1, 32_769))
    x[0, 777] = 10
    found, infos = run_nodes(session, [made], {"x": x}, {}, made.outputs)
    assert (found["y"][0, 0], found["y:1"][0, 0]) == (10, 777)
    assert infos[0].reason == "no GPU kernel for the largest of rows of 32769"


# ---- what is wrong ---------------------------------------------------------------------------------------------------

_GOOD = np.array([[0, 1], [2, 3], [1, 0]], np.int32)
_VALUES = np.ones(3, np.float32)
_TABLE = np.arange(12, dtype=np.float32).reshape(3, 4)
# The op, its inputs with indices under "i", its attributes, wrong indices, and what is said of them.
_WRONG = [
    ("GatherNd", {"x": _TABLE, "i": _GOOD}, {}, (1, 1, 4), "index 4 is out of range for a length of 4"),
    ("GatherNd", {"x": _TABLE, "i": _GOOD}, {}, (2, 0, -1), "index -1 is out of range for a length of 3"),
    ("ScatterNd", {"i": _GOOD, "u": _VALUES}, {"shape": (3, 4)}, (0, 0, 2**31 - 1),
     "index 2147483647 is out of range for a length of 3"),
    ("TensorScatterUpdate", {"x": _TABLE, "i": _GOOD, "u": _VALUES}, {}, (0, 1, -(2**31)),
     "index -2147483648 is out of range for a length of 4"),
    ("SparseToDense", {"i": _GOOD, "v": _VALUES, "d": np.float32(0) * np.ones(())}, {"output_shape": (3, 4)},
     (1, 0, 3), "index 3 is out of range for a length of 3"),
    ("DenseBincount", {"i": _GOOD, "w": np.zeros(0, np.float32)}, {"size": 4}, (1, 1, -7),
     "a value of -7 is counted; expected numbers >= 0"),
]


@pytest.mark.parametrize(("name", "feeds", "attrs", "place", "message"), _WRONG)
def test_an_index_out_of_range_is_the_error_of_the_reference(session, name, feeds, attrs, place, message):
    """Fed or constant, with outputs kept or not; the next run is as if nothing had been."""
    feeds = {k: np.asarray(v, np.int32 if k == "i" else np.float32) for k, v in feeds.items()}
    bad = feeds["i"].copy()
    bad[place[0], place[1]] = place[2]
    made = node(name, feeds, **attrs)
    specs = {k: Spec(v.shape, str(v.dtype)) for k, v in feeds.items()}
    plan = session.compile(specialize(graph_of([made], feeds, {}, ["y"]), specs), ["y"])
    (want,) = registry.get(name).run(list(feeds.values()), made.attrs)
    for keep in (False, True):
        with pytest.raises(InputError, match=message) as caught:
            plan.run(feeds | {"i": bad}, keep=keep)
        assert str(caught.value).startswith(f"node 'y' ({name}): ")
        np.testing.assert_array_equal(plan.run(feeds)["y"], want)
    plan.dispose()
    first = next(iter(feeds))
    if first != "i":
        with pytest.raises(InputError, match=message):
            run_nodes(session, [made], {first: feeds[first]}, {k: v for k, v in feeds.items() if k != first} |
                      {"i": bad}, ["y"])


def test_the_first_wrong_index_is_told_and_a_host_step_behind_does_not_see_it(session):
    """Many are wrong; what they read never gets anywhere."""
    indices = np.arange(1000, dtype=np.int32) % 3
    indices[[400, 600, 999]] = [77, -5, 9]
    nodes = [
        Node("g", "GatherV2", ("x", "i"), registry.get("GatherV2").resolve_attrs({}, "test")),
        Node("c", "Cast", ("g",), registry.get("Cast").resolve_attrs({"dtype": "int32"}, "test")),
        Node("h", "ClipByValue", ("c",), registry.get("ClipByValue").resolve_attrs({"clip_value_max": 0.5}, "test")),
        Node("y", "Neg", ("h",)),
    ]
    with pytest.raises(InputError, match=r"^node 'g' \(GatherV2\): GatherV2: index 77 is out of range"):
        run_nodes(session, nodes, {"x": _TABLE, "i": indices}, {}, ["y"])


def test_indices_into_nothing(session):
    """No slice to read, and no elements in a slice."""
    with pytest.raises(InputError, match="index 0 is out of range for a length of 0"):
        run_nodes(session, [node("GatherV2", "xi")], {"x": np.zeros((0, 3), np.float32), "i": np.zeros(2, np.int32)},
                  {}, ["y"])
    with pytest.raises(InputError, match="index 5 is out of range for a length of 3"):
        run_nodes(session, [node("GatherV2", "xi")], {"x": np.zeros((3, 0), np.float32), "i": np.full(2, 5, np.int32)},
                  {}, ["y"])
    assert_runs(session, "GatherV2", {"x": np.zeros((3, 0), np.float32), "i": np.zeros(2, np.int32)})


def test_more_workgroups_than_one_dimension_holds(session):
    """65535 groups of 64 elements are fewer than these."""
    table = np.arange(7, dtype=np.int32)
    indices = (np.arange(65_536 * 64 + 5) % 7).astype(np.int32)
    assert_runs(session, "GatherV2", {"x": table, "i": indices})
