"""The histogram: its rule, its error, merging; the same in Python and in JavaScript is held in test_loader.py."""

from __future__ import annotations

import numpy as np
import pytest

from tfjslab.monitoring.histogram import (
    FIRST_BUCKET,
    GAMMA,
    LAST_BUCKET,
    LEAST_MS,
    MOST_MS,
    RELATIVE_ERROR,
    LatencyHistogram,
    bucket_of,
    value_of,
)


def filled(times):
    found = LatencyHistogram()
    for ms in times:
        found.add(ms)
    return found


def test_every_time_is_within_one_percent_of_what_stands_for_its_bucket():
    times = np.exp(np.linspace(np.log(LEAST_MS), np.log(MOST_MS), 20_001))
    errors = [abs(value_of(bucket_of(ms)) - ms) / ms for ms in times]
    assert max(errors) <= RELATIVE_ERROR * (1 + 1e-9)
    assert max(errors) > RELATIVE_ERROR * 0.99  # and the buckets are no smaller than they must be


def test_times_outside_are_counted_at_the_ends():
    assert bucket_of(0.0) == bucket_of(LEAST_MS) == FIRST_BUCKET
    assert bucket_of(1e300) == bucket_of(MOST_MS) == LAST_BUCKET


@pytest.mark.parametrize("q", [0, 0.01, 0.5, 0.9, 0.95, 0.99, 1])
def test_percentiles_are_within_one_percent_of_the_time_at_that_rank(q):
    times = np.random.default_rng(3).lognormal(2, 1.5, 999)
    exact = np.sort(times)[int(q * 998)]
    assert abs(filled(times).quantile(q) - exact) / exact <= RELATIVE_ERROR * (1 + 1e-9)


def test_merging_loses_nothing():
    times = np.random.default_rng(4).lognormal(1, 1, 500)
    whole, parts = filled(times), filled(times[:123])
    parts.merge(filled(times[123:]))
    assert parts == whole
    assert LatencyHistogram.of(whole.pairs()) == whole
    assert len(whole) == 500
    assert whole.sum_ms == pytest.approx(times.sum(), rel=RELATIVE_ERROR)


def test_counts_below_a_bound_are_exact():
    times = [GAMMA**k * (1 - 1e-9) for k in range(10)]
    assert [filled(times).up_to(k) for k in range(10)] == list(range(1, 11))


def test_of_nothing_nothing_is_known():
    assert LatencyHistogram().quantile(0.5) is None
    assert repr(filled([1.0, 2.0, 2.0])) == "<LatencyHistogram: 3 times in 2 buckets>"
    assert filled([1.0]).to_json() == {"count": 1, "p50_ms": value_of(0), "p95_ms": value_of(0), "p99_ms": value_of(0),
                                       "relative_error": 0.01}
