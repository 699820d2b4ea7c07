"""The only room that knows wasmtime: engine, shared memory, instances, and a call without per-argument cost.

Modules see nothing of the host but one memory and WASI's clock, so a kernel cannot reach anything else. All memories
are shared memories, also for the single-threaded variants: their base never moves, so numpy views stay valid when
they grow, and several stores can run on one heap.

Ctrl-C waits for the end of whatever makes or frees an object of wasmtime-py: between freeing and noting that it is free
it would be freed once more, which ends the process, and Python swallows what is raised in ``__del__``.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
import wasmtime
from wasmtime import _ffi as ffi

from tfjslab.backends.wasm.run.module_cache import read_entry, write_entry
from tfjslab.base import forks
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BACKEND_MEMORY, BackendError, LimitError
from tfjslab.base.interrupts import Uninterrupted

Module = wasmtime.Module
PAGE_BYTES = 65536
MAX_PAGES = 65536
ENGINE_NAME = f"wasmtime {version('wasmtime')}"


_NOTHING: Array = np.zeros(0, np.uint8)
# What the engine says of a function that is too large for it, and where it is the system that has no memory left.
_LIMIT = re.compile(r"\S[^\n]*exceeds (the )?limit[^\n]*")
_MEMORY = re.compile(r"allocat|failed to grow|mmap|os error 12")


@contextmanager
def _typed_errors(what: str) -> Iterator[None]:
    """Errors of wasmtime as BackendError; its code tells when memory has run out or a limit of the engine is met."""
    try:
        with Uninterrupted():
            yield
    except wasmtime.WasmtimeError as e:
        text = str(e)
        reason, found = text.splitlines()[0], _LIMIT.search(text)
        code = BACKEND_MEMORY if _MEMORY.search(text) else "backend.limit" if found else None
        raise BackendError(f"{what}: {reason}{f' ({found[0]})' if found else ''}", code=code) from e


class _SharedMemory(wasmtime.SharedMemory):
    """wasmtime-py 50.0.1 passes one pointer too many when a shared memory is imported (its issue 318)."""

    def _as_extern(self) -> Any:
        return ffi.wasmtime_extern_t(
            ffi.WASMTIME_EXTERN_SHAREDMEMORY, ffi.wasmtime_extern_union(sharedmemory=self.ptr()),
        )


@lru_cache(maxsize=1)
def engine() -> wasmtime.Engine:
    """The process's engine."""
    config = wasmtime.Config()
    config.wasm_threads = True
    config.shared_memory = True
    config.wasm_simd = True
    config.wasm_relaxed_simd = True
    config.cranelift_opt_level = "speed"
    config.parallel_compilation = not forks.is_child()  # it waits for threads that stayed in the parent
    return wasmtime.Engine(config)


def _in_child() -> None:
    if engine.cache_info().currsize:
        forks.leave(engine())
        engine.cache_clear()


forks.in_child(_in_child)


