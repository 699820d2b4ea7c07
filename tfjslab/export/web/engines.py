"""Where an exported folder is tried out: in Node and in Chromium, with one script and one form of question for both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab.browser.chromium import chromium
from tfjslab.browser.node import find_node
from tfjslab.browser.server import served

FILES = Path(__file__).with_name("files")
CHECK = FILES / "check.mjs"
TIMEOUT_S = 180.0  # of one variant
_MOUNT = "check"
_IN_PAGE = f"""async (job) => (await import('/{_MOUNT}/{CHECK.name}')).check(await import('/model.js'), job)"""


@dataclass(frozen=True)
class Engine:
    """An engine with its version, and a way to ask ``check`` of check.mjs there, each time in a new process or page."""

    name: str
    ask: Callable[[Mapping[str, Any]], Mapping[str, Any]]


@contextmanager
def in_node(folder: Path) -> Iterator[Engine]:
    """Node. BackendUnavailableError where there is none; asking raises BackendError."""
    node = find_node()

    def ask(job: Mapping[str, Any]) -> Any:
        flags = node.relaxed_simd_flags
        return json.loads(node.run(CHECK, str(folder), stdin=json.dumps(job), flags=flags, timeout_s=TIMEOUT_S))

    yield Engine(node.engine, ask)


@contextmanager
def in_chromium(folder: Path) -> Iterator[Engine]:
    """Chromium, on pages that may use threads; raises as ``in_node`` does."""
    with served(folder, mounts={_MOUNT: FILES}, isolated=True) as url, chromium() as browser:

        def ask(job: Mapping[str, Any]) -> Any:
            with browser.page(f"{url}{_MOUNT}/check.html") as page:
                return page.evaluate(_IN_PAGE, job, TIMEOUT_S)

        yield Engine(browser.engine, ask)


ENGINES = {"Node.js": in_node, "Chromium": in_chromium}
