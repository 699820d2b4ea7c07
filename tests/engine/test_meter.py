"""What is measured beside a run: with the system's own clocks, and with clocks of the test."""

from __future__ import annotations

import itertools
import time

import pytest

from tfjslab.backends import registry
from tfjslab.engine import meter
from tfjslab.engine.meter import RunMeter, meter_for, reference_ms, stolen_ticks, works_alone
from tfjslab.records.disturbance import RunState


def busy_ms(ms):
    end = time.perf_counter() + ms / 1e3
    while time.perf_counter() < end:
        pass


def test_waiting_is_lost_and_computing_is_not():
    """Of several, as the machine may be busy: the least that was lost."""
    seen = RunMeter()
    seen.mark()
    for _ in range(5):
        seen.time(lambda: time.sleep(0.004))
    waited = seen.states
    for _ in range(20):
        seen.time(lambda: busy_ms(1))
    assert min(s.lost_ms for s in waited) > 3
    assert min(s.lost_ms for s in seen.states[5:]) < 0.2
    assert all(w >= 4 for w in seen.walls_ms[:5])


def test_a_run_stands_between_two_marks_and_takes_the_faster(monkeypatch):
    loops = iter([0.3, 0.1, 0.2])
    monkeypatch.setattr(meter, "reference_ms", lambda: next(loops))
    seen = RunMeter()
    seen.time(int)
    seen.mark()
    seen.time(int)
    seen.mark()
    seen.time(int)
    seen.mark()
    assert [s.reference_ms for s in seen.states] == [0.3, 0.1, 0.1]


def test_a_clock_of_the_callers_own_is_all_that_is_looked_at():
    clock = itertools.count(1.0).__next__
    seen = RunMeter(clock)
    seen.mark()
    assert seen.time(int) == 1000
    assert (seen.states, seen.steal_share) == ((RunState(),), None)
    assert clock() == 3


def test_a_device_has_no_processor_time_to_look_at():
    seen = RunMeter(device=True)
    seen.time(int)
    assert (seen.states[0].lost_ms, seen.states[0].switches) == (None, None)


def test_a_coarse_clock_of_processor_time_says_nothing(monkeypatch):
    class Coarse:
        resolution = 0.0156

    monkeypatch.setattr(meter.time, "get_clock_info", lambda _name: Coarse)
    seen = RunMeter()
    seen.time(int)
    assert seen.states[0].lost_ms is None


def test_whose_processor_time_it_is_depends_on_the_backend():
    assert works_alone(registry.backend("wasm-plain"))
    threads = registry.backend("wasm-threads", 2)
    assert not works_alone(threads)
    assert not meter_for(threads, time.perf_counter).alone


def test_the_reference_loop_takes_a_part_of_a_millisecond():
    assert 0 < reference_ms() < 50


@pytest.mark.parametrize("text", ["", "cpu 1 2", "nothing of the kind"])
def test_systems_that_do_not_tell_of_stolen_time_give_none(tmp_path, monkeypatch, text):
    path = tmp_path / "stat"
    monkeypatch.setattr(meter, "_STAT", path)
    assert stolen_ticks() is None
    path.write_text(text)
    assert stolen_ticks() is None
    assert RunMeter().steal_share is None


def test_stolen_time_is_a_share_of_all(tmp_path, monkeypatch):
    path = tmp_path / "stat"
    monkeypatch.setattr(meter, "_STAT", path)
    path.write_text("cpu 100 0 0 100 0 0 0 0 0 0\n")
    seen = RunMeter()
    path.write_text("cpu 120 0 0 170 0 0 0 10 0 0\n")
    assert seen.steal_share == 0.1
