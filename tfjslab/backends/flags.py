"""Flags that steer backends, under the names that TensorFlow.js gives them where it has them.

Each backend declares its own in a light module that its row names (``declares``), as ``FLAGS``.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from tfjslab.backends import rows
from tfjslab.base.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Flag:
    """One flag. ``evaluate`` finds its value on this machine when nobody has set it."""

    name: str
    doc: str
    evaluate: Callable[[], bool]


def from_variable(variable: str, *, default: bool) -> Callable[[], bool]:
    """For ``Flag.evaluate``: what an environment variable says, 1 or 0; ``default`` when it says neither."""
    return lambda: {"1": True, "0": False}.get(os.environ.get(variable, ""), default)


class Flags:
    """The flags and what they are set to. Like ``tf.env()`` of TensorFlow.js; safe to use from several threads."""

    def __init__(self, flags: Iterable[Flag]) -> None:
        self._flags = {f.name: f for f in flags}
        self._values: dict[str, bool] = {}
        self._lock = threading.RLock()

    def get(self, name: str) -> bool:
        """The flag's value: what was set, else what this machine can do (found out once)."""
        flag = self._flag(name)
        with self._lock:
            if name not in self._values:
                self._values[name] = flag.evaluate()
            return self._values[name]

    def set(self, name: str, value: bool) -> None:  # noqa: FBT001 - the signature of TensorFlow.js
        """Set a flag; it acts on backends that are chosen from then on."""
        self._flag(name)
        if not isinstance(value, bool):
            raise UsageError(f"flag {name}: {value!r}; expected True or False")
        with self._lock:
            self._values[name] = value

    def reset(self) -> None:
        """Forget all values; they are found out anew."""
        with self._lock:
            self._values.clear()

    def features(self) -> dict[str, bool]:
        """All flags with their values."""
        return {name: self.get(name) for name in self._flags}

    def _flag(self, name: str) -> Flag:
        if name not in self._flags:
            known = ", ".join(self._flags)
            raise UsageError(f"flag '{name}' is unknown; known: {known}{did_you_mean(name, self._flags)}")
        return self._flags[name]

    def __repr__(self) -> str:
        return f"Flags({self._values})"


@cache
def env() -> Flags:
    """The flags of all backends, as ``tf.env()`` of TensorFlow.js."""
    modules = dict.fromkeys(row.declares for row in rows.ROWS if row.declares)
    return Flags(flag for name in modules for flag in importlib.import_module(name).FLAGS)
