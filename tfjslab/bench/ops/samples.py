"""Short samples of something that is called again and again, and how to tell that one was disturbed.

A sample is the wall time of some calls, long enough for the clock, with the processor time that they got and how often
the system took the processor away. On a busy machine some samples are disturbed and others are not; the fastest of
those that are not is what the machine can do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tfjslab.base.collector import collector_paused
from tfjslab.engine.measure import Clock
from tfjslab.engine.meter import lost_turns

SAMPLE_MS, BURST_MS = 1.0, 12.0
LEAST_SAMPLES, MOST_SAMPLES = 5, 40
# V8 compiles the peer's JavaScript for speed while it runs; caches fill.
WARM_MS = 150.0
_MOST_CALLS = 100_000
_LEAST_CPU = 0.95  # of the wall time; less means that the thread waited for a processor
_LEAST_CLEAN = 3


@dataclass(frozen=True)
class Sample:
    """``calls`` calls in a row: wall time, processor time, and how often the processor was taken away.

    ``alone`` says that one thread does all the work; else the one that calls may wait for other threads or a device.
    """

    calls: int
    wall_ms: float
    cpu_ms: float
    switches: int
    alone: bool

    @property
    def ms(self) -> float:
        """Milliseconds of one call."""
        return self.wall_ms / self.calls

    @property
    def is_clean(self) -> bool:
        """Whether nothing disturbed it: no turn was lost, and one that works alone did not wait."""
        return self.switches == 0 and (not self.alone or self.cpu_ms >= _LEAST_CPU * self.wall_ms)


class OpSide(Protocol):
    """One program with one op."""

    def samples(self, calls: int, count: int) -> list[Sample]:
        """Take ``count`` samples of ``calls`` calls each, after one call that is not counted."""
        ...


@dataclass(frozen=True)
class Meter:
    """What samples are measured with: seconds of the wall, of this thread's processor time, and lost turns."""

    wall: Clock = time.perf_counter
    cpu: Clock = time.thread_time
    switches: Callable[[bool], int] = lost_turns


METER = Meter()


def take_samples(
    call: Callable[[], object], calls: int, count: int, *, alone: bool, meter: Meter = METER,
) -> list[Sample]:
    """Samples of a function in this process, during which no garbage is collected."""
    call()
    found = []
    with collector_paused():
        for _ in range(count):
            cpu, switches, began = meter.cpu(), meter.switches(alone), meter.wall()
            for _ in range(calls):
                call()
            wall_ms = (meter.wall() - began) * 1e3
            cpu_ms, lost = (meter.cpu() - cpu) * 1e3, meter.switches(alone) - switches
            found.append(Sample(calls, wall_ms, cpu_ms, lost, alone))
    return found


@dataclass(frozen=True)
class Pace:
    """How many calls a sample is, and how many samples a burst."""

    calls: int
    count: int


def pace(side: OpSide, warm_ms: float = WARM_MS) -> Pace:
    """Warm a side up and find how many calls are long enough for a sample."""
    spent, calls, fastest = 0.0, 1, math.inf
    while spent < warm_ms:
        found = side.samples(calls, 1)
        # A clock that stands still must not keep this going for ever.
        spent += max(sum(s.wall_ms for s in found), warm_ms / _MOST_CALLS)
        fastest = min(fastest, *(s.ms for s in found))
        calls = min(_calls(fastest), 2 * calls)
    calls = _calls(fastest)
    most = BURST_MS / max(calls * fastest, BURST_MS / MOST_SAMPLES)
    return Pace(calls, max(LEAST_SAMPLES, int(most)))


def _calls(ms: float) -> int:
    return _MOST_CALLS if ms <= 0 else min(max(1, math.ceil(SAMPLE_MS / ms)), _MOST_CALLS)


@dataclass(frozen=True)
class Burst:
    """The time of one call by the samples of one side in one round, and how many of them were clean."""

    ms: float
    clean: int

    @property
    def is_disturbed(self) -> bool:
        """Whether too few samples were clean to trust it."""
        return self.clean < _LEAST_CLEAN


def burst_of(samples: Sequence[Sample]) -> Burst:
    """The fastest clean sample; where none is clean, the least processor time of one thread, or else the fastest."""
    clean = [s.ms for s in samples if s.is_clean]
    alone = [s.cpu_ms / s.calls for s in samples if s.alone and s.cpu_ms > 0]
    return Burst(min(clean or alone or [s.ms for s in samples]), len(clean))


def run_burst(side: OpSide, at: Pace) -> Burst:
    """Take the samples of one round."""
    return burst_of(side.samples(at.calls, at.count))
