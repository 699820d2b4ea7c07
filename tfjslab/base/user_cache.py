"""Where things of the user are kept: downloads and compiled modules between runs, results, and copies to work on."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "TFJSLAB_CACHE_DIR"
DATA_VARIABLE = "TFJSLAB_DATA_DIR"


def cache_root() -> Path:
    """``$TFJSLAB_CACHE_DIR``, or this system's cache folder of the user. It may not exist yet."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("tfjslab")


def data_root() -> Path:
    """``$TFJSLAB_DATA_DIR``, or this system's folder for what programs of the user keep. It may not exist yet."""
    given = os.environ.get(DATA_VARIABLE)
    return Path(given) if given else platformdirs.user_data_path("tfjslab")


def documents_root() -> Path:
    """The folder for what the user edits; it may not exist yet."""
    return platformdirs.user_documents_path() / "tfjslab"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old one or the whole new one. Folders are made for this user only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as f:
        f.write(data)
    Path(temporary).replace(path)
