"""The system's Chromium, headless, driven by playwright from a thread of its own.

So it works inside a running asyncio loop too, as in Jupyter, every wait has an end, and Ctrl-C comes through.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tfjslab.base.errors import BackendError, BackendUnavailableError
from tfjslab.base.extras import install
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.browser.loop import BrowserLoop, browser_loop

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright
    from playwright.async_api import Page as PlaywrightPage

VARIABLE = "TFJSLAB_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Nothing that a test page does not ask for: no network of its own, no GPU process.
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps",
)
START_S, STEP_S, CLOSE_S = 60.0, 60.0, 20.0

T = TypeVar("T")


def find_chromium() -> str:
    """The program: ``$TFJSLAB_CHROMIUM``, else the first of ``NAMES`` on the PATH.

    BackendUnavailableError (``browser.unavailable``) where there is none.
    """
    given = os.environ.get(VARIABLE)
    if given:
        found = shutil.which(given)
        if found is None:
            raise BackendUnavailableError(f"${VARIABLE} is {given}, which is no program", code="browser.unavailable")
        return found
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise BackendUnavailableError(
        f"Chromium is not found on the PATH ({', '.join(NAMES)}); install it, or let ${VARIABLE} name its program",
        code="browser.unavailable",
    )


class Page:
    """One page. ``errors`` are what its console and its scripts complained about."""

    def __init__(self, loop: BrowserLoop, page: PlaywrightPage) -> None:
        self._loop, self._page = loop, page
        self.errors: list[str] = []
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))

    def goto(self, url: str) -> None:
        """Open an address. BackendError when that fails."""
        self.call(lambda page: page.goto(url), f"opening {url}")

    def evaluate(self, script: str, argument: Any = None, timeout_s: float = STEP_S) -> Any:
        """What a JavaScript function gives for ``argument``, a promise's value awaited; all as JSON."""
        return self.call(lambda page: page.evaluate(script, argument), "a script", timeout_s)

    def call(
        self, work: Callable[[PlaywrightPage], Awaitable[T]], what: str = "a step", timeout_s: float = STEP_S,
    ) -> T:
        """Do with playwright's page (of its asynchronous API) whatever else it can.

        BackendError (``browser.failed``, ``browser.timeout``) that tells ``what`` failed or took too long.
        """
        return self._loop.run(lambda: work(self._page), what, timeout_s)


class Chromium:
    """A running browser. ``engine`` is its name, its version and that of V8."""

    def __init__(self, loop: BrowserLoop, browser: Browser, v8: str) -> None:
        self._loop, self._browser = loop, browser
        self.version = browser.version
        self.engine = f"Chromium {self.version}, V8 {v8}"

    @contextmanager
    def page(self, url: str = "", **context: Any) -> Iterator[Page]:
        """A page with no cache, no cookies and no storage of others, at ``url`` where one is given."""
        made = None
        try:
            with Uninterrupted():
                made = self._loop.run(lambda: self._browser.new_context(**context), "a new page", STEP_S)

            async def opened() -> Page:
                return Page(self._loop, await made.new_page())

            page = self._loop.run(opened, "a new page", STEP_S)
            if url:
                page.goto(url)
            yield page
        finally:
            if made is not None:
                self._loop.run(made.close, "closing a page", CLOSE_S)


@contextmanager
def chromium(flags: Sequence[str] = ()) -> Iterator[Chromium]:
    """Start the system's Chromium, headless; it ends with the block.

    BackendUnavailableError (``browser.unavailable``) where playwright or Chromium is missing or does not start.
    """
    program = find_chromium()
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - optional
    except ImportError as e:
        raise BackendUnavailableError(f"playwright is not installed ({e}); {install('browser')}",
                                      code="browser.unavailable") from None
    driver: Playwright | None = None
    browser: Browser | None = None
    with browser_loop() as loop:
        try:
            # Whole steps, of a second at most: what has only half started cannot be told to end.
            with Uninterrupted():
                driver = loop.run(lambda: async_playwright().start(), "starting playwright", START_S)
            with Uninterrupted():
                browser, v8 = _launched(loop, driver, program, flags)
            yield Chromium(loop, browser, v8)
        finally:
            with Uninterrupted():
                _end(loop, driver, browser)


def _end(loop: BrowserLoop, driver: Playwright | None, browser: Browser | None) -> None:
    try:
        if browser is not None:
            loop.run(browser.close, "closing Chromium", CLOSE_S)
    finally:
        if driver is not None:
            loop.run(driver.stop, "closing playwright", CLOSE_S)


def _launched(loop: BrowserLoop, driver: Playwright, program: str, flags: Sequence[str]) -> tuple[Browser, str]:
    """The browser, and its version of V8."""
    root = getattr(os, "geteuid", lambda: 1)() == 0  # the sandbox refuses to work for root

    async def start() -> tuple[Browser, str]:
        browser = await driver.chromium.launch(
            executable_path=program, args=[*FLAGS, *flags], chromium_sandbox=not root, timeout=START_S * 1000,
            handle_sigint=False, handle_sigterm=False, handle_sighup=False,
        )
        told = await (await browser.new_browser_cdp_session()).send("Browser.getVersion")
        return browser, str(told["jsVersion"])

    try:
        return loop.run(start, "starting Chromium", START_S)
    except BackendError as e:
        raise BackendUnavailableError(f"{program} does not start: {e}", code="browser.unavailable") from None
