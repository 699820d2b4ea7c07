"""What a benchmark found: inert data with the keys of ``tfjslab bench --json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.text import backend_words, counted, ms
from tfjslab.records.host_share import HostShare


@dataclass(frozen=True, repr=False)
class BenchResult:
    """One model on one backend. Times are in milliseconds; None is what was not measured, with ``reason``.

    ``load_ms``, ``compile_ms``, ``first_ms`` happen once; the rest is of ``runs`` steady runs after ``warmup`` others.
    ``iqr_ms`` is the spread: the middle half of the runs lies within it. ``peak_bytes`` are weights plus the most that
    intermediates took at once. ``arena_bytes`` is what plans set aside for intermediates.
    ``compile_cached`` says whether all compiled modules came from the disk cache, which ``compile_ms`` depends on.
    ``host_share`` is the part of the time that kernels without one on the backend took on the host, None with
    ``host_reason``.
    ``precision`` is the result of the check of a backend that computes in float16. A GPU backend has ``adapter`` and
    its type, the number of pipelines that the plans made, and how long wgpu took for that (drivers compile more in the
    first run).
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
        return f"BenchResult({self.model} on {self.where}: {found}, {counted(self.runs, 'run')}{told})"

    def to_json(self) -> dict[str, Any]:
        """Plain values; the single times are left out."""
        plain = dataclasses.asdict(self)
        del plain["times_ms"]
        return plain


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
    fastest: dict[str, float] = {}
    for r in results:
        if r.median_ms is not None:
            fastest[r.model] = min(r.median_ms, fastest.get(r.model, r.median_ms))
    return [
        None if r.median_ms is None else r.median_ms / fastest[r.model] if fastest[r.model] > 0 else 1.0
        for r in results
    ]
