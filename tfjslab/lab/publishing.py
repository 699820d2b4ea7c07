"""Publishing what a run has measured so far, as snapshots: how often, and what is in them.

Snapshots are published between runs, never during one, on the thread of the run: what the reader takes is in no figure.
At most ten are published a second, so that showing a fast model does not slow it down.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tfjslab.base.progress import Throttle
from tfjslab.bench.benchmark_run import BenchmarkRun, result_of
from tfjslab.bench.result import BenchResult
from tfjslab.engine.measure import Clock
from tfjslab.graph.ir import Graph, Port
from tfjslab.lab.memory_trace import MemoryTrace
from tfjslab.lab.rewriting import Rewrite
from tfjslab.lab.session import BUSY, RunSettings, Snapshot
from tfjslab.profiling.runs import join_runs
from tfjslab.records.profile import Phases, Profile

MOST_PROFILES = 99
STOPPED = "stopped"
# Phases whose snapshots come between two inferences: what is done then is in no figure.
UNTIMED = frozenset({"warming", "running"})
Publish = Callable[[Snapshot], None]


@dataclass
class Measured:
    """What a run has measured so far."""

    bench_run: BenchmarkRun | None = None  # while its model is loaded
    ended: BenchResult | None = None  # once the model is gone
    profiles: deque[Profile] = field(default_factory=lambda: deque(maxlen=MOST_PROFILES))
    median_profile: Profile | None = None
    graph: Graph | None = None
    rewrite: Rewrite | None = None
    ports: tuple[Port, ...] = ()  # the model's inputs, once it is loaded

    def add_profile(self, profile: Profile) -> None:
        """Take in one more profile."""
        self.profiles.append(profile)
        self.median_profile = join_runs(list(self.profiles))

    def result(self, reason: str) -> BenchResult | None:
        """The times so far, ``reason`` saying why some are missing; None before there are any."""
        found = self.ended if self.bench_run is None else result_of(self.bench_run)
        return replace(found, reason=reason) if found is not None else None

    def profile(self, result: BenchResult | None) -> Profile | None:
        """The profile whose wall is the median, with the phases of the whole run.

        Its plain runs are those that alternated with the profiled ones, not the steady runs of the result: profiling
        costs the difference of runs that were taken side by side.
        """
        if self.median_profile is None or result is None:
            return None
        plain = tuple(t for p in list(self.profiles) for t in p.phases.steady_ms)
        phases = Phases(result.load_ms, result.compile_ms, result.first_ms, plain, result.compile_cached_in_process)
        return replace(self.median_profile, phases=phases)


class Publisher:
    """Publishes snapshots of one run. After the last one, see ``end``, it publishes nothing.

    ``between`` is called between two inferences, for what else there is to do on this thread.
    """

    def __init__(
        self, settings: RunSettings, publish: Publish, clock: Clock, between: Callable[[], object] | None = None,
    ) -> None:
        self.measured = Measured()
        self.lock = threading.RLock()
        self.throttle = Throttle(clock)
        self.memory = MemoryTrace(clock)
        self._settings = settings
        self._publish = publish
        self._clock = clock
        self._between = between
        self._ended = False
        self._began, self._shown_s = 0.0, 0.0

    def begin(self) -> None:
        """The run starts now."""
        self._began = self._clock()
        self.show("loading", "", 0, self._settings.runs)

    def show(self, phase: str, message: str, done: int, total: int) -> None:
        """Publish a snapshot, unless the run has ended for its reader."""
        with self.lock:
            if self._ended:
                return
            before = self._clock()
            self.memory.sample()
            snapshot = self._snapshot(phase, message, done, total)
            self._publish(snapshot)
            cost_s = self._clock() - before
            self._shown_s += cost_s
            self.throttle.record_cost(cost_s)
        if self._between is not None and phase in UNTIMED:  # without the lock, which Stop needs
            self._between()

    def end(self, phase: str, message: str = "") -> None:
        """Publish the last snapshot, once."""
        with self.lock:
            if not self._ended:
                self._ended = True
                self._publish(self._snapshot(phase, message, 0, self._settings.runs))

    def _snapshot(self, phase: str, message: str, done: int, total: int) -> Snapshot:
        result = self.measured.result(STOPPED if phase == STOPPED else "")
        if phase not in BUSY and result is not None:
            done = result.runs
        passed = self._clock() - self._began
        share = self._shown_s / passed if passed > 0 else None
        return Snapshot(phase, message, done, total, self._settings, result, self.measured.profile(result), share,
                        self.memory.samples, self.measured.ports)
