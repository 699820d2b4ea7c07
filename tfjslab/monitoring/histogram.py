"""The histogram of latencies: buckets that grow by a constant factor, so that every percentile is right to 1%.

The rule of the buckets is that of DDSketch (Masson, Rim and Lee, VLDB 2019): bucket k holds what is above gamma^(k-1)
and at most gamma^k milliseconds, with gamma = (1 + e) / (1 - e). Whatever lies in a bucket is told as the value from
which both of its ends are e away. Two histograms are merged by adding counts, which loses nothing.

This is the one definition: the loader of web modules has these constants written into it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LOG_GAMMA = math.log(GAMMA)
# Times outside are counted at the nearer end. Clocks of browsers go in steps of 5 us or more, so 0 is below them.
LEAST_MS, MOST_MS = 0.001, 3_600_000.0


def bucket_of(ms: float) -> int:
    """The bucket that a time in milliseconds belongs to."""
    return math.ceil(math.log(min(max(ms, LEAST_MS), MOST_MS)) / LOG_GAMMA)


def value_of(bucket: int) -> float:
    """The time in milliseconds that stands for a bucket; ``RELATIVE_ERROR`` away from all in it, at most."""
    return 2 * GAMMA**bucket / (GAMMA + 1)


FIRST_BUCKET, LAST_BUCKET = bucket_of(LEAST_MS), bucket_of(MOST_MS)
# What a loader has to know, by the names that it has there.
BUCKET_RULE = {"logGamma": LOG_GAMMA, "gamma": GAMMA, "least": LEAST_MS, "most": MOST_MS}


@dataclass
class LatencyHistogram:
    """Counts of times by bucket. Percentiles are within 1% of the time at that rank.

    Example:
        >>> times = LatencyHistogram()
        >>> for ms in (1.0, 2.0, 3.0, 100.0):
        ...     times.add(ms)
        >>> len(times), round(times.quantile(0.5), 1)
        (4, 2.0)

    """

    counts: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, pairs: Iterable[Sequence[int]]) -> LatencyHistogram:
        """From pairs of a bucket and its count, as ``pairs`` gives them."""
        return cls(Counter({pair[0]: pair[1] for pair in pairs}))

    def add(self, ms: float) -> None:
        """Count one time, in milliseconds."""
        self.counts[bucket_of(ms)] += 1

    def merge(self, other: LatencyHistogram) -> None:
        """Count all of another one."""
        self.counts.update(other.counts)

    def quantile(self, q: float) -> float | None:
        """The time in milliseconds below which the part ``q`` of all lies, from 0 to 1; None of nothing."""
        left = q * (len(self) - 1)
        for bucket, count in sorted(self.counts.items()):
            left -= count
            if left < 0:
                return value_of(bucket)
        return None

    @property
    def sum_ms(self) -> float:
        """The sum of all times, within 1%."""
        return math.fsum(value_of(bucket) * count for bucket, count in self.counts.items())

    def up_to(self, bucket: int) -> int:
        """How many times lie in this bucket and those below, which is exact."""
        return sum(count for b, count in self.counts.items() if b <= bucket)

    def pairs(self) -> list[list[int]]:
        """Buckets with their counts, in order, for JSON."""
        return [[bucket, self.counts[bucket]] for bucket in sorted(self.counts)]

    def __len__(self) -> int:
        return self.counts.total()

    def __repr__(self) -> str:
        return f"<LatencyHistogram: {len(self)} times in {len(self.counts)} buckets>"

    def to_json(self) -> dict[str, Any]:
        """Percentiles with the count and the relative error that they may have."""
        told = {f"p{round(100 * q)}_ms": self.quantile(q) for q in (0.5, 0.95, 0.99)}
        return {"count": len(self), **told, "relative_error": RELATIVE_ERROR}
