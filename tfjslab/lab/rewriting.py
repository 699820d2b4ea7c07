"""What is done to a model before it is measured, graph passes and quantization, and the report that a session keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tfjslab.base.progress import Progress
from tfjslab.base.text import counted, scaled
from tfjslab.evaluation.evaluate import evaluate, samples_of
from tfjslab.evaluation.result import Evaluation
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model
from tfjslab.model.summary import overview
from tfjslab.optimizer import OptimizeReport, optimize
from tfjslab.passes.registry import PASSES
from tfjslab.quantization.generate import generated_inputs
from tfjslab.quantization.report import QuantizationReport
from tfjslab.quantizer import INT8, quantize

GENERATED = 8  # inputs for calibration, where none are given
MOST_COMPARED = 64  # of the given samples
COMPARING = "comparing outputs"


@dataclass(frozen=True)
class Sheet:
    """A table of texts; ``widths`` are parts of the whole, and the first ``left`` columns are no numbers."""

    title: str
    columns: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


@dataclass(frozen=True)
class Rewrite:
    """How a model was changed: ``summary`` in sentences, then tables. ``data`` names the inputs used for it."""

    summary: tuple[str, ...]
    data: str
    sheets: tuple[Sheet, ...]


def variant(passes: Sequence[str], kind: str) -> str:
    """The part of a run's name for it, such as ``optimized, int8``; empty for a model as it was loaded."""
    some = "" if len(passes) == len(PASSES) else f" ({len(passes)} of {len(PASSES)})"
    return ", ".join([*[f"optimized{some}"] * bool(passes), *[kind] * bool(kind)])


def rewrite(
    model: Model, passes: Sequence[str], kind: str, calibration: Any, progress: Progress, made: ExitStack,
    ports: Sequence[Port] = (),
) -> tuple[Model, Rewrite]:
    """The model after ``passes`` and quantized to ``kind`` (empty for neither), and what that did.

    Outputs are compared on ``calibration``, or on inputs generated for ``ports``, at first the model's own, where there
    is none. ``progress`` is called before
    each step and may raise to end the work; models are disposed when ``made`` is closed. Raises what ``tf.optimize``
    and ``tf.quantize`` raise.
    """
    steps, ports = bool(passes) + bool(kind) + 1, ports or model.inputs
    last, optimized, quantized = model, None, None
    if passes:
        progress(f"optimizing: {', '.join(passes) if len(passes) < len(PASSES) else 'all passes'}", 0, steps)
        last, optimized = optimize(last, passes, measure=False)
        made.callback(last.dispose)
    if kind:
        progress(f"quantizing to {kind}", steps - 2, steps)
        before = last
        last, quantized = quantize(before, kind, _ranges(ports, kind, calibration))
        made.callback(last.dispose)
        if before is not model:
            before.dispose()  # only the quantized model is run
    progress(COMPARING, steps - 1, steps)
    # Not the inputs that ranges come from, and one in a run, the default batch of the measured runs.
    samples = samples_of(model, generated_inputs(ports, GENERATED, 1) if calibration is None else calibration)
    errors = evaluate(last, _first_samples(samples), reference=model, batch_size=1,
                      progress=lambda _, done, total: progress(COMPARING, done, total))
    return last, _rewrite_of(model, last, optimized, quantized, errors, given=calibration is not None)


def _ranges(ports: Sequence[Port], kind: str, calibration: Any) -> Any:
    """Calibration data for the kind that needs them: generated ones where none are given."""
    if kind != INT8 or calibration is not None:
        return calibration
    return generated_inputs(ports, GENERATED)


def _first_samples(samples: Mapping[str, Any]) -> dict[str, Any]:
    return {name: array[:MOST_COMPARED] for name, array in samples.items()}


def _rewrite_of(
    model: Model, last: Model, optimized: OptimizeReport | None, quantized: QuantizationReport | None,
    errors: Evaluation, *, given: bool,
) -> Rewrite:
    """The report as texts: totals first, then tables, from the errors of outputs to every single change."""
    summary = [_sizes(model, last)]
    sheets = [_outputs(errors)]
    if optimized is not None:
        summary.append(f"{counted(sum(len(p.changes) for p in optimized.passes), 'change')} by graph passes, "
                       f"{counted(sum(len(p.refusals) for p in optimized.passes), 'place')} left as it was")
        if optimized.refused:
            summary.append(f"TensorFlow.js would refuse {counted(len(optimized.refused), 'node')}, see the passes")
        sheets.append(Sheet("What each pass did, and what it left", ("pass", "what"), (20, 80),
                            tuple(optimized.told()), 2))
    if quantized is not None:
        summary.append(quantized.execution)
        sheets.append(_details(quantized))
    if optimized is not None:
        changes = tuple((p.name, c.what) for p in optimized.passes for c in p.changes)
        sheets.append(Sheet("Every change", ("pass", "what"), (20, 80), changes, 2))
    return Rewrite(tuple(summary), _data(quantized, errors, given=given), tuple(s for s in sheets if s.rows))


def _sizes(model: Model, last: Model) -> str:
    """Sizes before and after, of the graphs; weights that are only stored smaller are smaller in files alone."""
    a, b = overview(model.graph), overview(last.graph)
    return (f"{a.nodes} -> {b.nodes} nodes, {scaled(a.flops)} -> {scaled(b.flops)} FLOPs, "
            f"{scaled(a.weight_bytes, 'B')} -> {scaled(b.weight_bytes, 'B')} of weights while it runs")


def _data(quantized: QuantizationReport | None, errors: Evaluation, *, given: bool) -> str:
    """The inputs on which ranges and errors were measured, and what they cannot show."""
    if given:
        return f"errors on {counted(errors.samples, 'sample')} of the data that were given"
    parts = [f"errors on {counted(errors.samples, 'generated input')}"]
    if quantized is not None and quantized.kind == INT8:
        parts = [f"ranges from {GENERATED} generated inputs", f"errors on {errors.samples} others"]
    if errors.agreement_says_nothing:
        parts.append("all of them have one and the same top-1 answer, so that agreeing on it says nothing")
    proof = "Only real data can show what this does to accuracy: tf.Lab(calibration=...), tf.evaluate"
    return f"{'; '.join(parts)}. {proof}"


def _outputs(found: Evaluation) -> Sheet:
    columns = ("output, against the model as loaded", "largest error", "SQNR", "cosine", "top-1 agreement")
    return Sheet("Error", columns, (40, 15, 15, 15, 15), tuple(e.cells() for e in found.errors))


def _details(report: QuantizationReport) -> Sheet:
    """Each weight in files, or how each node runs."""
    table = report.detail_table()
    widths = (40, 10, 20, 10, 10, 10) if report.weights else (32, 18, 12, 20, 8, 10)
    return Sheet(table.title, table.columns, widths, tuple(tuple(map(str, row)) for row in table.rows), table.left)
