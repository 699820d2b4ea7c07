"""Ctrl-C where it must not come in between: it is kept until what gives resources back, or counts them, is done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Uninterrupted:
    """A block that Ctrl-C does not break off: KeyboardInterrupt comes at its end. For what takes milliseconds.

    Python hears signals in its main thread; in other threads, and where a program handles SIGINT itself, this does
    nothing.
    """

    def __init__(self) -> None:
        self._before: Any = None
        self._came = False

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if before is signal.default_int_handler:
                signal.signal(signal.SIGINT, self._keep)
                self._before = before

    def _keep(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            if self._came:
                raise KeyboardInterrupt
