"""Compiled modules on disk, keyed by content, so that the second start does not compile.

Entries are machine code and are only as trustworthy as the folder: it is the user's own cache folder, created with
mode 0700, and every entry carries a digest of itself against truncation.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfjslab.base.machine import cpu_identity
from tfjslab.base.user_cache import cache_root, write_atomically

_DIGEST_BYTES = 32
_MAX_ENTRIES = 512


@dataclass(frozen=True)
class Found:
    """Bytes of an entry, and whether they came from disk."""

    data: bytes
    cached: bool


def cache_folder() -> Path:
    """Where entries live."""
    return cache_root() / "wasm"


def cached_bytes(key: str, build: Callable[[], bytes], *, refresh: bool = False) -> Found:
    """The entry for ``key``, built and stored when absent. A cache that cannot be written is only slower."""
    name = hashlib.sha256(f"{key}-{cpu_identity()}".encode()).hexdigest()
    path = cache_folder() / name
    if not refresh and (data := _read(path)) is not None:
        return Found(data, cached=True)
    data = build()
    with contextlib.suppress(OSError):
        _write(path, data)
    return Found(data, cached=False)


def _read(path: Path) -> bytes | None:
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    data = raw[_DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == raw[:_DIGEST_BYTES] else None


def _write(path: Path, data: bytes) -> None:
    write_atomically(path, hashlib.sha256(data).digest() + data)
    _evict(path.parent)


def _evict(folder: Path) -> None:
    """Drop the oldest entries above the limit."""
    entries = sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime)
    for p in entries[:-_MAX_ENTRIES]:
        p.unlink(missing_ok=True)
