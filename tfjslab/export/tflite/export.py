"""``tf.export_tflite``: a model as a .tflite file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.progress import Progress, no_progress
from tfjslab.base.shapes import Shape
from tfjslab.export.tflite.calibrate import running, scales_seen
from tfjslab.export.tflite.ends import with_float_ends
from tfjslab.export.tflite.integers import Placed, with_integers
from tfjslab.export.tflite.precisions import FLOAT16, FLOAT32, INT8, check_precision
from tfjslab.export.tflite.report import TfliteExport, execution
from tfjslab.formats.tflite.file import TfliteFile
from tfjslab.formats.tflite.halves import with_halves
from tfjslab.formats.tflite.save import tflite_bytes, write_bytes
from tfjslab.formats.tflite.writer.graph import tflite_file
from tfjslab.model.model import Model
from tfjslab.model.sample import sample_inputs
from tfjslab.passes.registry import run_passes
from tfjslab.quantization.calibrate import calibration_batches, check_method
from tfjslab.quantization.report import NodeReport, OutputReport, QuantizationReport
from tfjslab.quantizer.damage import Batches, compare


@tells_memory("exporting a model")
def export_tflite(
    model: Model, path: str | os.PathLike[str], precision: str = FLOAT32, calibration: Any = None, *,
    method: str = "minmax", float_io: bool = False, labels: Sequence[str] = (), optimize: bool = True,
    shapes: Mapping[str, Shape] | None = None, progress: Progress = no_progress,
) -> TfliteExport:
    """Write ``model`` to a .tflite file, with a signature, and what it says of itself.

    Args:
        model: a float32 graph or layers model, or one that was read from a .tflite file of floats.
        path: the file; it appears, or changes, at once.
        precision: ``float32``, ``float16`` (weights only) or ``int8``.
        calibration: for ``int8``, which needs it: an array, a mapping by input name, or a list of them. Accuracy is
            told on it for every precision, else on one random input.
        method: how ranges follow from calibration: ``minmax``, ``percentile`` or ``mse``.
        float_io: for ``int8``: inputs and outputs stay float32 instead of becoming int8.
        labels: what the classes of the first output are called; those the model has, without them.
        optimize: whether the passes of ``tf.optimize`` fuse nodes first.
        shapes: lengths for inputs that leave some open, by name; 1 for the batch without it.
        progress: told what is being done.

    Raises UnknownOpError with every node that .tflite has no operators for, before anything is written; UsageError, and
    InputError for calibration data that cannot be used.

    """
    check_precision(precision)
    check_method(method)
    if precision != INT8 and float_io:
        raise UsageError(f"float_io is for precision {INT8}; {precision} has inputs of float32 anyway")
    progress("writing operators", 0, 1)
    graph = run_passes(model.graph, target="tfjslab")[0] if optimize else model.graph
    plain = tflite_file(graph, shapes)
    batches, told = _batches(model, plain, calibration, needed=precision == INT8)
    made, tested, placed = plain, plain, _in_floats(plain)
    if precision == FLOAT16:
        made = tested = with_halves(plain)
    elif precision == INT8:
        seen = scales_seen(plain, model, batches, method, progress)
        made, placed = with_integers(plain, seen)
        tested = with_float_ends(made)
        made = tested if float_io else made
    outputs = _compared(model, tested, batches, progress)
    data = tflite_bytes(made, {**model.graph.metadata, **({"labels": list(labels)} if labels else {})})
    report = QuantizationReport(
        precision, method if precision == INT8 else "", execution(precision, [p.precision for p in placed]),
        _weight_bytes(plain), _weight_bytes(made),
        tuple(NodeReport(p.name, p.operator, p.precision, p.reason) for p in placed), (), outputs, told,
    )
    operators = dict(Counter(o.name for o in made.subgraphs[0].operators).most_common())
    return TfliteExport(write_bytes(data, path), precision, len(data), operators, report)


def _in_floats(file: TfliteFile) -> tuple[Placed, ...]:
    main = file.subgraphs[0]
    return tuple(Placed(main.tensors[o.outputs[0]].name, o.name, "float32") for o in main.operators)


def _weight_bytes(file: TfliteFile) -> int:
    return sum(t.data.nbytes for g in file.subgraphs for t in g.tensors if t.data is not None)


def _batches(model: Model, file: TfliteFile, given: Any, *, needed: bool) -> tuple[Batches, str]:
    """Calibration data in pieces of the file's shapes, and what to call them; a random input where none is needed."""
    main = file.subgraphs[0]
    lengths = [tuple(d or 1 for d in main.tensors[i].dims) for i in main.inputs]
    shapes = {p.name: shape for p, shape in zip(model.inputs, lengths, strict=True)}
    if given is None and not needed:
        ports = [replace(p, shape=shapes[p.name]) for p in model.inputs]
        return [sample_inputs(ports)], "one random input"
    batches = calibration_batches(given, model.inputs, "calibration")
    return [piece for batch in batches for piece in _pieces(batch, shapes)], "the calibration data"


def _pieces(batch: Mapping[str, Array], shapes: Mapping[str, Shape]) -> list[dict[str, Array]]:
    """A batch cut along its first axis into batches of the file's length. InputError where it does not fit."""
    counts = {divmod(len(batch[n]), s[0]) if s else (1, 0) for n, s in shapes.items()}
    fits = all(batch[n].shape[1:] == s[1:] for n, s in shapes.items())
    count, rest = counts.pop()
    if counts or rest or not fits:
        found = ", ".join(f"'{n}' {list(batch[n].shape)}" for n in shapes)
        expected = ", ".join(f"'{n}' {list(s)}" for n, s in shapes.items())
        raise InputError(f"calibration data with {found}; the file takes {expected}, or several of these along the "
                         "first axis", code="calibration.shape")
    return [{n: batch[n][i * s[0]:(i + 1) * s[0]] if s else batch[n] for n, s in shapes.items()}
            for i in range(count)]


def _compared(model: Model, made: TfliteFile, batches: Batches, progress: Progress) -> tuple[OutputReport, ...]:
    """How far the file's outputs are from the model's: each runs on the same pieces."""
    progress("comparing", 0, 1)
    with running(made, model) as new:
        found = compare(model, new, batches)
    progress("comparing", 1, 1)
    return found
