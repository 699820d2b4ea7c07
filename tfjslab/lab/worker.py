"""One measured run in a thread of its own. It publishes inert snapshots and knows no widgets.

Snapshots are published between runs, never during one, on this thread: what they cost their reader is not in any
figure. Not more often than ten times a second, so that a fast model is not slowed down by being shown.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfjslab import zoo
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.bench.bench import ROUNDS
from tfjslab.bench.benchmark_run import BenchmarkRun, begin, burst, is_done, result_of
from tfjslab.bench.result import BenchResult
from tfjslab.bench.settings import Settings
from tfjslab.graph.ir import Graph
from tfjslab.lab.rewriting import Rewrite, rewrite
from tfjslab.lab.session import BUSY, RunSettings, Snapshot
from tfjslab.model.model import Model
from tfjslab.model.subject import Clock, ModelSource, Subject, open_subject
from tfjslab.profiling.collect import median_run, profile_model
from tfjslab.records.profile import Phases, Profile

UPDATES_PER_S = 10
MOST_SHARE = 0.04  # of the time goes into showing; on a machine that is slow at it, updates come less often
# How long ``stop`` waits for the run in hand. A run that takes longer is left behind: it ends by itself, unseen.
GRACE_S = 0.3
# A profiled run comes after so many seconds, but not before so many steady runs; so many of them are kept.
ROUND_S, LEAST_RUNS, MOST_PROFILES = 2.0, 10, 99
FIRST_PROFILE = 3  # profiled runs before the steady ones: enough for a median if Stop is pressed early
STOPPED = "stopped"
Publish = Callable[[Snapshot], None]


@dataclass
class Throttle:
    """Says yes not more often than ``per_second``, by ``clock``, which gives seconds.

    What it is asked for may take time itself: tell it by ``took``, and it keeps that below ``MOST_SHARE`` of all.
    """

    clock: Clock
    per_second: float = UPDATES_PER_S
    _last: float | None = None
    _cost_s: float = 0.0

    def due(self) -> bool:
        """Whether it is time again; if so, the next time is counted from here."""
        now = self.clock()
        if self._last is not None and now - self._last < max(1 / self.per_second, self._cost_s / MOST_SHARE):
            return False
        self._last = now
        return True

    def took(self, cost_s: float) -> None:
        """What was done for the last yes."""
        self._cost_s = cost_s


class _Stop(Exception):  # noqa: N818 - no error: it leads out of loading and compiling when Stop was pressed
    """Stop was pressed."""


@dataclass
class _Seen:
    """What the run has come to so far."""

    bench_run: BenchmarkRun | None = None  # while its model is loaded
    result: BenchResult | None = None  # once the model is gone
    profiles: deque[Profile] = field(default_factory=lambda: deque(maxlen=MOST_PROFILES))
    profile: Profile | None = None  # the median one of them
    graph: Graph | None = None
    rewrite: Rewrite | None = None


class Job:
    """A run: ``start`` it, ``stop`` it, ``wait`` for it. The last snapshot says how it ended; nothing is raised.

    ``publish`` is called on the run's own thread, except for the last snapshot of a run that had to be left behind.
    ``after`` is an earlier job, which is waited for first: two runs at once would measure each other. ``calibration``
    is what int8 takes its ranges from; generated inputs without it.
    """

    def __init__(
        self, settings: RunSettings, publish: Publish, *, source: ModelSource | None = None,
        clock: Clock = time.perf_counter, after: Job | None = None, calibration: Any = None,
    ) -> None:
        self.settings = settings
        self._source = source
        self._clock = clock
        self._after = after
        self._calibration = calibration
        self._publish = publish
        self._throttle = Throttle(clock)
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._ended = False
        self._began, self._shown_s = 0.0, 0.0
        self._seen = _Seen()
        self._thread = threading.Thread(target=self._main, name="tfjslab-lab", daemon=True)

    @property
    def graph(self) -> Graph | None:
        """The model's graph without the bytes of its weights, once it is loaded."""
        return self._seen.graph

    @property
    def rewrite(self) -> Rewrite | None:
        """What was done to the model before it was measured."""
        return self._seen.rewrite

    @property
    def alive(self) -> bool:
        """Whether the thread is still at work, seen or not."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, in the background."""
        self._began = self._clock()
        self._show("loading", "", 0, self.settings.runs)
        self._thread.start()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End the run after the inference in hand, or within ``grace_s`` without it. What was measured is kept."""
        self._stop.set()
        self._thread.join(grace_s)
        self._end(STOPPED)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until everything is given back; whether that happened in time."""
        self._thread.join(timeout_s)
        return not self.alive

    def _main(self) -> None:
        if self._after is not None:
            self._after.wait()
            self._after = None
        try:
            self._measure()
        except _Stop:
            self._end(STOPPED)
        except TfjslabError as e:
            self._end("failed", str(e))
        except MemoryError:
            self._end("failed", "there is not enough memory for this run; try a smaller batch or another backend")
        except Exception as e:  # noqa: BLE001 - whatever happens, the dashboard says so and stays usable
            self._end("failed", f"{type(e).__name__}: {e}")
        else:
            self._end(STOPPED if self._stop.is_set() else "done")

    def _measure(self) -> None:
        """Load, rewrite, compile, first run, warm-up, then rounds of steady runs with one profiled run after each."""
        s = self.settings
        s.check()
        how = Settings(s.runs, s.warmup, None, self._clock, self._progress, self._watch)
        source = self._source or self._open
        with open_subject(source, s.backend, s.threads, self._clock) as subject, ExitStack() as made:
            feeds = feeds_for(subject.model, s.batch)
            model = self._rewritten(subject, made)
            self._seen.graph = weightless(model.graph)
            bench_run = self._seen.bench_run = BenchmarkRun(model.name, model, feeds, subject.load_ms)
            try:
                self._rounds(bench_run, how)
            finally:
                with self._lock:
                    self._seen.result, self._seen.bench_run = result_of(bench_run), None

    def _rewritten(self, subject: Subject, made: ExitStack) -> Model:
        """The model that is measured: what the switches make of the one that was loaded, under a name that says so.

        The one that was loaded goes, as it is not part of what is measured; memory would show it.
        """
        s, model = self.settings, subject.model
        if not s.variant:
            return model
        last, self._seen.rewrite = rewrite(model, s.passes, s.quantize, self._calibration, self._rewriting, made)
        last.name = f"{model.name}, {s.variant}"
        if subject.owned:
            model.dispose()
        return last

    def _rewriting(self, what: str, done: int, total: int) -> None:
        """Steps of rewriting; the way out between them."""
        self._check()
        self._show("rewriting", what, done, total)

    def _rounds(self, bench_run: BenchmarkRun, how: Settings) -> None:
        begin(bench_run, how)
        self._profile(bench_run)
        while not is_done(bench_run.times, how):
            burst(bench_run, round_length(bench_run.times, how.runs), how)
            self._profile(bench_run)

    def _open(self, backend: str | None, threads: int | None) -> Model:
        s = self.settings
        return zoo.open_model(s.model, backend, threads, self._loading, real=s.real_weights)

    def _loading(self, what: str, done: int, total: int | None) -> None:
        """Bytes of a file; the way out while loading."""
        self._check()
        if self._throttle.due():
            self._show("loading", what, done, total or 0)

    def _progress(self, what: str, done: int, total: int) -> None:
        """Steps of measuring; the way out before the steady runs."""
        self._check()
        for ending, phase in ((": compile", "compiling"), (": warm-up", "warming")):
            if what.endswith(ending) and (phase == "compiling" or self._throttle.due()):
                self._show(phase, what, done, total)

    def _watch(self, times: Sequence[float]) -> bool:
        """See the times after a run; True ends them."""
        if times and self._throttle.due():
            self._show("running", "", len(times), self.settings.runs)
        return self._stop.is_set()

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stop

    def _profile(self, bench_run: BenchmarkRun) -> None:
        self._check()
        runs = 1 if self._seen.profiles else FIRST_PROFILE
        model, feeds = bench_run.model, bench_run.feeds
        self._seen.profiles.append(profile_model(model, feeds, runs=runs, warmup=0, clock=self._clock))
        self._seen.profile = median_run(list(self._seen.profiles))
        if len(self._seen.profiles) == 1 or self._throttle.due():
            self._show("running", "", len(bench_run.times), self.settings.runs)

    def _show(self, phase: str, message: str, done: int, total: int) -> None:
        """Publish, unless the run has ended for its reader."""
        with self._lock:
            if self._ended:
                return
            stopping = self._stop.is_set() and phase == "running"
            snapshot = self._snapshot("stopping" if stopping else phase, message, done, total)
            before = self._clock()
            self._publish(snapshot)
            cost_s = self._clock() - before
            self._shown_s += cost_s
            self._throttle.took(cost_s)

    def _end(self, phase: str, message: str = "") -> None:
        """Publish the last snapshot, once."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._publish(self._snapshot(phase, message, 0, self.settings.runs))

    def _snapshot(self, phase: str, message: str, done: int, total: int) -> Snapshot:
        result = self._result(STOPPED if phase == STOPPED else "")
        if phase not in BUSY and result is not None:
            done = result.runs
        passed = self._clock() - self._began
        share = self._shown_s / passed if passed > 0 else None
        return Snapshot(phase, message, done, total, self.settings, result, self._chosen(result), share)

    def _result(self, reason: str) -> BenchResult | None:
        bench_run, ended = self._seen.bench_run, self._seen.result
        found = ended if bench_run is None else result_of(bench_run)
        return replace(found, reason=reason) if found is not None else None

    def _chosen(self, result: BenchResult | None) -> Profile | None:
        """The profile whose wall is the median, with the phases of the whole run.

        Its plain runs are those that took turns with the profiled ones, not the steady runs of the result: what
        profiling costs is the difference of neighbours.
        """
        if self._seen.profile is None or result is None:
            return None
        plain = tuple(t for p in list(self._seen.profiles) for t in p.phases.steady_ms)
        phases = Phases(result.load_ms, result.compile_ms, result.first_ms, plain)
        return replace(self._seen.profile, phases=phases)


def round_length(times_ms: Sequence[float], runs: int) -> int:
    """Steady runs up to the next profiled one.

    A part of all, not more than some seconds of them, but enough that profiling is the smaller part.
    """
    some_seconds = int(ROUND_S * 1e3 * len(times_ms) / sum(times_ms)) if sum(times_ms) > 0 else 0
    wanted = min(-(-runs // ROUNDS), max(LEAST_RUNS, some_seconds))
    return max(1, min(wanted, runs - len(times_ms)))


def feeds_for(model: Model, batch: int) -> dict[str, Any]:
    """Seeded inputs; UsageError when ``batch`` is asked of a model whose lengths are all fixed."""
    fixed = not any(d is None or d < 0 for p in model.inputs for d in p.shape or ())
    if batch != 1 and fixed:
        raise UsageError(f"batch is {batch}, but all lengths of {model.name}'s inputs are fixed; expected 1")
    return model.sample(batch)


def weightless(graph: Graph) -> Graph:
    """The graph with one element for each constant, repeated: for drawing, at no cost of memory."""
    small = {
        name: np.broadcast_to(c.reshape(-1)[:1].copy().reshape((1,) * c.ndim), c.shape) if c.size else c
        for name, c in graph.constants.items()
    }
    return graph.with_(constants=small, functions={k: weightless(f) for k, f in graph.functions.items()})
