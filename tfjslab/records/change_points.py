"""Where a series of figures changed: E-Divisive of Matteson and James, and how far it changed.

E-Divisive (A nonparametric approach for multiple change point analysis of multivariate data, JASA 109, 2014) assumes
nothing of how the figures are distributed, and its permutation test holds the chance of a false alarm. It is what
MongoDB and Apache Otava watch performance with. Why not from a library: ruptures wants a penalty in place of a level of
significance and needs scipy, which is large; Otava brings the clients of several cloud databases.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.records.statistics import Interval

LEVEL = 0.001  # the chance of a false alarm in one look at a series that did not change; CI looks after every run
LEAST = 3  # figures on each side of a change: fewer can be chance at any level
PERMUTATIONS = 2999  # of which two may be as good at the usual level, so that luck does not decide
_FIRST_BATCH, _BATCH = 20, 200  # of those at a time: most series that did not change need no second one
_EXACT = 400  # pairs up to which the distribution of the rank sum is counted out


def change_points(values: Sequence[float], level: float = LEVEL, seed: int = 0) -> list[int]:
    """The numbers of the figures, from 0, at which something new begins, in order.

    Values above 0 are compared as logarithms, since what disturbs times multiplies. The series is split at the best
    place, and its parts again, as long as the permutation test finds a split significant at ``level``. The same values
    always give the same answer: ``seed`` is that of the permutations.
    """
    x = np.asarray(values, np.float64)
    if x.size and x.min() > 0:
        x = np.log(x)
    generator = np.random.default_rng(seed)
    found, open_parts = list[int](), [(0, len(x))]
    while open_parts:
        begin, end = open_parts.pop()
        split = _split(x[begin:end], level, generator)
        if split is not None:
            found.append(begin + split)
            open_parts += [(begin, begin + split), (begin + split, end)]
    return sorted(found)


def _split(x: Array, level: float, generator: np.random.Generator) -> int | None:
    """The best place to split a part, if it is better than almost all those of the same values in random order."""
    if len(x) < 2 * LEAST:
        return None
    distances = np.abs(x[:, None] - x[None, :])
    (best,), (place,) = _best_splits(distances, np.arange(len(x))[None])
    if best <= 0:
        return None  # all values are the same
    allowed = math.floor(level * (PERMUTATIONS + 1)) - 1
    as_good = done = 0
    while done < PERMUTATIONS:
        batch = min(_BATCH if done else _FIRST_BATCH, PERMUTATIONS - done)
        orders = generator.permuted(np.tile(np.arange(len(x)), (batch, 1)), axis=1)
        done += batch
        # Sums of the same numbers in another order differ by rounding.
        as_good += int((_best_splits(distances, orders)[0] >= best * (1 - 1e-12)).sum())
        if as_good > allowed:
            return None  # what the other permutations say changes nothing
    return int(place)


def _best_splits(distances: Array, orders: Array) -> tuple[Array, Array]:
    """The largest divergence of each order, and where it is split there; ``orders`` are permutations, a row each.

    What is right of the split may end before the series does: a level that is left again is found by its first end.
    """
    batch, count = orders.shape
    best, place = np.full(batch, -np.inf), np.zeros(batch, np.int64)
    # By where a part begins and up to the end that is looked at: the sum over all pairs in it.
    within, from_begin = np.zeros((batch, count)), np.zeros((batch, count + 1))
    for end in range(2, count + 1):
        to_others = distances[orders[:, end - 1, None], orders[:, :end - 1]]
        within[:, :end - 1] += np.cumsum(to_others[:, ::-1], axis=1)[:, ::-1]
        from_begin[:, end] = within[:, 0]
        left = np.arange(LEAST, end - LEAST + 1)
        if not left.size:
            continue
        found = _divergence(left, end - left, from_begin[:, left], within[:, left], from_begin[:, end, None])
        at = found.argmax(1)
        value = found[np.arange(batch), at]
        place[value > best] = left[at][value > best]
        best = np.maximum(best, value)
    return best, place


def _divergence(left: Array, right: Array, within_left: Array, within_right: Array, within_both: Array) -> Array:
    """The energy distance of two sides of so many values, scaled by these, from sums over pairs."""
    between = within_both - within_left - within_right
    inner = within_left / (left * (left - 1)) + within_right / (right * (right - 1))
    found: Array = 2 * left * right / (left + right) * (between / (left * right) - inner)
    return found


def ratio_interval(before: Sequence[float], after: Sequence[float], level: float = LEVEL) -> Interval | None:
    """How many times the figures before those after are: the median of all ratios, and its interval.

    It is that of Hodges and Lehmann with the bounds that belong to the test of Mann and Whitney, so that nothing is
    assumed of the distribution; it holds the true ratio with a probability of ``1 - level``. None where there are so
    few figures that no interval does, and for values that have no ratio.
    """
    if min(*before, *after) <= 0:
        return None
    ratios = np.sort(np.divide.outer(np.asarray(after, np.float64), np.asarray(before, np.float64)).ravel())
    outside = _outside(len(before), len(after), level / 2)
    if outside == 0:
        return None
    return Interval(float(np.median(ratios)), float(ratios[outside - 1]), float(ratios[-outside]))


def _outside(first: int, second: int, tail: float) -> int:
    """The largest k for which the rank sum of Mann and Whitney is below k with a probability of at most ``tail``."""
    if first * second > _EXACT:
        reach = -statistics.NormalDist().inv_cdf(tail) * math.sqrt(first * second * (first + second + 1) / 12)
        return max(0, math.floor(first * second / 2 - reach))
    below = np.cumsum(_rank_sums(first, second)) / math.comb(first + second, first)
    return int(np.searchsorted(below, tail * (1 + 1e-12), side="right"))


def _rank_sums(first: int, second: int) -> Array:
    """In how many of all orders each rank sum of Mann and Whitney occurs: the coefficients of a Gaussian binomial."""
    counts = np.zeros(first * second + 1, np.int64)
    counts[0] = 1
    for i in range(1, first + 1):
        # Times (1 - q^(second + i)), over (1 - q^i).
        counts[second + i:] -= counts[:len(counts) - second - i].copy()
        for residue in range(i):
            counts[residue::i] = np.cumsum(counts[residue::i])
    return counts
