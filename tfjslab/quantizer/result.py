"""What ``tf.quantize`` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfjslab.model.model import Model
from tfjslab.quantization.report import QuantizationReport


@dataclass(frozen=True)
class Quantized:
    """What ``quantize`` gives: the new model and the report; unpacks as a pair."""

    model: Model
    report: QuantizationReport

    def __iter__(self) -> Any:
        """``model, report = tf.quantize(...)``."""
        return iter((self.model, self.report))

    def _repr_html_(self) -> str:
        return self.report._repr_html_()
