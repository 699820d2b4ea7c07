"""Timing runs, and what the machine does meanwhile: processor time, lost turns, and the speed of a fixed loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tfjslab.backends.base import Backend
from tfjslab.engine.measure import Clock
from tfjslab.records.disturbance import RunState

try:
    import resource
except ImportError:  # not on Windows; processor time alone has to do there
    _SCOPES: tuple[int, ...] = ()
else:
    _SCOPES = (getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF), resource.RUSAGE_SELF)

_STAT = Path("/proc/stat")
_STEAL = 7  # its place among the times of a processor
_LOOPS, _STEPS = 3, 1500  # a tenth of a millisecond or so each; the first ones fill the caches again
_FINE_S = 1e-4  # clocks of processor time that are coarser (15 ms on Windows) tell nothing of single runs


def lost_turns(alone: bool) -> int:  # noqa: FBT001 - see ``works_alone``
    """How often the system took the processor away from this thread, if it is ``alone``, else from any of them."""
    return resource.getrusage(_SCOPES[not alone]).ru_nivcsw if _SCOPES else 0


def works_alone(backend: Backend) -> bool:
    """Whether the calling thread does all of the work; else it may wait for other threads or a device."""
    return backend.threads == 1 and not backend.adapter_type


def reference_ms() -> float:
    """How long a fixed loop takes now, in milliseconds: the shortest of a few. It tells how fast the processor is."""
    return min(_loop_ms() for _ in range(_LOOPS))


def _loop_ms() -> float:
    total, began = 0, time.perf_counter()
    for i in range(_STEPS):
        total += i * i
    return (time.perf_counter() - began) * 1e3


def stolen_ticks() -> tuple[int, int] | None:
    """What the hypervisor gave to others, and all time of all processors; None where the system does not tell."""
    try:
        times = [int(t) for t in _STAT.read_text().split("\n", 1)[0].split()[1:]]
    except (OSError, ValueError):
        return None
    return (times[_STEAL], sum(times[: _STEAL + 1])) if len(times) > _STEAL else None


@dataclass
class RunMeter:
    """Times runs by ``clock`` (seconds) and keeps how the machine was during each.

    Processor time is that of this thread where it works ``alone``, of the process where threads share the work, and
    not looked at where a ``device`` does. With a clock of the caller's own, as in tests, only that is looked at.
    """

    clock: Clock = time.perf_counter
    alone: bool = True
    device: bool = False
    walls_ms: list[float] = field(default_factory=list)
    _seen: list[tuple[float | None, int | None, int]] = field(default_factory=list)
    _marks: list[float] = field(default_factory=list)
    _stolen: tuple[int, int] | None = None
    _began: tuple[int, float, float] = (0, 0.0, 0.0)

    def __post_init__(self) -> None:
        self._watches = self.clock is time.perf_counter
        self._stolen = stolen_ticks() if self._watches else None
        self._cpu = time.thread_time if self.alone else time.process_time
        info = time.get_clock_info("thread_time" if self.alone else "process_time")
        self._tells = self._watches and not self.device and info.resolution <= _FINE_S

    def mark(self) -> None:
        """Run the reference loop: between runs, where it disturbs none."""
        if self._watches:
            self._marks.append(reference_ms())

    def time(self, run: Callable[[], object]) -> float:
        """Milliseconds of a run."""
        self.start()
        run()
        return self.stop()

    def start(self) -> None:
        """A run begins now, for callers that cannot give a function; ``stop`` ends it."""
        turns = lost_turns(self.alone) if self._tells else 0
        self._began = (turns, self._cpu(), self.clock())

    def stop(self) -> float:
        """The run that began last ends now; its milliseconds."""
        now = self.clock()
        turns, cpu, began = self._began
        wall_ms, lost_ms, switches = (now - began) * 1e3, None, None
        if self._tells:
            lost_ms = max(0.0, wall_ms - (self._cpu() - cpu) * 1e3)
            switches = lost_turns(self.alone) - turns if _SCOPES else None
        self.walls_ms.append(wall_ms)
        self._seen.append((lost_ms, switches, len(self._marks)))
        return wall_ms

    @property
    def states(self) -> tuple[RunState, ...]:
        """How the machine was in each run, in order."""
        return tuple(RunState(lost, turns, self._reference(after)) for lost, turns, after in self._seen)

    def _reference(self, after: int) -> float | None:
        """The shorter of the marks before and after a run: a single slow one may have been disturbed itself."""
        return min(self._marks[max(0, after - 1):after + 1], default=None)

    @property
    def steal_share(self) -> float | None:
        """The part of all processors' time that a hypervisor gave to others since this was made; None: not known."""
        now = stolen_ticks() if self._stolen else None
        if now is None or self._stolen is None or now[1] <= self._stolen[1]:
            return None
        return (now[0] - self._stolen[0]) / (now[1] - self._stolen[1])


def meter_for(backend: Backend, clock: Clock) -> RunMeter:
    """The meter of runs on a backend."""
    return RunMeter(clock, alone=works_alone(backend), device=bool(backend.adapter_type))
