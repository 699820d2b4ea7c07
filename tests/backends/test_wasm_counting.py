"""Counts, sequences of numbers and bands of matrices as kernels: bit for bit what the reference computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import assert_runs, run_nodes

from tfjslab.base.errors import InputError
from tfjslab.graph.ir import Node
from tfjslab.ops import registry

_many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_seeds = st.integers(0, 9999)


@_many
@given(
    name=st.sampled_from(["Bincount", "DenseBincount"]), rows=st.sampled_from([0, 1, 4]), n=st.sampled_from([0, 1, 50]),
    size=st.sampled_from([0, 1, 7, 60]), dtype=st.sampled_from(["float32", "int32"]), weighted=st.booleans(),
    binary=st.booleans(), data=st.data(), seed=_seeds,
)
def test_counts(open_sessions, name, rows, n, size, dtype, weighted, binary, data, seed):
    """Numbers that are too large are left out; weights of integers wrap."""
    dense = name == "DenseBincount"
    shape = (rows, n) if dense and data.draw(st.booleans()) else (n,)
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 20, shape).astype(np.int32)
    x[rng.random(shape) < 0.1] = 2**31 - 1
    weights = rng.integers(-(2**30), 2**30, shape if weighted else (0,)).astype(dtype)
    attrs = {"size": size} | ({"binary_output": binary} if dense else {})
    assert_runs(open_sessions, name, attrs, {"x": x, "weights": weights})


@pytest.mark.parametrize("size", [0, 4])
@pytest.mark.parametrize("name", ["Bincount", "DenseBincount"])
def test_a_negative_number_is_the_error_of_the_reference(open_sessions, name, size):
    """Which names the smallest."""
    x, op = np.array([1, 0, -2, 5, -(2**31), 3, -1], np.int32), registry.get(name)
    node = Node("out", name, ("x", "w"), op.resolve_attrs({"size": size}, "test"))
    for session in open_sessions:
        with pytest.raises(InputError, match="a value of -2147483648 is counted"):
            run_nodes(session, [node], {"x": x, "w": np.zeros(0, np.float32)}, {}, ["out"])


# Longer than what is computed while planning.
@pytest.mark.parametrize("attrs", [
    {"start": 0, "limit": 5000}, {"start": 7, "limit": -90000, "delta": -3},
    {"start": -1.5, "limit": 5000, "delta": 0.7, "dtype": "float32"}, {"start": 0.9, "limit": -6000.1, "delta": -1.1},
    {"start": -(2**31), "limit": 2**31, "delta": 2**18 + 1}, {"start": 1e30, "limit": 1.00001e30, "delta": 1e21,
                                                            "dtype": "float32"},
], ids=str)
def test_a_range(open_sessions, attrs):
    assert_runs(open_sessions, "Range", attrs, {})


@pytest.mark.parametrize("attrs", [
    {"start": 0, "stop": 1, "num": 5000}, {"start": 3.3, "stop": -1e9, "num": 4999},
    {"start": 2, "stop": 2, "num": 5000}, {"start": -1e38, "stop": 3e38, "num": 150000},
], ids=str)
def test_numbers_evenly_between_two(open_sessions, attrs):
    """The last one is exactly the second."""
    assert_runs(open_sessions, "LinSpace", attrs, {})


@_many
@given(
    shape=st.lists(st.sampled_from([1, 2, 3, 5, 9]), min_size=2, max_size=4).map(tuple), lower=st.integers(-2, 10),
    upper=st.integers(-2, 10), dtype=st.sampled_from(["float32", "int32", "bool"]), seed=_seeds,
)
def test_a_band_of_a_matrix(open_sessions, shape, lower, upper, dtype, seed):
    x = np.random.default_rng(seed).integers(-9, 9, shape).astype(dtype)
    assert_runs(open_sessions, "MatrixBandPart", {"num_lower": lower, "num_upper": upper}, {"x": x})
