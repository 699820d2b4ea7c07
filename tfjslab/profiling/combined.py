"""Many profiles of the same thing as one: median and quartiles of every kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.errors import UsageError
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import counted, ms
from tfjslab.records.profile import KernelRecord, Profile


@dataclass(frozen=True)
class KernelSpread:
    """One kernel over several profiles: the median of its times and the quartiles around it."""

    name: str
    node: str
    median_ms: float
    low_ms: float
    high_ms: float
    times_ms: tuple[float, ...]

    @property
    def iqr_ms(self) -> float:
        """The middle half of the times lies within so much."""
        return self.high_ms - self.low_ms


@dataclass(frozen=True, repr=False)
class Combined(Report):
    """Several profiles of one model on one backend; kernels in the order that they ran."""

    label: str
    profiles: int
    kernels: tuple[KernelSpread, ...]
    wall: KernelSpread

    def tables(self) -> tuple[Table, ...]:
        """The wall, then every kernel, the slowest first."""
        slowest = sorted(self.kernels, key=lambda k: -k.median_ms)
        rows = tuple((k.node, k.name, ms(k.median_ms), ms(k.iqr_ms), len(k.times_ms)) for k in (self.wall, *slowest))
        title = f"{self.label}: {counted(self.profiles, 'profile')}"
        return (Table(title, ("node", "kernel", "median ms", "IQR ms", "runs"), rows, left=2),)

    def __repr__(self) -> str:
        kernels = counted(len(self.kernels), "kernel")
        return f"Combined({self.label}: {kernels} in {counted(self.profiles, 'profile')})"


def combine(profiles: Sequence[Profile]) -> Combined:
    """Median and quartiles of every kernel over all undisturbed runs of all profiles.

    UsageError unless they are of one model on one backend, with the same kernels in the same order.
    """
    if not profiles:
        raise UsageError("combine: no profiles; expected at least one")
    first = profiles[0]
    for i, p in enumerate(profiles[1:], start=2):
        _require_alike(first, p, i)
    kernels = tuple(
        _spread(same[0].name, same[0].node, [t for p, k in zip(profiles, same, strict=True) for t in _counted(p, k)])
        for same in zip(*(p.kernels for p in profiles), strict=True)
    )
    walls = [t for p in profiles for t in p.disturbance.of_kept(p.profiled_ms or (p.wall_ms,))]
    return Combined(first.label, len(profiles), kernels, _spread("", "wall of profiled runs", walls))


def _counted(p: Profile, k: KernelRecord) -> tuple[float, ...]:
    """A kernel's times in the runs that count, or the one that is known."""
    if len(k.times_ms) == len(p.profiled_ms):
        return p.disturbance.of_kept(k.times_ms)
    return k.times_ms or (k.kernel_time_ms,)


def _require_alike(first: Profile, other: Profile, number: int) -> None:
    if other.label != first.label:
        raise UsageError(f"combine: profile {number} is of {other.label}; expected {first.label}, as the first")
    ours, theirs = ([(k.name, k.node) for k in p.kernels] for p in (first, other))
    if ours != theirs:
        place = next((i for i, (x, y) in enumerate(zip(ours, theirs, strict=False)) if x != y), None)
        if place is None:
            raise UsageError(f"combine: profile {number} has {len(theirs)} kernels; expected {len(ours)}, as the first")
        (name, node), (expected, where) = theirs[place], ours[place]
        raise UsageError(
            f"combine: kernel {place + 1} of profile {number} is {name} at '{node}'; expected {expected} at '{where}', "
            "as in the first",
        )


def _spread(name: str, node: str, found: Sequence[float]) -> KernelSpread:
    low, middle, high = (float(v) for v in np.percentile(found, [25, 50, 75]))
    return KernelSpread(name, node, middle, low, high, tuple(found))
