"""Ctrl-C: kept back until what gives resources back, or counts them, is done; and pressed twice, heard once."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from importlib import import_module
from types import FrameType, TracebackType
from typing import Any

_SAME_S = 2.0
_SIGINT = int(signal.SIGINT)
# What Python's `signal` wraps, without the enums that it makes of numbers, which cost more than the block itself.
_PLAIN: Any = import_module("_signal")


class Presses:
    """The handler of SIGINT in a program: it raises KeyboardInterrupt, and hears no more for two seconds.

    Launchers such as npm or uv pass on what the terminal has sent to all, and people press twice. The second one would
    break off what the first one's end gives back. One that comes later is heard: it ends what does not end.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -math.inf

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Take one."""
        now = self._clock()
        if now - self._last >= _SAME_S:
            self._last = now
            raise KeyboardInterrupt


class Uninterrupted:
    """A block that Ctrl-C does not break off: KeyboardInterrupt comes at its end. For what takes a second at most.

    Python hears signals in its main thread; in other threads, and where a program handles SIGINT itself, this does
    nothing.
    """

    def __init__(self) -> None:
        self._before: Any = None
        self._came = False

    def __enter__(self) -> None:
        if threading.get_ident() == threading.main_thread().ident:
            before = _PLAIN.getsignal(_SIGINT)
            if before is signal.default_int_handler or isinstance(before, Presses):
                _PLAIN.signal(_SIGINT, self._keep)
                self._before = before

    def _keep(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            _PLAIN.signal(_SIGINT, self._before)
            if self._came:
                self._before(_SIGINT, None)
