"""The system's Chromium, headless, for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from tfjslab.browser.jobs.headless import headless_session

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--js-flags=--expose-gc", "--enable-precise-memory-info",  # a test may count what is left
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",  # a camera for machines without one
)
THREADS_END_S = 60


@pytest.fixture(autouse=True)
def _leaves_nothing_behind():
    """In place of the suite's own check: all that is measured here runs in another process."""


def _chromium():
    """Playwright, and where the system's Chromium is; tests without either are skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    return playwright, chromium


@pytest.fixture(scope="module")
def session():
    """The page that measures, in a headless Chromium of its own."""
    _chromium()
    with headless_session() as made:
        yield made


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium of the system. While it is open a loop runs here, which other tests cannot do with."""
    playwright, chromium = _chromium()
    before = set(threading.enumerate())
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield opened
        opened.close()
    for thread in set(threading.enumerate()) - before:  # those that watch its processes end after them
        thread.join(THREADS_END_S)


@pytest.fixture
def shots(tmp_path):
    """Where screenshots go: the folder that ``TFJSLAB_SCREENSHOTS`` names, else pytest's own temporary one."""
    folder = Path(os.environ.get("TFJSLAB_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def console():
    """Errors that pages said; ``console(page)`` listens, and what a listened page says is a failure."""
    said = []

    def listen(page):
        page.on("console", lambda m: said.append(f"{m.text} ({m.location})") if m.type == "error" else None)
        page.on("pageerror", lambda e: said.append(str(e)))
        return page

    yield listen
    assert said == []
