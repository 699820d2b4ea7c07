"""A run in a thread: what it publishes, how often, and how it ends."""

from __future__ import annotations

import threading
import time

import pytest
from support.available import need
from support.lab import GRAPH, Clock

from tfjslab.base.errors import ModelError, UsageError
from tfjslab.base.progress import Throttle
from tfjslab.lab.inputs import feeds_for
from tfjslab.lab.session import RunSettings
from tfjslab.lab.worker import GRACE_S, Job, round_length, weightless
from tfjslab.model import Model


def test_a_throttle_says_yes_at_most_so_often():
    throttle = Throttle(Clock(0.03), per_second=10)
    assert [throttle.due() for _ in range(9)] == [True, False, False, False, True, False, False, False, True]


def test_a_throttle_keeps_what_is_slow_a_small_part_of_the_time():
    throttle = Throttle(Clock(0.1), per_second=10)
    assert throttle.due()
    throttle.record_cost(0.02)  # is 4% of half a second
    assert [throttle.due() for _ in range(6)] == [False, False, False, False, True, False]


def test_a_run_goes_through_its_phases_and_ends_with_all_figures(measure, settings):
    seen = measure(settings)
    assert list(dict.fromkeys(s.phase for s in seen)) == ["loading", "compiling", "warming", "running", "done"]
    last = seen[-1]
    assert (last.done, last.total, last.result.runs, last.result.warmup) == (20, 20, 20, 2)
    assert last.text == f"done: 20/20, median {last.result.median_ms:.3g} ms"
    assert len(last.profile.phases.steady_ms) == 3 + 5, "plain runs that alternated with profiled ones"
    assert last.profile.phases.first_ms == last.result.first_ms
    assert [k.node for k in last.profile.kernels] == ["a", "b"]
    assert None not in (last.result.load_ms, last.result.compile_ms, last.result.first_ms)
    assert last.result.weight_bytes == 16


def test_snapshots_come_at_most_ten_times_a_second_but_for_changes_of_phase(load, settings):
    seen = []
    fast = Clock(0.00001)  # the whole run takes less than a tenth of a second
    job = Job(settings, seen.append, source=load, clock=fast)
    job.start()
    assert job.wait(30)
    phases = [s.phase for s in seen]
    assert phases == ["loading", "compiling", "warming", "running", "done"]


def test_nothing_is_published_while_a_run_is_timed(load, settings):
    """The reader of snapshots may be slow; no figure must have that in it."""
    clock, held = Clock(0.001), []

    def slow(snapshot):
        held.append(snapshot)
        for _ in range(1000):
            clock()

    job = Job(settings, slow, source=load, clock=clock)
    job.start()
    assert job.wait(30)
    assert len(held) >= 5
    assert max(held[-1].result.times_ms) < 100


@pytest.mark.parametrize("name", ["webgpu", "webgl"])
def test_a_gpu_that_is_lost_in_a_run_ends_it_with_the_reason_and_the_next_run_works(name):
    """The device is destroyed between two steady runs, as a driver's crash would."""
    need(name)
    models, ends = [], []

    def load(backend, threads):
        models.append(Model(GRAPH, backend, threads, "small"))
        return models[-1]

    for losing in (True, False):
        seen = []

        def publish(snapshot, seen=seen, losing=losing):
            seen.append(snapshot)
            if losing and snapshot.phase == "running":
                models[-1]._running[1].device.handle.destroy()

        job = Job(RunSettings("small", name, runs=20, warmup=2), publish, source=load)
        job.start()
        assert job.wait(60)
        ends.append(seen[-1])
    assert ends[0].phase == "failed"
    assert ends[0].message.endswith("the device was lost")
    assert (ends[1].phase, ends[1].done) == ("done", 20)
    assert "median" in ends[1].text


