"""The result of a comparison with another program: inert data, and the arithmetic on it."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfjslab.base.arrays import reals
from tfjslab.base.dtypes import Array
from tfjslab.bench.result import BenchResult
from tfjslab.records.statistics import compare_rounds
from tfjslab.records.verdict import SpeedVerdict


@dataclass(frozen=True)
class Ratio:
    """How many times as long (or as large) the peer's figure is as ours; above 1 ours is better.

    The median of the rounds' ratios and the range they lie in; ``verdict`` says what they mean, with an interval.
    """

    median: float
    least: float
    most: float
    verdict: SpeedVerdict | None = field(default=None, compare=False)


def medians_of_rounds(
    ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]],
) -> tuple[tuple[float, float], ...]:
    """Our median and the peer's of each round; rounds that one of them did not finish are left out."""
    return tuple(
        (statistics.median(a), statistics.median(b)) for a, b in zip(ours, theirs, strict=False) if a and b
    )


def ratio_of_rounds(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> Ratio | None:
    """Of each round the peer's median over our median; None when there is none."""
    found = [b / a for a, b in medians_of_rounds(ours, theirs) if a > 0]
    if not found:
        return None
    return Ratio(statistics.median(found), min(found), max(found), compare_rounds(theirs, ours))


def ratio_between(slower: Comparison, faster: Comparison) -> Ratio | None:
    """Of each round the median of the first of our models over that of the second; they were interleaved."""
    a, b = ([ours for ours, _ in c.peer.rounds_ms] for c in (slower, faster))
    found = ratio_of_rounds([[t] for t in b], [[t] for t in a])
    if found is None and slower.ours.median_ms and faster.ours.median_ms:  # the peer failed: no rounds are kept
        whole = slower.ours.median_ms / faster.ours.median_ms
        return Ratio(whole, whole, whole)
    return found


def difference(ours: Sequence[tuple[str, Array]], theirs: Sequence[tuple[str, Array]]) -> float | None:
    """The largest difference of any output, relative to the largest absolute value of that output of the peer.

    None when they differ in number, in shape, or in which values are not finite: then they do not agree at all.
    """
    pairs = paired(ours, theirs)
    found = [None] if pairs is None else [relative_difference(a, b) for _, a, b in pairs]
    return max((f for f in found if f is not None), default=0.0) if None not in found else None


def paired(
    ours: Sequence[tuple[str, Array]], theirs: Sequence[tuple[str, Array]],
) -> list[tuple[str, Array, Array]] | None:
    """Outputs with those of the peer, matched by name, or by position where names differ; None for another number."""
    named = {name.removesuffix(":0"): value for name, value in theirs}
    plain = [name.removesuffix(":0") for name, _ in ours]
    if len(ours) != len(theirs):
        return None
    others = [named[n] for n in plain] if set(plain) == set(named) else [value for _, value in theirs]
    return [(name, a, b) for name, (_, a), b in zip(plain, ours, others, strict=True)]


def relative_difference(ours: Array, theirs: Array) -> float | None:
    """The largest difference over the largest absolute value of ``theirs``; None for what ``difference`` says."""
    if ours.shape != theirs.shape:
        return None
    a, b = reals(ours).astype(np.float64), reals(theirs).astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(finite, np.isfinite(a)) or not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return None
    largest = float(np.abs(b[finite]).max(initial=0.0))
    largest_difference = float(np.abs(a[finite] - b[finite]).max(initial=0.0))
    return largest_difference / largest if largest > 0 else largest_difference


@dataclass(frozen=True)
class PeerResult:
    """One model in the peer. Times are in milliseconds; None is what was not measured, with ``reason``.

    ``start_ms`` is the time to start its backend; it is not part of ``load_first_ratio``, which is load + first
    over our load + compile + first. ``intermediate_bytes`` is its peak less what it held before the run (weights
    and inputs); ``intermediate_ratio`` is that over our arena. ``difference`` is that of the outputs, relative to the
    largest value, and ``agreement`` its kind (see ``bench.agreement``), empty where it was not judged; ``rounds_ms``
    are the medians of each round, ours first. ``verdict`` says what ``ratio`` means.
    """

    name: str = "tfjs"
    version: str = ""
    runtime: str = ""
    backend: str = ""
    threads: int | None = None
    start_ms: float | None = None
    load_ms: float | None = None
    first_ms: float | None = None
    median_ms: float | None = None
    iqr_ms: float | None = None
    min_ms: float | None = None
    p95_ms: float | None = None
    runs: int = 0
    warmup: int = 0
    ratio: float | None = None
    ratio_min: float | None = None
    ratio_max: float | None = None
    rounds_ms: tuple[tuple[float, float], ...] = ()
    load_first_ratio: float | None = None
    peak_bytes: int | None = None
    weight_bytes: int | None = None
    intermediate_bytes: int | None = None
    intermediate_ratio: float | None = None
    num_kernels: int | None = None
    difference: float | None = None
    agreement: str = ""
    agreement_text: str = ""
    clock: str = "performance.now around execute, outputs read"
    reason: str = ""
    verdict: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = dataclasses.asdict(self)
        plain["rounds_ms"] = [list(pair) for pair in self.rounds_ms]
        return plain


@dataclass(frozen=True)
class Comparison:
    """Ours and the peer's figures for one model on one backend, from the same run."""

    ours: BenchResult
    peer: PeerResult

    def to_json(self) -> dict[str, Any]:
        """Our keys, and the peer's under ``peer``."""
        return {**self.ours.to_json(), "peer": self.peer.to_json()}


def over(theirs: float | None, ours: float | None) -> float | None:
    """Theirs over ours; None where one is unknown or ours is 0."""
    return None if theirs is None or not ours else theirs / ours


def added(*parts: float | None) -> float | None:
    """The sum; None when a part is unknown."""
    known = [p for p in parts if p is not None]
    return sum(known) if len(known) == len(parts) else None


def less(whole: int | None, part: int | None) -> int | None:
    """The difference; None when one is unknown."""
    return None if whole is None or part is None else whole - part
