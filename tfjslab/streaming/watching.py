"""Showing a stream while it runs: a chart that changes in place in a notebook, a line in a terminal, else nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from tfjslab.base.messages import plain
from tfjslab.base.progress import Throttle
from tfjslab.base.text import counted, ms
from tfjslab.engine.measure import Clock
from tfjslab.records.stream import StreamResult
from tfjslab.streaming import card


class Watched(Protocol):
    """A stream."""

    @property
    def result(self) -> StreamResult:
        """What was measured until now."""

    @property
    def total(self) -> int:
        """Frames that there will be; 0 where that is not known."""


class LiveCard:
    """What a notebook shows of a stream."""

    def __init__(self, stream: Watched) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return repr(self._stream.result)

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        return {"text/html": card.page(self._stream.result, self._stream.total), "text/plain": repr(self)}


@contextmanager
def watching(stream: Watched, clock: Clock) -> Iterator[Callable[[], None]]:
    """Give a function to call after each frame. What was shown last is the end of the stream."""
    show, finish = _in_notebook(stream) if "IPython" in sys.modules else _in_terminal(stream)
    throttle = Throttle(clock)

    def after_frame() -> None:
        if throttle.due():
            before = clock()
            show()
            throttle.record_cost(clock() - before)

    try:
        yield after_frame
    finally:
        finish()


Shows = tuple[Callable[[], None], Callable[[], None]]


def _in_notebook(stream: Watched) -> Shows:
    """A card below the cell that follows the stream; a terminal with IPython cannot change what it has printed."""
    from tfjslab.vis import live  # noqa: PLC0415 - loads matplotlib, which only notebooks have for certain

    if not live.in_notebook():
        return _in_terminal(stream)
    shown = LiveCard(stream)
    live.show(shown)
    return lambda: live.changed(shown), lambda: live.settle(shown)


def _in_terminal(stream: Watched) -> Shows:
    """A line on stderr, for people who watch; pipes and logs get nothing."""
    if not sys.stderr.isatty():
        return _nothing, _nothing

    def show() -> None:
        sys.stderr.write(f"\r{plain(line(stream.result, stream.total))}\x1b[K")
        sys.stderr.flush()

    def finish() -> None:
        show()
        sys.stderr.write("\n")

    show()
    return show, finish


def _nothing() -> None:
    """There is nobody to show it to."""


def line(result: StreamResult, total: int) -> str:
    """How far a stream is, in one line."""
    p95, late = result.percentiles_ms["p95"], f", {result.late} late" if result.late is not None else ""
    done = f"frame {result.n}/{total}" if total else counted(result.n, "frame")
    return f"{done}, p95 {ms(p95)} ms, {result.dropped} dropped{late}"
