"""One measured run in a thread of its own. It publishes inert snapshots and knows no widgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from tfjslab.base.errors import OutOfMemoryError, ShapeError, TfjslabError
from tfjslab.base.threads import start_thread
from tfjslab.bench.bench import ROUNDS
from tfjslab.bench.benchmark_run import BenchmarkRun, begin, burst, is_done, result_of
from tfjslab.bench.settings import Settings
from tfjslab.engine.measure import Clock
from tfjslab.graph.ir import Graph
from tfjslab.lab.inputs import feeds_for, lengths_hint, settled
from tfjslab.lab.opening import opener
from tfjslab.lab.publishing import STOPPED, Publish, Publisher
from tfjslab.lab.rewriting import Rewrite, rewrite
from tfjslab.lab.session import RunSettings
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, Subject, open_subject
from tfjslab.profiling.collect import profile_model

# How long ``stop`` waits for the current inference. A longer one is abandoned: it ends by itself, unseen.
GRACE_S = 0.3
# Seconds and the least number of steady runs between two profiled runs.
ROUND_S, LEAST_RUNS = 2.0, 10
FIRST_PROFILE = 3  # profiled runs before the steady ones: enough for a median if Stop is pressed early


class _Stop(Exception):  # noqa: N818 - no error: it ends loading and compiling when Stop was pressed
    """Stop was pressed."""


class Job:
    """A run: ``start`` it, ``stop`` it, ``wait`` for it. The last snapshot says how it ended; nothing is raised.

    ``publish`` is called on the run's own thread, except for the last snapshot of a run that had to be abandoned.
    ``after`` is called first and waits for what is still at work, which would disturb this run. int8 takes its ranges
    from ``calibration``, or from generated inputs without it. ``between`` is called between two inferences.
    """

    def __init__(
        self, settings: RunSettings, publish: Publish, *, source: ModelSource | None = None,
        clock: Clock = time.perf_counter, after: Callable[[], object] | None = None, calibration: Any = None,
        between: Callable[[], object] | None = None,
    ) -> None:
        self.settings = settings
        self._source = source
        self._clock = clock
        self._after = after
        self._calibration = calibration
        self._publisher = Publisher(settings, publish, clock, between)
        self._measured = self._publisher.measured
        self._throttle = self._publisher.throttle
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="tfjslab-lab", daemon=True)

    @property
    def graph(self) -> Graph | None:
        """The model's graph without the bytes of its weights, once it is loaded."""
        return self._measured.graph

    @property
    def rewrite(self) -> Rewrite | None:
        """What was done to the model before it was measured."""
        return self._measured.rewrite

    @property
    def alive(self) -> bool:
        """Whether the thread is still at work, seen or not."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, in the background; where the system has no thread for it, that is how it ends."""
        self._publisher.begin()
        try:
            start_thread(self._thread)
        except OutOfMemoryError as e:
            self._publisher.end("failed", str(e))

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End the run after the current inference, or after ``grace_s`` without it. What was measured is kept."""
        self._stop.set()
        self.wait(grace_s)
        self._publisher.end(STOPPED)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until everything is freed; whether that happened in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self.alive

    def _main(self) -> None:
        if self._after is not None:
            self._after()
            self._after = None
        try:
            self._measure()
        except _Stop:
            self._publisher.end(STOPPED)
        except ShapeError as e:
            self._publisher.end("failed", f"{e}{lengths_hint(str(e), self._measured.ports)}")
        except TfjslabError as e:
            self._publisher.end("failed", str(e))
        except MemoryError:
            self._publisher.end("failed", "there is not enough memory for this run; try a smaller batch or another "
                                          "backend")
        except Exception as e:  # noqa: BLE001 - whatever happens, the dashboard says so and stays usable
            self._publisher.end("failed", f"{type(e).__name__}: {e}")
        else:
            self._publisher.end(STOPPED if self._stop.is_set() else "done")

    def _measure(self) -> None:
        """Load, rewrite, compile, first run, warm-up, then rounds of steady runs with one profiled run after each."""
        s = self.settings
        s.check()
        how = Settings(s.runs, s.warmup, None, self._clock, self._progress, self._watch)
        source = opener(s, self._source, self._loading)
        with open_subject(source, s.backend, s.threads, self._clock) as subject, ExitStack() as made:
            self._measured.ports = subject.model.inputs
            feeds = feeds_for(subject.model, s.batch, s.inputs)
            model = self._rewritten(subject, made)
            self._publisher.memory.gpu_bytes = partial(_gpu_bytes, model)
            self._measured.graph = weightless(model.graph)
            bench_run = self._measured.bench_run = BenchmarkRun(model.name, model, feeds, subject.load_ms)
            try:
                self._rounds(bench_run, how)
            finally:
                with self._publisher.lock:
                    self._publisher.memory.sample()
                    self._publisher.memory.gpu_bytes = _no_gpu  # the model is about to go
                    self._measured.ended, self._measured.bench_run = result_of(bench_run), None

    def _rewritten(self, subject: Subject, made: ExitStack) -> Model:
        """The model that is measured: the loaded one, optimized and quantized as chosen, under a name that says so.

        The loaded one is disposed then: it is not measured, and its memory would be counted.
        """
        s, model = self.settings, subject.model
        if not s.variant:
            return model
        last, self._measured.rewrite = rewrite(
            model, s.passes, s.quantize, self._calibration, self._rewriting, made, settled(model.inputs, s.inputs))
        last.name = f"{model.name}, {s.variant}"
        if subject.owned:
            model.dispose()
        return last

    def _rewriting(self, what: str, done: int, total: int) -> None:
        """Show steps of rewriting; stops between them."""
        self._check()
        self._show("rewriting", what, done, total)

    def _rounds(self, bench_run: BenchmarkRun, how: Settings) -> None:
        begin(bench_run, how)
        self._profile(bench_run)
        while not is_done(bench_run, how):
            burst(bench_run, round_length(bench_run.times, how.runs), how)
            self._profile(bench_run)

    def _loading(self, what: str, done: int, total: int | None) -> None:
        """Show how much of a file is read; stops while loading."""
        self._check()
        if self._throttle.due():
            self._show("loading", what, done, total or 0)

    def _progress(self, what: str, done: int, total: int) -> None:
        """Show steps of measuring; stops before the steady runs."""
        self._check()
        for ending, phase in ((": compile", "compiling"), (": warm-up", "warming")):
            if what.endswith(ending) and (phase == "compiling" or self._throttle.due()):
                self._show(phase, what, done, total)

    def _watch(self, times: Sequence[float]) -> bool:
        """Show the times after a run; True ends the runs."""
        if times and self._throttle.due():
            self._show("running", "", len(times), self.settings.runs)
        return self._stop.is_set()

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stop

    def _profile(self, bench_run: BenchmarkRun) -> None:
        self._check()
        runs = 1 if self._measured.profiles else FIRST_PROFILE
        model, feeds = bench_run.model, bench_run.feeds
        self._measured.add_profile(profile_model(model, feeds, runs=runs, warmup=0, clock=self._clock))
        if len(self._measured.profiles) == 1 or self._throttle.due():
            self._show("running", "", len(bench_run.times), self.settings.runs)

    def _show(self, phase: str, message: str, done: int, total: int) -> None:
        stopping = self._stop.is_set() and phase == "running"
        self._publisher.show("stopping" if stopping else phase, message, done, total)


def round_length(times_ms: Sequence[float], runs: int) -> int:
    """Steady runs up to the next profiled one.

    A share of all runs, at most a few seconds of them, but enough that profiling takes the smaller part of the time.
    """
    some_seconds = int(ROUND_S * 1e3 * len(times_ms) / sum(times_ms)) if sum(times_ms) > 0 else 0
    wanted = min(-(-runs // ROUNDS), max(LEAST_RUNS, some_seconds))
    return max(1, min(wanted, runs - len(times_ms)))


def _gpu_bytes(model: Model) -> int | None:
    """What the model's backend holds on its GPU; None for a backend without one."""
    return model.backend.memory().get("num_bytes_in_gpu")


def _no_gpu() -> None:
    """Nothing is known of a GPU."""


def weightless(graph: Graph) -> Graph:
    """The graph with one element for each constant, repeated: enough for drawing, and needs no memory."""
    small = {
        name: np.broadcast_to(c.reshape(-1)[:1].copy().reshape((1,) * c.ndim), c.shape) if c.size else c
        for name, c in graph.constants.items()
    }
    return graph.with_(constants=small, functions={k: weightless(f) for k, f in graph.functions.items()})
