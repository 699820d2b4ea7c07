"""Compiled modules and lowered graphs on disk, keyed by content, so that the second start does not make them again.

Entries are machine code and decide what is run, so they lie in a folder that is the user's alone and are signed with a
key of the user's; see `PrivateFolder`. A folder that others may write to is left alone, with a warning.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from pathlib import Path

from tfjslab.base.machine import cpu_identity
from tfjslab.base.user_cache import KEY, ForeignFolderError, PrivateFolder, cache_root

_MAX_ENTRIES = 1024
_MAX_BYTES = 256 << 20


def cache_folder() -> Path:
    """Where entries live."""
    return cache_root() / "wasm"


def read_entry(key: str) -> bytes | None:
    """The entry for ``key``; None when there is none or it is damaged. It is then the last one to be dropped."""
    try:
        return PrivateFolder(cache_folder()).read(_name(key))
    except ForeignFolderError as e:
        _warn(e)
    except OSError:
        pass
    return None


def write_entry(key: str, data: bytes) -> None:
    """Keep an entry and drop those that were not used for longest. Where nothing can be written, nothing is kept."""
    folder = PrivateFolder(cache_folder())
    try:
        folder.write(_name(key), data)
        _evict(folder.path)
    except ForeignFolderError as e:
        _warn(e)
    except OSError:
        pass


def _warn(e: ForeignFolderError) -> None:
    """Python shows a warning of one text once."""
    warnings.warn(f"compiled modules are not kept between runs: {e}", stacklevel=2)


def _name(key: str) -> str:
    return hashlib.sha256(f"{key}-{cpu_identity()}".encode()).hexdigest()


def _evict(folder: Path) -> None:
    """Drop what was not used for longest, above the limits of number and size."""
    entries = []
    with os.scandir(folder) as found:
        for e in found:
            with contextlib.suppress(FileNotFoundError):  # another process has dropped it
                if e.name != KEY:
                    entries.append((e.stat().st_mtime, e.stat().st_size, e.path))
    total = 0
    for i, (_, size, path) in enumerate(sorted(entries, reverse=True)):
        total += size
        if i and (i >= _MAX_ENTRIES or total > _MAX_BYTES):
            Path(path).unlink(missing_ok=True)
