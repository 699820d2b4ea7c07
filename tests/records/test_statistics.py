"""Comparing times: intervals that hold, words that say which way, and an answer for what cannot be told."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tfjslab.records import statistics as own
from tfjslab.records.statistics import (
    BETWEEN,
    ProcessFigure,
    compare_processes,
    compare_rounds,
    compare_samples,
    figure_of,
    median_interval,
)
from tfjslab.records.verdict import FASTER, SAME, SLOWER, UNKNOWN, SpeedVerdict, judged, times_words


@pytest.mark.parametrize(("verdict", "short", "text"), [
    (judged(1.234, 1.18, 1.29), "1.23x faster", "1.23x faster (95%: 1.18 to 1.29)"),
    (judged(0.8, 0.75, 0.85), "1.25x slower", "1.25x slower (95%: 1.18 to 1.33)"),
    (judged(1.01, 0.99, 1.019), "same within 2%", "same within 2%"),
    (judged(1.003, 1.001, 1.004), "same within 1%", "same within 1%"),
    (judged(1.1, 0.8, 1.5, "two slow runs"), "cannot tell",
     "cannot tell (95%: 1.25x slower to 1.50x faster; two slow runs)"),
    (SpeedVerdict(UNKNOWN, reason="nothing was measured"), "cannot tell", "cannot tell (nothing was measured)"),
])
def test_a_verdict_has_one_wording(verdict, short, text):
    assert (verdict.short, verdict.text, verdict.to_json()["text"]) == (short, text, text)


def test_a_ratio_always_says_which_way():
    assert [times_words(r) for r in (2.0, 1.0, 0.5)] == ["2.00x faster", "1.00x faster", "2.00x slower"]


@pytest.mark.parametrize("freedom", [3, 4, 8, 30])
def test_students_quantile_is_that_of_scipy(freedom):
    assert own._student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.01)


@pytest.mark.parametrize("count", [6, 10, 25, 60, 200])
def test_the_interval_of_a_median_holds_it_in_95_of_100_cases(count):
    assert median_interval([1.0] * 5) is None
    low, high = own._around_the_median(count)
    assert 1 - 2 * stats.binom.cdf(low, count, 0.5) >= 0.95 > 1 - 2 * stats.binom.cdf(low + 1, count, 0.5)
    found = median_interval(list(range(1, count + 1)))
    assert (found.low, found.high) == (low + 1, high + 1)
    assert found.precision == pytest.approx((high - low) / 2 / found.median)


@pytest.mark.parametrize("count", [201, 500, 100_000])
def test_the_interval_of_many_values_is_as_good_and_quick(count):
    low, high = own._around_the_median(count)
    assert low + high == count - 1
    assert 0.95 <= 1 - 2 * stats.binom.cdf(low, count, 0.5) < 0.98


def _rounds(rng, rounds, scale, drift):
    """Runs of 6 in rounds that all sides see slow down alike, with some runs that were interrupted."""
    times = scale * drift[:, None] * np.exp(rng.normal(0, 0.02, (rounds, 6)))
    return np.where(rng.random(times.shape) < 0.1, 2 * times, times).tolist()


def _share(outcomes, kind):
    return sum(v.kind == kind for v in outcomes) / len(outcomes)


def test_interleaved_rounds_find_15_percent_and_do_not_find_what_is_not_there():
    """Also on a machine that becomes half as fast again from round to round."""
    rng = np.random.default_rng(7)
    drifts = [np.exp(rng.normal(0, 0.3, 5)) for _ in range(200)]
    same = [compare_rounds(_rounds(rng, 5, 1, d), _rounds(rng, 5, 1, d)) for d in drifts]
    assert _share(same, SAME) + _share(same, UNKNOWN) >= 0.98
    slower = [compare_rounds(_rounds(rng, 5, 1, d), _rounds(rng, 5, 1.15, d)) for d in drifts]
    assert _share(slower, SLOWER) >= 0.9
    assert _share(slower, FASTER) == 0


def _process(rng, scale=1.0, between=BETWEEN, **how):
    times = scale * math.exp(rng.normal(0, between)) * np.exp(rng.normal(0, 0.02, 30))
    return replace(figure_of(times.tolist()), reference_ms=0.1, **how)


@pytest.mark.parametrize("processes", [1, 5])
def test_processes_that_differ_by_chance_are_not_called_different(processes):
    rng = np.random.default_rng(11)
    pairs = [([_process(rng) for _ in range(processes)], [_process(rng) for _ in range(processes)])
             for _ in range(200)]
    assert _share([compare_processes(a, b) for a, b in pairs], UNKNOWN) + _share(
        [compare_processes(a, b) for a, b in pairs], SAME) >= 0.94


def test_processes_that_are_alike_find_15_percent():
    rng = np.random.default_rng(3)
    found = [compare_processes([_process(rng, between=0.012)], [_process(rng, 1.15, 0.012)]) for _ in range(100)]
    assert _share(found, SLOWER) >= 0.9
    many = [compare_processes([_process(rng) for _ in range(5)], [_process(rng, 1.15) for _ in range(5)])
            for _ in range(100)]
    assert _share(many, SLOWER) >= 0.97


def test_processes_that_vary_more_than_usual_widen_the_interval_themselves():
    wild = [ProcessFigure(t, 0.005, 30, reference_ms=0.1) for t in (1.0, 1.3, 0.8, 1.2, 0.9)]
    calm = [ProcessFigure(t, 0.005, 30, reference_ms=0.1) for t in (1.15, 1.16, 1.15, 1.14, 1.15)]
    assert compare_processes(wild, calm).kind == UNKNOWN
    assert compare_processes(calm, [replace(c, median_ms=1.0) for c in calm]).kind == FASTER


def test_a_processor_that_was_slower_explains_what_it_may():
    """1.4 times as long where the loop took 1.6 times as long says nothing; 3 times as long does."""
    a, b = (ProcessFigure(1.0, 0.005, 30, reference_ms=0.1), ProcessFigure(1.4, 0.005, 30, reference_ms=0.16))
    found = compare_processes([a], [b])
    assert found.kind == UNKNOWN
    assert found.reason == ("the processor was 1.60x slower for the second, by a loop that both ran; measure both "
                            "again, with --processes 5")
    assert compare_processes([b], [a]).reason.startswith("the processor was 1.60x slower for the first")
    assert compare_processes([a], [replace(b, median_ms=3.0)]).kind == SLOWER
    assert compare_processes([a], [b], same_machine=False).kind == SLOWER
    assert compare_processes([a], [replace(b, reference_ms=0.105)]).kind == SLOWER


def test_a_busy_machine_is_a_reason_to_say_nothing():
    busy = ProcessFigure(1.2, 0.01, 30, disturbed=0.9)
    found = compare_processes([busy], [ProcessFigure(1.0, 0.01, 30)])
    assert (found.kind, found.reason) == (
        UNKNOWN, "most runs were disturbed; measure again on a quiet machine, or with --max-time 30")


@pytest.mark.parametrize(("found", "reason"), [
    (lambda: compare_rounds([], [[1.0]]), "nothing was measured on both sides"),
    (lambda: compare_rounds([[1.0] * 4], [[1.0] * 9]), "4 and 9 runs; at least 6 of each are needed"),
    (lambda: compare_samples([1.0] * 6, [0.0] * 6), "times of 0 are below what the clock can tell"),
    (lambda: compare_processes([], [figure_of([1.0])]), "nothing was measured on both sides"),
    (lambda: compare_processes([figure_of([1.0])], [figure_of([1.0] * 8)]),
     "1 and 8 undisturbed runs; at least 6 of each process are needed"),
    (lambda: compare_processes([figure_of([1.0] * 6)], [ProcessFigure(0.0, 0.0, 6)]),
     "times of 0 are below what the clock can tell"),
])
def test_what_cannot_be_told_says_why(found, reason):
    assert found() == SpeedVerdict(UNKNOWN, reason=reason)


def test_processes_of_tiny_models_differ_by_more():
    def side(ms):
        return [ProcessFigure(ms, 0.005, 30, reference_ms=0.1)]

    assert compare_processes(side(1.5), side(1.8)).kind == SLOWER
    assert compare_processes(side(0.05), side(0.06)).kind == UNKNOWN


def test_processes_that_nobody_watched_are_given_more_noise():
    watched = [ProcessFigure(t, 0.005, 30, reference_ms=0.1) for t in (1.0, 1.15)]
    assert compare_processes(watched[:1], watched[1:]).kind == SLOWER
    old = replace(watched[0], reference_ms=None)
    assert compare_processes([old], watched[1:]).kind == UNKNOWN
    assert compare_processes([old], [replace(watched[1], median_ms=2.0)]).kind == SLOWER
