"""Results of a benchmark together: a list that shows itself as a table."""

from __future__ import annotations

from typing import Any

from tfjslab.base.tables import Report, Table
from tfjslab.base.text import ms, scaled, times
from tfjslab.bench.result import BenchResult, ratios

COLUMNS = ("model", "backend", "median ms", "spread", "p95", "fastest", "ratio", "load", "compile", "first", "peak",
           "host time", "runs")


class BenchResults(Report, list[BenchResult]):
    """What ``bench_models`` gives. ``print`` and notebooks show the table."""

    def tables(self) -> tuple[Table, ...]:
        """A line for each result, the fastest backend of a model being 1.0x."""
        rows = tuple(
            (r.model, r.place, ms(r.median_ms), ms(r.iqr_ms), ms(r.p95_ms), ms(r.min_ms), times(ratio), ms(r.load_ms),
             ms(r.compile_ms), ms(r.first_ms), scaled(r.peak_bytes, "B"), r.host.part, r.runs)
            for r, ratio in zip(self, ratios(self), strict=True)
        )
        missing = dict.fromkeys(f"{r.model} on {r.where}: {r.reason}" for r in self if r.reason)
        how = "times in milliseconds; spread: the middle half of the runs; ratio: to the fastest median of the model"
        return (Table("Benchmark", COLUMNS, rows, (how, *missing), left=2),)

    def to_json(self) -> Any:
        """Plain values of each, in order."""
        return [r.to_json() for r in self]

    def __repr__(self) -> str:
        return list.__repr__(self)
