"""Summing up a profile: by kernel, by node, by layer, and what is hot. Pure functions on inert records."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.ceilings import Ceilings
from tfjslab.records.disturbance import judge
from tfjslab.records.profile import KernelRecord, Profile

_NOISE = 0.05  # of the ratio of two measurements


@dataclass(frozen=True)
class Row:
    """A group of kernels. ``share`` is its part of the wall (None when the wall is 0).

    ``gflops_per_s`` and ``gbytes_per_s`` are None where no time was seen. ``fastest_ms`` is the sum of each kernel's
    fastest, ``iqr_ms`` the spread of the group's sums over the undisturbed runs; None where runs are not known.
    """

    key: str
    count: int
    time_ms: float
    share: float | None
    flops: int
    bytes_moved: int
    fallback: int
    gflops_per_s: float | None
    gbytes_per_s: float | None
    fastest_ms: float | None = None
    iqr_ms: float | None = None


def by(profile: Profile, key: Callable[[KernelRecord], str]) -> list[Row]:
    """Group kernels by ``key``; the group with the most time first, then by key."""
    groups: dict[str, list[KernelRecord]] = {}
    for k in profile.kernels:
        groups.setdefault(key(k), []).append(k)
    found = profile.disturbance
    kept = found.kept if len(profile.profiled_ms) > 1 and not found.mostly else ()
    rows = [_row(name, kernels, profile.wall_ms, kept) for name, kernels in groups.items()]
    return sorted(rows, key=lambda r: (-r.time_ms, r.key))


def _row(key: str, kernels: Sequence[KernelRecord], wall_ms: float, kept: Sequence[int]) -> Row:
    time_ms = math.fsum(k.kernel_time_ms for k in kernels)
    flops, moved = sum(k.flops for k in kernels), sum(k.bytes_moved for k in kernels)
    return Row(
        key, len(kernels), time_ms, time_ms / wall_ms if wall_ms > 0 else None, flops, moved,
        sum(k.fallback for k in kernels), _per_second(flops, time_ms), _per_second(moved, time_ms),
        _fastest(kernels), _spread(kernels, kept),
    )


def _fastest(kernels: Sequence[KernelRecord]) -> float | None:
    known = [k.fastest_ms for k in kernels if k.fastest_ms is not None]
    return math.fsum(known) if len(known) == len(kernels) else None


def _spread(kernels: Sequence[KernelRecord], kept: Sequence[int]) -> float | None:
    """The middle half of the kernels' sums in the runs that count, if there are such runs and all ran in each.

    Of a single kernel it is known in any case.
    """
    if not kept or not all(k.times_ms for k in kernels):
        return kernels[0].iqr_ms if len(kernels) == 1 else None
    low, high = np.percentile(np.sum([[k.times_ms[i] for i in kept] for k in kernels], axis=0), [25, 75])
    return float(high - low)


def _per_second(amount: int, time_ms: float) -> float | None:
    """Billions per second."""
    return amount / time_ms / 1e6 if time_ms > 0 else None


def by_kernel(profile: Profile) -> list[Row]:
    """By kernel name: where the time goes by kind of work."""
    return by(profile, lambda k: k.name)


def by_node(profile: Profile) -> list[Row]:
    """By model node; a node in a loop appears once with all its runs."""
    return by(profile, lambda k: k.node)


def by_layer(profile: Profile) -> list[Row]:
    """By Keras layer or name scope; nodes without one stand for themselves."""
    return by(profile, lambda k: k.layer or k.node)


def hot(profile: Profile, share: float = 0.8) -> list[Row]:
    """The fewest nodes that together take ``share`` of the time inside kernels, the hottest first."""
    rows = by_node(profile)
    needed = share * math.fsum(r.time_ms for r in rows)
    found: list[Row] = []
    for row in rows:
        if found and math.fsum(r.time_ms for r in found) >= needed:
            break
        found.append(row)
    return found


def overhead_ms(profile: Profile) -> float | None:
    """The profiler's own cost for each run: median profiled wall minus median plain wall; None without both.

    Of the runs that were not disturbed.
    """
    if not profile.profiled_ms or not profile.phases.steady_ms:
        return None
    return statistics.median(profile.disturbance.of_kept(profile.profiled_ms)) - _plain_ms(profile)


def _plain_ms(profile: Profile) -> float:
    walls = profile.phases.steady_ms
    return statistics.median(judge(walls, profile.steady_states).of_kept(walls))


def overhead_share(profile: Profile) -> float | None:
    """``overhead_ms`` as a part of the plain run."""
    cost = overhead_ms(profile)
    return None if cost is None else cost / _plain_ms(profile)


@dataclass(frozen=True)
class RoofRow:
    """A group of kernels beside the ceilings of their backend. Shares are of the time that they took.

    ``compute_share`` is how much of it their work would take at the ceiling of computing, ``bandwidth_share`` how much
    their bytes would at that of moving them; ``limit`` is the larger of the two, "compute" or "memory", below which no
    better kernel could bring the time. All are None where no time was seen or a kernel ran on the host, and ``limit``
    where there is neither work nor bytes.
    """

    key: str
    count: int
    time_ms: float
    gflops_per_s: float | None
    gbytes_per_s: float | None
    compute_share: float | None
    bandwidth_share: float | None
    limit: str | None


@dataclass(frozen=True)
class Roofline:
    """Kernels by name, those that take the most time first, and the whole run, whose time is the wall."""

    ceilings: Ceilings
    kernels: tuple[RoofRow, ...]
    whole: RoofRow

    @property
    def beyond(self) -> tuple[str, ...]:
        """Kernels that compute faster than their ceiling by more than noise. Then one of the two numbers is wrong."""
        return tuple(r.key for r in self.kernels if (r.compute_share or 0.0) > 1 + _NOISE)


def roofline(profile: Profile, ceilings: Ceilings) -> Roofline:
    """Compare a profile with ceilings that were measured on the same backend."""
    names = [r.key for r in by_kernel(profile)]
    groups = {name: [k for k in profile.kernels if k.name == name] for name in names}
    rows = [
        _roof_row(name, group, math.fsum(k.kernel_time_ms for k in group), ceilings) for name, group in groups.items()
    ]
    return Roofline(ceilings, tuple(rows), _roof_row(profile.model, profile.kernels, profile.wall_ms, ceilings))


def _roof_row(key: str, kernels: Sequence[KernelRecord], time_ms: float, ceilings: Ceilings) -> RoofRow:
    flops, moved = sum(k.flops for k in kernels), sum(k.bytes_moved for k in kernels)
    compute = bandwidth = limit = None
    if time_ms > 0 and not any(k.fallback for k in kernels):
        compute = flops / ceilings.flops_per_s * 1e3 / time_ms
        least_s = math.fsum(k.bytes_moved / ceilings.bytes_per_s(k.bytes_moved) for k in kernels)
        bandwidth = least_s * 1e3 / time_ms
        limit = ("compute" if compute >= bandwidth else "memory") if flops or moved else None
    return RoofRow(
        key, len(kernels), time_ms, _per_second(flops, time_ms), _per_second(moved, time_ms), compute, bandwidth, limit,
    )
