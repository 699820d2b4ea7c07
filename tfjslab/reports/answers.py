"""Accuracy in a report: how far a model's answers are from those of the model before, on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.text import counted
from tfjslab.bench.comparison import difference
from tfjslab.evaluation.evaluate import evaluate, samples_of
from tfjslab.evaluation.result import wilson
from tfjslab.model.model import Model
from tfjslab.quantization.generate import generated_inputs
from tfjslab.quantization.metrics import classes_of, has_classes, top1_agreement
from tfjslab.reports.side import Answers

GENERATED, _SEED = 64, 1
LEVEL = 0.05  # of McNemar's test, two-sided
MEASURED = "the measured input"
NO_DIFFERENCE = 1e-5  # of answers, over the largest value: what rounding explains


@dataclass(frozen=True)
class Questions:
    """What answers are compared on: batches by input name, and right classes where they are known."""

    batches: Sequence[Mapping[str, Array]]
    told: str
    data: Mapping[str, Any] | None = None
    labels: Any = None


def questions(model: Model, data: Any, labels: Any, span: tuple[float, float]) -> Questions:
    """The data that was given, or else generated inputs; InputError where a model's inputs cannot be made up."""
    if data is not None:
        named = samples_of(model, data)
        count = len(next(iter(named.values())))
        one_by_one = [{n: np.asarray(a[i:i + 1]) for n, a in named.items()} for i in range(count)]
        return Questions(one_by_one, counted(count, "given input"), named, labels)
    made = generated_inputs(model.inputs, GENERATED, _SEED, *span)
    return Questions(made, f"{GENERATED} generated inputs")


def answers(before: Model, after: Model, asked: Questions) -> Answers:
    """Compare two models that have the same outputs."""
    was, now = ([_run(m, batch) for batch in asked.batches] for m in (before, after))
    columns = list(zip(*was, strict=True)), list(zip(*now, strict=True))
    joined = [[(str(i), np.concatenate([np.ravel(v) for v in column])) for i, column in enumerate(c)] for c in columns]
    agreed, low, high = _agreed(*(c[0] for c in columns)) if columns[0] else (None, None, None)
    found = Answers(len(asked.batches), asked.told, difference(joined[1], joined[0]), agreed, low, high)
    return found if asked.labels is None else _with_labels(found, before, after, asked)


def _run(model: Model, batch: Mapping[str, Array]) -> list[Array]:
    with model.states_aside():
        found = model.execute(dict(batch))
    return [np.asarray(v) for v in (found if isinstance(found, list) else [found])]


def _agreed(was: Sequence[Array], now: Sequence[Array]) -> tuple[int | None, float | None, float | None]:
    """How many answers name the same class, where the first output is a row of scores for each input."""
    if not all(map(has_classes, was)):
        return None, None, None
    first, second = np.concatenate(was), np.concatenate(now)
    share = top1_agreement(first, second)
    if share is None or classes_of(first) == 1:  # agreeing on one class says nothing
        return None, None, None
    agreed = round(share * len(first))
    return agreed, *wilson(agreed, len(first))


def _with_labels(found: Answers, before: Model, after: Model, asked: Questions) -> Answers:
    judged = evaluate(after, asked.data, asked.labels, reference=before)
    if judged.paired is None:
        return found
    return replace(found, right_before=judged.paired.reference_accuracy, right_after=judged.accuracy,
                   p_value=judged.paired.p_value)


def told(found: Answers | None) -> str:
    """In words, for people who decide: whether answers are the same, and how sure that is."""
    if found is None:
        return "not compared"
    if found.right_before is not None and found.right_after is not None and found.p_value is not None:
        points = 100 * (found.right_after - found.right_before)
        change = "no difference" if found.p_value > LEVEL else f"{points:+.1f} points"
        return (f"{100 * found.right_after:.1f}% right, {100 * found.right_before:.1f}% before: {change} "
                f"(p = {found.p_value:.2g}) on {found.told}")
    return _apart(found)


def _apart(found: Answers) -> str:
    if found.apart is None:
        return f"answers do not agree on {found.told}"
    if found.apart == 0:
        return f"exactly the same on {found.told}"
    if found.apart <= NO_DIFFERENCE:
        return f"the same on {found.told}: values within {found.apart:.1e} of the largest"
    apart = f"values within {100 * found.apart:.2g}% of the largest"
    if found.agreed is None or found.low is None or found.high is None:
        return f"{apart} on {found.told}"
    return (f"the same top class on {found.agreed} of {found.told} (95%: {100 * found.low:.0f}% to "
            f"{100 * found.high:.0f}%), {apart}")
