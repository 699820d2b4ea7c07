"""What runs say of the nodes of a graph: kernels, times, differences of two runs, and errors of a quantized model.

An ``Overlay`` is one number for each node that has one. ``Said`` are lines for the pane of details.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.text import ms, scaled, shape
from tfjslab.model.placement import Placement
from tfjslab.profiling.compare import ProfileDiff, TimeChange, diff
from tfjslab.profiling.numeric import Difference, NumericDiff
from tfjslab.quantization.report import NodeReport, QuantizationReport
from tfjslab.quantizer.result import Quantized
from tfjslab.records.profile import KernelRecord, Profile

SUM, WORST = "sum", "worst"  # what stands for a group
Errors = NumericDiff | QuantizationReport | Quantized
Said = dict[str, list[tuple[str, str]]]


@dataclass(frozen=True)
class Overlay:
    """Values by node, with what they are called. ``scale`` is ``linear``, ``log``, ``diverging`` or ``share``."""

    key: str
    title: str
    unit: str
    scale: str
    group: str
    values: Mapping[str, float]

    def to_json(self, place_of: Callable[[str], int | None]) -> dict[str, Any]:
        """With values by the index of the node; those of nodes that the graph does not have are left out."""
        found: dict[int, list[float]] = {}
        for name, value in self.values.items():
            index = place_of(name)
            if index is not None:
                found.setdefault(index, []).append(value)
        together = math.fsum if self.group == SUM else max
        return asdict(self) | {"values": {index: together(values) for index, values in found.items()}}


@dataclass
class Ran:
    """What is known of runs: overlays in the order of the menu, and by node lines, where it ran and output shapes."""

    overlays: list[Overlay] = field(default_factory=list)
    said: Said = field(default_factory=dict)
    placed: dict[str, Placement] = field(default_factory=dict)
    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def say(self, node: str, what: str, text: str) -> None:
        """One more line about a node."""
        self.said.setdefault(node, []).append((what, text))


def add_profile(ran: Ran, profile: Profile) -> None:
    """Time, work and place of each node that a kernel is named by; those fused into it name it."""
    by_node: dict[str, list[KernelRecord]] = {}
    for k in profile.kernels:
        by_node.setdefault(k.node, []).append(k)
        reason = (k.reason or "no kernel") if k.fallback else ""
        ran.placed.update(dict.fromkeys((*k.nodes, k.node), Placement(k.name, k.node, reason)))
    for key, title, unit, value in _FROM_KERNELS:
        values = {node: math.fsum(map(value, ks)) for node, ks in by_node.items()}
        ran.overlays.append(Overlay(key, title, unit, "linear", SUM, values))
    for node, kernels in by_node.items():
        ran.shapes[node] = tuple(map(shape, kernels[-1].output_shapes))
        if len(kernels) > 1:
            ran.say(node, "runs", f"{len(kernels)} times")
    add_host(ran)


_FROM_KERNELS: tuple[tuple[str, str, str, Callable[[KernelRecord], float]], ...] = (
    ("time", "time", "ms", lambda k: k.kernel_time_ms), ("flops", "FLOPs", "", lambda k: k.flops),
    ("bytes", "bytes moved", "B", lambda k: k.bytes_moved),
)


def add_work(ran: Ran, work: Mapping[str, tuple[int, int]]) -> None:
    """FLOPs and bytes by shape inference, where no profile says what kernels do."""
    for i, (key, title, unit, _) in enumerate(_FROM_KERNELS[1:]):
        values = {node: float(found[i]) for node, found in work.items()}
        ran.overlays.append(Overlay(key, title, unit, "linear", SUM, values))


def add_host(ran: Ran) -> None:
    """Which nodes run on the host, from what was placed."""
    if ran.placed:
        values = {node: float(bool(p.reason)) for node, p in ran.placed.items()}
        ran.overlays.append(Overlay("host", "on the host", "", "share", "share", values))


def add_difference(ran: Ran, profile: Profile | None, other: Profile | ProfileDiff) -> str:
    """What ``other`` takes more, or less; says in words of which runs.

    UsageError where there is nothing to hold a profile against.
    """
    if isinstance(other, Profile):
        if profile is None:
            raise UsageError("compare is a profile, and there is no other one to compare it with; give profile=, too")
        other = diff(profile, other)
    values = {c.key: c.delta_ms for c in other.nodes}
    ran.overlays.append(Overlay("difference", "difference of two runs", "ms", "diverging", SUM, values))
    for change in other.nodes:
        ran.say(change.key, "difference", _change(change))
    return f"{other.b} minus {other.a}"


def _change(c: TimeChange) -> str:
    if c.status != "both":
        return f"{c.status}, {c.delta_ms:+.3g} ms{f'; fused into {c.became}' if c.became else ''}"
    return f"{ms(c.a_ms)} to {ms(c.b_ms)} ms ({c.delta_ms:+.3g} ms): {c.verdict}"


def add_errors(ran: Ran, errors: Errors) -> None:
    """The error of each node relative to its largest value, or of its signal, and what was measured."""
    if isinstance(errors, NumericDiff):
        values = _numeric(ran, errors.nodes)
        title = f"error against {errors.reference}"
    else:
        report = errors.report if isinstance(errors, Quantized) else errors
        values = _quantized(ran, report.nodes)
        title = "quantization error"
    ran.overlays.append(Overlay("error", title, "", "log", WORST, values))


def _numeric(ran: Ran, differences: Iterable[Difference]) -> dict[str, float]:
    worst: dict[str, float] = {}
    for d in differences:
        # What cannot be subtracted (NaN on one side, another shape) is as wrong as its own size.
        relative = 1.0 if d.relative is None else d.relative
        worst[d.node] = max(worst.get(d.node, 0.0), relative)
        text = d.reason or f"at most {d.max_abs:.3g}, relative {relative:.3g}"
        which = d.value.removeprefix(d.node)  # ":1" for a second output
        ran.say(d.node, f"error on {d.backend} {which}".rstrip(), f"{text}{', differs' if d.diverges else ''}")
    return worst


def _quantized(ran: Ran, nodes: Iterable[NodeReport]) -> dict[str, float]:
    """Noise over signal, as amplitudes, of what is known to have noise."""
    noise: dict[str, float] = {}
    for n in nodes:
        ran.say(n.name, "precision", f"{n.precision}{f', because {n.reason}' if n.reason else ''}")
        for what, db in (("alone", n.alone_db), ("with all before it", n.accumulated_db), ("rounded", n.encoding_db)):
            if db is not None:
                ran.say(n.name, f"SQNR {what}", f"{db:.1f} dB")
        if n.accumulated_db is not None:
            noise[n.name] = 10 ** (-n.accumulated_db / 20)
    return noise


def placed_text(node: str, placement: Placement) -> list[tuple[str, str]]:
    """Lines about where a node runs."""
    where = f"the host, because {placement.reason}" if placement.reason else "the backend"
    fused = [] if placement.main == node else [("fused into", placement.main)]
    return [("kernel", placement.kernel), ("runs on", where), *fused]


def summary(overlays: Iterable[Overlay]) -> list[tuple[str, str]]:
    """The sum of each overlay that has one, for all that is shown."""
    return [(o.title, ms(t) + " ms" if o.unit == "ms" else scaled(t, o.unit))
            for o in overlays if o.group == SUM and o.scale == "linear" for t in [math.fsum(o.values.values())]]
