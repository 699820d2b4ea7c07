"""Races of kernels: what decides, when they end, and how sure the answer is; with clocks and samples that are given."""

from __future__ import annotations

from functools import partial
from itertools import chain, repeat

import pytest

from tfjslab.backends.kernels import race as racing
from tfjslab.backends.kernels.race import Confidence, on_this_thread, race


class _Field:
    """Candidates that take the next of their seconds each time, and the order in which they ran."""

    def __init__(self, **times):
        self.order = []
        self.samples = [partial(self._run, name, iter(seconds)) for name, seconds in times.items()]

    def _run(self, name, seconds):
        self.order.append(name)
        return next(seconds)

    def run(self):
        verdict = race(self.samples)
        return verdict.fastest, verdict.confidence, "".join(self.order)


def test_candidates_run_in_turn_until_two_heats_agree():
    winner, confidence, order = _Field(a=[0.5] * 4, b=[0.53125] * 4, c=[0.5625, 0.484375, 0.5, 0.484375]).run()
    assert (winner, order) == (2, "abc" * 4)
    assert confidence == Confidence(0.5 / 0.484375, (0.484375 + 0.5) / 2 / 0.484375, 4, agreed=True, waited=None)
    assert confidence.doubts == ()


def test_what_is_clearly_slower_runs_one_heat_and_no_more():
    winner, _, order = _Field(a=[0.5] * 4, b=[0.75, 0.625], c=[0.5625] * 4).run()
    assert (winner, order) == (0, "abcabc" + "acac")


def test_interrupted_samples_do_not_decide():
    """Neither that of the fastest nor those of others, whichever rounds they are in."""
    winner, confidence, order = _Field(
        a=[0.5625] * 4, b=[8.0, 0.5, 0.5, 9.0], c=[0.59375, 9.0, 9.0, 0.59375],
    ).run()
    assert (winner, order) == (1, "abc" * 4)
    assert confidence.agreed


def test_orders_that_change_between_heats_are_run_again():
    """The first heat has b before a, the second a before b, and so on until two agree."""
    a, b = [0.5, 0.5, 0.4375, 0.4375, 0.5, 0.4375, 0.4375, 0.5], [0.46875, 0.46875, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    winner, confidence, order = _Field(a=a, b=b).run()
    assert (winner, order) == (0, "ab" * 6)
    assert confidence.agreed


def test_a_race_that_never_agrees_ends_in_doubt():
    swap = list(chain.from_iterable(repeat([0.5, 0.5, 0.5625, 0.5625], 3)))
    winner, confidence, order = _Field(a=swap, b=[0.5625, 0.5625, *swap[:-2]]).run()
    assert (winner, order) == (0, "ab" * 12)
    assert (confidence.agreed, confidence.doubts) == (False, ("samples disagreed",))


def test_whoever_is_as_good_as_the_winner_does_not_make_it_doubtful():
    """A wrong choice among equals costs nothing."""
    winner, confidence, order = _Field(a=[0.5, 0.5, 0.5078125, 0.5078125], b=[0.5078125, 0.5078125, 0.5, 0.5]).run()
    assert (winner, order) == (0, "abab" * 2)
    assert confidence.agreed


def test_the_last_one_left_runs_no_more():
    winner, confidence, order = _Field(a=[0.5] * 2, b=[0.25] * 2).run()
    assert (winner, order) == (1, "abab")
    assert confidence == Confidence(2.0, 1.0, 2, agreed=True, waited=None)


def test_short_kernels_run_more_often_but_not_for_ever():
    winner, confidence, order = _Field(a=[2.0**-20] * 19 + [2.0**-21], b=[2.0**-20] * 20).run()
    assert (winner, order) == (0, "ab" * 20)
    assert confidence.samples == 20


def test_a_heat_of_short_kernels_ends_when_they_have_run_long_enough():
    _, confidence, _ = _Field(a=[2.0**-11] * 8, b=[2.0**-11] * 8).run()
    assert confidence.samples == 2 * 3  # three rounds of both are more than two milliseconds


def test_of_equal_candidates_the_first_is_taken():
    assert _Field(a=[0.5] * 4, b=[0.5] * 4).run()[0] == 0


def test_one_candidate_is_taken_without_running():
    assert _Field(a=[]).run() == (0, Confidence(None, None, 0, agreed=True, waited=None), "")


def test_a_clock_that_stands_still_gives_no_ratios():
    _, confidence, _ = _Field(a=[0.0] * 20, b=[0.0] * 20).run()
    assert (confidence.margin, confidence.spread) == (None, None)


def test_samples_are_in_the_time_of_the_thread_that_runs():
    """A run is preempted for ten seconds, of which its thread's own clock sees nothing."""
    wall = [0.0, 0.0]

    def run(own, waiting):
        wall[0] += own + waiting
        wall[1] += own

    slow = on_this_thread(partial(run, 0.5, 0.0), lambda: wall[1])
    preempted = on_this_thread(partial(run, 0.25, 10.0), lambda: wall[1])
    assert race([slow, preempted]).fastest == 1


@pytest.mark.parametrize(("waited", "doubts"), [
    (None, ()), (0.0, ()), (0.19, ()), (0.5, ("the machine was busy",)),
])
def test_a_thread_that_waited_for_a_processor_is_a_reason_for_doubt(waited, doubts):
    assert Confidence(1.5, 1.0, 4, agreed=True, waited=waited).doubts == doubts


def test_the_share_of_waiting_is_known_only_with_a_clock_of_the_thread(monkeypatch):
    wall, own = [100.0], [7.0]
    monkeypatch.setattr(racing.time, "perf_counter", lambda: wall[0])
    monkeypatch.setattr(racing, "thread_clock", lambda: own[0])
    share = racing.waiting()
    assert share() is None  # no time has passed
    wall[0], own[0] = 104.0, 10.0
    assert share() == 0.25
    own[0] = 11.5  # clocks differ by their own cost
    assert share() == 0.0
    monkeypatch.setattr(racing, "thread_clock", racing.time.perf_counter)
    assert share() is None


def test_on_a_busy_machine_there_is_a_heat_more_and_fewer_drop_out():
    """What was slow for others' sake in the first heat wins."""
    times = {"a": [0.5] * 6, "b": [0.6875, 0.6875, *[0.4375] * 4], "c": [0.8125] * 2}
    quiet, busy = _Field(**times), _Field(**times)
    assert race(quiet.samples, lambda: 0.1).fastest == 0
    assert "".join(quiet.order) == "abc" * 2
    found = race(busy.samples, lambda: 0.4)
    assert (found.fastest, found.confidence.waited) == (1, 0.4)
    assert "".join(busy.order) == "abc" * 2 + "ab" * 4
    assert found.confidence.doubts == ("the machine was busy",)