def test_stop_ends_the_run_and_keeps_what_was_measured(load):
    started, seen = threading.Event(), []

    def publish(snapshot):
        seen.append(snapshot)
        if snapshot.phase == "running" and snapshot.done:
            started.set()

    job = Job(RunSettings("small", "cpu", runs=10**6), publish, source=load)
    job.start()
    assert started.wait(30)
    before = time.monotonic()
    job.stop()
    assert job.wait(30)
    assert time.monotonic() - before < 30
    assert seen[-1].phase == "stopped"
    assert 0 < seen[-1].result.runs < 10**6
    assert seen[-1].result.reason == "stopped"
    assert [s.phase for s in seen].count("stopped") == 1


class Stuck(Model):
    """A model whose first inference lasts until it is let go."""

    def __init__(self, gate):
        super().__init__(GRAPH, "cpu", None, "stuck")
        self._gate = gate
        self.inside = threading.Event()

    def predict(self, x):
        """Wait, then predict."""
        self.inside.set()
        assert self._gate.wait(30)
        return super().predict(x)


def test_stop_does_not_wait_for_an_inference_that_takes_long(settings):
    gate, seen, made = threading.Event(), [], []

    def load(_backend, _threads):
        made.append(Stuck(gate))
        return made[0]

    job = Job(settings, seen.append, source=load)
    job.start()
    while not made:
        job.wait(0.01)
    assert made[0].inside.wait(30)
    job.stop(0.01)
    assert seen[-1].phase == "stopped"
    assert job.alive
    published = len(seen)

    later = []
    following = Job(settings, later.append, source=lambda b, t: Model(GRAPH, b, t, "small"), after=job.wait)
    following.start()
    assert [s.phase for s in later] == ["loading"], "two runs at once would measure each other"
    gate.set()
    assert following.wait(30)
    assert later[-1].phase == "done"
    assert len(seen) == published, "a run that was left behind is not heard of again"


def test_the_grace_is_within_the_half_second_that_stop_may_take():
    assert GRACE_S < 0.5


@pytest.mark.parametrize("error", [ModelError("the shard is gone"), ZeroDivisionError("division by zero")])
def test_an_error_becomes_a_message(measure, settings, error):
    def fail(_backend, _threads):
        raise error

    last = measure(settings, source=fail)[-1]
    assert last.phase == "failed"
    assert str(error) in last.message
    assert last.result is None


def test_too_little_memory_becomes_a_message_too(measure, settings):
    def fail(_backend, _threads):
        raise MemoryError

    assert measure(settings, source=fail)[-1].message.startswith("there is not enough memory")


def test_what_is_done_between_two_inferences_is_in_no_figure_and_updates_go_on(measure, settings, clock):
    during = []

    def between():
        during.append(len(during))
        for _ in range(1000):  # a second of this clock
            clock()

    seen = measure(settings, between=between)
    assert len(during) > 5
    assert max(seen[-1].result.times_ms) < 100
    assert sum(s.phase == "running" for s in seen) > 3, "showing is cheap, however long that took"


def test_a_batch_fills_open_lengths_and_is_refused_where_there_are_none():
    with Model(GRAPH, "cpu") as model:
        assert feeds_for(model, 3)["x"].shape == (3, 4)
    port = GRAPH.inputs[0].__class__("x", "x", (1, 4), "float32")
    with Model(GRAPH.with_(inputs=(port,)), "cpu", name="fixed") as model:
        with pytest.raises(UsageError) as caught:
            feeds_for(model, 3)
        assert str(caught.value) == "batch is 3, but all lengths of fixed's inputs are fixed; expected 1"


@pytest.mark.parametrize(("times", "runs", "expected"), [
    ([], 50, 10), ([1.0] * 40, 50, 10), ([1.0] * 45, 50, 5), ([1.0], 100_000, 2000), ([500.0], 100_000, 10),
    ([], 3, 1),
])
def test_rounds_are_a_fifth_of_all_or_some_seconds(times, runs, expected):
    assert round_length(times, runs) == expected


def test_a_graph_for_drawing_keeps_shapes_and_gives_up_bytes():
    small = weightless(GRAPH)
    assert small.constants["w"].shape == (4,)
    assert small.constants["w"].strides == (0,)
    assert [n.name for n in small.nodes] == ["a", "b"]
