"""Ctrl-C: kept back until what gives resources back, or counts them, is done; and pressed twice, heard once."""

from __future__ import annotations

import _thread
import math
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import FrameType, TracebackType
from typing import Any

BY_CTRL_C = "interrupted"  # the `reason` of a result that Ctrl-C ended early
_SAME_S = 2.0
_SIGINT: Any = int(signal.SIGINT)
# What Python's `signal` wraps, without the enums that it makes of numbers, which cost more than the block itself.
_PLAIN: Any = import_module("_signal")
_signal, _getsignal = _PLAIN.signal, _PLAIN.getsignal
_ident, _main_thread, _RAISES = threading.get_ident, threading.main_thread, signal.default_int_handler


class Presses:
    """The handler of SIGINT in a program: it raises KeyboardInterrupt, and hears no more for two seconds.

    Launchers such as npm or uv pass on what the terminal has sent to all, and people press twice. The second one would
    break off what the first one's end gives back. One that comes later is heard: it ends what does not end.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -math.inf
        self._press = defaultdict[Any, None](partial(_thread.interrupt_main, _SIGINT))

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Take one."""
        now = self._clock()
        if now - self._last >= _SAME_S:
            self._last = now
            raise KeyboardInterrupt

    def again(self, lost: sys.UnraisableHookArgs) -> None:
        """Press once more where Python has swallowed a KeyboardInterrupt: the program's ``sys.unraisablehook``.

        That is what it does in ``__del__`` and in callbacks of weak references, which may run at any time.
        """
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        self._last = -math.inf
        self._press.clear()
        self._press[lost.exc_type]  # the last call in here must be none of Python's: it would be heard here


class Uninterrupted:
    """A block that Ctrl-C does not break off: KeyboardInterrupt comes at its end. For what takes a second at most.

    Python hears signals in its main thread; in other threads, and where a program handles SIGINT itself, this does
    nothing. There is no ``__init__``, as one stands around every eager op: that costs a microsecond.
    """

    _before: Any = None
    _came = False

    def __enter__(self) -> None:
        if _ident() == _main_thread().ident:
            before = _getsignal(_SIGINT)
            if before is _RAISES or isinstance(before, Presses):
                _signal(_SIGINT, self._keep)
                self._before = before

    def _keep(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            _signal(_SIGINT, self._before)
            if self._came:
                self._before(_SIGINT, None)


class UninterruptedBut(Uninterrupted):
    """An uninterrupted block with parts that take longer; these are ``Heard``."""

    def hear(self) -> None:
        """Raise KeyboardInterrupt if it came, and from now on at once."""
        _signal(_SIGINT, self._before)
        if self._came:
            self._came = False
            self.hear_no_more()
            self._before(_SIGINT, None)

    def hear_no_more(self) -> None:
        """Keep it back again."""
        _signal(_SIGINT, self._keep)


class Heard:
    """A part of an ``UninterruptedBut`` block that Ctrl-C does break off; elsewhere it changes nothing."""

    _around: UninterruptedBut | None = None

    def __enter__(self) -> None:
        if _ident() == _main_thread().ident:
            around = getattr(_getsignal(_SIGINT), "__self__", None)
            if isinstance(around, UninterruptedBut):
                self._around = around
                around.hear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        if self._around is not None:
            self._around.hear_no_more()
