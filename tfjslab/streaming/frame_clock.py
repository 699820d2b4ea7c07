"""The rules of real time: when a frame is due, and which frame a model that has become ready takes. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class FrameClock:
    """Frames come at ``fps`` a second from 0 on; with ``latest`` only the newest one waits, else all do."""

    fps: float
    latest: bool

    def due_s(self, index: int) -> float:
        """When a frame comes, in seconds after the start: not before, however early it was read."""
        return index / self.fps

    def oldest_wanted(self, upcoming: int, now_s: float) -> int:
        """The first frame from ``upcoming`` on that a model which is ready at ``now_s`` would still take.

        With ``latest`` that is the newest that has come by then; what came before it is dropped.
        """
        if not self.latest or now_s < 0:
            return upcoming
        newest = math.floor(now_s * self.fps)
        # Products of floats may fall on either side of a whole number; when a frame is due is decided in one place.
        newest += self.due_s(newest + 1) <= now_s
        newest -= self.due_s(newest) > now_s
        return max(upcoming, newest)
