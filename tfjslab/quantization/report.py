"""What quantization did: per node and per output, with verdicts on size and accuracy that are kept apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class NodeReport:
    """One node: how it runs (``int8``, ``dynamic int8`` or ``float32`` with the reason), and its error.

    ``alone_db`` is the signal to noise of its output when only this node is quantized and its inputs are encoded;
    ``accumulated_db`` when everything before it is quantized as well; ``encoding_db`` when the output is computed in
    float32 and only rounded to its encoding. None where nothing was measured.
    """

    name: str
    op: str
    precision: str
    reason: str = ""
    alone_db: float | None = None
    accumulated_db: float | None = None
    encoding_db: float | None = None


@dataclass(frozen=True)
class WeightReport:
    """One weight stored small: its kind, bytes before and after, and the largest error."""

    name: str
    stored: str
    bytes_before: int
    bytes_after: int
    max_error: float
    reason: str = ""


@dataclass(frozen=True)
class OutputReport:
    """One output of the whole model against float32, on ``samples`` rows of the evaluation data.

    ``classes`` is how many different answers float32 gives: an agreement on one class says nothing.
    """

    name: str
    samples: int
    max_error: float
    sqnr_db: float | None
    cosine: float | None
    top1_agreement: float | None
    classes: int | None


@dataclass(frozen=True)
class QuantizationReport:
    """The whole story. ``execution`` says in words what runs in integers, so that nothing float is called int8."""

    kind: str
    method: str
    execution: str
    weight_bytes_before: int
    weight_bytes_after: int
    nodes: tuple[NodeReport, ...]
    weights: tuple[WeightReport, ...]
    outputs: tuple[OutputReport, ...]
    evaluated_on: str

    @property
    def size_ratio(self) -> float:
        """How many times smaller the weights are."""
        return self.weight_bytes_before / max(self.weight_bytes_after, 1)

    @property
    def quantized(self) -> tuple[NodeReport, ...]:
        """The nodes that run in integers."""
        return tuple(n for n in self.nodes if n.precision != "float32")

    @property
    def refused(self) -> tuple[NodeReport, ...]:
        """The nodes that stay float32, with their reasons."""
        return tuple(n for n in self.nodes if n.precision == "float32")

    def data(self) -> dict[str, Any]:
        """For JSON; numbers that are infinite (no error at all) become the text ``inf``."""
        found = {**asdict(self), "size_ratio": self.size_ratio}
        cleaned: dict[str, Any] = _finite(found)
        return cleaned


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return "inf" if value == float("inf") else value
