"""What benchmarking ops found: inert data with the keys of ``tfjslab bench --ops --json``, and the sums over rows."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tfjslab.backends.ceilings import Ceilings
from tfjslab.records.profile import Environment

WRONG = 1e-4  # outputs that differ more, relative to the largest value, are not of the same computation


@dataclass(frozen=True)
class OpResult:
    """One row on one backend. Times are milliseconds of one call; None is what was not measured, with ``reason``.

    ``ms`` and ``peer_ms`` are medians over ``rounds`` of the fastest undisturbed sample, with the range of the rounds.
    ``ratio`` is the peer's time over ours, the median of the rounds, with its range. ``disturbed`` counts those of the
    rounds that were disturbed all the same, ``repeated`` those that were run again. Rates are of nominal ``flops`` and
    of ``bytes_moved``, which are inputs and outputs counted once; shares are of what the backend reaches at most,
    computing and moving bytes in a cache. ``difference`` is that of the outputs, relative to the largest value;
    ``wrong`` says that they do not agree. ``verdict`` says what ``ratio`` means.
    """

    group: str
    op: str
    text: str
    backend: str
    threads: int
    ms: float | None = None
    ms_min: float | None = None
    ms_max: float | None = None
    peer_ms: float | None = None
    peer_ms_min: float | None = None
    peer_ms_max: float | None = None
    ratio: float | None = None
    ratio_min: float | None = None
    ratio_max: float | None = None
    rounds: int = 0
    disturbed: int = 0
    repeated: int = 0
    flops: int = 0
    bytes_moved: int = 0
    gflops_per_s: float | None = None
    gbytes_per_s: float | None = None
    compute_share: float | None = None
    memory_share: float | None = None
    num_kernels: int | None = None
    fallback_kernels: int | None = None
    difference: float | None = None
    wrong: bool = False
    reason: str = ""
    verdict: str = ""

    @property
    def label(self) -> str:
        """The op and its text."""
        return f"{self.op} {self.text}"

    @property
    def share(self) -> float | None:
        """The larger share: that of the ceiling that the row is nearest to."""
        return max((s for s in (self.compute_share, self.memory_share) if s is not None), default=None)

    @property
    def counted_ratio(self) -> float | None:
        """The ratio, if it is one of the same computation."""
        return None if self.wrong else self.ratio


@dataclass(frozen=True)
class OpSummary:
    """All rows of one backend. Ratios are of rows that both sides computed alike; None without any."""

    backend: str
    threads: int
    rows: int
    compared: int
    geometric_mean: float | None
    worst: float | None
    worst_row: str
    slower: tuple[str, ...]
    wrong: tuple[str, ...]
    on_host: tuple[str, ...]
    disturbed: int


@dataclass(frozen=True)
class OpReport:
    """All rows and what they come to. ``reason`` says why rows are missing; ``failed`` that it was a failure.

    ``environment`` is that of all rows, when measuring began.
    """

    rows: tuple[OpResult, ...]
    summaries: tuple[OpSummary, ...]
    conditions: tuple[str, ...]
    peer: str = ""
    ceilings: dict[str, Ceilings | None] = field(default_factory=dict)
    reason: str = ""
    failed: bool = False
    environment: Environment | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def summaries(rows: Sequence[OpResult]) -> tuple[OpSummary, ...]:
    """One for each backend, in the order of the rows."""
    places = dict.fromkeys((r.backend, r.threads) for r in rows)
    return tuple(_summary(place, [r for r in rows if (r.backend, r.threads) == place]) for place in places)


def _summary(place: tuple[str, int], rows: Sequence[OpResult]) -> OpSummary:
    counted = sorted((r.counted_ratio, r.label) for r in rows if r.counted_ratio is not None)
    ratios = [ratio for ratio, _ in counted]
    worst, worst_row = counted[0] if counted else (None, "")
    return OpSummary(
        *place, len(rows), len(counted), statistics.geometric_mean(ratios) if ratios else None, worst, worst_row,
        tuple(label for ratio, label in counted if ratio < 1), tuple(r.label for r in rows if r.wrong),
        tuple(r.label for r in rows if r.fallback_kernels), sum(r.disturbed > 0 for r in rows),
    )
