"""One model on one backend while it is measured: once-only times first, then bursts of steady runs."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tfjslab.backends.base import PlanInfo
from tfjslab.base.machine import load_average
from tfjslab.bench.host_time import measure_host_share, recorded_run
from tfjslab.bench.result import BenchResult, spread
from tfjslab.bench.settings import Settings
from tfjslab.engine.meter import RunMeter, meter_for
from tfjslab.engine.recorder import CLOCK_NAME, environment_of
from tfjslab.engine.state import STATE
from tfjslab.model.model import Model
from tfjslab.records.disturbance import judge
from tfjslab.records.host_share import HostShare

_UNMEASURED = HostShare(None, "it was not measured")


@dataclass
class BenchmarkRun:
    """What is known so far; None is what was not measured yet."""

    name: str
    model: Model
    feeds: Any
    load_ms: float | None
    compile_ms: float | None = None
    first_ms: float | None = None
    warmed: int = 0
    meter: RunMeter = field(default_factory=RunMeter)
    rounds: list[int] = field(default_factory=list)
    is_cached: bool = False  # in this process, before compiling was to be timed
    peak_bytes: int | None = None
    arena_bytes: int | None = None
    kernels: int | None = None
    fallback: int | None = None
    cached: bool | None = None
    host: HostShare = _UNMEASURED
    device: dict[str, Any] = field(default_factory=dict)
    load_average: float | None = field(default_factory=load_average)

    @property
    def times(self) -> list[float]:
        """Milliseconds of the steady runs so far."""
        return self.meter.walls_ms

    @property
    def label(self) -> str:
        """For progress."""
        return f"{self.name} on {self.model.backend.name}"


def begin(bench_run: BenchmarkRun, how: Settings) -> None:
    """Compile, first run, one recorded run, warm-up, and a few recorded ones where the host has a share of the time."""
    how.progress(f"{bench_run.label}: compile", 0, how.runs)
    model, feeds, clock = bench_run.model, bench_run.feeds, how.clock
    model.check_precision(feeds)  # its time belongs to none of the figures
    bench_run.is_cached = model.is_compiled(feeds)
    before = clock()
    infos = model.prepare(feeds)
    bench_run.compile_ms = None if bench_run.is_cached else (clock() - before) * 1e3
    bench_run.arena_bytes = sum(i.peak_bytes for i in infos)
    bench_run.cached = all(i.cached for i in infos) if infos else None
    bench_run.device = _device(infos)
    before = clock()
    model.predict(feeds)
    bench_run.first_ms = (clock() - before) * 1e3
    others = STATE.counters.num_bytes - model.weight_bytes
    recorder, bench_run.host = recorded_run(model, feeds, clock)
    kernels = recorder.kernels
    bench_run.kernels, bench_run.fallback = len(kernels), sum(k.fallback for k in kernels)
    bench_run.peak_bytes = max((k.total_bytes_snapshot for k in kernels), default=STATE.counters.num_bytes) - others
    for _ in range(how.warmup):
        how.progress(f"{bench_run.label}: warm-up", bench_run.warmed, how.warmup)
        model.predict(feeds)
        bench_run.warmed += 1
    if bench_run.host.share and how.warmup:
        bench_run.host = measure_host_share(model, feeds, clock)
    bench_run.meter = meter_for(model.backend, clock)


def _device(infos: Sequence[PlanInfo]) -> dict[str, Any]:
    """What plans on a GPU backend say about its adapter and pipelines; empty for other backends."""
    details = [i.details for i in infos if "adapter_type" in i.details]
    if not details:
        return {}
    return {
        "adapter": details[0]["adapter"], "adapter_type": details[0]["adapter_type"],
        "pipelines": sum(d["pipelines_made"] for d in details),
        "pipeline_compile_ms": sum(d["pipeline_compile_ms"] for d in details),
    }


def is_done(bench_run: BenchmarkRun, how: Settings) -> bool:
    """Whether a bench_run has runs enough, has used its budget, or was ended by its ``watch``."""
    times = bench_run.times
    over = how.budget_s is not None and bool(times) and sum(times) >= how.budget_s * 1e3
    return how.watch(times) or over or how.enough.is_met(times, lambda: bench_run.meter.states)


def burst(bench_run: BenchmarkRun, count: int, how: Settings) -> None:
    """Some runs in a row: a round. Garbage is collected before and not during the runs, as ``timeit`` does."""
    model, feeds, meter, before = bench_run.model, bench_run.feeds, bench_run.meter, len(bench_run.times)
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        meter.mark()
        for _ in range(count):
            meter.time(lambda: model.predict(feeds))
            if is_done(bench_run, how):
                break
        meter.mark()
    finally:
        bench_run.rounds.append(len(bench_run.times) - before)
        if enabled:
            gc.enable()
    how.progress(f"{bench_run.label}: steady", len(bench_run.times), how.runs)


def result_of(done: BenchmarkRun, reason: str = "") -> BenchResult:
    """The result as inert data; ``reason`` says why something is missing."""
    where, times, states = done.model.backend, tuple(done.times), done.meter.states
    s = spread(judge(times, states).of_kept(times))
    return BenchResult(
        done.name, where.name, where.threads, done.load_ms, done.compile_ms, done.first_ms, s.median, s.minimum, s.p95,
        s.iqr, len(times), done.warmed, done.peak_bytes, done.arena_bytes, done.model.weight_bytes, done.kernels,
        done.fallback, f"{CLOCK_NAME} around predict, outputs read", where.engine, times, reason, done.cached,
        done.model.precision.to_json() if done.model.precision else None, host_share=done.host.share,
        host_reason=done.host.reason, compile_cached_in_process=done.is_cached, states=states,
        rounds=tuple(done.rounds), steal_share=done.meter.steal_share,
        environment=replace(environment_of([where]), load_average=done.load_average),
        model_digest=done.model.digest, **done.device,
    )
