"""Jobs in a headless browser of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tfjslab.base.errors import UsageError
from tfjslab.browser.chromium import chromium
from tfjslab.browser.firefox import firefox
from tfjslab.browser.jobs.session import DeviceSession, device_session

# WebGL and WebGPU where there is no GPU: programs on the processor, which the records name as such. Timers stay as
# they are for users; a page that nobody sees must not be slowed down.
_FLAGS = (
    "--enable-unsafe-swiftshader", "--use-angle=swiftshader", "--enable-unsafe-webgpu",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)


@contextmanager
def _in_chromium(url: str) -> Iterator[None]:
    with chromium(_FLAGS) as started, started.page(url):
        yield


_OPENS = {"chromium": _in_chromium, "firefox": firefox}
BROWSERS = tuple(_OPENS)


@contextmanager
def headless_session(browser: str = "chromium") -> Iterator[DeviceSession]:
    """A session with a page open in a headless browser while the block runs.

    Raises UsageError for a browser that is unknown, BackendUnavailableError where it is missing or does not start.
    """
    if browser not in BROWSERS:
        raise UsageError(f"'{browser}' is no browser that can be started here; expected one of: {', '.join(BROWSERS)}")
    with device_session() as session:
        try:
            with _OPENS[browser](session.url):
                yield session
        finally:
            session.site.closed()
