"""What a benchmark found: inert data with the keys of ``tfjslab bench --json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from tfjslab.base.messages import plain
from tfjslab.base.text import backend_words, counted, ms
from tfjslab.records.disturbance import Disturbance, RunState, judge
from tfjslab.records.host_share import HostShare
from tfjslab.records.profile import Environment, compile_words
from tfjslab.records.statistics import ProcessFigure, compare_rounds, figure_of
from tfjslab.records.verdict import UNKNOWN, SpeedVerdict


@dataclass(frozen=True, repr=False)
class BenchResult:
    """One model on one backend. Times are in milliseconds; None is what was not measured, with ``reason``.

    ``load_ms``, ``compile_ms``, ``first_ms`` happen once; the rest is of ``runs`` steady runs after ``warmup`` others,
    less those that were disturbed: ``disturbance`` tells which. ``times_ms`` are all of them in order, ``states`` how
    the machine was in each, ``rounds`` how many there were in each round. ``compile_ms`` is None where the plan had
    been compiled before, which ``compile_cached_in_process`` says. ``steal_share`` is the part of all processors' time
    that a hypervisor gave to others.
    ``iqr_ms`` is the spread: the middle half of the runs lies within it. ``peak_bytes`` are weights plus the most that
    intermediates took at once. ``arena_bytes`` is what plans set aside for intermediates.
    ``compile_cached`` says whether all compiled modules came from the disk cache, which ``compile_ms`` depends on.
    ``host_share`` is the part of the time that kernels without one on the backend took on the host, None with
    ``host_reason``.
    ``precision`` is the result of the check of a backend that computes in float16. A GPU backend has ``adapter`` and
    its type, the number of pipelines that the plans made, and how long wgpu took for that (drivers compile more in the
    first run). ``device`` is the browser that it ran in, empty for this process.
    ``model_digest`` is the same for models with the same nodes and weights; empty where it is not known.
    """

    model: str
    backend: str
    threads: int
    load_ms: float | None
    compile_ms: float | None
    first_ms: float | None
    median_ms: float | None
    min_ms: float | None
    p95_ms: float | None
    iqr_ms: float | None
    runs: int
    warmup: int
    peak_bytes: int | None
    arena_bytes: int | None
    weight_bytes: int | None
    num_kernels: int | None
    fallback_kernels: int | None
    clock: str
    engine: str
    times_ms: tuple[float, ...] = ()
    reason: str = ""
    compile_cached: bool | None = None
    precision: dict[str, Any] | None = None
    adapter: str | None = None
    adapter_type: str | None = None
    pipelines: int | None = None
    pipeline_compile_ms: float | None = None
    host_share: float | None = None
    host_reason: str = ""
    compile_cached_in_process: bool = False
    states: tuple[RunState, ...] = ()
    rounds: tuple[int, ...] = ()
    steal_share: float | None = None
    environment: Environment | None = None
    device: str = ""
    model_digest: str = ""

    @property
    def disturbance(self) -> Disturbance:
        """Which of the steady runs were disturbed; its ``text`` belongs beside every figure."""
        return judge(self.times_ms, self.states)

    @property
    def compile_text(self) -> str:
        """For people: milliseconds, or that there was nothing to compile."""
        return compile_words(self.compile_ms, cached=self.compile_cached_in_process)

    @property
    def all_rounds(self) -> tuple[tuple[float, ...], ...]:
        """The times by the rounds they were taken in."""
        return self._by_rounds(range(len(self.times_ms)))

    @property
    def undisturbed_rounds(self) -> tuple[tuple[float, ...], ...]:
        """The times that count, by rounds."""
        return self._by_rounds(self.disturbance.kept)

    def _by_rounds(self, runs: Iterable[int]) -> tuple[tuple[float, ...], ...]:
        counted = set(runs)
        bounds = pairwise(accumulate(self.rounds or (len(self.times_ms),), initial=0))
        return tuple(tuple(self.times_ms[i] for i in range(*b) if i in counted) for b in bounds)

    @property
    def figure(self) -> ProcessFigure | None:
        """The steady time of this process, for ``compare_processes`` with another one; None without runs."""
        return figure_of(self.times_ms, self.states) if self.times_ms else None

    @property
    def where(self) -> str:
        """The backend, with the kind of its adapter if it has one."""
        return backend_words(self.backend, self.adapter_type)

    @property
    def place(self) -> str:
        """The same with the host's share of the time, where it has one."""
        return f"{self.where}, {self.host.part} on host" if self.host_share else self.where

    @property
    def host(self) -> HostShare:
        """How much of the time is the host's."""
        return HostShare(self.host_share, self.host_reason)

    def __repr__(self) -> str:
        found = "not measured" if self.median_ms is None else f"median {ms(self.median_ms)} ms"
        told = f"; {self.reason}" if self.reason else ""
        return plain(f"BenchResult({self.model} on {self.where}: {found}, {counted(self.runs, 'run')}{told})")

    def to_json(self) -> dict[str, Any]:
        """Plain values, with which runs were disturbed."""
        return {**dataclasses.asdict(self), "disturbance": self.disturbance.to_json()}


@dataclass(frozen=True)
class Spread:
    """Median, minimum, 95th percentile and interquartile range; None without values."""

    median: float | None
    minimum: float | None
    p95: float | None
    iqr: float | None


def spread(times: Sequence[float]) -> Spread:
    """Summarise times; percentiles are linear between neighbours, as numpy's are by default."""
    if not times:
        return Spread(None, None, None, None)
    low, middle, high, p95 = (float(v) for v in np.percentile(times, [25, 50, 75, 95]))
    return Spread(middle, min(times), p95, high - low)


def ratios(results: Sequence[BenchResult]) -> list[float | None]:
    """For each result its median over the fastest median of the same model; 1.0 is the fastest, None unmeasured."""
    fastest = _fastest(results)
    return [
        None if r.median_ms is None else r.median_ms / best if (best := fastest[r.model].median_ms) else 1.0
        for r in results
    ]


def _fastest(results: Sequence[BenchResult]) -> dict[str, BenchResult]:
    """The result with the least median of each model."""
    found: dict[str, BenchResult] = {}
    for r in results:
        if r.median_ms is not None and (r.model not in found or r.median_ms < (found[r.model].median_ms or 0.0)):
            found[r.model] = r
    return found


def verdicts(results: Sequence[BenchResult]) -> list[SpeedVerdict | None]:
    """Each result against the fastest of the same model, as ``compare_results`` says it.

    None for the fastest itself, and for what was not measured.
    """
    fastest = _fastest(results)
    return [
        None if r.median_ms is None or fastest[r.model] is r else compare_results(fastest[r.model], r) for r in results
    ]


def compare_results(first: BenchResult, second: BenchResult) -> SpeedVerdict:
    """Whether the second is faster than the first; they were interleaved, as those of one call of ``bench_models``."""
    found = compare_rounds(first.undisturbed_rounds, second.undisturbed_rounds)
    makeshift = next((r for r in (first, second) if r.disturbance.is_makeshift), None)
    if makeshift is None and found.ratio is not None:
        return found
    # The ratio of all runs, disturbed ones too, is better than none; but nothing follows from it.
    reason = f"{makeshift.model}: {makeshift.disturbance.text}" if makeshift else found.reason
    return replace(compare_rounds(first.all_rounds, second.all_rounds), kind=UNKNOWN, reason=reason)
