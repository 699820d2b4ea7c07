"""Drawing what tabs show off the thread of the page, which stays usable meanwhile, and never while a run measures.

While a run is under way what is wanted waits for ``draw_now``, which the run's thread calls between two inferences: so
drawing is in no figure.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from tfjslab.base.errors import OutOfMemoryError
from tfjslab.base.threads import start_thread

Draw = Callable[[], Any]
Show = Callable[[Any], None]


class Drawer:
    """Draws what was asked for, the latest first, in a thread that ends when there is nothing left to draw.

    ``paused`` says whether a run is under way. Asking again under a name replaces what was asked for before.
    """

    def __init__(self, paused: Callable[[], bool]) -> None:
        self._paused = paused
        self._lock = threading.Lock()
        self._wanted: dict[str, tuple[Draw, Show]] = {}
        self._drawing = False  # whether ``_thread``, the last one, is at work
        self._thread: threading.Thread | None = None

    def ask(self, name: str, draw: Draw, show: Show) -> None:
        """Call ``draw`` soon and ``show`` with what it gave, unless ``name`` is asked for again before that."""
        with self._lock:
            self._wanted.pop(name, None)
            self._wanted[name] = draw, show
        self.resume()

    def resume(self) -> None:
        """Go on, after a run has ended: in a thread, or on this one where the system has no other."""
        with self._lock:
            if not self._wanted or self._drawing or self._paused():
                return
            thread = threading.Thread(target=self._main, name="tfjslab-drawing", daemon=True)
            with contextlib.suppress(OutOfMemoryError):
                start_thread(thread)
                self._drawing, self._thread = True, thread
                return
        self.draw_now()

    def draw_now(self) -> None:
        """Draw all that is wanted, on this thread."""
        while (found := self._next()) is not None:
            self._draw(*found)

    def wait(self) -> None:
        """Wait until nothing is being drawn, and its thread is gone; what waits for the end of a run is left."""
        joined = threading.current_thread()
        while (thread := self._thread) is not None and thread is not joined:  # one may begin as another ends
            thread.join()
            joined = thread

    def close(self) -> None:
        """Forget what is wanted, and wait for what is being drawn."""
        with self._lock:
            self._wanted.clear()
        self.wait()

    def _main(self) -> None:
        try:
            while not self._paused() and (found := self._next()) is not None:
                self._draw(*found)
        finally:
            with self._lock:
                self._drawing = False
        self.resume()  # what was asked for in between

    def _next(self) -> tuple[str, Draw, Show] | None:
        with self._lock:
            if not self._wanted:
                return None
            name, (draw, show) = self._wanted.popitem()
            return name, draw, show

    def _draw(self, name: str, draw: Draw, show: Show) -> None:
        drawn = draw()
        with self._lock:
            outdated = name in self._wanted
        if not outdated:
            show(drawn)
