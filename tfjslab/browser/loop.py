"""An asyncio loop in a thread of its own, in which playwright runs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import contextmanager
from typing import TypeVar
from weakref import WeakSet

from tfjslab.base.errors import BackendError
from tfjslab.base.threads import start_thread

JOIN_S = 20.0

T = TypeVar("T")


class _LateEnds(logging.Filter):
    """Keeps asyncio from telling that a process has ended after its loop was closed.

    Ctrl-C may close a loop of ours while playwright's own process still ends by itself, and that is no news.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is to be seen."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        of_ours = arguments and isinstance(arguments[0], asyncio.AbstractEventLoop) and arguments[0] in self.loops
        return not (of_ours and "handles pid" in str(record.msg))


_LATE_ENDS = _LateEnds()
logging.getLogger("asyncio").addFilter(_LATE_ENDS)


class BrowserLoop:
    """An asyncio loop in a thread, and a way to run things in it that waits only so long."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        _LATE_ENDS.loops.add(self.loop)
        self.thread = threading.Thread(target=self.loop.run_forever, name="tfjslab-chromium", daemon=True)
        try:
            start_thread(self.thread)
        except BaseException:
            self.close()
            raise

    def run(self, work: Callable[[], Awaitable[T]], what: str, timeout_s: float) -> T:
        """The result. BackendError when playwright says that it failed, or it takes too long.

        ``work`` is called in the loop's thread: playwright sends its messages when it is called, not when awaited.
        """
        async def awaited() -> T:
            return await work()

        future = asyncio.run_coroutine_threadsafe(awaited(), self.loop)
        try:
            return future.result(timeout_s)
        except TookTooLong:
            raise BackendError(f"{what} did not end within {timeout_s:g} s", code="browser.timeout") from None
        except Exception as e:
            from playwright.async_api import Error  # noqa: PLC0415 - it is there when this runs

            if not isinstance(e, Error):
                raise
            raise BackendError(f"{what} failed: {' '.join(e.message.split())}", code="browser.failed") from None
        finally:
            future.cancel()

    def close(self) -> None:
        """End the thread."""
        if self.thread.ident is not None:  # None: it could not be started
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
        self.loop.close()


@contextmanager
def browser_loop() -> Iterator[BrowserLoop]:
    """A loop that ends with the block."""
    before = set(threading.enumerate())
    loop = BrowserLoop()
    try:
        yield loop
    finally:
        loop.close()
        for thread in set(threading.enumerate()) - before:  # asyncio's own, which watch processes that have ended
            if thread.name.startswith("asyncio-"):
                thread.join(JOIN_S)
