"""A figure over time: what counts as a regression, and what does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.backends.cpu import CpuBackend, CpuPlan, CpuSession
from tfjslab.base.errors import InputError, UsageError
from tfjslab.records.disturbance import RunState, by_others
from tfjslab.store import StoredFigure
from tfjslab.store.history import BETTER, SMALL, UNKNOWN, WORSE, FigureHistory, HistoryPoint, changes_of
from tfjslab.store.kinds import larger_is_better


def points(*parts, seed=0, sigma=0.01, **changes):
    """Points in groups of (count, level), with noise."""
    generator = np.random.default_rng(seed)
    values = [level * float(np.exp(generator.normal(0, sigma))) for count, level in parts for _ in range(count)]
    return tuple(HistoryPoint(i, f"2026-11-01T{i:02}", f"{i:040x}", dirty=False, digest="", value=v, **changes)
                 for i, v in enumerate(values))


def history(found, figure="median_ms"):
    return FigureHistory(figure, "ms", "bench", "m", "cpu", 1, "here", found, changes=changes_of(figure, found))


def test_a_slowdown_is_a_regression_from_its_first_result_on_by_as_much_as_is_certain():
    found = history(points((20, 5.0), (12, 5.5)))
    (change,) = found.changes
    assert (change.point, change.result, change.revision) == (20, 20, f"{20:040x}"[:10])
    assert change.low < 1.1 < change.high
    assert change.ratio == pytest.approx(1.1, abs=0.01)
    assert (change.kind(0.05), change.kind(0.2)) == (WORSE, SMALL)
    assert found.regressions(0.05) == (change,)
    assert found.regressions(0.12) == ()
    assert "1.1x" in str(found)


def test_what_was_mended_is_no_regression_any_more_and_what_became_worse_in_steps_is_one():
    mended = history(points((20, 5.0), (12, 6.0), (12, 5.0)))
    assert [c.kind(0.05) for c in mended.changes] == [WORSE, BETTER]
    assert mended.regressions(0.05) == ()
    partly = history(points((20, 5.0), (12, 6.0), (14, 5.7)))
    assert [c.point for c in partly.regressions(0.05)] == [20]


def test_accuracy_is_worse_when_it_falls():
    assert larger_is_better("int8 minmax/top1")
    found = history(points((15, 0.95), (10, 0.80)), "int8 minmax/top1")
    assert [c.kind(0.05) for c in found.regressions(0.05)] == [WORSE]
    assert history(points((15, 0.80), (10, 0.95)), "top1").regressions() == ()


def test_counts_that_were_zero_have_no_ratio_and_are_regressions_all_the_same():
    found = history(points((12, 0.0), (12, 3.0), sigma=0), "fallback_kernels")
    (change,) = found.regressions(0.5)
    assert (change.before, change.after, change.ratio) == (0, 3, None)
    assert found.to_json()["changes"][0]["kind"] == WORSE


def test_a_slower_processor_is_no_regression_of_the_code():
    before, after = points((20, 5.0), reference_ms=0.05), points((12, 6.0), reference_ms=0.06)
    found = history((*before, *after))
    (change,) = found.changes
    assert found.regressions() == ()
    assert change.kind() == UNKNOWN
    assert change.note.startswith("the processor was 1.20x slower after it")


def test_results_that_others_disturbed_are_shown_and_count_for_nothing():
    quiet, busy = points((20, 5.0), disturbed=0.1), points((12, 7.0), disturbed=0.9)
    found = history((*quiet, *busy))
    assert found.changes == ()
    assert "12 of 32 results left out: most of their runs were disturbed" in str(found)
    assert "at least 6 results that count are needed" in str(history(quiet[:5]))


def test_waiting_of_its_own_is_no_disturbance_by_others():
    slept = [RunState(lost_ms=1.0, switches=0, reference_ms=0.05)] * 10
    assert by_others([10.0] * 10, slept, 0.0) == 0
    assert by_others([10.0] * 10, slept, 0.1) == 1
    assert by_others([10.0] * 10, [replace(s, switches=3) for s in slept]) == 1


class SleepyPlan(CpuPlan):
    """numpy that sleeps before it runs, by the clock of the test."""

    def run(self, *args, **more):
        """Sleep first."""
        CLOCK.sleep()
        return super().run(*args, **more)


class SleepySession(CpuSession):
    """Makes these."""

    def _plan(self, program, outputs):
        return SleepyPlan(self, program, tuple(outputs))


class SleepyBackend(CpuBackend):
    """Where these run."""

    def __init__(self):
        super().__init__()
        self.name = "sleepy"

    def _open(self):
        return SleepySession(self)


class Clock:
    """Stands still but for sleeping, ``pause_s`` and some noise each time."""

    def __init__(self):
        self.now, self.pause_s, self.noise = 0.0, 0.005, np.random.default_rng(3)

    def sleep(self):
        """For about as long."""
        self.now += self.pause_s * float(np.exp(self.noise.normal(0, 0.01)))

    def __call__(self):
        """In seconds."""
        return self.now


CLOCK = Clock()


@pytest.fixture(name="sleepy")
def _sleepy():
    tf.register_backend("sleepy", SleepyBackend)
    yield "sleepy"
    tf.remove_backend("sleepy")


def test_a_planted_slowdown_of_a_tenth_is_found(tmp_path, sleepy):
    ids = []
    with tf.zoo.load("digits") as model, tf.open_store(tmp_path / "s.sqlite") as store:
        for run in range(17):
            CLOCK.pause_s = 0.0055 if run >= 10 else 0.005
            ids.append(store.add(tf.bench_model(model, sleepy, runs=1, warmup=0, clock=CLOCK)))
        (found,) = store.figure_history("median_ms", "digits", backend=sleepy)
    (change,) = found.regressions(0.05)
    assert change.result == ids[10]
    assert change.ratio == pytest.approx(1.1, abs=0.03)


def test_series_are_apart_where_more_than_the_code_differs_and_cut_to_what_is_wanted(tmp_path):
    record = {"kind": "bench", "figures": [StoredFigure("median_ms", 1.0, "ms")]}
    with tf.open_store(tmp_path / "s.sqlite") as store:
        for backend, machine in (("cpu", "a"), ("cpu", "b"), ("wasm", "a")):
            store.add({}, model="m", backend=backend, machine=machine, at="2026-11-01", **record)
            store.add({}, model="m", backend=backend, machine=machine, at="2026-11-02", **record)
        assert [(h.backend, h.machine, len(h.points)) for h in store.figure_history()] == [
            ("cpu", "a", 2), ("cpu", "b", 2), ("wasm", "a", 2)]
        assert [len(h.points) for h in store.figure_history(backend="cpu", machine="b", since="2026-11-02")] == [1]
        assert [h.points[0].at for h in store.figure_history(backend="wasm", last=1)] == ["2026-11-02T00:00:00+00:00"]
        with pytest.raises(InputError, match=r"no figure is called 'median'; did you mean 'median_ms'\?"):
            store.figure_history("median")
        with pytest.raises(InputError, match=r"none with .*model n.*; models with that figure: m"):
            store.figure_history(model="n")


def test_a_store_that_is_only_read_is_not_made(tmp_path):
    with pytest.raises(UsageError, match="there is no results store"):
        tf.open_store(tmp_path / "s.sqlite", make=False)
    assert list(tmp_path.iterdir()) == []
