"""What a change of a figure is called: less, more, none, or that it cannot be told, with the interval that decides.

Seven rounds without any noise differ by what two models in one process do: 1%, times Student's 2.45 for 6 degrees.
"""

from __future__ import annotations

import pytest
from support.reports import rounds, side

from tfjslab.records.statistics import figure_of
from tfjslab.reports.figures import FIGURES, changes


def change(key, before, after):
    return next(c for c in changes(before, after) if c.key == key)


def test_half_the_time_is_half_less_with_an_interval_around_it():
    found = change("latency", side(), side("after", 50.0))
    assert (found.kind, found.ratio, found.saved) == ("less", pytest.approx(0.5), pytest.approx(0.5))
    assert found.low < 0.5 < found.high
    assert found.text == "50% less (95%: 49% to 51%)"
    assert (found.before.text, found.after.text, found.before.n) == ("100.0 ms", "50.00 ms", 7)


def test_more_is_told_as_percent_and_from_twice_as_much_as_times():
    assert change("latency", side(), side("after", 120.0)).text == "20% more (95%: 17% to 23%)"
    assert change("latency", side(), side("after", 250.0)).text == "2.5 times as much (95%: 2.44 to 2.56)"


def test_a_difference_within_noise_is_none():
    found = change("latency", side(), side("after", 100.4))
    assert (found.kind, found.text) == ("none", "no difference: interval 0.98 to 1.03")


def test_rounds_that_differ_too_much_tell_nothing_and_say_why():
    noisy = side("after", latency_ms=rounds(90.0, noise=0.5))
    found = change("latency", side(), noisy)
    assert found.kind == "cannot tell"
    assert found.text.startswith("cannot tell: interval ")
    assert found.reason == "the 7 rounds differ too much; measure with more runs, or on a quiet machine"


def test_an_interval_that_may_reach_anywhere_is_not_told_with_eight_digits():
    wild = side("after", latency_ms=((10.0,), (1000.0,)))
    found = change("latency", side(latency_ms=((100.0,), (100.0,))), wild)
    assert found.text == "cannot tell: interval 0.00 to over 100"


def test_equal_sides_are_seldom_called_different():
    """Noise of 3% between rounds: at 95%, one in twenty is wrong, and more than ten of a hundred hardly ever."""
    kinds = [
        change("latency", side(latency_ms=rounds(100.0, noise=0.03, seed=i)),
               side("after", latency_ms=rounds(100.0, noise=0.03, seed=1000 + i))).kind
        for i in range(100)
    ]
    assert kinds.count("none") + kinds.count("cannot tell") >= 90


def test_the_same_bytes_in_every_round_are_exact():
    found = change("memory", side(), side("after", 62.0))
    assert (found.text, found.exact, found.low, found.high) == ("38% less (exact)", True, 0.62, 0.62)
    assert change("size", side(), side("after")).text == "the same"
    assert change("size", side(), side("after")).kind == "none"


def test_what_was_not_measured_says_on_which_side_and_why():
    without = side("after", start_ms=(), reasons={"start": "it has no file"})
    found = change("start", side(), without)
    assert (found.kind, found.ratio, found.after) == ("cannot tell", None, None)
    assert (found.text, found.reason) == ("not measured", "after: it has no file")


def test_nothing_follows_from_runs_that_were_disturbed():
    found = change("latency", side(), side("after", 50.0, disturbed=True))
    assert (found.kind, found.text) == ("cannot tell", "cannot tell: interval 0.49 to 0.51")
    assert found.reason == "most runs were disturbed; measure again on a quiet machine"


def test_records_of_two_processes_have_the_noise_between_processes():
    """4% is beyond what rounds of one process differ by, and within what two processes of one model do."""
    pair = [side("before"), side("after", 96.0)]
    apart = [side(s.label, latency_ms=s.latency_ms, processes=(figure_of([t for r in s.latency_ms for t in r]),))
             for s in pair]
    assert change("latency", *pair).kind == "less"
    assert change("latency", *apart).kind in ("none", "cannot tell")


def test_every_figure_has_a_row_in_every_comparison():
    assert [c.key for c in changes(side(), side("after"))] == [f.key for f in FIGURES]
