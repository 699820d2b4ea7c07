"""What one model, or all eager ops, hold: plans, packed weights, buffers."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from tfjslab.backends.base import Buffer, Plan
from tfjslab.backends.host import check_live
from tfjslab.backends.kernels.builder import Constant
from tfjslab.base.dtypes import ON_HOST, Array
from tfjslab.base.errors import BackendError
from tfjslab.base.interrupts import UninterruptedBut
from tfjslab.base.out_of_memory import backend_out_of_memory
from tfjslab.base.shapes import Shape
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

if TYPE_CHECKING:
    from tfjslab.backends.kernels.backend import KernelBackend

K = TypeVar("K", bound=Constant)
N = TypeVar("N")  # how a backend names memory: an address, a buffer of the device, an array


@dataclass
class _Stored(Generic[N]):
    """``source`` is kept alive because its identity is part of the key."""

    native: N
    num_bytes: int
    source: Array | None
    holders: int = 0


class CountedConstants(Generic[K, N]):
    """Packed weights by key: stored for their first holder, released with their last."""

    def __init__(
        self, lock: threading.RLock, store: Callable[[K], tuple[N, int]], release: Callable[[N], None],
    ) -> None:
        self._lock = lock
        self._store = store
        self._release = release
        self._found: dict[Hashable, _Stored[N]] = {}

    def hold(self, constant: K) -> tuple[N, int]:
        """Where a constant is, and its bytes."""
        with self._lock:
            found = self._found.get(constant.key)
            if found is None:
                found = self._found[constant.key] = _Stored(*self._store(constant), constant.source)
            found.holders += 1
            return found.native, found.num_bytes

    def let_go(self, key: Hashable) -> None:
        """One holder less."""
        with self._lock:
            found = self._found[key]
            found.holders -= 1
            if found.holders == 0:
                self._release(found.native)
                del self._found[key]


class KernelSession(ABC, Generic[N]):
    """Owns what it compiles and stores until it is disposed. A backend adds how memory is had; natives are its own."""

    stores_strings: ClassVar[bool] = False

    def __init__(self, backend: KernelBackend[Any]) -> None:
        self.backend = backend
        self.plans: set[Plan] = set()
        self.lock = threading.RLock()  # of the session's memory
        self._buffers: dict[int, Buffer] = {}
        self._disposed = False

    # ---- what a backend adds -----------------------------------------------------------------------------------

    @abstractmethod
    def _plan(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        """A plan of this session."""

    @abstractmethod
    def _alloc(self, spec: Spec) -> N:
        """Memory for a value; its contents are undefined."""

    @abstractmethod
    def _write(self, native: N, array: Array, dtype: str) -> None:
        """Copy an array in."""

    @abstractmethod
    def _read(self, native: N, shape: Shape, dtype: str) -> Array:
        """Copy an array out."""

    def _release(self, native: N) -> None:
        """Give memory back."""

    def _close(self) -> None:
        """Give back what is left when plans and buffers are gone."""

    # ---- plans and buffers -------------------------------------------------------------------------------------

    def compile(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        """Make a plan; see ``tfjslab.backends.base.Session``."""
        with UninterruptedBut(), self.lock:
            self._check_open()
            check_live(program.graph.nodes, program.specs, outputs)
            try:
                plan = self._plan(program, outputs)
            except MemoryError as e:
                raise self._full("a plan", e) from e
            self.plans.add(plan)
            return plan

    def forget(self, plan: Plan) -> None:
        """A plan of this session was disposed."""
        self.plans.discard(plan)

    def put(self, array: Array, dtype: str) -> Buffer:
        """Copy an array in."""
        self._check_open()
        buffer = self.new_buffer(Spec(array.shape, dtype))
        try:
            self._write(buffer.native, array, dtype)
        except MemoryError as e:
            self.free(buffer)
            raise self._full(f"a tensor of shape {list(array.shape)}", e) from e
        except BaseException:
            self.free(buffer)
            raise
        return buffer

    def new_buffer(self, spec: Spec) -> Buffer:
        """An uninitialised buffer. Whoever wants one keeps Ctrl-C back until the buffer is somebody's."""
        if spec.dtype in ON_HOST and not self.stores_strings:
            what = "strings" if spec.dtype == "string" else f"values of {spec.dtype}"
            raise BackendError(f"{what} cannot be stored on backend '{self.backend.name}'")
        with self.lock:
            try:
                buffer = Buffer(spec.known_shape, spec.dtype, self._alloc(spec))
            except MemoryError as e:
                raise self._full(f"a tensor of shape {list(spec.known_shape)}", e) from e
            self._buffers[id(buffer)] = buffer
            return buffer

    def get(self, buffer: Buffer) -> Array:
        """Copy a buffer out."""
        try:
            return self._read(self.native(buffer), buffer.shape, buffer.dtype)
        except MemoryError as e:
            raise self._full(f"reading a tensor of shape {list(buffer.shape)}", e) from e

    def free(self, buffer: Buffer) -> None:
        """Give a buffer back."""
        with self.lock:
            native = self.native(buffer)
            del self._buffers[id(buffer)]  # first: where Ctrl-C comes in between nobody frees it twice
            self._release(native)

    def native(self, buffer: Buffer) -> N:
        """The memory of a live buffer of this session; BackendError for any other."""
        if self._buffers.get(id(buffer)) is not buffer:
            raise BackendError(
                f"{self.backend.name}: a buffer of shape {list(buffer.shape)} is not live in this session",
            )
        found: N = buffer.native
        return found

    def _full(self, what: str, error: MemoryError) -> BackendError:
        return backend_out_of_memory(f"{self.backend.name}: {what}", error)

    def _check_open(self) -> None:
        if self._disposed:
            raise BackendError(f"this {self.backend.name} session has been disposed")

    def counters(self) -> dict[str, int]:
        """What this session holds."""
        return {"plans": len(self.plans), "buffers": len(self._buffers)}

    def dispose(self) -> None:
        """Free plans, weights and buffers."""
        with self.lock:
            if self._disposed:
                return
            self._disposed = True
        for plan in tuple(self.plans):
            plan.dispose()
        for buffer in tuple(self._buffers.values()):
            self.free(buffer)
        self._close()
        self.backend.forget(self)
