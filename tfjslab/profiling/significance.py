"""How likely chance alone orders two samples of times as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfjslab.records.statistics import FEWEST_RUNS


def p_value(a: Sequence[float], b: Sequence[float]) -> float | None:
    """How likely two samples of one thing are ordered like this: Mann and Whitney's U, normal, with ties corrected.

    None with fewer than six values on a side. Times are not normally distributed, so their order is what counts.
    """
    n, m = len(a), len(b)
    if min(n, m) < FEWEST_RUNS:
        return None
    values = np.concatenate([np.asarray(a, float), np.asarray(b, float)])
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = float(ranks[:n].sum()) - n * (n + 1) / 2
    total = n + m
    ties = float((counts.astype(float) ** 3 - counts).sum()) / (total * (total - 1))
    deviation = math.sqrt(n * m / 12 * (total + 1 - ties))
    if deviation == 0:
        return 1.0
    return math.erfc(max(0.0, abs(u - n * m / 2) - 0.5) / deviation / math.sqrt(2))
