"""What was measured once for each class of kernels, kept on disk: one file for all that decides what is fastest.

A choice is kept with how sure it is. One that is in doubt is measured again at a later start, a few times at growing
distances, and for a bounded time at each start: a machine that was busy when a model first ran does not keep a slow
kernel for good, and one that is always busy does not measure for ever. A sure choice is never measured again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from tfjslab.backends.kernels.race import Confidence
from tfjslab.base import forks
from tfjslab.base.user_cache import cache_root, write_atomically

_WAITS_S = (600, 3600, 6 * 3600, 24 * 3600)  # from one visit to the next; there are no more
_REVISITING_S = 1.0  # at one start; what is left waits for the next

T = TypeVar("T")
Clock = Callable[[], float]


def choices_path(folder: str, *circumstances: str) -> Path:
    """The file of the choices that hold under these circumstances."""
    return cache_root() / folder / f"{hashlib.sha256(repr(circumstances).encode()).hexdigest()}.json"


@dataclass(frozen=True)
class KeptChoice(Generic[T]):
    """What was chosen, how sure that is (None: nobody can tell), how often it was measured and when last.

    ``at_s`` is in seconds since 1970.
    """

    chosen: T
    confidence: Confidence | None
    visits: int
    at_s: float

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the choice may be wrong, for people."""
        return self.confidence.doubts if self.confidence else ()

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to measure again."""
        return bool(self.doubts) and self.visits <= len(_WAITS_S) and now_s - self.at_s >= _WAITS_S[self.visits - 1]

    def revisited(self, found: KeptChoice[T]) -> KeptChoice[T]:
        """What to keep after another visit: the former unless there is less doubt about what was found now."""
        kept = found if len(found.doubts) < len(self.doubts) else self
        return replace(kept, visits=self.visits + 1, at_s=found.at_s)


class Choices(Generic[T]):
    """Choices by class, as JSON. One thread at a time measures. ``checked`` raises for what is none."""

    def __init__(
        self, path: Path, checked: Callable[[Any], T], now: Clock = time.time, clock: Clock = time.perf_counter,
    ) -> None:
        self._path, self._checked, self._now, self._clock = path, checked, now, clock
        self._lock = forks.free_rlock()
        self._found = _read(path, checked)
        self._own: set[str] = set()  # what was measured here; other processes write the same file
        self._due = {kind for kind, choice in self._found.items() if choice.is_due(now())}
        self._left_s = _REVISITING_S

    def find(self, kind: str, measure: Callable[[], tuple[T, Confidence | None]]) -> T:
        """What was found for a class, measured and written down when nothing was, or it is due again."""
        with self._lock:
            if kind not in self._found:
                self._keep(kind, self._measured(measure))
            elif kind in self._due:
                start = self._clock()
                self._keep(kind, self._found[kind].revisited(self._measured(measure)))
                self._left_s -= self._clock() - start
                self._due = self._due - {kind} if self._left_s > 0 else set()
            return self._found[kind].chosen

    def get(self, kind: str) -> T | None:
        """What ``find`` would give for a class without measuring; None when it would measure."""
        with self._lock:
            return self._found[kind].chosen if kind in self._found and kind not in self._due else None

    def doubts(self, kinds: Iterable[str]) -> dict[str, str]:
        """The reasons for doubt of those choices that have some."""
        with self._lock:
            found = {kind: self._found[kind].doubts for kind in kinds if kind in self._found}
            return {kind: ", ".join(doubts) for kind, doubts in found.items() if doubts}

    def _measured(self, measure: Callable[[], tuple[T, Confidence | None]]) -> KeptChoice[T]:
        return KeptChoice(*measure(), 1, self._now())

    def _keep(self, kind: str, choice: KeptChoice[T]) -> None:
        self._found[kind] = choice
        self._own.add(kind)
        kept = _read(self._path, self._checked) | {own: self._found[own] for own in self._own}
        with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
            text = json.dumps({name: asdict(found) for name, found in kept.items()}, indent=1)
            write_atomically(self._path, text.encode())


def _read(path: Path, checked: Callable[[Any], T]) -> dict[str, KeptChoice[T]]:
    """The choices on disk; whatever is not readable is measured again."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return {kind: _choice(told, checked) for kind, told in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return {}


def _choice(told: Mapping[str, Any], checked: Callable[[Any], T]) -> KeptChoice[T]:
    """A choice from what a file tells; an error for what is none."""
    found = KeptChoice(checked(told["chosen"]), _confidence(told["confidence"]), told["visits"], told["at_s"] + 0.0)
    if type(found.visits) is not int or found.visits < 1:
        raise ValueError(f"visits: {found.visits!r}")
    return found


def _confidence(told: Mapping[str, Any] | None) -> Confidence | None:
    if told is None:
        return None
    found = Confidence(**told)
    numbers = [found.samples, *(n for n in (found.margin, found.spread, found.waited) if n is not None)]
    if type(found.agreed) is not bool or not all(type(n) in (int, float) for n in numbers):
        raise TypeError(f"confidence: {told!r}")
    return found
