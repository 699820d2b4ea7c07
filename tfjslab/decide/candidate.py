"""One way to run a model in one place, with everything that was measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.bench.result import BenchResult, compare_results
from tfjslab.decide.needs import needs_of
from tfjslab.records.statistics import compare_processes
from tfjslab.records.verdict import UNKNOWN, SpeedVerdict

HERE = "this kernel"
SOFTWARE = frozenset({"CPU", "software"})  # adapters that are programs on the processor


@dataclass(frozen=True)
class Taken:
    """A benchmark of a candidate; runs of one ``group`` took turns."""

    bench: BenchResult
    group: str


@dataclass(frozen=True)
class Candidate:
    """A backend here, or a program in a browser, in one precision. ``place`` is this kernel or a device.

    ``taken`` are its benchmarks, the first of which its figures are from. ``download_bytes`` are the weights as files.
    ``accuracy`` is the share of right answers, or of those that float32 gives, too, as ``accuracy_kind`` says.
    ``difference`` is that of the outputs from those of numpy, relative to the largest value. ``batch`` is that of
    its runs, where a record tells it. None is not measured.
    """

    name: str
    precision: str
    place: str
    taken: tuple[Taken, ...]
    mobile: bool = False
    download_bytes: int | None = None
    accuracy: float | None = None
    accuracy_kind: str = ""
    difference: float | None = None
    batch: int | None = None

    @property
    def bench(self) -> BenchResult:
        """The benchmark that figures are from."""
        return self.taken[0].bench

    @property
    def label(self) -> str:
        """Such as ``wasm-simd, int8``."""
        return f"{self.name}, {self.precision}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The features of a browser that it needs."""
        return needs_of(self.name)

    @property
    def is_software(self) -> bool:
        """Whether it ran on a GPU that the processor imitates."""
        return self.bench.adapter_type in SOFTWARE

    def latency_ms(self, percentile: float) -> float | None:
        """That percentile of the runs that were not disturbed; None without any."""
        kept = self.bench.disturbance.of_kept(self.bench.times_ms)
        return float(np.percentile(kept, percentile)) if kept else None

    def joined(self, other: Candidate) -> Candidate:
        """The same candidate with the benchmarks of another record of it."""
        return Candidate(**{**self.__dict__, "taken": (*self.taken, *other.taken)})


def versus(first: Candidate, second: Candidate) -> SpeedVerdict:
    """Whether the second is faster: by rounds in which the two took turns, else as two processes are compared."""
    pairs = [(a.bench, b.bench) for a in first.taken for b in second.taken if a.group and a.group == b.group]
    measured = [(a, b) for a, b in pairs if a.times_ms and b.times_ms]
    if measured:
        return compare_results(*max(measured, key=lambda p: min(p[0].runs, p[1].runs)))
    figures = [c.bench.figure for c in (first, second)]
    if figures[0] is None or figures[1] is None:
        return SpeedVerdict(UNKNOWN, reason="nothing was measured on both sides")
    return compare_processes([figures[0]], [figures[1]], same_machine=first.place == second.place)


def merged(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Records of the same thing together, in the order in which each came first."""
    known: dict[tuple[str, str, str], Candidate] = {}
    for c in found:
        key = (c.place, c.name, c.precision)
        known[key] = known[key].joined(c) if key in known else c
    return tuple(known.values())
