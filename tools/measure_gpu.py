"""Measures the GPU backends on whatever adapter there is and writes docs/gpu_performance.md.

    python tools/measure_gpu.py FaceMesh=path/to/model.json --peak-gflops 9700
    python tools/measure_gpu.py --adapter llvmpipe

Matrix products of several sizes, MobileNetV2 and BlazeFace of the zoo, and the models that are named. Times of kernels
are those of the adapter's time stamps where it has them; the page names the clock, the adapter and its kind.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from measure_performance import labelled, measured_here, table

from tfjslab import zoo
from tfjslab.backends import registry
from tfjslab.backends.ceilings import ceilings_of
from tfjslab.base.errors import TfjslabError
from tfjslab.base.text import NOTHING, ms, percent
from tfjslab.bench.ops.making import graph_of
from tfjslab.bench.ops.reading import row_of
from tfjslab.model.model import Model
from tfjslab.model.subject import Loader
from tfjslab.profiling.collect import profile_model
from tfjslab.records.profile import Profile

PAGE = Path(__file__).parents[1] / "docs" / "gpu_performance.md"
BACKENDS = ("webgpu", "webgpu-f16")
SIZES = (256, 512, 1024, 2048)
ZOO = (("MobileNetV2", "mobilenet_v2"), ("BlazeFace", "blazeface"))
RUNS, ROUNDS = 20, 3
SOFTWARE = "software"
INTRODUCTION = """\
# Performance on a GPU

