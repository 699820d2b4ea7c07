"""Flags that steer backends, under the names that TensorFlow.js gives them where it has them.

Each backend declares its own in a light module that its row names (``declares``), as ``FLAGS``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from tfjslab.backends import rows
from tfjslab.base import forks
from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.base.limits import RUN_LIMITS, RunLimits, default_memory_bytes

FlagValue = bool | float | str


@dataclass(frozen=True)
class Flag:
    """One flag. ``evaluate`` finds its value on this machine when nobody has set it.

    ``kind`` is that of its values: ``bool``, ``float`` or ``str``. ``on_set`` is called with every value that is set.
    """

    name: str
    doc: str
    evaluate: Callable[[], FlagValue]
    kind: type = bool
    on_set: Callable[[FlagValue], None] | None = None


def from_variable(variable: str, *, default: bool) -> Callable[[], bool]:
    """For ``Flag.evaluate``: what an environment variable says, 1 or 0; ``default`` when it says neither."""
    return lambda: {"1": True, "0": False}.get(os.environ.get(variable, ""), default)


def _set_limit(name: str, value: FlagValue) -> None:
    """Bound every run from now on; UsageError for what is no bound."""
    if not float(value) > 0:
        raise UsageError(f"{value!r} as a limit; expected a number above 0")
    setattr(RUN_LIMITS, name, value)


# Flags that are no backend's.
COMMON = (
    Flag("DEBUG", "warn of each eager op with NaN or infinity in its output", lambda: False),
    Flag("PROD", "check nothing that costs time and only helps finding mistakes", lambda: False),
    Flag("MAX_MEMORY_BYTES", "bytes that one run may take beside its weights", lambda: float(default_memory_bytes()),
         float, partial(_set_limit, "memory_bytes")),
    Flag("MAX_LOOP_SECONDS", "seconds that a loop of a model may run", lambda: RunLimits.seconds,
         float, partial(_set_limit, "seconds")),
    Flag("MAX_RUN_SECONDS", "seconds that one run of a model may take", lambda: RunLimits.run_seconds,
         float, partial(_set_limit, "run_seconds")),
    Flag("MAX_NODE_FLOPS", "floating-point operations that one node of a model may take",
         lambda: RunLimits.node_flops, float, partial(_set_limit, "node_flops")),
)
_EXPECTED = {bool: "True or False", float: "a number", str: "text"}


def _kind(value: object) -> type:
    """``bool``, ``float`` (of whole numbers as well) or ``str``."""
    return bool if isinstance(value, bool) else float if isinstance(value, (int, float)) else type(value)


class Flags:
    """The flags and what they are set to. Like ``tf.env()`` of TensorFlow.js; safe to use from several threads."""

    def __init__(self, flags: Iterable[Flag]) -> None:
        self._flags = {f.name: f for f in flags}
        self._values: dict[str, FlagValue] = {}
        self._lock = forks.free_rlock()

    def get(self, name: str) -> FlagValue:
        """The flag's value: what was set, else what this machine can do (found out once)."""
        found = self._values.get(name)
        if found is not None:  # without the lock, as every eager op asks
            return found
        flag = self._flag(name)
        with self._lock:
            if name not in self._values:
                self._values[name] = flag.evaluate()
            return self._values[name]

    async def get_async(self, name: str) -> FlagValue:
        """``get`` for code that awaits."""
        return self.get(name)

    def get_bool(self, name: str) -> bool:
        """The value of a flag that is True or False; UsageError for any other flag."""
        return bool(self._of_kind(name, bool))

    def get_number(self, name: str) -> float:
        """The value of a flag that is a number; UsageError for any other flag."""
        return float(self._of_kind(name, float))

    def get_string(self, name: str) -> str:
        """The value of a flag that is text; UsageError for any other flag."""
        return str(self._of_kind(name, str))

    def _of_kind(self, name: str, kind: type) -> FlagValue:
        if self._flag(name).kind is not kind:
            raise UsageError(f"flag {name} is {self.get(name)!r}; expected {_EXPECTED[kind]}")
        return self.get(name)

    def set(self, name: str, value: FlagValue) -> None:
        """Set a flag to a value of its kind; it acts on backends that are chosen from then on."""
        flag = self._flag(name)
        if _kind(value) is not flag.kind:
            raise UsageError(f"flag {name}: {value!r}; expected {_EXPECTED[flag.kind]}")
        with self._lock:
            self._values[name] = value
        if flag.on_set is not None:
            flag.on_set(value)

    def set_flags(self, flags: Mapping[str, FlagValue]) -> None:
        """Set several flags; none when one of the names is unknown."""
        for name in flags:
            self._flag(name)
        for name, value in flags.items():
            self.set(name, value)

    def register_flag(
        self, name: str, evaluation_fn: Callable[[], FlagValue], set_hook: Callable[[FlagValue], None] | None = None,
        doc: str = "",
    ) -> None:
        """Add a flag of one's own: True or False, a number or text, as ``evaluation_fn`` gives it.

        ``set_hook`` is called with every value that is set. UsageError for a name that is taken by another one.
        """
        kind = _kind(value := evaluation_fn())
        if kind not in _EXPECTED:
            raise UsageError(f"flag {name}: {value!r}; expected True or False, a number or text")
        with self._lock:
            if name in self._flags:
                raise UsageError(f"flag {name} is registered already")
            self._flags[name] = Flag(name, doc, evaluation_fn, kind, set_hook)

    def unregister_flag(self, name: str) -> None:
        """Forget a flag that ``register_flag`` added."""
        self._flag(name)
        with self._lock:
            del self._flags[name]
            self._values.pop(name, None)

    def reset(self) -> None:
        """Forget all values; they are found out anew."""
        with self._lock:
            told = [self._flags[name] for name in self._values]
            self._values.clear()
        for flag in told:
            if flag.on_set is not None:
                flag.on_set(flag.evaluate())

    def features(self) -> dict[str, FlagValue]:
        """All flags with their values."""
        return {name: self.get(name) for name in self._flags}

    def get_flags(self) -> dict[str, FlagValue]:
        """The same as ``features``."""
        return self.features()

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
    declared = (flag for name in modules for flag in importlib.import_module(name).FLAGS)
    return Flags((*declared, *COMMON))
