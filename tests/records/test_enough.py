"""How many runs there are: as asked for, or as many as make the median certain."""

from __future__ import annotations

import pytest

from tfjslab.base.errors import UsageError
from tfjslab.records.disturbance import RunState
from tfjslab.records.enough import MAX_TIME_S, PRECISION, Enough, enough

CALM, DISTURBED = RunState(0.0, 0), RunState(9.0, 3)


@pytest.mark.parametrize(("asked", "expected"), [
    ((None, None, None), Enough(10, PRECISION, MAX_TIME_S)),
    ((7, None, None), Enough(7)),
    ((7, 0.01, None), Enough(7, 0.01, MAX_TIME_S)),
    ((7, None, 2.0), Enough(7, PRECISION, 2.0)),
    ((None, 0.1, 60.0), Enough(10, 0.1, 60.0)),
])
def test_a_number_alone_is_kept_to_and_otherwise_the_machine_decides(asked, expected):
    assert enough(*asked, 10) == expected


def test_runs_are_enough_when_they_are_as_many_and_the_median_is_certain():
    how = Enough(6, 0.03)
    steady, wild = [1.0, 1.01] * 20, [1.0, 2.0] * 20
    assert not how.is_met(steady[:5], lambda: [CALM] * 5)
    assert how.is_met(steady[:6], lambda: [CALM] * 6)
    assert not how.is_met(wild, lambda: [CALM] * 40)
    assert not how.is_met(steady, lambda: [DISTURBED] * 40), "the fastest quarter makes nothing certain"
    assert not how.is_met(steady, lambda: [CALM] * 4 + [DISTURBED] * 36)
    assert how.is_met(steady, lambda: [CALM] * 20 + [DISTURBED] * 20)


def test_without_a_precision_nobody_looks_at_the_machine():
    def unasked():
        raise AssertionError

    assert Enough(3).is_met([1.0] * 3, unasked)


@pytest.mark.parametrize(("wrong", "message"), [
    ({"precision": 3.0}, "precision is 3.0; expected a part above 0 and below 1, such as 0.03"),
    ({"max_time_s": 0}, "max_time_s is 0; expected seconds above 0"),
])
def test_numbers_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(UsageError) as caught:
        Enough(3, **wrong).check()
    assert str(caught.value) == message
