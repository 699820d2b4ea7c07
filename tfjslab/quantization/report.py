"""What quantization did: per node, weight and output; inert data, and the same as text, HTML and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tfjslab.base.tables import Report, Table
from tfjslab.base.text import count, counted, percent, scaled
from tfjslab.quantization.metrics import decibels, figure


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

    def cells(self) -> tuple[str, ...]:
        """Name, largest error, signal to noise, cosine and top-1 agreement as a table shows them."""
        return (self.name, f"{self.max_error:.3g}", decibels(self.sqnr_db), figure(self.cosine),
                percent(self.top1_agreement))


@dataclass(frozen=True)
class QuantizationReport(Report):
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

    def to_json(self) -> dict[str, Any]:
        """The same as ``data``."""
        return self.data()

    def size(self) -> str:
        """What weights take before and after."""
        before, after = (scaled(n, "B") for n in (self.weight_bytes_before, self.weight_bytes_after))
        return f"{before} -> {after}, {self.size_ratio:.2f}x smaller"

    def tables(self) -> tuple[Table, ...]:
        """What runs how and how small it became, then errors of outputs, then weights or nodes one by one."""
        title = f"{self.kind}: {self.execution}"
        return Table(title, notes=(f"size: weights {self.size()}",)), self.output_table(), self.detail_table()

    def output_table(self) -> Table:
        """The errors of the whole model."""
        rows = tuple((*o.cells(), count(o.classes), o.samples) for o in self.outputs)
        columns = ("output", "largest error", "SQNR", "cosine", "top-1 agreement", "classes seen", "rows")
        return Table(f"Accuracy against float32, on {self.evaluated_on}", columns, rows)

    def detail_table(self) -> Table:
        """Each weight where those are what became small, else each node."""
        return self._weight_table() if self.weights else self._node_table()

    def _weight_table(self) -> Table:
        rows = tuple((w.name, w.stored, w.reason, scaled(w.bytes_before, "B"), scaled(w.bytes_after, "B"),
                      f"{w.max_error:.3g}") for w in self.weights)
        columns = ("weight", "stored as", "why not smaller", "before", "in files", "largest error")
        return Table(f"Weights in files: {self.size()}", columns, rows, left=3)

    def _node_table(self) -> Table:
        rows = tuple((n.name, n.op, n.precision, n.reason, decibels(n.alone_db), decibels(n.accumulated_db))
                     for n in self.nodes)
        columns = ("node", "op", "runs in", "remark", "alone", "with all before")
        return Table("Nodes: how each runs, and its signal to noise", columns, rows, left=4)

    def __repr__(self) -> str:
        outputs = "; ".join(f"{o.name} has SQNR {decibels(o.sqnr_db)}" for o in self.outputs)
        left = counted(len(self.refused), "node")
        return f"<QuantizationReport of {self.kind}: weights {self.size()}; {left} in float32; {outputs}>"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return "inf" if value == float("inf") else value
