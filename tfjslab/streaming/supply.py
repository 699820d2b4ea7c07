"""Frames on a clock: what a model that has become ready gets next. Frames are read ahead, on a thread of their own."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tfjslab.base.errors import InputError
from tfjslab.base.threads import start_thread
from tfjslab.engine.measure import Clock
from tfjslab.streaming.frame_clock import FrameClock
from tfjslab.streaming.frame_source import END, FrameSource

AHEAD = 4  # frames that are read before they are due: enough that reading one may take longer than usual
GRACE_S = 2.0  # that closing waits for the read under way; a longer one ends by itself, and then frees what it holds
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Arrival:
    """A frame that has come: its number, when it was due and read, in seconds after the start, and how long that took.

    ``decode_ms`` is None where the frame lay in memory.
    """

    index: int
    frame: Any
    due_s: float
    ready_s: float
    decode_ms: float | None


class Supply(Protocol):
    """``first`` gives a frame to warm up on, ``begin`` starts the clock, ``take`` waits for what comes next."""

    def first(self) -> Any:
        """The first frame, which comes again; InputError when there is none."""

    def begin(self, schedule: FrameClock, start: float) -> None:
        """Frames come by this schedule from ``start`` on, a time of the clock."""

    def take(self) -> Arrival | None:
        """The frame to work on, once it has come; None after the last one."""

    @property
    def came(self) -> int:
        """How many frames came in all, once ``take`` has given None."""

    def close(self) -> None:
        """Give back what it holds."""


def supply_of(source: FrameSource, count: int | None, clock: Clock, sleep: Sleep) -> Supply:
    """At most ``count`` frames of a source. ``sleep`` takes seconds, and may wake early."""
    limit = min((n for n in (count, source.length) if n is not None), default=None)
    return (_Held if source.held else _Ahead)(source, limit, _Timer(clock, sleep))


@dataclass
class _Timer:
    """Seconds since the start; before it no frame has come."""

    clock: Clock
    sleep: Sleep
    start: float = math.inf

    def now(self) -> float:
        return self.clock() - self.start

    def wait_until(self, due_s: float) -> None:
        """Sleep until then: by the deadline, as a sleep may be too short and what is late must not add up."""
        while (left := due_s - self.now()) > 0:
            self.sleep(left)


class _Held:
    """Frames that are in memory: nothing has to be read, and no thread disturbs the model."""

    def __init__(self, source: FrameSource, count: int | None, timer: _Timer) -> None:
        self._source, self._count, self._timer = source, count, timer
        self._upcoming = 0
        self._first: Any = None

    def first(self) -> Any:
        self._first = self._source.read()[1]
        return self._first

    def begin(self, schedule: FrameClock, start: float) -> None:
        self._schedule, self._timer.start = schedule, start

    def take(self) -> Arrival | None:
        last = math.inf if self._count is None else self._count - 1
        if self._upcoming > last:
            return None
        self._timer.wait_until(self._schedule.due_s(self._upcoming))
        index = int(min(self._schedule.oldest_wanted(self._upcoming, self._timer.now()), last))
        # The first one has been read already, to warm up on.
        frame = self._first if index == 0 else self._source.read(index - max(self._upcoming, 1))[1]
        self._upcoming = index + 1
        due = self._schedule.due_s(index)
        return Arrival(index, frame, due, due, None)

    @property
    def came(self) -> int:
        return self._upcoming

    def close(self) -> None:
        """Nothing is held open."""


class _Ahead:
    """Frames that are read on a thread, a few before they are due; the thread opens the source and frees it."""

    def __init__(self, source: FrameSource, count: int | None, timer: _Timer) -> None:
        self._source, self._timer = source, timer
        self._count = math.inf if count is None else count
        self._schedule: FrameClock | None = None
        self._waiting: deque[Arrival] = deque()
        self._changed = threading.Condition()
        self._closed, self._ended = False, False
        self.came = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="tfjslab-frames", daemon=True)
        start_thread(self._thread)

    def first(self) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if self._waiting:
                return self._waiting[0].frame
        raise self._error or InputError(f"there are no frames: {self._source.name} gave none")

    def begin(self, schedule: FrameClock, start: float) -> None:
        with self._changed:
            self._schedule, self._timer.start = schedule, start
            # What a camera gave before the start is gone; what was read ahead is due when the schedule says.
            read = [] if self._source.live else [replace(a, due_s=schedule.due_s(a.index)) for a in self._waiting]
            self._waiting = deque(read)
            self._changed.notify_all()

    def take(self) -> Arrival | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if not self._waiting:
                if self._error is not None:
                    raise self._error
                return None
            due = self._waiting[0].due_s
        self._timer.wait_until(due)
        with self._changed:
            self._forget(self._timer.now())
            found = self._waiting.popleft()
            self._changed.notify_all()
            return found

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(GRACE_S)

    def _main(self) -> None:
        try:
            with self._source:
                self._read_all()
        except BaseException as e:  # noqa: BLE001 - it is raised where the frames are taken
            self._error = e
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_all(self) -> None:
        while self.came < self._count:
            skip = self._room(self.came)
            if skip is None:
                return
            before = self._timer.clock()
            passed, frame = self._source.read(skip)
            decode_ms = (self._timer.clock() - before) * 1e3
            with self._changed:
                self.came += passed
                if frame is END:
                    return
                self._put(self.came - 1, frame, decode_ms)
                self._changed.notify_all()

    def _room(self, upcoming: int) -> int | None:
        """Wait until a frame may be read, and say how many are passed over then; None when nobody wants more."""
        with self._changed:
            while not self._closed:
                now = self._timer.now()
                self._forget(now)
                if self._source.live:
                    return 0
                if len(self._waiting) < AHEAD:
                    wanted = upcoming if self._schedule is None else self._schedule.oldest_wanted(upcoming, now)
                    return int(min(wanted, self._count - 1)) - upcoming
                # The oldest one that waits goes when the next one has come, which nobody tells this thread.
                latest = self._schedule is not None and self._schedule.latest
                self._changed.wait(max(self._waiting[1].due_s - now, 0) if latest else None)
        return None

    def _put(self, index: int, frame: Any, decode_ms: float) -> None:
        """A frame waits for the model from now on."""
        now, schedule = self._timer.now(), self._schedule
        if not self._source.live:
            due = 0.0 if schedule is None else schedule.due_s(index)
            self._waiting.append(Arrival(index, frame, due, now, decode_ms))
        elif schedule is not None:
            self._waiting.append(Arrival(index, frame, now, now, None))
        else:  # a camera's frames count from the start on; until then the newest one is enough
            self.came = 0
            self._waiting = deque([Arrival(index, frame, now, now, None)])

    def _forget(self, now: float) -> None:
        """Drop what a newer frame that has come takes the place of."""
        if self._schedule is None or not self._schedule.latest:
            return
        while len(self._waiting) > 1 and self._waiting[1].due_s <= now:
            self._waiting.popleft()
