"""Where the LiteRT.js that browsers run comes from: a folder in which npm installed it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tfjslab.base.errors import UsageError
from tfjslab.bench.peers.tfjs import peers_folder

VERSION = "2.5.3"
_CORE, _UTILS = "@litertjs/core", "@litertjs/wasm-utils"
_SCRIPTS = {"index.js": f"{_CORE}/dist/index.js", "wasm-utils.js": f"{_UTILS}/dist/index.js"}


@dataclass(frozen=True)
class LitertFiles:
    """The scripts as they are served, the WebAssembly files by name, and the version."""

    scripts: dict[str, bytes]
    wasm: dict[str, Path]
    version: str


_chosen: str | None = None


def set_litert(root: str | os.PathLike[str] | None) -> None:
    """Where browsers get LiteRT.js from, for the programs that begin with ``litert``.

    Args:
        root: a folder in which ``npm install @litertjs/core`` ran; None looks in ``$TFJSLAB_PEERS`` and here and above.

    Raises UsageError for a folder that does not exist.

    """
    global _chosen  # noqa: PLW0603 - one setting of the process, like its flags
    text = None if root is None else os.fspath(root)
    if text is not None and not Path(text).is_dir():
        raise UsageError(f"set_litert: {text} is no folder")
    _chosen = text


def litert_files() -> LitertFiles:
    """What a page needs of LiteRT.js. UsageError that says what is missing and what installs it."""
    folder = peers_folder(_chosen)
    modules = folder / "node_modules"
    for package in (_CORE, _UTILS):
        if not (modules / package / "package.json").is_file():
            raise UsageError(
                f"LiteRT.js is not complete: {package} is not found in {modules}; run: npm install --prefix {folder} "
                f"{_CORE}@{VERSION} (or name another folder: tf.set_litert(...))", code="usage.no_litert",
            )
    # A worker has no import map, so the one package that the other names becomes a file beside it.
    scripts = {name: (modules / path).read_bytes().replace(f'"{_UTILS}"'.encode(), b'"./wasm-utils.js"')
               for name, path in _SCRIPTS.items()}
    wasm = {f.name: f for f in sorted((modules / _CORE / "wasm").iterdir()) if f.is_file()}
    version = json.loads((modules / _CORE / "package.json").read_text(encoding="utf-8"))["version"]
    return LitertFiles(scripts, wasm, str(version))
