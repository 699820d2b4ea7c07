"""Memory over a run: how much is alive after each kernel, and which tensors at the peak."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.base.errors import InputError
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import counted, percent, scaled, shape
from tfjslab.records.profile import KernelRecord, Profile


@dataclass(frozen=True)
class MemoryPoint:
    """What is alive while a kernel runs, by the counting rules of ``tf.memory()``; ``at_ms`` is when it ends.

    Time runs over kernels only: the time between them is known only in total.
    """

    index: int
    node: str
    kernel: str
    bytes_live: int
    tensors_live: int
    at_ms: float


def timeline(profile: Profile) -> tuple[MemoryPoint, ...]:
    """One point for each kernel, in the order that they ran."""
    points: list[MemoryPoint] = []
    at_ms = 0.0
    for i, k in enumerate(profile.kernels):
        at_ms += k.kernel_time_ms
        points.append(MemoryPoint(i, k.node, k.name, k.total_bytes_snapshot, k.total_tensors_snapshot, at_ms))
    return tuple(points)


@dataclass(frozen=True)
class AliveTensor:
    """A tensor that is alive: what it is, the node that made it, and the one that reads it last.

    ``last_user`` is empty for an output of the model, which the caller gets. Memory that a kernel needs only while it
    runs is called ``temporary``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    num_bytes: int
    made_by: str
    last_user: str


@dataclass(frozen=True, repr=False)
class PeakReport(Report):
    """What is alive while the kernel runs that needs the most; the largest first.

    ``other_bytes`` are those that the plan does not hold itself: weights, tensors of the program around it, values
    that a model carries from step to step. All of ``alive`` and the rest are ``peak.bytes_live``.
    """

    model: str
    peak: MemoryPoint
    alive: tuple[AliveTensor, ...]
    other_bytes: int
    other_tensors: int

    def tables(self) -> tuple[Table, ...]:
        """One table with a row for each tensor, and the rest."""
        total = self.peak.bytes_live
        rows = [
            (t.name, t.made_by, t.last_user or "(output)", shape(t.shape) if t.dtype else "", t.dtype,
             scaled(t.num_bytes, "B"), percent(t.num_bytes, total))
            for t in self.alive
        ]
        rest = ("weights and all other values", "", "", counted(self.other_tensors, "tensor"), "",
                scaled(self.other_bytes, "B"), percent(self.other_bytes, total))
        columns = ("tensor", "made by", "last used by", "shape", "dtype", "bytes", "share")
        title = (f"{self.model}: {scaled(total, 'B')} at the peak, while {self.peak.node} ({self.peak.kernel}) runs, "
                 f"kernel {self.peak.index + 1}")
        return (Table(title, columns, (*rows, rest), left=3),)

    def __repr__(self) -> str:
        return (f"PeakReport({self.model}: {scaled(self.peak.bytes_live, 'B')} at {self.peak.node}, "
                f"{counted(len(self.alive), 'tensor')} alive)")


def alive_at_peak(profile: Profile) -> PeakReport:
    """What is alive at the (first) kernel where the most is. InputError for a profile without kernels."""
    points = timeline(profile)
    if not points:
        raise InputError("the profile has no kernels, so there is no peak")
    peak = max(points, key=lambda p: p.bytes_live)
    alive = alive_at(profile.kernels, peak.index)
    return PeakReport(
        profile.label, peak, alive, peak.bytes_live - sum(t.num_bytes for t in alive), peak.tensors_live - len(alive),
    )


def alive_at(kernels: tuple[KernelRecord, ...], index: int) -> tuple[AliveTensor, ...]:
    """What plans hold while the kernel of this index runs, the largest first."""
    found = [
        AliveTensor(b.name, b.shape, b.dtype, b.num_bytes, k.node, b.last_user)
        for i, k in enumerate(kernels[: index + 1]) for b in k.buffers if i + b.commands > index
    ]
    return tuple(sorted(found, key=lambda t: (-t.num_bytes, t.name)))
