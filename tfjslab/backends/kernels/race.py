"""Which of several kernels is fastest, found in a way that other work on the machine does not decide.

Whatever else runs can only make a sample longer, so the fastest of many short ones counts. All candidates run in turn,
in heats of a few rounds, and what is clearly slower drops out after each. When the winner is as good as any in each of
the last two heats, that is the answer; when their orders differ, the race goes on for a few heats. A sample is in the
time of the thread itself where a kernel runs on it: time in which the thread had no processor is none of the kernel's.
Much of it still says that the caches are mostly somebody else's: then there is a heat more, and fewer drop out.
Measured beside two busy loops on two cores: the least of five such samples chooses for whole models within 1% of what
it does on a quiet machine; medians, and leaving out samples with involuntary context switches, were farther off, and
the least wall time was nowhere better. What stays is a neighbour that fills the shared cache or the memory's bandwidth
all the time, which no clock of the thread shows: 5% for a model of small layers.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfjslab.backends.ceilings import thread_clock

_AS_GOOD = 1.03
_LEAST_ROUNDS, _MOST_ROUNDS = 2, 10
_HEAT_S = 2e-3  # of kernels running; more only where the least rounds take more
_MOST_HEATS = 6
_BUSY = 0.2  # of the time without a processor

Sample = Callable[[], float]  # runs a candidate once and gives its seconds
Clock = Callable[[], float]
Waited = Callable[[], float | None]  # the share of the time so far without a processor, where that is known


@dataclass(frozen=True)
class Confidence:
    """How sure a choice is.

    ``margin`` is the time of the next best over that of the chosen, ``spread`` the chosen one's median over its
    fastest sample, of so many ``samples``. ``agreed`` tells whether it was as good as any in each of the last two
    heats. ``waited`` is the share of the time in which the thread had no processor. None is what cannot be known: a
    margin without others, a spread without samples, waiting where another device works or no clock tells.
    """

    margin: float | None
    spread: float | None
    samples: int
    agreed: bool
    waited: float | None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the choice may be wrong, for people; nothing when it is sure."""
        found = {"samples disagreed": not self.agreed, "the machine was busy": _is_busy(self.waited)}
        return tuple(why for why, holds in found.items() if holds)


@dataclass(frozen=True)
class Verdict:
    """The index of the fastest candidate, and how sure that is."""

    fastest: int
    confidence: Confidence


def on_this_thread(run: Callable[[], None], clock: Clock = thread_clock) -> Sample:
    """Samples of what runs on the thread that asks."""
    def sample() -> float:
        before = clock()
        run()
        return clock() - before

    return sample


def waiting() -> Waited:
    """Tells which share of the time from now on this thread has no processor; None where no clock tells that."""
    wall, own = time.perf_counter(), thread_clock()

    def share() -> float | None:
        passed = time.perf_counter() - wall
        known = thread_clock is not time.perf_counter and passed > 0
        return max(0.0, 1 - (thread_clock() - own) / passed) if known else None

    return share


def race(samples: Sequence[Sample], waited: Waited = lambda: None) -> Verdict:
    """The fastest of some candidates; of equal ones the first. ``waited`` is asked where this thread does the work."""
    taken: list[list[float]] = [[] for _ in samples]
    heats: list[dict[int, float]] = []
    going, winner, agreed = list(range(len(samples))), 0, len(samples) == 1
    while not agreed and len(heats) < _MOST_HEATS:
        heats.append(_heat(samples, going, taken))
        best = [min(seconds) for seconds in taken]
        winner = best.index(min(best))
        least_heats, clearly_slower = (3, 1.5) if _is_busy(waited()) else (2, 1.2)
        going = [i for i in going if best[i] <= clearly_slower * best[winner]]
        good = all(_as_good(winner, heat) for heat in heats[-2:])
        agreed = len(going) == 1 or (len(heats) >= least_heats and good)
    return Verdict(winner, _confidence(taken, winner, waited(), agreed=agreed))


def _heat(samples: Sequence[Sample], going: Sequence[int], taken: Sequence[list[float]]) -> dict[int, float]:
    """A few rounds of those that still run, noted in ``taken``; gives the fastest sample of each."""
    rounds, total = 0, 0.0
    while rounds < _LEAST_ROUNDS or (rounds < _MOST_ROUNDS and total < _HEAT_S):
        for i in going:
            taken[i].append(samples[i]())
            total += taken[i][-1]
        rounds += 1
    return {i: min(taken[i][-rounds:]) for i in going}


def _is_busy(waited: float | None) -> bool:
    return waited is not None and waited > _BUSY


def _as_good(winner: int, heat: dict[int, float]) -> bool:
    return heat.get(winner, math.inf) <= _AS_GOOD * min(heat.values())


def _confidence(
    taken: Sequence[Sequence[float]], winner: int, waited: float | None, *, agreed: bool,
) -> Confidence:
    own = taken[winner]
    others = [min(seconds) for i, seconds in enumerate(taken) if i != winner]
    margin = _over(min(others), min(own)) if others else None
    spread = _over(statistics.median(own), min(own)) if own else None
    return Confidence(margin, spread, len(own), agreed, waited)


def _over(a: float, b: float) -> float | None:
    """A ratio of times; None where the clock did not move."""
    return a / b if b > 0 else None
