"""The rules of real time, in a time of our own: which frames are dropped, and what every latency consists of."""

from __future__ import annotations

import numpy as np
import pytest
from support.streams import exact, numbers

from tfjslab.base.errors import InputError, UsageError
from tfjslab.streaming import stream
from tfjslab.streaming.frame_clock import FrameClock

RATE = 64  # frames a second: a power of two, so that all times are exact


def near(values):
    return pytest.approx(values, abs=1e-6)


def test_the_newest_frame_that_has_come_is_the_oldest_that_is_wanted():
    latest, queue = FrameClock(10, latest=True), FrameClock(10, latest=False)
    assert [latest.oldest_wanted(0, t) for t in (-1.0, 0, 0.05, 0.1, 0.3, 0.7, 0.9)] == [0, 0, 0, 1, 3, 7, 9]
    assert latest.oldest_wanted(5, 0.3) == 5
    assert queue.oldest_wanted(2, 0.9) == 2
    for i in range(2000):  # 0.3 * 10 is a little less than 3 in floats; a frame has come when it is due, not later
        assert latest.oldest_wanted(0, latest.due_s(i)) == i


def test_a_rate_that_the_machine_holds_drops_nothing(time, model):
    result = exact(time, numbers(300), model, work_s=0.010, fps=RATE, budget_ms=11).run()
    assert (result.n, result.done, result.dropped, result.late, result.holds) == (300, 300, 0, 0, True)
    assert result.latencies_ms == near((10.0,) * 300)
    assert [f.due_ms for f in result.frames] == near([i * 1e3 / RATE for i in range(300)])
    assert result.percentiles_ms == near({"p50": 10.0, "p95": 10.0, "p99": 10.0})
    assert result.throughput_fps == near(RATE)
    assert result.capacity_fps == near(100)


def test_at_twice_the_rate_every_other_frame_is_dropped_and_the_last_one_is_not(time, model):
    result = exact(time, numbers(300), model, work_s=1 / RATE, fps=2 * RATE, budget_ms=16).run()
    # The model is ready whenever an even frame comes; after the last even one, 299 is what is left.
    assert [f.index for f in result.frames] == [*range(0, 300, 2), 299]
    assert (result.n, result.done, result.dropped) == (300, 151, 149)
    assert [f.waiting_ms for f in result.frames[:-1]] == near([0.0] * 150)
    assert result.frames[-1].waiting_ms == near(1e3 / (2 * RATE))
    assert result.late == 1


def test_a_frame_waits_from_when_it_came_and_not_from_when_the_model_asked(time, model):
    """Work of two and a half periods: the model becomes ready between two frames, and takes the one before."""
    result = exact(time, numbers(11), model, work_s=2.5 / RATE, fps=RATE).run()
    assert [f.index for f in result.frames] == [0, 2, 5, 7, 10]
    period = 1e3 / RATE
    assert [f.waiting_ms / period for f in result.frames] == near([0, 0.5, 0, 0.5, 0])
    assert [f.latency_ms / period for f in result.frames] == near([2.5, 3, 2.5, 3, 2.5])
    assert result.dropped == 6


def test_without_dropping_all_wait_and_the_wait_grows(time, model):
    result = exact(time, numbers(100), model, work_s=1 / RATE, fps=2 * RATE, drop=None).run()
    assert (result.done, result.dropped) == (100, 0)
    assert [f.waiting_ms for f in result.frames] == near([i * 1e3 / (2 * RATE) for i in range(100)])
    assert result.verdict.startswith(f"{2 * RATE} frames/s does not hold: the last one waited 773.4 ms")


def test_what_the_loop_does_with_a_frame_makes_the_next_ones_wait(time, model):
    frames = exact(time, numbers(6), model, work_s=0, fps=RATE)
    seen = []
    for frame in frames:
        seen.append(frame.index)
        time.now += 2 / RATE
    assert seen == [0, 2, 4, 5]
    assert [f.outside_ms for f in frames.result.frames] == near([2e3 / RATE] * 4)
    assert frames.result.capacity_fps == near(RATE / 2)


