"""The JavaScript files of a view as one module, so that a view needs no build step and a page of it no network.

A file imports its neighbours as in any project, ``./x.js`` or ``../x.js``. All files that one needs travel as text,
each once, and ``linked.js`` makes modules of them where they are loaded. ``import source from "./x.js?text"`` gives the
text of a file in place of what it exports, which is what a worker is made of.
"""

from __future__ import annotations

import json
import posixpath
import re
from functools import cache
from pathlib import Path

FILES = Path(__file__).parent / "files"
_IMPORT = re.compile(
    r"""(?P<before>\bfrom\s*|^\s*import\s*)(?P<q>["'])(?P<name>\.{1,2}/[\w./-]+?)(?P<text>\?text)?(?P=q)""",
    re.MULTILINE,
)


@cache
def module(name: str) -> str:
    """One module that exports what ``files/name`` does by default. ValueError for imports in a circle."""
    files: dict[str, str] = {}
    _collect(name, (), files)
    linked = (FILES / "linked.js").read_text(encoding="utf-8").replace("ENTRY", json.dumps(name))
    return linked.replace("SOURCES", json.dumps(list(files.items())))  # last: they may hold any word


def _collect(name: str, importers: tuple[str, ...], files: dict[str, str]) -> None:
    """Put a file's source into ``files``, after those that it imports, which it names by ``linked:`` then."""
    if name in importers:
        raise ValueError(f"views: {' imports '.join((*importers, name))}: a circle")
    if name in files:
        return

    def named(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), found["name"]))
        if found["text"]:
            text = json.dumps((FILES / target).read_text(encoding="utf-8"))
            target += found["text"]
            files[target] = f"export default {text};"
        else:
            _collect(target, (*importers, name), files)
        return f'{found["before"]}"linked:{target}"'

    source = _IMPORT.sub(named, (FILES / name).read_text(encoding="utf-8"))
    files[name] = f"{source}\n//# sourceURL=tfjslab/{name}\n"  # what a browser's tools call it
