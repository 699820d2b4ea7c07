"""The eager session of each backend, with its plans of one node, and the bytes of tensors that lie in it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from tfjslab.backends import registry
from tfjslab.backends.base import Backend, Buffer
from tfjslab.base import forks
from tfjslab.base.arrays import encoded
from tfjslab.base.dtypes import Array, dtype_info
from tfjslab.base.errors import DEVICE_LOST, BackendError
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.shapes import Shape, size_of
from tfjslab.engine.state import STATE

MAX_PLANS = 512  # one-node plans kept per backend; an evicted one is disposed


class EagerSession:
    """A session of ``backend`` and what was compiled in it, by op, shapes, dtypes and attributes."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.session = backend.open_session()
        self.plans: OrderedDict[Hashable, Any] = OrderedDict()
        self.num_data = 0
        self.retired = False  # its device was lost; it closes with its last tensor

    def remember(self, key: Hashable, plan: Any) -> None:
        """Cache a plan; the one unused for longest makes room."""
        self.plans[key] = plan
        while len(self.plans) > MAX_PLANS:
            self.plans.popitem(last=False)[1].dispose()

    def close(self) -> None:
        """Free everything."""
        for plan in self.plans.values():
            plan.dispose()
        self.plans.clear()
        self.session.dispose()


T = TypeVar("T")
_SESSIONS: dict[int, EagerSession] = {}
_CURRENT: tuple[int, EagerSession] | None = None


def _in_child() -> None:
    """Sessions stay the parent's. Tensors that lie in them are read from there, and move when they are used."""
    global _CURRENT  # noqa: PLW0603 - see current_session
    forks.leave(dict(_SESSIONS))
    _SESSIONS.clear()
    _CURRENT = None


forks.whole_at_fork(STATE.lock)  # its holders may take the registry's, which was handed in before
forks.in_child(_in_child)


def current_session() -> EagerSession:
    """The eager session of the current backend. Hold ``STATE.lock``."""
    global _CURRENT  # noqa: PLW0603 - asked for every op, so it is cached by generation
    generation = registry.generation()
    if _CURRENT is None or _CURRENT[0] != generation:
        backend = registry.backend()
        if id(backend) not in _SESSIONS:
            with Uninterrupted():
                _SESSIONS[id(backend)] = EagerSession(backend)
        _CURRENT = (registry.generation(), _SESSIONS[id(backend)])
    return _CURRENT[1]


def on_session(work: Callable[[EagerSession], T]) -> T:
    """Call ``work`` with the current session, and again with the next backend's where automatic choice moves on.

    A session whose device was lost is used no more. Hold ``STATE.lock``.
    """
    eager = current_session()
    try:
        return work(eager)
    except BackendError as e:
        retire_if_lost(eager, e)
        if STATE.local.recorders or not registry.move_on(eager.backend, e):
            raise
    return on_session(work)


def retire_if_lost(eager: EagerSession, error: BackendError) -> None:
    """Take a session whose device was lost out of use; it closes with its last tensor."""
    global _CURRENT  # noqa: PLW0603 - see current_session
    if error.code != DEVICE_LOST or eager.retired:
        return
    eager.retired = True
    _CURRENT = None
    _SESSIONS.pop(id(eager.backend), None)
    if not eager.num_data:
        eager.close()


def release_sessions() -> None:
    """Close eager sessions that hold no tensors, with their cached plans. They open again when needed."""
    global _CURRENT  # noqa: PLW0603 - see current_session
    with Uninterrupted(), STATE.lock:
        for key, eager in tuple(_SESSIONS.items()):
            if not eager.num_data:
                eager.close()
                del _SESSIONS[key]
        _CURRENT = None


def _bytes_on_host(array: Array) -> int:
    """Bytes of numbers; of text the UTF-8 bytes, as TensorFlow.js counts them once strings are encoded."""
    return sum(len(encoded(str(s))) for s in array.flat) if array.dtype.hasobject else array.nbytes


class Data:
    """The bytes that one or more tensors share, counted by reference (``DataId`` in TensorFlow.js).

    Numbers lie in a backend's session and move when another backend needs them; what no backend holds (strings,
    complex numbers) stays on the host.
    """

    __slots__ = ("buffer", "dtype", "eager", "host", "host_bytes", "refs")

    def __init__(self, dtype: str, *, host: Array | None = None, buffer: Buffer | None = None,
                 eager: EagerSession | None = None) -> None:
        self.dtype = dtype
        self.host = host
        self.buffer = buffer
        self.eager = eager
        self.refs = 0
        self.host_bytes = 0 if host is None else _bytes_on_host(host)
        if eager is not None:
            eager.num_data += 1

    def num_bytes_of(self, shape: Shape) -> int:
        """What a tensor of this shape on these bytes adds to ``memory().num_bytes``."""
        return self.host_bytes if self.host is not None else size_of(shape) * dtype_info(self.dtype).bytes_per_element

    def add_ref(self) -> bool:
        """One more tensor uses these bytes; says whether it is the first."""
        self.refs += 1
        return self.refs == 1

    def drop_ref(self) -> bool:
        """One tensor fewer; says whether it was the last, after which the bytes are to be freed."""
        self.refs -= 1
        return not self.refs

    def read(self) -> Array:
        """A copy of the values, flat or in whatever shape they were stored."""
        if self.host is not None:
            return self.host.copy()
        if self.buffer is None or self.eager is None:
            return np.empty(0)
        try:
            return self.eager.session.get(self.buffer)
        except BackendError as e:
            retire_if_lost(self.eager, e)
            raise

    def on(self, eager: EagerSession) -> Buffer:
        """The buffer in ``eager``'s session, moved there if it lies elsewhere. Its shape is the first tensor's."""
        if self.eager is not eager or self.buffer is None:
            moved = eager.session.put(self.read(), self.dtype)  # may fail: then the bytes stay where they are
            self.free()
            self.buffer, self.eager = moved, eager
            eager.num_data += 1
        return self.buffer

    def free(self) -> None:
        """Give the bytes back."""
        if self.eager is not None and self.buffer is not None:
            self.eager.session.free(self.buffer)
            self.eager.num_data -= 1
            if self.eager.retired and not self.eager.num_data:
                self.eager.close()
        self.buffer = self.eager = self.host = None
