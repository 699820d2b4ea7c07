"""The strip of figures: one row for each, with its unit and how it was measured. The view and the report read it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tfjslab.base.text import NOTHING, count, counted, ms
from tfjslab.bench.result import BenchResult
from tfjslab.records.profile import Profile

Value = Callable[[BenchResult, Profile | None], str]


@dataclass(frozen=True)
class Figure:
    """A number of the strip. ``how`` says how it was measured."""

    name: str
    unit: str
    how: str
    value: Value


def _megabytes(num_bytes: int | None) -> str:
    return NOTHING if num_bytes is None else f"{num_bytes / 1e6:.1f}"


def _tensors(_result: BenchResult, profile: Profile | None) -> str:
    return count(max((k.total_tensors_snapshot for k in profile.kernels), default=0)) if profile else NOTHING


def _host_ms(_result: BenchResult, profile: Profile | None) -> str:
    return ms(math.fsum(k.kernel_time_ms for k in profile.kernels if k.fallback)) if profile else NOTHING


FIGURES = (
    Figure("load", "ms", "Reading the files and building the graph, once. Not measured for a model that was loaded "
                         "before.",
           lambda r, _: ms(r.load_ms)),
    Figure("compile", "ms", "Making the plan: shapes, memory layout, kernels. Once; shorter when the disk cache has "
                            "the kernels.", lambda r, _: r.compile_text),
    Figure("first", "ms", "The first inference after compiling, with cold caches.", lambda r, _: ms(r.first_ms)),
    Figure("median", "ms", "Half of the steady runs, after the warm-up, were faster.", lambda r, _: ms(r.median_ms)),
    Figure("p95", "ms", "95 of 100 steady runs were faster; linear between neighbours.", lambda r, _: ms(r.p95_ms)),
    Figure("peak", "MB", "Weights, plus the most that intermediate values took at once, by TensorFlow.js's rules of "
                         "counting. 1 MB is 10^6 bytes.", lambda r, _: _megabytes(r.peak_bytes)),
    Figure("tensors", "", "The most tensors alive at once during a profiled run, weights and everything else "
                          "in this process included.", _tensors),
    Figure("kernels", "", "Kernels that one inference runs, counted in a recorded run.",
           lambda r, _: count(r.num_kernels)),
    Figure("fallbacks", "", "Kernels that ran on the host, because the backend has none for the op.",
           lambda r, _: count(r.fallback_kernels)),
    Figure("on host", "", "The part of the time of a run that those kernels take; the median of a few recorded runs.",
           lambda r, _: r.host.part),
    Figure("host cost", "ms", "What those kernels took in the profiled run that the tabs show.", _host_ms),
)


def conditions(result: BenchResult | None) -> str:
    """The conditions of all figures in a line: engine, clock, threads, runs."""
    if result is None:
        return "not measured yet"
    cached = {True: ", kernels from the disk cache", False: ", kernels newly compiled", None: ""}[result.compile_cached]
    threads = counted(result.threads, "thread")
    disturbed = f"; {result.disturbance.text}" if result.disturbance.text else ""
    return (f"{result.model} on {result.where}, {threads}, {result.engine}; {result.clock}; "
            f"{counted(result.runs, 'run')} after {result.warmup} warm-up{cached}{disturbed}")


def texts(result: BenchResult | None, profile: Profile | None) -> list[tuple[Figure, str]]:
    """Every figure with its text; a dash for what is not known."""
    return [(f, NOTHING if result is None else f.value(result, profile)) for f in FIGURES]
