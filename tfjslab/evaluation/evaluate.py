"""Running a model over data in batches: right answers are counted with labels, errors measured with a reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfjslab.base.arrays import reals, to_array
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, UsageError, did_you_mean
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.progress import Progress, no_progress
from tfjslab.evaluation.classes import own_names
from tfjslab.evaluation.labels import check_range, check_scores, check_top_k, label_indices, ranks
from tfjslab.evaluation.result import ClassResult, Evaluation, Paired, mcnemar, top_k_of
from tfjslab.graph.ir import Port
from tfjslab.model.inputs import by_name, missing_inputs, require_known
from tfjslab.model.model import Model
from tfjslab.quantization.metrics import classes_of, cosine, sqnr_db, top1_agreement
from tfjslab.quantization.report import OutputReport

BATCH_SIZE = 64


@dataclass
class _Outputs:
    """Outputs by name, collected over all batches."""

    parts: dict[str, list[Array]] = field(default_factory=dict)

    def add(self, ports: Sequence[Port], values: Sequence[Array], rows: int, size: int) -> None:
        """One batch of ``size``, of which ``rows`` samples count; outputs that are not by sample are kept whole."""
        for port, value in zip(ports, values, strict=True):
            array = np.asarray(value)
            by_sample = array.ndim > 0 and array.shape[0] == size
            self.parts.setdefault(port.name, []).append(array[:rows] if by_sample else array)

    def whole(self, name: str) -> Array:
        """All samples of an output; InputError when batches give shapes that do not fit together."""
        parts = self.parts[name]
        if len({p.shape[1:] for p in parts}) > 1:
            shapes = sorted({str(list(p.shape)) for p in parts})
            raise InputError(f"output '{name}' has shapes {', '.join(shapes)} in different batches; expected one for "
                             "all samples", code="evaluate.shape")
        return np.concatenate([np.atleast_1d(p) for p in parts])


@tells_memory("evaluating a model")
def evaluate(
    model: Model, x: Any, labels: Any = None, *, reference: Model | None = None, output: str | None = None,
    top_k: Sequence[int] = (1,), class_names: Sequence[str] | None = None, batch_size: int = BATCH_SIZE,
    progress: Progress = no_progress,
) -> Evaluation:
    """How good a model is on data: compared with labels, with a reference model, or both.

    Args:
        model: a loaded model.
        x: samples along the first axis: an array for a model with one input, else a mapping by input name.
        labels: class numbers [n], or rows [n, classes] with one 1.
        reference: a model with the same outputs, such as the one before quantization, to measure errors with.
        output: the name of the output that has the scores of classes; the first without it.
        top_k: which accuracies to count.
        class_names: names of the classes, for tables and charts; without them those that the model's file has.
        batch_size: samples in a run, where the model leaves that open.
        progress: called with what is done after each batch.

    Raises UsageError without labels and reference or for numbers that make no sense, and InputError for labels, data or
    predictions that cannot be used: wrong shapes, counts or ranges, NaN.

    """
    _check(labels, reference, top_k, batch_size)
    feeds = _feeds(model, x)
    samples = len(next(iter(feeds.values())))
    wanted = None if labels is None else label_indices(labels, samples)
    port = _output(model.outputs, output)
    size = _batch_size(model, batch_size)
    own, others = _Outputs(), _Outputs()
    for start, batch, rows in _batches(feeds, samples, size):
        values, filled = _run(model, batch), len(next(iter(batch.values())))
        own.add(model.outputs, values, rows, filled)
        if wanted is not None:
            scores = dict(zip((p.name for p in model.outputs), values, strict=True))[port.name]
            checked = check_scores(np.asarray(scores), port.name, filled, start)
            check_range(wanted, checked.shape[1])
            check_top_k(top_k, checked.shape[1])
        if reference is not None:
            others.add(reference.outputs, _run(reference, batch), rows, filled)
        progress(f"{model.name}: evaluate", min(start + rows, samples), samples)
    found = Evaluation(model.name, model.backend.name, port.name, samples, size)
    if wanted is not None:
        scored = _scores(own, port)
        names = class_names or own_names(model.graph, scored.shape[1])
        found = _labelled(found, scored, wanted, sorted(set(top_k)), names)
    return found if reference is None else _compared(found, reference, own, others, wanted)


def samples_of(model: Model, given: Any) -> dict[str, Any]:
    """Data as one array for each input: of an array, a mapping, a list of such batches; seeded values for None."""
    if given is None:
        return model.sample()
    if isinstance(given, (list, tuple)) and given:
        named = [g if isinstance(g, Mapping) else {model.inputs[0].name: g} for g in given]
        return {n: _joined(n, [b.get(n) for b in named]) for n in named[0]}
    return dict(given) if isinstance(given, Mapping) else {model.inputs[0].name: to_array(given, "data")}


def _joined(name: str, batches: Sequence[Any]) -> Array:
    """The batches of one input, one after the other."""
    arrays = [to_array(b, f"input '{name}' of batch {i}") for i, b in enumerate(batches)]
    if len({a.shape[1:] for a in arrays}) > 1 or not all(a.ndim for a in arrays):
        shapes = ", ".join(dict.fromkeys(str(list(a.shape)) for a in arrays))
        raise InputError(f"input '{name}' has batches of shapes {shapes}; expected samples of one shape along the "
                         "first axis", code="evaluate.shape")
    return np.concatenate(arrays)


def _check(labels: Any, reference: Model | None, top_k: Sequence[int], batch_size: int) -> None:
    if labels is None and reference is None:
        raise UsageError("give labels, to count right answers, or a reference model, to measure errors")
    listed = list(top_k) if isinstance(top_k, Sequence) else top_k
    whole = [batch_size, *listed] if listed and isinstance(listed, list) else []
    if not whole or any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in whole):
        raise UsageError(f"top_k is {listed} and batch_size {batch_size}; expected integers >= 1")


def _feeds(model: Model, x: Any) -> dict[str, Array]:
    """Arrays by input name with as many samples each."""
    ports = {p.name: p for p in model.inputs}
    named = by_name(model.inputs, x)
    if unknown := [n for n in named if n not in ports]:
        raise require_known(unknown, list(ports))
    if missing := [n for n in ports if n not in named]:
        raise missing_inputs(missing, named)
    arrays = {n: _numbers(v, ports[n]) for n, v in named.items()}
    counts = {n: len(a) for n, a in arrays.items()}
    if len(set(counts.values())) != 1 or not next(iter(counts.values())):
        listed = ", ".join(f"{n}: {c}" for n, c in counts.items())
        raise InputError(f"the data have these numbers of samples: {listed}; expected one number of at least 1",
                         code="evaluate.samples")
    return arrays


def _numbers(value: Any, port: Port) -> Array:
    array = to_array(value, f"input '{port.name}'")
    rank = None if port.shape is None else len(port.shape)
    if array.ndim == 0 or array.dtype.kind not in "fiub" or (rank is not None and array.ndim != rank):
        raise InputError(f"input '{port.name}' is {array.dtype} of shape {list(array.shape)}; expected numbers with "
                         f"samples along the first axis{'' if rank is None else f' of {rank}'}", code="evaluate.input")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))[0])
        raise InputError(f"input '{port.name}' has NaN or infinite values in sample {bad}", code="evaluate.nan")
    return array.astype(np.float32) if port.dtype == "float32" else array


def _output(ports: Sequence[Port], name: str | None) -> Port:
    if name is None:
        return ports[0]
    found = next((p for p in ports if p.name.removesuffix(":0") == str(name).removesuffix(":0")), None)
    if found is None:
        names = [p.name for p in ports]
        raise UsageError(f"'{name}' is not an output of the model; outputs: {', '.join(names)}"
                         f"{did_you_mean(str(name), names)}")
    return found


def _batch_size(model: Model, wanted: int) -> int:
    """What the model declares, where it does; inputs that differ there cannot be cut into batches."""
    fixed = {p.shape[0] for p in model.inputs if p.shape and p.shape[0] is not None}
    if len(fixed) > 1:
        raise InputError(f"the inputs of {model.name} begin with lengths {sorted(fixed)}; expected one batch for all",
                         code="evaluate.batch")
    return next(iter(fixed), None) or wanted


def _batches(feeds: Mapping[str, Array], samples: int, size: int) -> Iterator[tuple[int, dict[str, Array], int]]:
    """First sample, batch, and how many samples of it count: the last batch is filled up with its last sample.

    So all batches have one shape and need one plan.
    """
    for start in range(0, samples, size):
        rows = min(size, samples - start)
        where = np.minimum(np.arange(start, start + min(size, samples)), samples - 1)
        yield start, {name: array[where] for name, array in feeds.items()}, rows


def _run(model: Model, batch: Mapping[str, Array]) -> list[Array]:
    found = model.execute(dict(batch))
    return list(found) if isinstance(found, list) else [found]


def _scores(collected: _Outputs, port: Port) -> Array:
    array = collected.whole(port.name)
    return array.reshape(len(array), -1)


def _labelled(
    found: Evaluation, scores: Array, labels: Array, top_k: Sequence[int], names: Sequence[str] | None,
) -> Evaluation:
    classes = scores.shape[1]
    if names is not None and len(names) != classes:
        raise UsageError(f"there are {len(names)} class names; the model has {classes} classes")
    texts = [str(n) for n in names] if names is not None else [str(i) for i in range(classes)]
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, scores.argmax(axis=1)), 1)
    rows = []
    for i, text in enumerate(texts):
        count, predicted, correct = int(counts[i].sum()), int(counts[:, i].sum()), int(counts[i, i])
        rows.append(ClassResult(i, text, count, predicted, correct, _share(correct, count), _share(correct, predicted)))
    return replace(found, top=top_k_of(ranks(scores, labels).tolist(), top_k), per_class=tuple(rows),
                 confusion=tuple(tuple(map(int, row)) for row in counts))


def _compared(
    found: Evaluation, reference: Model, own: _Outputs, others: _Outputs, labels: Array | None,
) -> Evaluation:
    """With the errors of each output, and of the answers where there are labels."""
    if list(own.parts) != list(others.parts):
        raise InputError(f"{reference.name} has outputs {', '.join(others.parts)}; expected those of the model: "
                         f"{', '.join(own.parts)}", code="evaluate.outputs")
    errors = []
    for name in own.parts:
        a, b = reals(others.whole(name)), reals(own.whole(name))
        if a.shape != b.shape:
            raise InputError(f"output '{name}' has shape {list(b.shape)}; that of {reference.name} has {list(a.shape)}",
                             code="evaluate.shape")
        largest = float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0))
        errors.append(OutputReport(name, found.samples, largest, sqnr_db(a, b), cosine(a, b), top1_agreement(a, b),
                                   classes_of(a)))
    found = replace(found, reference=reference.name, errors=tuple(errors))
    if labels is None:
        return found
    right, was = (own.whole(found.output), others.whole(found.output))
    now, before = (a.reshape(len(a), -1).argmax(axis=1) == labels for a in (right, was))
    lost, gained = int((before & ~now).sum()), int((now & ~before).sum())
    return replace(found, paired=Paired(float(before.mean()), lost, gained, (lost - gained) / found.samples,
                                      mcnemar(lost, gained)))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
