"""Memory over the time of a run: samples, charts, and whether it fits."""

from __future__ import annotations

import itertools
import re
import sys

import pytest
from support.lab import Clock

from tfjslab.base import machine
from tfjslab.lab import live_memory
from tfjslab.lab.memory_trace import MOST_SAMPLES, MemorySample, MemoryTrace, most
from tfjslab.records.profile import KernelRecord, Profile

SAMPLES = (MemorySample(0.0, 300 * 10**6, None, 10**6), MemorySample(1.0, 400 * 10**6, 50 * 10**6, 2 * 10**6),
           MemorySample(2.0, 350 * 10**6, 60 * 10**6, 2 * 10**6))


def test_the_process_takes_memory_that_grows_with_what_it_holds():
    before = machine.process_memory_bytes()
    held = bytearray(64 << 20)
    held[::4096] = b"x" * len(held[::4096])
    after = machine.process_memory_bytes()
    assert before > 1 << 20
    assert after - before > 32 << 20


def test_where_the_system_does_not_list_it_psutil_tells_or_nobody(monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda _name: machine.os)  # which has no read_text
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert machine.process_memory_bytes() is None


def test_a_long_run_is_looked_at_less_often():
    trace = MemoryTrace(Clock(1.0))
    for _ in range(10 * MOST_SAMPLES):
        trace.sample()
    times = [s.at_s for s in trace.samples]
    assert MOST_SAMPLES / 4 < len(times) <= MOST_SAMPLES
    assert times == sorted(times)
    assert times[-1] > 9 * MOST_SAMPLES
    assert max(b - a for a, b in itertools.pairwise(times)) <= 2 * times[-1] / (MOST_SAMPLES / 4)


def test_a_run_keeps_the_memory_of_its_time(measure, settings):
    seen = measure(settings)
    found = seen[-1].memory
    assert found[0].at_s >= 0
    assert len(found) > 3
    assert all(s.process_bytes > 1 << 20 and s.gpu_bytes is None for s in found)
    assert max(s.tensor_bytes for s in found) > 0


def test_the_chart_draws_every_line_that_is_known_and_the_limit():
    drawn = live_memory.process_memory(SAMPLES, 500 * 10**6)
    assert re.findall(r"(process|GPU|tensors), at most ([\d.]+ MB)", drawn) == [
        ("process", "400.0 MB"), ("GPU", "60.0 MB"), ("tensors", "2.0 MB")]
    assert drawn.count("<polyline") == 3
    assert 'line class="tfl-limit"' in drawn
    assert "fits in 500.0 MB" in drawn
    assert "GPU" not in live_memory.process_memory(SAMPLES[:1], 0)
    assert "no run yet" in live_memory.process_memory((), 5)


@pytest.mark.parametrize(("peak", "limit", "said"), [
    (10**6, 0, ""), (None, 10**6, ""), (10**6, 10**6, '<b class="tfl-fits">fits in 1.0 MB</b>'),
    (3 * 10**6, 10**6, '<b class="tfl-misfit">does not fit in 1.0 MB: 2.0 MB more</b>'),
])
def test_it_says_whether_it_fits(peak, limit, said):
    assert live_memory.fits(peak, limit) == said


def test_tensors_of_a_run_are_held_against_the_limit_too():
    kernel = KernelRecord("Add", "n", 1.0, (), (), 0, 4 * 10**6, 0, 3, 0, fallback=False)
    drawn = live_memory.memory_timeline(Profile((kernel,), 1.0, 0.0, 4 * 10**6, 0, 0), 10**6)
    assert "does not fit in 1.0 MB: 3.0 MB more" in drawn
    assert 'line class="tfl-limit"' in drawn
    assert "tfl-limit" not in live_memory.memory_timeline(Profile((kernel,), 1.0, 0.0, 4 * 10**6, 0, 0))


def test_the_most_of_nothing_is_nothing():
    assert most(SAMPLES, "gpu_bytes") == 60 * 10**6
    assert most(SAMPLES[:1], "gpu_bytes") is None
