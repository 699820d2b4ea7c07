"""The choice among the backends of ``rows``: by name, by priority, or by what an alias stands for.

Instances are made once for each name, adapter and thread count, and shared by everyone.
"""

from __future__ import annotations

import importlib
import os
import threading
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfjslab.backends import rows
from tfjslab.backends.base import Availability, Backend, BackendDef
from tfjslab.backends.flags import env
from tfjslab.backends.rows import row
from tfjslab.base import forks
from tfjslab.base.errors import ELSEWHERE, BackendError, BackendUnavailableError, UsageError
from tfjslab.base.machine import crowding, usable_cores
from tfjslab.base.signatures import SIGNATURE
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import backend_words

ADAPTER_VARIABLE, _ON = "TFJSLAB_ADAPTER", " on "


class BackendFallbackWarning(UserWarning):
    """The backend that priority would choose cannot run here, or failed, and another one was taken."""


class ThreadsWarning(UserWarning):
    """A backend is started with more threads than there are cores."""


@dataclass(frozen=True, repr=False)
class BackendStatus:
    """One line of ``backends()``. ``resolved`` is what an alias stands for now, else the name itself."""

    name: str
    available: bool
    reason: str
    priority: int
    doc: str
    stands_for: str
    resolved: str
    current: bool
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The name, with the kind of its adapter if it has one: a software adapter is no GPU."""
        return backend_words(self.name, self.details.get("adapter_type"))

    @property
    def state(self) -> str:
        """Whether it can run here, and why not."""
        return "yes" if self.available else f"no: {self.reason}"

    def __repr__(self) -> str:
        return f"<{self.where}{' (current)' if self.current else ''}{'' if self.available else ', not available'}>"


class Backends(Report, list[BackendStatus]):
    """What ``backends()`` gives: a list that shows itself as a table."""

    def tables(self) -> tuple[Table, ...]:
        """A line for each backend, the current one marked."""
        rows = tuple(("->" if b.current else "", b.where, b.state, b.doc) for b in self)
        return (Table("Backends", ("", "name", "available", "what"), rows, left=4),)

    def __repr__(self) -> str:
        return list.__repr__(self)


class Done:
    """What ``ready`` and ``set_backend`` give: finished already, and fine to ``await`` as in TensorFlow.js."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __await__(self) -> Generator[None, None, str]:
        return self.name
        yield  # makes this a generator, which is what ``await`` needs

    def __repr__(self) -> str:
        return f"ready: {self.name}"


class _State:
    """What was chosen and made. All access is under ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.current: str | None = None
        self.named = False  # whether somebody chose ``current``
        self.failed: dict[str, str] = {}  # what automatic choice has given up, and why
        self.threads: int | None = None
        self.made: dict[tuple[str, int], Backend] = {}  # by ``_key`` and threads
        self.asked: dict[str, Availability] = {}  # by ``_key``
        self.warned: set[str] = set()
        self.generation = 0  # changes whenever the current instance may be another one
        self.found: dict[tuple[str | None, int | None], Backend] = {}  # what was asked for in this generation

    def change(self) -> None:
        """Let backends be looked up anew."""
        self.generation += 1
        self.found = {}


_STATE = _State()


def _in_child() -> None:
    """Instances stay the parent's; the child asks for backends, and makes its own, when it needs them."""
    forks.leave(_STATE.made)
    _STATE.made, _STATE.asked = {}, {}
    _STATE.change()


forks.whole_at_fork(_STATE.lock)
forks.in_child(_in_child)


def availability(name: str) -> Availability:
    """Whether a backend can run here (asked once), and why not. An alias is available when a candidate is."""
    definition = row(name)
    if definition.alias_of:
        best = _resolve(definition)
        return Availability(best is not None, "" if best else "; ".join(_refusals(definition)))
    with _STATE.lock:
        key = _key(definition)
        if key not in _STATE.asked:
            _STATE.asked[key] = _ask(definition)
        return _STATE.asked[key]


def _key(definition: BackendDef) -> str:
    """What tells instances apart: the name, with the adapter that is asked for where a backend has one."""
    adapter = os.environ.get(ADAPTER_VARIABLE) if definition.on_adapter else None
    return f"{definition.name}{_ON}{adapter}" if adapter else definition.name


