"""Samples, bursts, rounds and what they come to, with clocks that tell what the tests want."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tfjslab.bench.comparison import Ratio
from tfjslab.bench.ops import samples
from tfjslab.bench.ops.result import OpResult, summaries
from tfjslab.bench.ops.rounds import Round, Timing, run_rounds, summarise
from tfjslab.bench.ops.samples import Burst, Meter, Pace, Sample, burst_of, pace, take_samples

CLEAN = Sample(calls=2, wall_ms=4.0, cpu_ms=4.0, switches=0, alone=True)
TOGETHER = replace(CLEAN, alone=False)


def ticking(step):
    """A clock that is ``step`` seconds further at each look."""
    return (i * step for i in itertools.count(1)).__next__


class Steady:
    """A side of which each call takes ``ms``; ``noise(number)`` says what a sample lost."""

    def __init__(self, ms, noise=lambda _number: 0):
        self.ms, self.noise, self.asked, self.taken = ms, noise, [], 0

    def samples(self, calls, count):
        """Samples without a clock."""
        self.asked.append((calls, count))
        found = []
        for _ in range(count):
            lost = self.noise(self.taken)
            found.append(Sample(calls, calls * self.ms + lost, calls * self.ms, int(lost > 0), alone=True))
            self.taken += 1
        return found


def test_a_sample_is_the_wall_time_of_its_calls_with_what_disturbed_it():
    called = []
    meter = Meter(ticking(0.006), ticking(0.005), lambda alone: 7 * alone)
    first, second = take_samples(lambda: called.append(1), 3, 2, alone=True, meter=meter)
    assert len(called) == 1 + 3 * 2  # one call that is not counted
    assert (first.calls, first.switches, second.switches) == (3, 0, 0)
    assert first.wall_ms == pytest.approx(6)
    assert first.cpu_ms == pytest.approx(5)
    assert first.ms == pytest.approx(2)


def test_a_sample_is_clean_when_the_thread_had_its_processor_all_the_time():
    assert CLEAN.is_clean
    assert not replace(CLEAN, switches=1).is_clean
    assert not replace(CLEAN, cpu_ms=3.0).is_clean
    assert not replace(TOGETHER, switches=1).is_clean
    assert replace(TOGETHER, cpu_ms=3.0).is_clean  # it may wait for other threads, or for a GPU


def test_a_burst_is_the_fastest_of_the_clean_samples():
    fast = replace(CLEAN, wall_ms=2.0, switches=1)
    assert burst_of([CLEAN, fast, replace(CLEAN, wall_ms=6.0, cpu_ms=6.0)]) == Burst(2.0, 2)


def test_where_no_sample_is_clean_a_burst_is_the_least_processor_time_of_one_thread():
    disturbed = [replace(CLEAN, wall_ms=20.0, cpu_ms=5.0, switches=3), replace(CLEAN, wall_ms=9.0, cpu_ms=6.0)]
    assert burst_of(disturbed) == Burst(2.5, 0)
    assert burst_of([replace(TOGETHER, switches=1, wall_ms=w) for w in (20.0, 9.0)]) == Burst(4.5, 0)
    unknown = replace(CLEAN, cpu_ms=0.0)  # by a clock that is too coarse
    assert burst_of([unknown]) == Burst(2.0, 0)


def test_a_burst_needs_three_clean_samples():
    assert [Burst(1.0, n).is_disturbed for n in (0, 2, 3)] == [True, True, False]


def test_the_pace_makes_samples_long_enough_for_the_clock():
    assert pace(Steady(0.01)) == Pace(100, 12)
    assert pace(Steady(0.9)) == Pace(2, 6)
    slow = Steady(70.0)
    assert pace(slow) == Pace(1, samples.LEAST_SAMPLES)
    assert len(slow.asked) == 3  # warm once it has run for long enough


def test_a_side_is_warmed_up_with_samples_that_grow():
    side = Steady(0.1)
    pace(side)
    assert [calls for calls, _ in side.asked[:6]] == [1, 2, 4, 8, 10, 10]


def test_a_clock_that_stands_still_ends_the_warm_up():
    assert pace(Steady(0.0), warm_ms=0.01).calls > 1


def test_rounds_alternate_and_reverse_their_order():
    order = []

    class Noting(Steady):
        def samples(self, calls, count):
            if count > 1:
                order.append(self.ms)
            return super().samples(calls, count)

    found = run_rounds([Noting(1.0), Noting(3.0)], 3)
    assert order == [1.0, 3.0, 3.0, 1.0, 1.0, 3.0]
    assert [[b.ms for b in r.bursts] for r in found] == [[1.0, 3.0]] * 3


def test_disturbed_rounds_are_run_again_and_left_out():
    calm = Steady(200.0)  # warm after one sample
    noisy = Steady(200.0, lambda number: 50.0 if 1 <= number < 1 + samples.LEAST_SAMPLES else 0.0)
    rounds = run_rounds([calm, noisy], 3)
    assert [r.is_disturbed for r in rounds] == [True, False, False, False]
    found = summarise(rounds, 3)
    assert (found.kept, found.disturbed, found.repeated) == (3, 0, 1)
    assert found.timings == (Timing(200.0, 200.0, 200.0),) * 2
    assert found.ratio == Ratio(1.0, 1.0, 1.0)


def test_a_machine_that_is_never_quiet_gives_marked_figures_within_a_limit():
    rounds = run_rounds([Steady(200.0, lambda _number: 100.0)], 3)
    found = summarise(rounds, 3)
    assert (len(rounds), found.kept, found.disturbed, found.repeated) == (6, 6, 6, 0)
    assert found.timings == (Timing(200.0, 200.0, 200.0),)  # the processor time
    assert found.ratio is None  # there is no other side


def test_the_ratio_is_the_median_of_the_rounds_with_their_range():
    rounds = [Round((Burst(1.0, 5), Burst(theirs, 5))) for theirs in (2.0, 3.0, 5.0)]
    found = summarise(rounds, 3)
    assert found.ratio == Ratio(3.0, 2.0, 5.0)
    assert found.timings[1] == Timing(3.0, 2.0, 5.0)


def row(op, ratio, **more):
    return OpResult("g", op, "4", "wasm-simd", 1, ratio=ratio, **more)


def test_the_summary_leaves_out_what_is_wrong_or_was_not_compared():
    rows = [row("A", 4.0), row("B", 1.0), row("C", 0.5, disturbed=2), row("D", 100.0, wrong=True),
            row("E", None, fallback_kernels=1)]
    (s,) = summaries(rows)
    assert s.geometric_mean == pytest.approx(2 ** (1 / 3))
    assert (s.rows, s.compared, s.worst, s.worst_row, s.slower) == (5, 3, 0.5, "C 4", ("C 4",))
    assert (s.wrong, s.on_host, s.disturbed) == (("D 4",), ("E 4",), 1)


def test_each_backend_has_its_own_summary_and_one_without_a_peer_has_no_mean():
    found = summaries([row("A", None), replace(row("A", 2.0), backend="cpu")])
    assert [(s.backend, s.geometric_mean, s.worst) for s in found] == [("wasm-simd", None, None), ("cpu", 2.0, 2.0)]
    assert summaries([]) == ()
