"""What writing a model to .tflite did: the file, what stayed in floats, and how far the answers are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.tables import Report, Table
from tfjslab.base.text import counted, scaled
from tfjslab.quantization.report import QuantizationReport


@dataclass(frozen=True)
class TfliteExport(Report):
    """What was written, and what it costs.

    ``size`` is that of the file in bytes, ``operators`` how often it has each, the most frequent first. ``report`` has
    the sizes of weights, what runs in which precision, and the accuracy against the model that was given.
    """

    path: Path
    precision: str
    size: int
    operators: dict[str, int]
    report: QuantizationReport

    @property
    def floats(self) -> tuple[str, ...]:
        """The operators that an int8 file computes in float32, each with its tensor and the reason."""
        if self.precision != "int8":
            return ()
        return tuple(f"{n.op} '{n.name}': {n.reason}" for n in self.report.refused)

    def tables(self) -> tuple[Table, ...]:
        """The file, then accuracy, then what stayed in floats."""
        told = ", ".join(f"{count} {name}" for name, count in self.operators.items())
        notes = (f"{scaled(self.size, 'B')}: {told}", self.report.execution, f"weights {self.report.size()}")
        found = [Table(f"{self.path.name}, {self.precision}", notes=notes), self.report.output_table()]
        if self.floats:
            rows = tuple((n.op, n.name, n.reason) for n in self.report.refused)
            found.append(Table("Operators that stay in float32", ("operator", "tensor", "why"), rows, left=3))
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"path": str(self.path), "precision": self.precision, "size": self.size, "operators": self.operators,
                "report": self.report.data()}

    def __repr__(self) -> str:
        return (f"<TfliteExport {self.path.name}: {self.precision}, {scaled(self.size, 'B')}, "
                f"{counted(sum(self.operators.values()), 'operator')}>")


def execution(precision: str, names: Sequence[str]) -> str:
    """In words, what runs how; ``names`` are the precisions of all operators."""
    if precision != "int8":
        stored = ", with weights stored as float16" if precision == "float16" else ""
        return f"every operator computes in float32{stored}"
    count, total = names.count("int8"), counted(len(names), "operator")
    return "every operator computes in int8" if count == len(names) else (
        f"{count} of {total} compute in int8, the others in float32")
