"""What ``tf.evaluate`` found: inert data, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tfjslab.base.tables import Report, Table
from tfjslab.base.text import count, counted, percent
from tfjslab.quantization.metrics import decibels
from tfjslab.quantization.report import OutputReport

# The 97.5th percentile of the normal distribution: intervals hold the true share in 95 of 100 cases.
_Z = 1.959963984540054
_LISTED = 10  # pairs of a label and a wrong answer


@dataclass(frozen=True)
class TopK:
    """How often the right class is among the ``k`` with the highest scores.

    ``low`` and ``high`` enclose the share that would be found on endless data like these with 95% probability (Wilson,
    1927): on few samples a difference of a point means little.
    """

    k: int
    correct: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassResult:
    """One class: ``count`` samples have its label, ``predicted`` samples got it as answer, ``correct`` of them rightly.

    ``recall`` is correct over count, ``precision`` correct over predicted; None where that would be 0 / 0.
    """

    index: int
    name: str
    count: int
    predicted: int
    correct: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class Paired:
    """A model and its reference on the same labelled samples.

    ``lost`` samples only the reference has right, ``gained`` only the model. ``drop`` is the loss of top-1 accuracy, a
    share. ``p_value`` is how often chance alone would give this difference or a larger one if both were equally good
    (McNemar's test, exact).
    """

    reference_accuracy: float
    lost: int
    gained: int
    drop: float
    p_value: float


@dataclass(frozen=True, repr=False)
class Evaluation(Report):
    """One model on ``samples`` samples.

    ``top`` is empty without labels; ``confusion`` has a row for each label and a column for each answer, in the order
    of ``per_class``. ``errors`` compare each output with the ``reference``, empty without one; ``paired`` needs both
    labels and a reference. ``agreement_says_nothing`` where the reference gives one and the same class everywhere.
    """

    model: str
    backend: str
    output: str
    samples: int
    batch_size: int
    top: tuple[TopK, ...] = ()
    per_class: tuple[ClassResult, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    reference: str = ""
    errors: tuple[OutputReport, ...] = ()
    paired: Paired | None = None

    @property
    def accuracy(self) -> float | None:
        """The share of samples whose label has the highest score; None without labels."""
        return next((t.accuracy for t in self.top if t.k == 1), None)

    @property
    def agreement_says_nothing(self) -> bool:
        """Whether the reference has the same answer for every sample, so that agreeing with it shows nothing."""
        return any(e.classes == 1 for e in self.errors)

    def data(self) -> dict[str, Any]:
        """For JSON; numbers that are infinite (no error at all) become the text ``inf``."""
        found = {**asdict(self), "accuracy": self.accuracy, "agreement_says_nothing": self.agreement_says_nothing}
        found["errors"] = [{k: "inf" if v == math.inf else v for k, v in e.items()} for e in found["errors"]]
        return found

    def to_json(self) -> dict[str, Any]:
        """The same as ``data``."""
        return self.data()

    def confusion_data(self) -> dict[str, Any]:
        """What ``tf.vis.render.confusion_matrix`` takes."""
        return {"values": [list(row) for row in self.confusion], "tick_labels": [c.name for c in self.per_class]}

    def per_class_data(self) -> list[dict[str, Any]]:
        """What ``tf.vis.show.per_class_accuracy`` takes; classes without samples are left out of it."""
        return [{"accuracy": c.recall, "count": c.count} for c in self.per_class if c.recall is not None]

    def confused(self) -> list[tuple[str, str, int]]:
        """Pairs of label and wrong answer that occur, the most frequent first, and how often."""
        names = [c.name for c in self.per_class]
        found = [(names[i], names[j], n) for i, row in enumerate(self.confusion) for j, n in enumerate(row)
                 if n and i != j]
        return sorted(found, key=lambda pair: -pair[2])

    def tables(self) -> tuple[Table, ...]:
        """Accuracy, the loss compared with the reference, mistakes, classes, and errors of outputs."""
        made = [Table(self._title())]
        if self.top:
            rows = tuple((f"top-{t.k}", percent(t.accuracy), f"{percent(t.low)} to {percent(t.high)}",
                          f"{t.correct} of {self.samples}") for t in self.top)
            notes = (self._paired_note(),) if self.paired else ()
            made.append(Table("Accuracy", ("", "right", "95% interval", "samples"), rows, notes))
            made.append(self._class_table())
        if self.errors:
            made.append(self._error_table())
        return tuple(made)

    def __repr__(self) -> str:
        parts = [f"top-{t.k} {percent(t.accuracy)}" for t in self.top]
        for e in self.errors:
            agreement = "" if e.top1_agreement is None else f", top-1 agreement {percent(e.top1_agreement)}"
            parts.append(f"{e.name} against {self.reference}: SQNR {decibels(e.sqnr_db)}{agreement}")
        return f"<Evaluation of {self.model} on {counted(self.samples, 'sample')}: {'; '.join(parts)}>"

    def _title(self) -> str:
        return f"{self.model} on {self.backend}, {counted(self.samples, 'sample')} in batches of {self.batch_size}"

    def _paired_note(self) -> str:
        p = self.paired
        if p is None:
            return ""
        return (f"{self.reference} has {percent(p.reference_accuracy)}: {p.lost} lost, {p.gained} gained; chance alone "
                f"would give this difference in {percent(p.p_value)} of cases")

    def _class_table(self) -> Table:
        rows = tuple((c.name, c.count, percent(c.recall), percent(c.precision)) for c in self.per_class if c.count)
        pairs = self.confused()
        listed = ", ".join(f"{label} taken for {answer} ({n}x)" for label, answer, n in pairs[:_LISTED])
        more = f" and {len(pairs) - _LISTED} other pairs" if len(pairs) > _LISTED else ""
        return Table("Classes", ("label", "samples", "recall", "precision"), rows, (listed + more,) if listed else ())

    def _error_table(self) -> Table:
        rows = tuple((*e.cells(), count(e.classes)) for e in self.errors)
        columns = ("output", "largest error", "SQNR", "cosine", "top-1 agreement", "classes seen")
        notes = ("the reference has one answer for every sample: agreeing with it says nothing",)
        return Table(f"Against {self.reference}", columns, rows, notes if self.agreement_says_nothing else ())


def wilson(correct: int, samples: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson, 1927), which also holds near 0 and 1."""
    share, z2 = correct / samples, _Z * _Z
    middle = (share + z2 / (2 * samples)) / (1 + z2 / samples)
    half = _Z / (1 + z2 / samples) * math.sqrt(share * (1 - share) / samples + z2 / (4 * samples * samples))
    return max(0.0, middle - half), min(1.0, middle + half)


def mcnemar(lost: int, gained: int) -> float:
    """The probability of this difference or a larger one between two equally good models, two-sided and exact."""
    total, fewer = lost + gained, min(lost, gained)
    tail = sum(math.comb(total, i) for i in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << total))


def top_k_of(places: Sequence[int], wanted: Sequence[int]) -> tuple[TopK, ...]:
    """The accuracies for each ``k``; ``places`` are the ranks of the right classes, from 0."""
    n = len(places)
    found = []
    for k in wanted:
        correct = sum(1 for p in places if p < k)
        found.append(TopK(k, correct, correct / n, *wilson(correct, n)))
    return tuple(found)