Written by `tools/measure_gpu.py`; do not edit. Products and models on the GPU backends. *Kernels* is the time of all
kernels of one inference by the clock that is named, the median and the fastest of the runs; *predict* is the median
time from arrays to arrays. All are measured in turns, several rounds, and shown is the median round: a GPU that had
little to do is slow at first. GFLOP/s are of the ops' definitions over the fastest time in kernels. *Of peak* is their
share of what the adapter reaches at most.
"""
IMITATED = ("**This adapter is software: the processor imitates a GPU, and none of these times says anything about "
            "one.**")
COLUMNS = ("what", "backend", "kernels, ms", "fastest", "predict, ms", "GFLOP/s", "of peak", "on the host")


@dataclass(frozen=True)
class Measured:
    """One subject on one backend; None with ``reason`` where it could not be measured."""

    label: str
    backend: str
    kernels_ms: float | None = None
    fastest_ms: float | None = None
    predict_ms: float | None = None
    flops: int = 0
    kernels: int = 0
    fallback: int = 0
    clock: str = ""
    reason: str = ""

    @property
    def gflops_per_s(self) -> float | None:
        """Billions of nominal operations a second in the fastest run."""
        return self.flops / self.fastest_ms / 1e6 if self.fastest_ms and self.flops else None


@dataclass(frozen=True)
class Adapter:
    """What was measured on. ``peak_gflops`` is None where nobody knows it; ``source`` says who does."""

    name: str
    kind: str
    peak_gflops: float | None = None
    source: str = ""


def of_profile(label: str, backend: str, profile: Profile) -> Measured:
    """The figures of a profile."""
    kernels = profile.kernels
    each_run = list(zip(*(k.times_ms for k in kernels), strict=True)) if all(k.times_ms for k in kernels) else []
    sums = [sum(times) for times in each_run] or [sum(k.kernel_time_ms for k in kernels)]
    steady = profile.phases.steady_ms if profile.phases else ()
    return Measured(
        label, backend, statistics.median(sums), min(sums), statistics.median(steady) if steady else None,
        sum(k.flops for k in kernels), len(kernels), sum(k.fallback for k in kernels),
        profile.environment.clock if profile.environment else "",
    )


def cells(found: Measured, peak_gflops: float | None) -> list[str]:
    """A line of the table."""
    rate = found.gflops_per_s
    share = percent(rate, peak_gflops) if rate is not None and peak_gflops else NOTHING
    return [
        found.label, f"`{found.backend}`", ms(found.kernels_ms), ms(found.fastest_ms), ms(found.predict_ms),
        NOTHING if rate is None else f"{rate:.1f}", share,
        found.reason or f"{found.fallback} of {found.kernels}",
    ]


def page(where: str, adapter: Adapter, found: Sequence[Measured]) -> str:
    """The whole page."""
    peak = NOTHING if adapter.peak_gflops is None else f"{adapter.peak_gflops:.0f} GFLOP/s, {adapter.source}"
    clocks = "; ".join(dict.fromkeys(f.clock for f in found if f.clock))
    parts = [
        INTRODUCTION, *([IMITATED] if adapter.kind == SOFTWARE else []),
        f"{where}; {adapter.kind} adapter {adapter.name}; peak: {peak}; clock of kernels: {clocks}.",
        table(COLUMNS, [cells(f, adapter.peak_gflops) for f in found]),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def product(size: int) -> Loader:
    """A loader of a model that multiplies a square matrix by a constant one."""
    row = row_of({"group": "product", "op": "BatchMatMul", "inputs": [[size, size], {"constant": [size, size]}]}, "")
    return lambda backend, threads: Model(graph_of(row), backend, threads)


def measure(label: str, source: Loader, backend: str, runs: int) -> Measured:
    """Profile one subject; the reason where that fails."""
    try:
        return of_profile(label, backend, profile_model(source, None, backend, runs=runs))
    except TfjslabError as e:
        return Measured(label, backend, reason=str(e))


def of_rounds(rounds: Sequence[Measured]) -> Measured:
    """The round in the middle, with the fastest run of all; one that failed if any did."""
    failed = [r for r in rounds if r.kernels_ms is None or r.fastest_ms is None]
    if failed:
        return failed[0]
    middle = sorted(rounds, key=lambda r: r.kernels_ms or 0)[len(rounds) // 2]
    predict = [r.predict_ms for r in rounds if r.predict_ms is not None]
    return replace(
        middle, fastest_ms=min(r.fastest_ms or 0 for r in rounds),
        predict_ms=statistics.median(predict) if predict else None,
    )


def adapter_of(backend: str, peak_gflops: float | None) -> Adapter:
    """The adapter that a backend runs on, and its peak: as it is given, else as the backend measures it."""
    running = registry.backend(backend)  # says why where there is no adapter
    facts = registry.availability(backend).details
    name, kind = f"{facts['adapter']}, {facts['api']}, {facts['driver']}", str(facts["adapter_type"])
    if peak_gflops is not None:
        return Adapter(name, kind, peak_gflops, "as given")
    ceilings, _ = ceilings_of(running)
    if ceilings is None:
        return Adapter(name, kind)
    return Adapter(name, kind, ceilings.flops_per_s / 1e9, "measured by loops in registers")


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="LABEL=MODEL", type=labelled)
    parser.add_argument("--adapter", help="a part of an adapter's name, or its kind (default: the fastest kind)")
    parser.add_argument("--peak-gflops", type=float, help="of the adapter in float32, where it cannot be measured")
    parser.add_argument("--backend", default=",".join(BACKENDS))
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="of matrix products")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    try:
        if args.adapter:
            registry.set_adapter(args.adapter)
        backends = args.backend.split(",")
        adapter = adapter_of(backends[0], args.peak_gflops)
    except TfjslabError as e:
        parser.exit(e.exit_code, f"{parser.prog}: {e}\n")
    subjects: list[tuple[str, Loader]] = [
        *((f"product of {n} x {n}", product(n)) for n in map(int, args.sizes.split(","))),
        *((label, partial(zoo.open_model, model)) for label, model in (*ZOO, *args.models)),
    ]
    rounds: dict[tuple[str, str], list[Measured]] = {}
    for number in range(args.rounds):
        for (label, source), backend in itertools.product(subjects, backends):
            sys.stderr.write(f"round {number + 1} of {args.rounds}: {label} on {backend}\n")
            rounds.setdefault((label, backend), []).append(measure(label, source, backend, args.runs))
    found = [of_rounds(r) for r in rounds.values()]
    args.out.write_text(page(measured_here(), adapter, found), encoding="utf-8")
    sys.stderr.write(f"written to {args.out}\n")


if __name__ == "__main__":
    main()
