"""Which runs count: those in which the machine did nothing else, and what is said where there are too few."""

from __future__ import annotations

import pytest

from tfjslab.records.disturbance import ADVICE, RunState, judge

CALM = RunState(lost_ms=0.01, switches=0, reference_ms=0.1)
WAITED = RunState(lost_ms=4.0, switches=1, reference_ms=0.1)
SWITCHED = RunState(lost_ms=None, switches=2, reference_ms=0.1)
SLOW = RunState(lost_ms=0.0, switches=0, reference_ms=0.16)


def test_runs_that_nothing_disturbed_all_count_and_nothing_is_said():
    found = judge([10.0] * 5, [CALM] * 5)
    assert (found.kept, found.disturbed, found.share, found.mostly, found.text) == ((0, 1, 2, 3, 4), (), 0, False, "")
    assert found.reference_ms == pytest.approx(0.1)


@pytest.mark.parametrize("state", [WAITED, SWITCHED, SLOW])
def test_a_run_that_waited_was_switched_away_or_had_a_slow_processor_is_left_out(state):
    found = judge([10.0] * 10, [CALM] * 4 + [state] + [CALM] * 5)
    assert (found.disturbed, found.kept) == ((4,), (0, 1, 2, 3, 5, 6, 7, 8, 9))
    assert found.text == "1 of 10 runs disturbed, left out"
    assert found.of_kept("abcdefghij") == tuple("abcdfghij")


def test_a_long_run_may_lose_a_turn():
    assert judge([400.0], [RunState(lost_ms=3.0, switches=1)]).disturbed == ()
    assert judge([400.0], [RunState(lost_ms=9.0, switches=1)]).disturbed == (0,)
    assert judge([400.0], [RunState(lost_ms=None, switches=9)]).disturbed == (0,)


def test_when_most_are_disturbed_the_others_count_and_words_say_so():
    found = judge([10.0] * 10, [CALM] * 3 + [WAITED] * 5 + [SLOW] * 2)
    assert (found.kept, found.mostly, found.share) == ((0, 1, 2), True, 0.7)
    assert found.text == (
        "7 of 10 runs disturbed (other programs took the processor in 5, the processor was slower in 2); figures are "
        f"of the 3 others and may be off: {ADVICE}")


def test_where_all_are_disturbed_those_that_lost_least_stand_for_them():
    walls = [20.0, 30.0, 11.0, 40.0, 12.0, 50.0, 60.0, 70.0]
    found = judge(walls, [RunState(lost_ms=w - 10, switches=1) for w in walls])
    assert found.kept == (0, 2, 4)
    assert found.text == ("8 of 8 runs disturbed (other programs took the processor in 8); figures are of the 3 that "
                          f"lost least and may be off: {ADVICE}")
    assert judge(walls, [SWITCHED] * 8).kept == (0, 2, 4), "where losses are not known, the fastest"


def test_a_single_run_is_kept_whatever_happened():
    assert judge([10.0], [WAITED]).kept == (0,)
    assert judge([], []).kept == ()


def test_records_of_earlier_versions_say_nothing_of_it():
    found = judge([1.0, 2.0], [])
    assert (found.kept, found.disturbed, found.reference_ms) == ((0, 1), (), None)


def test_scripts_read_the_same():
    data = judge([10.0] * 4, [CALM, CALM, CALM, WAITED]).to_json()
    assert data == {"runs": 4, "disturbed": [3], "kept": [0, 1, 2], "share": 0.25, "mostly": False, "interrupted": 1,
                    "slowed": 0, "reference_ms": pytest.approx(0.1), "text": "1 of 4 runs disturbed, left out"}
