"""JavaScript modules as one module: each import of a neighbour becomes a ``data:`` address that holds it.

So a view needs no build step, and a page that holds it needs no network. ``import source from "./x.js?text"`` gives
the text of a file in place of what it exports, which is what a worker is made of.
"""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path

FILES = Path(__file__).parent / "files"
_IMPORT = re.compile(r"""(?P<before>\bfrom\s*|^\s*import\s*)(?P<q>["'])\./(?P<name>[\w./-]+?)(?P<text>\?text)?(?P=q)""",
                     re.MULTILINE)


@cache
def module(name: str) -> str:
    """The source of ``files/name`` with all that it imports inside it. ValueError for imports in a circle."""
    return _bundled(name, ())


def _bundled(name: str, importers: tuple[str, ...]) -> str:
    if name in importers:
        raise ValueError(f"views: {' imports '.join((*importers, name))}: a circle")

    def inlined(found: re.Match[str]) -> str:
        if found["text"]:
            source = f"export default {json.dumps((FILES / found['name']).read_text(encoding='utf-8'))};"
        else:
            source = _bundled(found["name"], (*importers, name))
        return f'{found["before"]}"{_address(source)}"'

    return _IMPORT.sub(inlined, (FILES / name).read_text(encoding="utf-8"))


def _address(source: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode()}"
