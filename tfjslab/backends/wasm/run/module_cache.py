"""Compiled modules and lowered graphs on disk, keyed by content, so that the second start does not make them again.

Entries are machine code and are only as trustworthy as the folder: it is the user's own cache folder, created with
mode 0700, and every entry carries a digest of itself against truncation.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from tfjslab.base.machine import cpu_identity
from tfjslab.base.user_cache import cache_root, write_atomically

_DIGEST_BYTES = 32
_MAX_ENTRIES = 1024
_MAX_BYTES = 256 << 20


def cache_folder() -> Path:
    """Where entries live."""
    return cache_root() / "wasm"


def read_entry(key: str) -> bytes | None:
    """The entry for ``key``; None when there is none or it is damaged. It is then the last one to be dropped."""
    path = _path(key)
    try:
        raw = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    data = memoryview(raw)[_DIGEST_BYTES:]
    return bytes(data) if hashlib.sha256(data).digest() == raw[:_DIGEST_BYTES] else None


def write_entry(key: str, data: bytes) -> None:
    """Keep an entry and drop those that were not used for longest. Where nothing can be written, nothing is kept."""
    path = _path(key)
    with contextlib.suppress(OSError):
        write_atomically(path, hashlib.sha256(data).digest() + data)
        _evict(path.parent)


def _path(key: str) -> Path:
    return cache_folder() / hashlib.sha256(f"{key}-{cpu_identity()}".encode()).hexdigest()


def _evict(folder: Path) -> None:
    """Drop what was not used for longest, above the limits of number and size."""
    with os.scandir(folder) as found:
        entries = sorted(((e.stat().st_mtime, e.stat().st_size, e.path) for e in found), reverse=True)
    total = 0
    for i, (_, size, path) in enumerate(entries):
        total += size
        if i and (i >= _MAX_ENTRIES or total > _MAX_BYTES):
            Path(path).unlink(missing_ok=True)
