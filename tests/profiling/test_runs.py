"""Many runs as one profile: medians of each kernel, disturbed runs left out, and single runs got back."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tfjslab.base.errors import UsageError
from tfjslab.profiling import captions
from tfjslab.profiling.export import to_chrome_trace
from tfjslab.profiling.reduce import by_node
from tfjslab.profiling.runs import join_runs, single_run
from tfjslab.records.disturbance import RunState
from tfjslab.records.profile import Copies, KernelRecord, Phases, Profile, attribute, from_json, to_json

CALM, DISTURBED = RunState(0.0, 0, 0.1), RunState(9.0, 2, 0.1)


def run(times, wall=10.0, state=CALM, nodes="abc", copies=None):
    kernels = tuple(
        KernelRecord("Add", n, t, (), (), 0, 0, 0, 0, 0, fallback=False) for n, t in zip(nodes, times, strict=True)
    )
    wall_ms, rest = attribute(kernels, wall)
    return Profile(kernels, wall_ms, rest, 0, 0, 0, Phases(steady_ms=(wall,)), (wall_ms,), profiled_states=(state,),
                   steady_states=(state,), copies=copies)


def adds_up(p):
    return math.fsum(k.kernel_time_ms for k in p.kernels) + p.unattributed_ms == p.wall_ms


def test_a_kernel_that_was_interrupted_once_is_not_the_culprit():
    """In each run another kernel takes longest; the medians know better, and still add up to the wall."""
    found = join_runs([run((3.0, 9.0, 1.0), 14.0), run((3.2, 2.0, 9.0), 15.0), run((9.0, 2.2, 1.2), 13.5)])
    assert [k.kernel_time_ms for k in found.kernels] == [3.2, 2.2, 1.2]
    assert [k.fastest_ms for k in found.kernels] == [3.0, 2.0, 1.0]
    assert found.kernels[0].times_ms == (3.0, 3.2, 9.0)
    assert (found.wall_ms, found.profiled_ms, found.shown_run) == (14.0, (14.0, 15.0, 13.5), 0)
    assert adds_up(found)
    assert found.phases.steady_ms == (14.0, 15.0, 13.5)


def test_disturbed_runs_are_kept_as_samples_and_not_counted():
    found = join_runs([*(run((1.0, 2.0, 3.0 + i / 10)) for i in range(5)), run((50.0, 2.0, 3.0), 60.0, DISTURBED)])
    assert [k.kernel_time_ms for k in found.kernels] == [1.0, 2.0, 3.2]
    assert found.kernels[0].iqr_ms == 0
    assert found.kernels[0].times_ms[5] == 50.0
    assert (found.wall_ms, found.disturbance.disturbed, found.shown_run) == (10.0, (5,), 0)
    assert "1 of 6 runs disturbed, left out" in captions.evidence(found)
    assert to_json(found)["disturbance"]["text"] == "1 of 6 runs disturbed, left out"
    assert "1 of 6 runs disturbed, left out" in found._repr_html_()
    assert from_json(to_json(found)) == found


def test_a_profile_of_an_earlier_version_is_shown_without_evidence():
    old = replace(join_runs([run((1.0, 2.0, 3.0))] * 3), profiled_states=(), steady_states=())
    assert (captions.evidence(old), old.disturbance.text) == ((), "")
    assert captions.certainty(old) == "medians of 3 runs"


def test_when_most_were_disturbed_every_view_says_so():
    found = join_runs([run((1.0, 2.0, 3.0), 30.0, DISTURBED)] * 6)
    text = found.disturbance.text
    assert text.startswith("6 of 6 runs disturbed (other programs took the processor in 6)")
    assert text in captions.evidence(found)
    assert "of a run 9.00 ms are waiting for a processor, part of unattributed" in captions.evidence(found)
    assert text in found._repr_html_()
    assert to_json(found)["disturbance"]["mostly"] is True


def test_loops_that_run_more_often_in_some_runs_are_matched_one_by_one():
    short, long = run((1.0, 2.0), nodes="ab", wall=10.0), run((1.5, 4.0, 3.0), nodes="abb", wall=11.0)
    found = join_runs([short, long, replace(long, profiled_ms=(12.0,))])
    assert [(k.node, k.kernel_time_ms) for k in found.kernels] == [("a", 1.5), ("b", 4.0), ("b", 3.0)]
    assert [k.times_ms for k in found.kernels] == [(1.0, 1.5, 1.5), (2.0, 4.0, 4.0), ()]
    assert adds_up(found)
    (a, b) = sorted(by_node(found), key=lambda r: r.key)
    assert (a.fastest_ms, b.fastest_ms, b.iqr_ms) == (1.0, 5.0, None)


def test_profiles_of_several_runs_join_as_if_they_were_single_ones():
    runs = [run((1.0 + i, 2.0, 3.0 - i / 4), 10.0 + i) for i in range(5)]
    assert join_runs([join_runs(runs[:3]), *runs[3:]]) == join_runs(runs)


def test_a_single_run_is_got_back_with_its_own_sum():
    runs = [run((1.0, 2.0, 3.0), 9.0), run((2.0, 1.0, 4.0), 10.0), run((3.0, 1.5, 5.0), 11.0, DISTURBED)]
    found = join_runs(runs)
    for i, one in enumerate(runs):
        again = single_run(found, i)
        assert [k.kernel_time_ms for k in again.kernels] == [k.kernel_time_ms for k in one.kernels]
        assert (again.wall_ms, again.profiled_states) == (one.wall_ms, one.profiled_states)
        assert adds_up(again)
    assert single_run(found) == single_run(found, found.shown_run)
    with pytest.raises(UsageError, match="run is 3; expected a number from 0 to 2"):
        single_run(found, 3)


def test_a_trace_shows_a_run_that_happened():
    runs = [run((1.0, 2.0, 3.0), 9.0), run((2.0, 1.0, 4.0), 10.0), run((3.0, 1.5, 5.0), 11.0)]
    trace = to_chrome_trace(join_runs(runs))
    assert [e["dur"] for e in trace["traceEvents"] if e.get("cat") == "kernel"] == [2000, 1000, 4000]


def test_copies_are_a_cost_of_their_own():
    found = join_runs([run((1.0, 2.0, 3.0), copies=Copies(up, 0.5)) for up in (1.0, 3.0, 2.0)])
    assert found.copies == Copies(2.0, 0.5)
    assert ("copies between host and device, part of unattributed: 2.00 ms to it, 0.500 ms from it"
            in captions.evidence(found))


def test_what_is_negative_is_not_hidden():
    found = join_runs([run((5.0, 1.0), 6.0, nodes="ab"), run((1.0, 5.0), 6.0, nodes="ab"),
                       run((5.0, 5.0), 10.0, nodes="ab")])
    assert (found.wall_ms, found.unattributed_ms) == (6.0, -4.0)
    assert adds_up(found)
    assert any("add up to more than that of the walls" in line for line in captions.evidence(found))


def test_where_most_runs_were_disturbed_kernels_still_tell_which_is_slowest():
    """Every run waits in another kernel, some of them twice: none is the culprit."""
    quiet = (3.0, 2.0, 1.0)
    runs = [run(tuple(t + 8.0 * (i % 3 == j or i == j) for j, t in enumerate(quiet)), 14.0, DISTURBED)
            for i in range(12)]
    found = join_runs(runs)
    assert found.disturbance.is_makeshift
    assert tuple(k.kernel_time_ms for k in found.kernels) == quiet
    assert adds_up(found)
