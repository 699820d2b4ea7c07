"""What was measured once for each class of kernels, kept on disk: one file for all that decides what is fastest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from tfjslab.base.user_cache import cache_root, write_atomically

T = TypeVar("T")


def choices_path(folder: str, *circumstances: str) -> Path:
    """The file of the choices that hold under these circumstances."""
    return cache_root() / folder / f"{hashlib.sha256(repr(circumstances).encode()).hexdigest()}.json"


class Choices(Generic[T]):
    """Choices by class, as JSON. One thread at a time measures. ``checked`` raises for what is none."""

    def __init__(self, path: Path, checked: Callable[[Any], T]) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._found = _read(self._path, checked)

    def find(self, kind: str, measure: Callable[[], T]) -> T:
        """What was found for a class, measured and written down when nothing was."""
        with self._lock:
            if kind not in self._found:
                self._found[kind] = measure()
                with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
                    write_atomically(self._path, json.dumps(self._found, indent=1).encode())
            return self._found[kind]

    def get(self, kind: str) -> T | None:
        """What was found for a class, if it was measured."""
        with self._lock:
            return self._found.get(kind)


def _read(path: Path, checked: Callable[[Any], T]) -> dict[str, T]:
    """The choices on disk; whatever is not readable is measured again."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return {kind: checked(choice) for kind, choice in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
