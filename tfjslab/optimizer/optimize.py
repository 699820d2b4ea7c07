"""Runs the passes on a model, compares the outputs, and measures both models side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from tfjslab.base.arrays import reals
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.shapes import Shape
from tfjslab.bench.bench import bench_models
from tfjslab.bench.result import BenchResult, compare_results
from tfjslab.bench.settings import Settings
from tfjslab.formats.stored import settle, stored_as, stored_bytes, stored_text
from tfjslab.graph.ir import Graph
from tfjslab.model.inputs import by_name
from tfjslab.model.model import Model, given_away
from tfjslab.model.summary import overview
from tfjslab.optimizer.report import Fused, OptimizeReport, Side
from tfjslab.passes.registry import PASSES, chosen, run_passes
from tfjslab.targets import refused_everywhere

RUNS, WARMUP, BUDGET_S = 30, 3, 3.0
TFJS = "tfjs"
NOT_ASKED = "measuring was not asked for"


class Optimized(NamedTuple):
    """The optimized model, on the same backend as the one that was given, and the report."""

    model: Model
    report: OptimizeReport

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


@dataclass(frozen=True)
class _Measured:
    """What running both models gave."""

    results: Sequence[BenchResult] = ()
    largest: float | None = None
    relative: float | None = None
    fused: tuple[Fused, ...] = ()
    sample: Mapping[str, Shape] = field(default_factory=dict)
    reason: str = NOT_ASKED


@tells_memory("optimizing a model")
def optimize(
    model: Model, passes: Iterable[str] | None = None, skip: Collection[str] = (), target: str = TFJS, *,
    x: Any = None, measure: bool = True, settings: Settings | None = None, precision: str | None = None,
) -> Optimized:
    """Make a faster model that computes the same.

    Args:
        model: stays as it is, and stays loaded.
        passes: names of the passes to run, in their own order; None means all.
        skip: names of passes to leave out.
        target: who shall run the result: ``tfjs`` (TensorFlow.js, and our backends) or ``tfjslab`` (ours only).
        x: what to compare outputs and measure on; None means seeded values of the declared shapes.
        measure: whether to run both models at all.
        settings: how to measure; by default 30 runs of each, interleaved, or fewer once they took 3 s.
        precision: how files hold float weights: ``float32``, ``float16``, ``uint8`` or ``uint16``. None keeps what the
            model has: untouched weights stay the bytes that they were, folded ones are stored anew with their dtype.

    Raises UsageError for unknown passes, targets and precisions, InputError for an ``x`` that does not fit.

    """
    rows = chosen(passes, skip)
    graph, reports = run_passes(model.graph, rows, target)
    # What is measured and compared is the model as its files are read back, with the rounding of its weights.
    graph, requantized = settle(graph if precision is None else stored_as(graph, precision))
    how = settings or Settings(RUNS, WARMUP, BUDGET_S)
    with given_away(model.with_graph(graph)) as made:
        with model.states_aside(), made.states_aside():
            found = _measure(model, made, x, how) if measure else _Measured()
        skipped = tuple(n for n in PASSES if n not in {r.name for r in rows})
        report = OptimizeReport(
            model.name, target, *_sides((model.graph, graph), found.results), reports, skipped, model.backend.name,
            model.backend.threads, model.backend.engine, largest_difference=found.largest,
            relative_difference=found.relative, fused=found.fused, sample=found.sample, reason=found.reason,
            requantized=requantized, **(_refusals(model.graph, graph) if target == TFJS else {}),
        )
        return Optimized(made, _with_times(report, found.results))


def _refusals(before: Graph, after: Graph) -> dict[str, Any]:
    """What TensorFlow.js would not run of the result, and whether it was so before."""
    refused = refused_everywhere(after)
    known = {r.reason for r in refused_everywhere(before)} if refused else set()
    return {"refused": refused, "refused_before": bool(refused) and {r.reason for r in refused} <= known}


def _with_times(report: OptimizeReport, results: Sequence[BenchResult]) -> OptimizeReport:
    """The report with how both were measured and what follows; as it is where they were not."""
    if not results:
        return report
    first = results[0]
    return replace(
        report, clock=first.clock, runs=min(r.runs for r in results), warmup=first.warmup,
        verdict=compare_results(*results).text if len(results) > 1 else "",
        disturbed=tuple(f"{r.model}: {r.disturbance.text}" for r in results if r.disturbance.text))


def _sides(graphs: tuple[Graph, Graph], results: Sequence[BenchResult]) -> tuple[Side, Side]:
    facts = [overview(g) for g in graphs]
    files = [(stored_bytes(g), stored_text(g)) for g in graphs]
    before, after = (Side(f.nodes, f.flops, f.weight_bytes, *held) for f, held in zip(facts, files, strict=True))
    if not results:
        return before, after
    return _timed(before, results[0]), _timed(after, results[1])


def _timed(side: Side, r: BenchResult) -> Side:
    return replace(side, peak_bytes=r.peak_bytes, kernels=r.num_kernels, median_ms=r.median_ms, iqr_ms=r.iqr_ms)


def _measure(model: Model, made: Model, x: Any, settings: Settings) -> _Measured:
    """Outputs first, then times. What a model without declared shapes would be fed is not known: that is told."""
    if x is None:
        try:
            x = model.sample()
            model.predict(x)
        except TfjslabError as e:
            return _Measured(reason=f"no sample input fits ({e}); give x")
    was, now = (_outputs(m, x) for m in (model, made))
    largest, relative = _difference(was, now)
    results = bench_models([("before", model, x), ("after", made, x)], [None], settings=settings)
    if len(results) < 2:  # noqa: PLR2004 - Ctrl-C came before both had begun
        return _Measured(largest=largest, relative=relative, reason=BY_CTRL_C)
    sample = {name: np.shape(value) for name, value in by_name(model.inputs, x).items()}
    return _Measured(results, largest, relative, _fused(made, x), sample, results[0].reason)


def _outputs(model: Model, x: Any) -> list[Array]:
    with model.states_aside():
        found = model.execute(x)
    return [np.asarray(v) for v in found] if isinstance(found, list) else [np.asarray(found)]


def _difference(was: Sequence[Array], now: Sequence[Array]) -> tuple[float | None, float | None]:
    """Largest absolute and relative difference; UsageError if outputs do not even have the same shapes."""
    largest = relative = 0.0
    for a, b in zip(was, now, strict=True):
        if a.shape != b.shape:
            raise UsageError(f"an optimized output has shape {list(b.shape)}, expected {list(a.shape)}")
        if a.dtype.kind not in "fiubc" or not a.size:
            continue
        wide, other = reals(a).astype(np.float64), reals(b).astype(np.float64)
        same = (wide == other) | (np.isnan(wide) & np.isnan(other))
        apart = float(np.where(same, 0, np.abs(np.where(same, 0, wide) - np.where(same, 0, other))).max())
        size = float(np.abs(wide[np.isfinite(wide)]).max(initial=0))
        largest = max(largest, apart)
        relative = max(relative, apart / size if size else apart)
    return largest, relative


def _fused(made: Model, x: Any) -> tuple[Fused, ...]:
    """What the backend's plans run as one kernel though the graph has several nodes."""
    op = {n.name: n.op for n in made.graph.nodes}
    return tuple(
        Fused(c.kernel, c.nodes, tuple(op.get(n, c.kernel) for n in c.nodes))
        for info in made.prepare(x) for c in info.commands if len(c.nodes) > 1
    )
