"""What is known of a group of pages: sums of batches. Groups are told apart by model, variant and browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tfjslab.monitoring.batch import Batch
from tfjslab.monitoring.histogram import LatencyHistogram

OTHER = "other"  # what counts for all names beyond a limit
MOST_KINDS_KEPT = 32  # of errors, of a group


class PageGroup(NamedTuple):
    """Which pages."""

    model: str
    variant: str
    browser: str

    @property
    def text(self) -> str:
        """In one line."""
        return f"{self.model}, {self.variant}, {self.browser}"


def group_of(batch: Batch) -> PageGroup:
    """Where a batch counts."""
    return PageGroup(batch.model, batch.variant, batch.browser)


@dataclass
class Totals:
    """Sums. ``errors`` are counts with the last message, by kind; bytes are summed over batches that told them."""

    batches: int = 0
    load: LatencyHistogram = field(default_factory=LatencyHistogram)
    first: LatencyHistogram = field(default_factory=LatencyHistogram)
    predict: LatencyHistogram = field(default_factory=LatencyHistogram)
    errors: dict[str, tuple[int, str]] = field(default_factory=dict)
    start_bytes: int = 0
    now_bytes: int = 0
    fallbacks: int = 0

    def count(self, batch: Batch) -> None:
        """Add a batch."""
        self.batches += 1
        self.fallbacks += batch.fallbacks
        for times, ms in ((self.load, batch.load_ms), (self.first, batch.first_ms)):
            if ms is not None:
                times.add(ms)
        self.predict.merge(LatencyHistogram.of(batch.predict))
        for error in batch.errors:
            self.fail(error.kind, error.count, error.message)
        for start, now in filter(None, (batch.memory, batch.heap)):
            self.start_bytes += start
            self.now_bytes += now

    def merge(self, other: Totals) -> None:
        """Add other sums."""
        self.batches += other.batches
        self.fallbacks += other.fallbacks
        self.load.merge(other.load)
        self.first.merge(other.first)
        self.predict.merge(other.predict)
        for kind, (count, message) in other.errors.items():
            self.fail(kind, count, message)
        self.start_bytes += other.start_bytes
        self.now_bytes += other.now_bytes

    def fail(self, kind: str, count: int, message: str, most: int = MOST_KINDS_KEPT) -> None:
        """Count errors; those beyond ``most`` kinds are told together."""
        known = kind if kind in self.errors or len(self.errors) < most - 1 else OTHER
        self.errors[known] = self.errors.get(known, (0, ""))[0] + count, message

    @property
    def predictions(self) -> int:
        """The first ones included."""
        return len(self.predict) + len(self.first)

    @property
    def failed(self) -> int:
        """Errors of all kinds."""
        return sum(count for count, _ in self.errors.values())

    @property
    def error_rate(self) -> float | None:
        """Errors over errors and predictions; None of nothing."""
        asked = self.predictions + self.failed
        return self.failed / asked if asked else None

    @property
    def memory_growth(self) -> float | None:
        """How much memory has grown since the start, as a part of it; None where nothing told."""
        return self.now_bytes / self.start_bytes - 1 if self.start_bytes else None

    def dumps(self) -> str:
        """As text, for a store."""
        times = {name: getattr(self, name).pairs() for name in ("load", "first", "predict")}
        return json.dumps({**vars(self), **times}, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Totals:
        """From what ``dumps`` gave."""
        found: dict[str, Any] = json.loads(text)
        for name in ("load", "first", "predict"):
            found[name] = LatencyHistogram.of(found[name])
        found["errors"] = {kind: (count, message) for kind, (count, message) in found["errors"].items()}
        return cls(**found)


# What an alarm can be about, as it is written in rules.
FIGURES: Mapping[str, Callable[[Totals], float | None]] = {
    "p50_ms": lambda t: t.predict.quantile(0.5),
    "p95_ms": lambda t: t.predict.quantile(0.95),
    "p99_ms": lambda t: t.predict.quantile(0.99),
    "first_p95_ms": lambda t: t.first.quantile(0.95),
    "load_p95_ms": lambda t: t.load.quantile(0.95),
    "error_rate": lambda t: t.error_rate,
    "memory_growth": lambda t: t.memory_growth,
}
