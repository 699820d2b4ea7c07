"""What optimizing a model did and what it was worth: inert data, and the same as text, HTML and JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.messages import escaped
from tfjslab.base.shapes import Shape
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted, ms, scaled, shape, times
from tfjslab.formats.stored import RequantizedWeight
from tfjslab.passes.report import PassReport
from tfjslab.targets.refusal import TargetRefusal, told

Row = tuple[str, str, str, str]


@dataclass(frozen=True)
class Side:
    """A model before or after. None is what was not measured; the report says why.

    ``weight_bytes`` are what weights take while it runs, ``file_bytes`` what they take in files, ``stored`` as what.
    ``flops`` are of one example. ``peak_bytes`` are weights plus the most that intermediates took at once, ``kernels``
    what the backend runs in one inference. ``iqr_ms`` is the spread of the latency: the middle half of the runs.
    """

    nodes: int
    flops: int | None
    weight_bytes: int
    file_bytes: int = 0
    stored: str = ""
    peak_bytes: int | None = None
    kernels: int | None = None
    median_ms: float | None = None
    iqr_ms: float | None = None


@dataclass(frozen=True)
class Fused:
    """Nodes of the optimized model, with their ops, that the backend runs as one kernel."""

    kernel: str
    nodes: tuple[str, ...]
    ops: tuple[str, ...]


@dataclass(frozen=True)
class OptimizeReport(Report):
    """Before and after, and each pass. ``fused`` is read from the backend's plan, not from the graph.

    ``largest_difference`` is that of any output value on the sample input, ``relative_difference`` the same over the
    largest value of that output. ``requantized`` are weights that were stored small and have changed,
    ``refused`` the nodes that TensorFlow.js would not run on any backend, where the result is made for it, and
    ``refused_before`` whether the model as it was had nodes that it refuses for the same reasons. ``sample``
    are the shapes of the inputs that were measured on. ``verdict`` says whether the result is faster, by the rounds in
    which both alternated, and ``disturbed`` which runs were left out. ``reason`` says why something was not measured.
    """

    model: str
    target: str
    before: Side
    after: Side
    passes: tuple[PassReport, ...]
    skipped: tuple[str, ...]
    backend: str
    threads: int
    engine: str
    clock: str = ""
    runs: int = 0
    warmup: int = 0
    largest_difference: float | None = None
    relative_difference: float | None = None
    fused: tuple[Fused, ...] = ()
    sample: Mapping[str, Shape] = field(default_factory=dict)
    reason: str = ""
    verdict: str = ""
    disturbed: tuple[str, ...] = ()
    requantized: tuple[RequantizedWeight, ...] = ()
    refused: tuple[TargetRefusal, ...] = ()
    refused_before: bool = False

    @property
    def speedup(self) -> float | None:
        """How many times as fast the model has become."""
        return _over(self.before.median_ms, self.after.median_ms)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**dataclasses.asdict(self), "speedup": self.speedup}

    def rows(self) -> list[Row]:
        """Quantity, before, after, and how many times less that is."""
        b, a = self.before, self.after
        return [
            ("nodes", str(b.nodes), str(a.nodes), times(_over(b.nodes, a.nodes))),
            ("FLOPs", scaled(b.flops), scaled(a.flops), times(_over(b.flops, a.flops))),
            ("weights in files", _weights(b), _weights(a), times(_over(b.file_bytes, a.file_bytes))),
            ("peak memory", scaled(b.peak_bytes, "B"), scaled(a.peak_bytes, "B"),
             times(_over(b.peak_bytes, a.peak_bytes))),
            ("kernels", str(b.kernels or NOTHING), str(a.kernels or NOTHING), times(_over(b.kernels, a.kernels))),
            ("latency, ms", _spread(b), _spread(a), self.verdict.partition(" (")[0] or times(self.speedup)),
        ]

    def conditions(self) -> str:
        """Where and how the latency was measured, or why not."""
        if self.reason:
            return f"not measured: {self.reason}"
        sample = ", ".join(f"{name} {shape(dims)}" for name, dims in self.sample.items())
        where = f"{self.backend}, {counted(self.threads, 'thread')}, {self.engine}; on {sample}"
        told = "".join(f"; {text}" for text in (self.verdict, *self.disturbed) if text)
        return (f"{where}; medians of {self.runs} interleaved runs each after {self.warmup} others, "
                f"spread between quartiles; {self.clock}{told}")

    def accuracy(self) -> str:
        """How far outputs moved."""
        if self.largest_difference is None or self.relative_difference is None:
            return "largest output difference: not measured"
        return (f"largest output difference: {self.largest_difference:.2g} "
                f"({self.relative_difference:.2g} of the largest value)")

    def tables(self) -> tuple[Table, ...]:
        """Before and after with what makes the figures meaningful, then the passes."""
        columns = ("", "before", "after", "less")
        title = f"{self.model}, optimized for {self.target}"
        return (
            Table(title, columns, tuple(self.rows()), (self.accuracy(), self.conditions())),
            Table("Passes", notes=tuple(f"{title}: {text}" for title, text in self.told())),
        )

    def __repr__(self) -> str:
        before, after = (f"{counted(s.nodes, 'node')} and {scaled(s.file_bytes, 'B')} of weights"
                         for s in (self.before, self.after))
        changes = counted(sum(len(p.changes) for p in self.passes), "change")
        return f"<OptimizeReport of {self.model} for {self.target}: {changes}, from {before} to {after}>"

    def told(self) -> Iterator[tuple[str, str]]:
        """Each pass that did or refused something, by name; then what was skipped and what the backend fuses."""
        for p in self.passes:
            if p.changes:
                yield p.name, f"{counted(len(p.changes), 'change')}, {p.nodes_before} -> {p.nodes_after} nodes"
            for reason, number in Counter(r.reason for r in p.refusals).items():
                yield p.name, f"left {number}: {reason}"
        idle = [p.name for p in self.passes if not p.changes and not p.refusals]
        if idle:
            yield "nothing to do", ", ".join(idle)
        for dtype, weights in self._requantized().items():
            worst = max(weights, key=lambda w: w.relative_error)
            error = f"; largest error {worst.max_error:.2g} ({worst.relative_error:.2g} of the largest value)"
            yield (f"stored anew as {dtype}", f"{counted(len(weights), 'weight')} that changed"
                   + (f"{error} in {worst.name}" if worst.max_error else ""))
        for line in told(self.refused):
            yield "TensorFlow.js refuses", f"{line}{', as in the original' if self.refused_before else ''}"
        if self.skipped:
            yield "skipped", ", ".join(self.skipped)
        for ops, number in Counter(f.ops for f in self.fused).items():
            yield f"{self.backend} runs as one kernel", f"{' + '.join(ops)} ({counted(number, 'time')})"

    def _requantized(self) -> dict[str, list[RequantizedWeight]]:
        found: dict[str, list[RequantizedWeight]] = {}
        for weight in self.requantized:
            found.setdefault(weight.dtype, []).append(weight)
        return found

    def _repr_html_(self) -> str:
        changes = "".join(f"<li>{escaped(p.name)}: {escaped(c.what)}</li>" for p in self.passes for c in p.changes)
        return f"{super()._repr_html_()}<details><summary>every change</summary><ul>{changes}</ul></details>"


def _weights(side: Side) -> str:
    """Their bytes in files, and as what those hold them where that is not float32."""
    return scaled(side.file_bytes, "B") + (f" ({side.stored})" if side.stored else "")


def _spread(side: Side) -> str:
    return ms(side.median_ms) if side.iqr_ms is None else f"{ms(side.median_ms)} (iqr {ms(side.iqr_ms)})"


def _over(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b