def set_adapter(name: str = "") -> None:
    """Take the adapter with ``name`` in its name, or of that kind, for GPU backends from now on; "" the fastest kind.

    Models that follow the current backend, or named it, move there with their next call. ``tf.backends()`` lists the
    adapters. Raises BackendUnavailableError, and changes nothing, when no adapter fits.
    """
    with _STATE.lock:
        before = os.environ.get(ADAPTER_VARIABLE, "")
        os.environ[ADAPTER_VARIABLE] = name
        found = [availability(r.name) for r in rows.ROWS if r.on_adapter]
        if name and not any(f.available for f in found):
            os.environ[ADAPTER_VARIABLE] = before
            raise BackendUnavailableError("; ".join(dict.fromkeys(f.reason for f in found)))
        _STATE.change()


def _ask(definition: BackendDef) -> Availability:
    if definition.factory is not None:
        return Availability(available=True)
    try:
        module = importlib.import_module(definition.module)
    except ImportError as e:
        return Availability(available=False, reason=f"{definition.module} cannot be imported: {e}")
    found: Availability = module.availability(definition.variant)
    return found


def _refusals(alias: BackendDef) -> list[str]:
    return [f"{name}: {_refusal(row(name))}" for name in alias.alias_of if _refusal(row(name))]


def _refusal(definition: BackendDef) -> str:
    """Why an alias does not take this candidate; empty when it does."""
    found = availability(definition.name)
    off = [f for f in definition.flags if not env().get(f)] if found.available else []
    return f"flag {off[0]} is False" if off else found.reason


def _resolve(definition: BackendDef) -> str | None:
    """The name that an alias stands for now (None when nothing fits), or the name itself."""
    if not definition.alias_of:
        return definition.name
    return next((name for name in definition.alias_of if not _refusal(row(name))), None)


def backends() -> Backends:
    """Every backend: highest priority first, then in the order of the table."""
    listed = Backends()
    for definition in rows.by_priority():
        found = availability(definition.name)
        listed.append(BackendStatus(
            definition.name, found.available, found.reason, definition.priority, definition.doc,
            definition.stands_for, _resolve(definition) or definition.name, _STATE.current == definition.name,
            found.details,
        ))
    return listed


def backend(name: str | None = None, threads: int | None = None) -> Backend:
    """The shared instance of a backend; without a name the current one, chosen by priority if nobody chose yet.

    Raises BackendUnavailableError with the reason.
    """
    if (known := _STATE.found.get((name, threads))) is not None:  # every prediction asks
        return known
    with _STATE.lock:
        definition = row(name or get_backend())
        found = availability(definition.name)
        resolved = _resolve(definition)
        if not found.available or resolved is None:
            raise BackendUnavailableError(f"backend '{definition.name}' is not available: {found.reason}")
        real = row(resolved)
        count = (threads or get_threads_count()) if real.threaded else 1
        key = (_key(real), count)
        if key not in _STATE.made:
            if real.threaded and count > usable_cores():
                warnings.warn(f"backend '{real.name}': {crowding(count)}", ThreadsWarning, stacklevel=2)
            _STATE.made[key] = _make(real, count)
        if real is definition and not real.on_adapter:  # aliases follow flags, adapters the environment
            _STATE.found[name, threads] = _STATE.made[key]
        return _STATE.made[key]


def _make(definition: BackendDef, threads: int) -> Backend:
    if definition.factory is None:
        made: Backend = importlib.import_module(definition.module).create(definition.variant, threads)
        return made
    made = definition.factory()
    wanted = (n for n in (*Backend.__annotations__, *vars(Backend)) if not n.startswith("_"))
    lacking = sorted(n for n in wanted if not hasattr(made, n))
    if lacking:
        fault = f"its factory gives {type(made).__name__}, which lacks {', '.join(lacking)}"
        raise UsageError(f"backend '{definition.name}': {fault}", code=SIGNATURE)
    return made