def test_the_budget_decides_what_is_late_and_equal_is_not(time, model):
    late = exact(time, numbers(4), model, work_s=1 / 32, fps=8, budget_ms=31).run().late
    assert (late, exact(time, numbers(4), model, work_s=1 / 32, fps=8, budget_ms=31.5).run().late) == (4, 0)
    assert exact(time, numbers(4), model, work_s=1 / 32, fps=8).run().late is None


def test_the_warm_up_is_before_the_clock_and_repeats_the_first_frame(time, model):
    fed = []

    def prepare(frame):
        fed.append(int(frame[0]))
        time.now += 0.001
        return frame[None]

    result = exact(time, numbers(3), model, work_s=0, fps=RATE, warmup=2, preprocess=prepare).run()
    assert fed == [0, 0, 0, 1, 2]
    assert result.frames[0].due_ms == 0
    assert [f.preprocess_ms for f in result.frames] == near([1.0] * 3)


def test_each_frame_comes_with_what_the_model_said_of_it(time, model):
    found = [(f.index, f.frame[0], f.output[0, 0]) for f in exact(time, numbers(3), model, work_s=0, fps=RATE)]
    assert found == [(i, i, i + 1) for i in range(3)]


def test_progress_is_told_now_and_then_and_at_the_end(time, model):
    told = []
    exact(time, numbers(64), model, work_s=0, fps=RATE).run(lambda *step: told.append(step))
    assert told[-1] == ("small: stream", 64, 64)
    assert [total for _, _, total in told] == [64] * len(told)
    assert 5 < len(told) <= 12, "ten times a second at most, of the one that it takes"


def test_a_source_that_is_shorter_than_the_count_begins_anew(time, model):
    result = exact(time, numbers(3), model, work_s=0, fps=RATE, count=7)
    assert [int(f.frame[0]) for f in result] == [0, 1, 2, 0, 1, 2, 0]
    assert len(list(exact(time, numbers(3), model, work_s=0, fps=RATE, count=2))) == 2


def test_a_stream_that_is_left_early_keeps_what_it_measured(time, model):
    frames = exact(time, numbers(50), model, work_s=0, fps=RATE)
    for frame in frames:
        if frame.index == 9:
            break
    assert (frames.result.ended, frames.result.n, frames.result.done) == ("stopped", 10, 10)
    assert frames.run().ended == "finished"
    assert frames.result.n == 50


@pytest.mark.parametrize(("options", "said"), [
    ({"fps": 0}, "fps is 0; expected a number above 0"),
    ({"fps": float("nan")}, "fps is nan; expected a number above 0"),
    ({"fps": 5, "budget_ms": "soon"}, "budget_ms is 'soon'; expected a number above 0"),
    ({"fps": 5, "drop": "latests"}, "drop is 'latests'; expected 'latest' or None; did you mean 'latest'?"),
    ({"fps": 5, "count": 0}, "count is 0; expected an integer >= 1"),
    ({"fps": 5, "warmup": -1}, "warmup is -1; expected an integer >= 0"),
])
def test_arguments_that_make_no_sense_are_refused_at_once(model, options, said):
    with pytest.raises(UsageError) as caught:
        stream(model, numbers(2), **options)
    assert str(caught.value) == said


def test_frames_that_are_none_say_what_was_expected(model):
    with pytest.raises(UsageError, match=r"frames are an array of shape \[4\]; expected a folder"):
        stream(model, np.zeros(4, np.float32), fps=5)
    with pytest.raises(UsageError, match=r"frames are float; expected a folder"):
        stream(model, 3.5, fps=5)
    with pytest.raises(InputError, match="there are no frames: the list is empty"):
        stream(model, [], fps=5)
    with pytest.raises(UsageError, match="2 arrays in memory have no rate of their own; give fps, frames a second"):
        stream(model, numbers(2)).run()
