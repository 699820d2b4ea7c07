"""Measuring models on backends, side by side.

Steady runs of all subjects are interleaved in rounds, so that a machine that slows down slows all of them down. Within
a round a subject runs several times in a row, as it does in use, with its data in the caches.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.bench.result import BenchResult, spread
from tfjslab.engine.recorder import CLOCK_NAME, KernelRecorder
from tfjslab.engine.state import STATE
from tfjslab.model.model import Model
from tfjslab.model.subject import Clock, ModelSource, open_subject

ROUNDS = 5
# What is being done (such as "mobilenet_v2 on wasm-simd: steady"), steps done, steps in all.
Progress = Callable[[str, int, int], None]


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Settings:
    """How to measure. ``budget_s`` ends the steady runs of a subject once they took that long (one run at least)."""

    runs: int = 50
    warmup: int = 5
    budget_s: float | None = None
    clock: Clock = time.perf_counter
    progress: Progress = no_progress

    def check(self) -> None:
        """UsageError for numbers that make no sense."""
        if self.runs < 1 or self.warmup < 0 or (self.budget_s is not None and self.budget_s <= 0):
            raise UsageError(
                f"runs={self.runs}, warmup={self.warmup}, budget_s={self.budget_s}; "
                "expected runs >= 1, warmup >= 0 and a budget above 0",
            )


@dataclass
class _Lane:
    """One model on one backend while it is measured."""

    name: str
    model: Model
    feeds: Any
    load_ms: float | None
    compile_ms: float | None = None
    first_ms: float | None = None
    warmed: int = 0
    times: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    arena_bytes: int | None = None
    kernels: int | None = None
    fallback: int | None = None

    @property
    def label(self) -> str:
        """For progress."""
        return f"{self.name} on {self.model.backend.name}"


def bench_model(
    source: ModelSource, backend: str | None = None, threads: int | None = None, *, x: Any = None, name: str = "",
    runs: int = 50, warmup: int = 5, budget_s: float | None = None, clock: Clock = time.perf_counter,
    progress: Progress = no_progress,
) -> BenchResult:
    """Measure one model on one backend; see ``bench_models``."""
    settings = Settings(runs, warmup, budget_s, clock, progress)
    return bench_models([(name, source, x)], [backend], threads, settings)[0]


def bench_models(
    sources: Sequence[tuple[str, ModelSource, Any]], backends: Sequence[str | None], threads: int | None = None,
    settings: Settings | None = None,
) -> list[BenchResult]:
    """Measure every model on every backend, interleaved; results in the order of models, then backends.

    Args:
        sources: (name, source, x); an empty name is the model's own, ``x`` None means seeded values.
        backends: names; None is the model's own backend or the current one.
        threads: for threaded backends.
        settings: how to measure.

    Ctrl-C ends the measuring and gives what was measured so far, each result saying so in ``reason``.

    """
    how = settings or Settings()
    how.check()
    lanes: list[_Lane] = []
    reason = ""
    with ExitStack() as stack:
        try:
            for name, source, x in sources:
                for backend in backends:
                    subject = stack.enter_context(open_subject(source, backend, threads, how.clock))
                    feeds = subject.model.sample() if x is None else x
                    lanes.append(_Lane(name or subject.model.name, subject.model, feeds, subject.load_ms))
                    _begin(lanes[-1], how)
            _steady(lanes, how)
        except KeyboardInterrupt:
            reason = "interrupted"
        return [_result(lane, reason) for lane in lanes]


def _begin(lane: _Lane, how: Settings) -> None:
    """Compile, first run, one recorded run, warm-up."""
    how.progress(f"{lane.label}: compile", 0, how.runs)
    model, feeds, clock = lane.model, lane.feeds, how.clock
    before = clock()
    infos = model.prepare(feeds)
    lane.compile_ms = (clock() - before) * 1e3
    lane.arena_bytes = sum(i.peak_bytes for i in infos)
    before = clock()
    model.predict(feeds)
    lane.first_ms = (clock() - before) * 1e3
    recorder = KernelRecorder(clock)
    others = STATE.counters.num_bytes - model.weight_bytes
    model.run(feeds, recorder)
    kernels = recorder.kernels
    lane.kernels, lane.fallback = len(kernels), sum(k.fallback for k in kernels)
    lane.peak_bytes = max((k.total_bytes_snapshot for k in kernels), default=STATE.counters.num_bytes) - others
    for _ in range(how.warmup):
        model.predict(feeds)
        lane.warmed += 1


def _steady(lanes: Sequence[_Lane], how: Settings) -> None:
    """Rounds over all lanes until each has its runs or has used its budget."""
    burst = -(-how.runs // ROUNDS)
    while open_lanes := [lane for lane in lanes if not _done(lane.times, how)]:
        for lane in open_lanes:
            _burst(lane, min(burst, how.runs - len(lane.times)), how)


def _done(times: Sequence[float], how: Settings) -> bool:
    over = how.budget_s is not None and bool(times) and sum(times) >= how.budget_s * 1e3
    return over or len(times) >= how.runs


def _burst(lane: _Lane, count: int, how: Settings) -> None:
    """Some runs in a row. Garbage is collected before and not while, as ``timeit`` does."""
    model, feeds, clock, times = lane.model, lane.feeds, how.clock, lane.times
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(count):
            before = clock()
            model.predict(feeds)
            times.append((clock() - before) * 1e3)
            if _done(times, how):
                break
    finally:
        if enabled:
            gc.enable()
    how.progress(f"{lane.label}: steady", len(times), how.runs)


def _result(lane: _Lane, reason: str) -> BenchResult:
    where, s = lane.model.backend, spread(lane.times)
    return BenchResult(
        lane.name, where.name, where.threads, lane.load_ms, lane.compile_ms, lane.first_ms, s.median, s.minimum, s.p95,
        s.iqr, len(lane.times), lane.warmed, lane.peak_bytes, lane.arena_bytes, lane.model.weight_bytes, lane.kernels,
        lane.fallback, f"{CLOCK_NAME} around predict, outputs read", where.engine, tuple(lane.times), reason,
    )
