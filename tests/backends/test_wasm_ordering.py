"""The largest elements, bounds in sorted rows and running sums as kernels: bit for bit what the reference computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import assert_runs

_many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_NUMBERS = st.sampled_from(["float32", "int32"])
_seeds = st.integers(0, 9999)
_SPECIAL = {
    "float32": [0.0, -0.0, 1.0, -1.0, np.nan, -np.nan, np.inf, -np.inf, 1e-40, -1e-40, 3e38, -3e38],
    "int32": [0, 1, -1, 2**31 - 1, -(2**31), 2**31 - 2, 1 - 2**31],
}


def _drawn(rng, shape, dtype):
    """Few different values, many special ones: there are ties everywhere."""
    special = rng.choice(np.array(_SPECIAL[dtype], dtype), shape)
    return np.where(rng.random(shape) < 0.4, special, rng.integers(-3, 4, shape).astype(dtype))


@_many
@given(
    outer=st.lists(st.sampled_from([1, 2, 5]), max_size=2).map(tuple), n=st.sampled_from([1, 2, 3, 8, 31, 300]),
    data=st.data(), dtype=_NUMBERS, seed=_seeds,
)
def test_the_largest_in_their_order(open_sessions, outer, n, data, dtype, seed):
    """Largest first; of equal ones the first, -0 and 0 are equal, and NaN are the largest."""
    k = data.draw(st.one_of(st.integers(0, n), st.just(n)))
    x = _drawn(np.random.default_rng(seed), (*outer, n), dtype)
    assert_runs(open_sessions, "TopK", {"k": k, "sorted": data.draw(st.booleans())}, {"x": x})


def test_the_largest_of_many_rows_are_found_by_all_threads(open_sessions):
    x = np.random.default_rng(0).integers(-50, 50, (70, 999)).astype(np.float32)
    assert_runs(open_sessions, "TopK", {"k": 100}, {"x": x})


@_many
@given(
    rows=st.sampled_from([1, 3]), n=st.sampled_from([0, 1, 2, 7, 64]), count=st.sampled_from([0, 1, 5, 40]),
    name=st.sampled_from(["LowerBound", "UpperBound"]), dtype=_NUMBERS, seed=_seeds,
)
def test_bounds_in_sorted_rows(open_sessions, rows, n, count, name, dtype, seed):
    rng = np.random.default_rng(seed)
    x, values = np.sort(_drawn(rng, (rows, n), dtype), axis=1), _drawn(rng, (rows, count), dtype)
    assert_runs(open_sessions, name, {}, {"x": x, "values": values})


@_many
@given(
    shape=st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 13]), min_size=1, max_size=4).map(tuple), data=st.data(),
    name=st.sampled_from(["Cumsum", "Cumprod"]), dtype=_NUMBERS, exclusive=st.booleans(), reverse=st.booleans(),
    seed=_seeds,
)
def test_running_sums_and_products(open_sessions, shape, data, name, dtype, exclusive, reverse, seed):
    """Along any axis, counted from either end; integers wrap, and NaN stay."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    rng = np.random.default_rng(seed)
    x = _drawn(rng, shape, dtype) if data.draw(st.booleans()) else rng.uniform(-3, 3, shape).astype(dtype)
    with np.errstate(all="ignore"):
        assert_runs(open_sessions, name, {"axis": axis, "exclusive": exclusive, "reverse": reverse}, {"x": x})


@pytest.mark.parametrize("reverse", [False, True])
def test_many_running_sums_are_shared_among_threads(open_sessions, reverse):
    x = np.random.default_rng(0).uniform(-1, 1, (40, 50, 60)).astype(np.float32)
    for axis in (1, 2):
        assert_runs(open_sessions, "Cumsum", {"axis": axis, "reverse": reverse}, {"x": x})
