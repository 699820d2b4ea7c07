"""Runs the examples of documentation pages and writes what they print into the pages: fill_examples.py PAGE...

A block of ``text`` right behind a block of ``sh`` or ``python`` is the output of that block. The Python blocks of a
page share their names, and all blocks of a page run in one new folder, in which ``kernels`` is that of the repository.
When an example fails, the page stays as it was.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Lines that are no fence, so that a block ends where it ends.
_LINES = r"((?:(?!```).*\n)*)"
_PYTHON = re.compile(rf"^```python\n{_LINES}```$", re.MULTILINE)
_EXAMPLE = re.compile(rf"^```(sh|python)\n{_LINES}```\n\n```text\n{_LINES}```$", re.MULTILINE)
_KIND, _CODE, _OUTPUT = 1, 2, 3
KERNELS = Path(__file__).parents[1] / "kernels"


def filled(page: str, folder: Path) -> str:
    """The page with the outputs that its examples have now."""
    names: dict[str, Any] = {}
    done, at = [], 0
    for example in _EXAMPLE.finditer(page):
        for code in _PYTHON.findall(page[at:example.start()]):  # what prints nothing may define names for what does
            _python(code, names)
        code = example[_CODE]
        printed = _python(code, names) if example[_KIND] == "python" else _shell(code, folder)
        lines = "\n".join(line.rstrip() for line in printed.splitlines()).strip("\n")
        done += [page[at:example.start(_OUTPUT)], lines, "\n"]
        at = example.end(_OUTPUT)
    return "".join([*done, page[at:]])


def _python(code: str, names: dict[str, Any]) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(code, "example", "exec"), names)  # noqa: S102 - our own pages
    return shown.getvalue()


def _shell(code: str, folder: Path) -> str:
    """What a shell prints on stdout. ``tfjslab`` is that of the Python that runs this."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    bash = ["bash", "-euo", "pipefail", "-c", code]
    environment = {**os.environ, "PATH": path}
    ran = subprocess.run(bash, cwd=folder, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - our own pages
    return ran.stdout


def main(pages: list[str]) -> None:
    """Fill the pages, one after the other."""
    for name in pages:
        path = Path(name).resolve()
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            Path("kernels").symlink_to(KERNELS)
            page = filled(page, Path(folder))
        path.write_text(page, encoding="utf-8")
        sys.stderr.write(f"{name}: {len(_EXAMPLE.findall(page))} outputs written\n")


if __name__ == "__main__":
    main(sys.argv[1:])
