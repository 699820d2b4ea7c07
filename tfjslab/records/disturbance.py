"""Which runs of a measurement the machine disturbed, by what was measured beside each of them.

Disturbed runs stay in the raw samples and are left out of figures. Where too few others are left, the runs that lost
least stand for them; that, and whenever most runs were disturbed, is said in words beside every figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
# A run that waited for a processor for more than this part of its time is disturbed.
MOST_LOST = 0.02
# Turns lost in a millisecond. Each costs one or so, and leaves cold caches; of threads that wait for each other it is
# all that can be seen.
MOST_SWITCHES_PER_MS = 0.02
# Nor is a run undisturbed while the reference loop takes so many times what it takes at best.
MOST_DRIFT = 1.15
_BEST = 10  # percentile of the loop's times that counts as its best
_ENOUGH, _QUARTER = 3, 0.25  # undisturbed runs that figures need, and the part of all runs that takes their place
ADVICE = "close other programs, or give it more time: --max-time 30"


@dataclass(frozen=True)
class RunState:
    """How the machine was during one run; None is what cannot be seen here.

    ``lost_ms`` is the time that nothing of the run had a processor: its wall less its processor time. ``switches``
    counts how often the system took the processor away. ``reference_ms`` is the time of a fixed loop just before or
    after, the shorter of the two.
    """

    lost_ms: float | None = None
    switches: int | None = None
    reference_ms: float | None = None


@dataclass(frozen=True)
class Disturbance:
    """Which of ``runs`` were disturbed, and which are ``kept`` for figures (numbers from 0, in order).

    ``interrupted`` and ``slowed`` count the disturbed ones by cause: the processor was taken away, or was slower than
    at its best. ``reference_ms`` is the best time of the reference loop, None where it did not run.
    """

    runs: int
    disturbed: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    interrupted: int = 0
    slowed: int = 0
    reference_ms: float | None = None

    @property
    def share(self) -> float:
        """The part of the runs that was disturbed, from 0 to 1."""
        return len(self.disturbed) / self.runs if self.runs else 0.0

    @property
    def mostly(self) -> bool:
        """Whether most runs were; then no figure of them is to be relied on."""
        return self.share > 0.5  # noqa: PLR2004 - most

    @property
    def text(self) -> str:
        """For people; empty where no run was disturbed."""
        if not self.disturbed:
            return ""
        number = self.short
        if not self.mostly and not self.is_makeshift:
            return f"{number}, left out"
        used = (f"figures are of the {len(self.kept)} that lost least" if self.is_makeshift else
                f"figures are of the {len(self.kept)} others")
        return f"{number} ({self._causes}); {used} and may be off: {ADVICE}"

    @property
    def short(self) -> str:
        """For a title: ``7 of 10 runs disturbed``; empty where none was."""
        return f"{len(self.disturbed)} of {self.runs} runs disturbed" if self.disturbed else ""

    @property
    def is_makeshift(self) -> bool:
        """Whether disturbed runs had to take the place of others."""
        return bool(set(self.kept) & set(self.disturbed))

    @property
    def _causes(self) -> str:
        found = (("other programs took the processor", self.interrupted), ("the processor was slower", self.slowed))
        return ", ".join(f"{what} in {number}" for what, number in found if number)

    def of_kept(self, values: Sequence[T]) -> tuple[T, ...]:
        """Those of the runs' values that count."""
        return tuple(values[i] for i in self.kept)

    def to_json(self) -> dict[str, Any]:
        """What scripts and views read: the numbers, the share, and the text."""
        return {"runs": self.runs, "disturbed": list(self.disturbed), "kept": list(self.kept), "share": self.share,
                "mostly": self.mostly, "interrupted": self.interrupted, "slowed": self.slowed,
                "reference_ms": self.reference_ms, "text": self.text}


def judge(walls_ms: Sequence[float], states: Sequence[RunState]) -> Disturbance:
    """Which runs were disturbed. Without states, as in records of earlier versions, nothing is known: none."""
    if len(states) != len(walls_ms):
        return Disturbance(len(walls_ms), kept=tuple(range(len(walls_ms))))
    loops = [s.reference_ms for s in states if s.reference_ms is not None]
    best = float(np.percentile(loops, _BEST)) if loops else None
    interrupted = {i for i, (w, s) in enumerate(zip(walls_ms, states, strict=True)) if _lost_turns(w, s)}
    slowed = {i for i, s in enumerate(states) if best and s.reference_ms and s.reference_ms > MOST_DRIFT * best}
    disturbed = interrupted | slowed
    kept = [i for i in range(len(walls_ms)) if i not in disturbed]
    if len(kept) < min(_ENOUGH, math.ceil(_QUARTER * len(walls_ms))):
        kept = _least_disturbed(walls_ms, states)
    return Disturbance(
        len(walls_ms), tuple(sorted(disturbed)), tuple(kept), len(interrupted), len(slowed - interrupted), best,
    )


def by_others(walls_ms: Sequence[float], states: Sequence[RunState], steal_share: float | None = None) -> float:
    """The part of the runs that others disturbed, from 0 to 1.

    A run that lost time although the system never took its processor, and no hypervisor did, waited by itself, as for
    a lock: that is how long it takes, also tomorrow. ``judge`` cannot be so sure of a single result; over many results
    such waiting shows as a change.
    """
    stolen = (steal_share or 0.0) > MOST_LOST
    own = [s.switches == 0 and not stolen for s in states]
    return judge(walls_ms, [replace(s, lost_ms=None) if w else s for s, w in zip(states, own, strict=True)]).share


def _lost_turns(wall_ms: float, state: RunState) -> bool:
    lost = state.lost_ms is not None and state.lost_ms > MOST_LOST * wall_ms
    return lost or (state.switches or 0) > MOST_SWITCHES_PER_MS * wall_ms


def _least_disturbed(walls_ms: Sequence[float], states: Sequence[RunState]) -> list[int]:
    """The quarter of the runs that lost the least time, or was fastest where that is not known."""
    def loss(i: int) -> tuple[float, float]:
        lost = states[i].lost_ms
        return (0.0 if lost is None else lost / max(walls_ms[i], 1e-9)), walls_ms[i]

    count = max(math.ceil(_QUARTER * len(walls_ms)), min(_ENOUGH, len(walls_ms)))
    return sorted(sorted(range(len(walls_ms)), key=loss)[:count])
