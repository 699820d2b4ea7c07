"""Rounds of bursts that alternate between the sides, disturbed ones run again, and what they come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tfjslab.bench.comparison import Ratio, ratio_of_rounds
from tfjslab.bench.ops.samples import Burst, OpSide, Pace, pace, run_burst

ROUNDS = 7
_TIMES = 2  # at most so many times the rounds that are asked for


@dataclass(frozen=True)
class Round:
    """A burst of each side, in the order of the sides."""

    bursts: tuple[Burst, ...]

    @property
    def is_disturbed(self) -> bool:
        """Whether one side was."""
        return any(b.is_disturbed for b in self.bursts)


def run_rounds(sides: Sequence[OpSide], rounds: int) -> list[Round]:
    """Warm all sides up, then alternate until ``rounds`` are undisturbed, within a limit.

    The order of the sides is reversed from round to round.
    """
    paces = [pace(side) for side in sides]
    found: list[Round] = []
    while len(found) < _TIMES * rounds and sum(not r.is_disturbed for r in found) < rounds:
        found.append(_round(sides, paces, backwards=len(found) % 2 == 1))
    return found


def _round(sides: Sequence[OpSide], paces: Sequence[Pace], *, backwards: bool) -> Round:
    order = range(len(sides))
    bursts = {i: run_burst(sides[i], paces[i]) for i in (reversed(order) if backwards else order)}
    return Round(tuple(bursts[i] for i in order))


@dataclass(frozen=True)
class Timing:
    """The median of the rounds' fastest times of a side, in milliseconds, and the range that they lie in."""

    median_ms: float
    least_ms: float
    most_ms: float


@dataclass(frozen=True)
class RoundsSummary:
    """What rounds come to. ``disturbed`` counts those among the ``kept`` ones; ``repeated`` are left out."""

    timings: tuple[Timing, ...]
    ratio: Ratio | None
    kept: int
    disturbed: int
    repeated: int


def summarise(rounds: Sequence[Round], wanted: int) -> RoundsSummary:
    """The figures of the undisturbed rounds; of all where fewer than half of those wanted are undisturbed."""
    calm = [r for r in rounds if not r.is_disturbed]
    kept = calm if 2 * len(calm) >= wanted else list(rounds)
    times = [[b.ms for b in side] for side in zip(*(r.bursts for r in kept), strict=True)]
    ratio = ratio_of_rounds(*([[t] for t in side] for side in times)) if len(times) == 2 else None  # noqa: PLR2004
    return RoundsSummary(
        tuple(Timing(statistics.median(t), min(t), max(t)) for t in times), ratio, len(kept),
        sum(r.is_disturbed for r in kept), len(rounds) - len(kept),
    )