class Memory:
    """A linear memory that grows on demand and is returned to the system by ``close``."""

    def __init__(self, pages: int = 1) -> None:
        limits = wasmtime.Limits(pages, MAX_PAGES)
        # Growing takes a lock: two sessions never share a memory, but workers read the size.
        self._lock = threading.Lock()
        with _typed_errors("a WebAssembly memory"):
            self._memory: _SharedMemory | None = _SharedMemory(engine(), wasmtime.MemoryType(limits, shared=True))
        self._map()

    def _map(self) -> None:
        base = ctypes.addressof(self.native.data_ptr().contents)
        size = self.native.data_len()
        window: Any = (ctypes.c_uint8 * size).from_address(base)
        self.bytes: Array = np.frombuffer(window, dtype=np.uint8)

    @property
    def native(self) -> _SharedMemory:
        """Wasmtime's object; BackendError after ``close``."""
        if self._memory is None:
            raise BackendError("this WebAssembly memory has been freed")
        return self._memory

    @property
    def num_bytes(self) -> int:
        """Current size; 0 after ``close``."""
        return len(self.bytes)

    def grow_to(self, num_bytes: int) -> None:
        """Make the memory at least ``num_bytes`` long; LimitError above WebAssembly's 4 GiB.

        It grows by a quarter more than asked for, so that many small blocks grow it seldom: only what is written takes
        memory. Huge pages (``MADV_HUGEPAGE``) were tried: 16 MB are then there in 1 ms instead of 6, but on a virtual
        machine that was started a while ago in 35, half of the time, as they come from memory that its host has to
        find first.
        """
        with self._lock:
            had = len(self.bytes) // PAGE_BYTES
            if num_bytes <= had * PAGE_BYTES:
                return
            if num_bytes > MAX_PAGES * PAGE_BYTES:
                raise LimitError(f"a WebAssembly memory of {num_bytes} bytes was asked for; the most is 4 GiB")
            pages = min(-(-(num_bytes + num_bytes // 4) // PAGE_BYTES), MAX_PAGES)
            with _typed_errors(f"a WebAssembly memory of {had * PAGE_BYTES} bytes needs {num_bytes}"):
                self.native.grow(pages - had)
            self._map()

    def close(self) -> None:
        """Return the memory to the system. Views of it must not be used any more."""
        if self._memory is not None:
            with Uninterrupted():
                self.bytes = _NOTHING
                self._memory.close()
                self._memory = None


def module_bytes(text: str) -> bytes:
    """WebAssembly text as a binary module, for engines other than this one; BackendError when it is not valid.

    It carries no names of functions and locals, which would be a third of what is downloaded.
    """
    with _typed_errors("a generated module is not valid"):
        found = _without_custom_sections(bytes(wasmtime.wat2wasm(text)))
        wasmtime.Module.validate(engine(), found)
    return found


def _without_custom_sections(module: bytes) -> bytes:
    """A binary module without sections of kind 0. Behind a head of 8 bytes each is a kind, a length and its bytes."""
    kept, at = [module[:8]], 8
    while at < len(module):
        start, length, shift = at, 0, 0
        while True:  # LEB128
            at += 1
            length |= (module[at] & 0x7F) << shift
            shift += 7
            if module[at] < 0x80:  # noqa: PLR2004 - the last byte has no high bit
                break
        at += 1 + length
        if module[start] != 0:
            kept.append(module[start:at])
    return b"".join(kept)


def compile_text(text: str) -> wasmtime.Module:
    """Compile WebAssembly text; BackendError when the engine refuses it."""
    with _typed_errors("wasmtime refused a generated module"):
        return wasmtime.Module(engine(), bytes(wasmtime.wat2wasm(text)))


def cached_module(key: str, text: Callable[[], str]) -> tuple[wasmtime.Module, bool]:
    """Compile WebAssembly text, or take the machine code from the disk cache; tells which.

    ``key`` is the content key; the text is made only when it is needed. A damaged cache entry is compiled anew.
    """
    found = find_module(key)
    if found is not None:
        return found, True
    module = compile_text(text())
    with _typed_errors("machine code for the disk cache"):
        write_entry(f"{ENGINE_NAME}-{key}", bytes(module.serialize()))
    return module, False


def find_module(key: str) -> wasmtime.Module | None:
    """The compiled module from the disk cache; None when it is not there or the engine does not take it."""
    data = read_entry(f"{ENGINE_NAME}-{key}")
    if data is None:
        return None
    try:
        with Uninterrupted():
            return wasmtime.Module.deserialize(engine(), data)
    except wasmtime.WasmtimeError:
        return None


# Wasmtime's unchecked call with plain addresses: nothing is left for ctypes to convert.
_call_unchecked = ctypes.CFUNCTYPE(
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
)(("wasmtime_func_call_unchecked", ffi.dll))
_WORDS_OF_VALUE = ctypes.sizeof(ffi.wasmtime_val_raw_t) // ctypes.sizeof(ctypes.c_int32)


class _Export:
    """An exported function of 32-bit integers, with the words that its arguments are written to."""

    def __init__(self, func: Any, num_args: int) -> None:
        self._func = func  # keeps alive what the address is of
        self.num_args = num_args
        self.address = ctypes.addressof(func)
        self.words = (ctypes.c_int32 * (_WORDS_OF_VALUE * max(num_args, 1)))()
        self.words_address = ctypes.addressof(self.words)


class Instance:
    """A module running in a store of its own, so that it can be freed alone and used from one thread.

    ``call`` takes only 32-bit integers and returns nothing: about 0.5 us, where wasmtime-py's checked call costs
    6 us and 5 us for each argument.
    """

    def __init__(self, module: wasmtime.Module, memory: Memory) -> None:
        self._calls: dict[str, _Export] = {}
        self._trap = ctypes.c_void_p()
        self._trap_address = ctypes.addressof(self._trap)
        self._store: wasmtime.Store | None = None
        try:
            with _typed_errors("an instance of a WebAssembly module"):
                self._store = wasmtime.Store(engine())
                self._exports = self._instantiate(self._store, module, memory)
            self._context = ctypes.cast(self._store._context(), ctypes.c_void_p).value  # noqa: SLF001 - see ``call``
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _instantiate(store: wasmtime.Store, module: wasmtime.Module, memory: Memory) -> Any:
        store.set_wasi(wasmtime.WasiConfig())
        linker = wasmtime.Linker(engine())
        linker.define_wasi()
        linker.define(store, "env", "memory", memory.native)
        return linker.instantiate(store, module).exports(store)

    def prepare(self, name: str, num_args: int) -> None:
        """Look an exported function up once."""
        found: Any = self._exports[name]
        self._calls[name] = _Export(found._func, num_args)  # noqa: SLF001 - see ``call``

    def call(self, name: str, *args: int) -> None:
        """Call a prepared function. A trap becomes a BackendError."""
        if self._store is None:
            raise BackendError("this WebAssembly plan has been disposed")
        export = self._calls[name]
        for i, a in enumerate(args):
            export.words[_WORDS_OF_VALUE * i] = a
        error = _call_unchecked(
            self._context, export.address, export.words_address, export.num_args, self._trap_address,
        )
        if error or self._trap:
            self._raise(error)

    def _raise(self, error: int | None) -> None:
        """Raise what a call ended with, and take over what wasmtime gave away with it."""
        if error:
            owned = ctypes.cast(error, ctypes.POINTER(ffi.wasmtime_error_t))
            raise BackendError(str(wasmtime.WasmtimeError._from_ptr(owned)))  # noqa: SLF001 - frees it with the object
        trap = wasmtime.Trap._from_ptr(ctypes.cast(self._trap, ctypes.POINTER(ffi.wasm_trap_t)))  # noqa: SLF001 - as above
        self._trap.value = None
        raise BackendError(f"a WebAssembly kernel trapped: {str(trap).splitlines()[0]}")

    def close(self) -> None:
        """Free the store with everything in it."""
        if self._store is not None:
            with Uninterrupted():
                self._calls.clear()
                self._store.close()
                self._store = None