def forget(name: str) -> None:
    """Dispose the instances of a backend; when it is the current one, the next call chooses anew."""
    with _STATE.lock:
        for key in [k for k in _STATE.made if k[0].partition(_ON)[0] == name]:
            _STATE.made.pop(key).dispose()
        _STATE.asked.pop(name, None)
        _STATE.failed.pop(name, None)
        if _STATE.current == name:
            _STATE.current, _STATE.named = None, False
        _STATE.change()


def set_backend(name: str) -> Done:
    """Make ``name`` the current backend and start it. Raises BackendUnavailableError or UsageError."""
    with _STATE.lock:
        backend(name)
        _STATE.current, _STATE.named = name, True
        _STATE.failed.pop(name, None)
        _STATE.change()
    return Done(name)


def get_backend() -> str:
    """The current backend's name; chosen by priority, with a BackendFallbackWarning, if nobody chose yet."""
    with _STATE.lock:
        if _STATE.current is None:
            _STATE.current = _choose()
        return _STATE.current


def move_on(failed: Backend, error: BackendError) -> bool:
    """Choose the next backend after ``failed`` raised ``error``, with a BackendFallbackWarning; whether there is one.

    Only where nobody named the current backend, and for what another one may be able to do: the device was lost, its
    memory is used up, something is above its limits, or it refused a shader. ``set_backend`` brings ``failed`` back.
    """
    with _STATE.lock:
        if error.code not in ELSEWHERE or _STATE.named or _STATE.current is None:
            return False
        if backend(_STATE.current) is not failed:
            return True  # somebody else was here before
        _STATE.failed[_STATE.current] = str(error)
        _STATE.warned.clear()
        try:
            _STATE.current = _choose()
        except BackendUnavailableError:
            return False
        _STATE.change()
        return True


def _choose() -> str:
    refused: list[str] = []
    for definition in rows.by_priority():
        if definition.priority == 0 or not _may_be_chosen(definition):
            continue
        found = availability(definition.name)
        failure = _STATE.failed.get(definition.name)
        if found.available and failure is None:
            if refused and definition.name not in _STATE.warned:
                _STATE.warned.add(definition.name)
                message = f"{'; '.join(refused)}; using '{definition.name}'"
                warnings.warn(message, BackendFallbackWarning, stacklevel=4)
            return definition.name
        why = f"is not available ({found.reason})" if failure is None else f"failed ({failure})"
        refused.append(f"backend '{definition.name}' {why}")
    raise BackendUnavailableError("; ".join(refused))


def _may_be_chosen(definition: BackendDef) -> bool:
    """Whether automatic choice considers a backend; passing over one that says no is not worth a warning."""
    if definition.factory is not None:
        return True
    try:
        ask = getattr(importlib.import_module(definition.module), "may_be_chosen", None)
    except ImportError:
        return True  # ``availability`` has the reason
    return ask is None or bool(ask(definition.variant))


def generation() -> int:
    """A number that stays the same for as long as ``backend()`` gives the same instance."""
    return _STATE.generation


def ready() -> Done:
    """Start the current backend. May be awaited."""
    backend()
    return Done(get_backend())


def set_threads_count(count: int) -> None:
    """Threads for threaded backends that are started from now on; models loaded before keep theirs."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UsageError(f"threads count is {count!r}; expected an integer >= 1")
    with _STATE.lock:
        _STATE.threads = count
        _STATE.change()


def get_threads_count() -> int:
    """Threads that a threaded backend is started with: what was set, else the cores this process may use."""
    if _STATE.threads is not None:
        return _STATE.threads
    return usable_cores()


def is_threaded(name: str) -> bool:
    """Whether a backend, or what an alias stands for now, runs on several threads of its own."""
    resolved = _resolve(row(name))
    return resolved is not None and row(resolved).threaded


def memory() -> dict[str, dict[str, int]]:
    """Native counters of every backend that has been started."""
    with _STATE.lock:
        return {_label(key): b.memory() for key, b in _STATE.made.items()}


def _label(key: tuple[str, int]) -> str:
    name, threads = key
    return f"{name} x{threads}" if row(name.partition(_ON)[0]).threaded else name
