"""Memory that fails: the k-th time that the package asks for some, it gets the error that the system would give."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import wasmtime

from tfjslab.backends.wasm.run.heap import Heap
from tfjslab.base.errors import BackendError


def _of_numpy() -> MemoryError:
    return np._core._exceptions._ArrayMemoryError((1 << 40,), np.dtype(np.float32))


def _of_engine() -> wasmtime.WasmtimeError:
    return wasmtime.WasmtimeError("failed to allocate memory: Cannot allocate memory (os error 12)")


def _of_threads() -> RuntimeError:
    return RuntimeError("can't start new thread")


def _of_heap() -> BackendError:
    return BackendError("the heap is full", code="backend.out_of_memory")


Place = tuple[Any, str, Callable[[], Exception]]
_ARRAYS = (
    "array", "ascontiguousarray", "concatenate", "empty", "empty_like", "full", "matmul", "ones", "pad", "stack",
    "where", "zeros", "zeros_like", "round", "clip", "broadcast_to", "frombuffer",
)
# Where each kind of memory is had: the object, the name of its function, and what that raises.
PLACES: dict[str, list[Place]] = {
    "arrays": [(np, name, _of_numpy) for name in _ARRAYS],
    "files": [(json, "loads", MemoryError), (Path, "read_bytes", MemoryError), (Path, "write_bytes", MemoryError)],
    "heap": [(Heap, "alloc", _of_heap)],
    "engine": [
        (wasmtime.SharedMemory, "__init__", _of_engine), (wasmtime.SharedMemory, "grow", _of_engine),
        (wasmtime.Store, "__init__", _of_engine), (wasmtime.Linker, "instantiate", _of_engine),
        (wasmtime.Module, "__init__", _of_engine), (wasmtime.Module, "serialize", _of_engine),
    ],
    "threads": [(threading.Thread, "start", _of_threads)],
}
GPU = "gpu"


def _gpu_places() -> list[Place]:
    """The same for a device of wgpu, which is optional."""
    import wgpu  # noqa: PLC0415 - see above
    from wgpu.backends.wgpu_native import GPUDevice  # noqa: PLC0415 - see above

    names = ("create_buffer", "create_bind_group", "create_compute_pipeline", "create_command_encoder")
    return [(GPUDevice, name, lambda: wgpu.GPUOutOfMemoryError("no memory left")) for name in names]


@dataclass
class Calls:
    """How often memory was asked for."""

    count: int = 0


@contextmanager
def failing(at: int, *kinds: str, for_good: bool = False) -> Iterator[Calls]:
    """Let call number ``at`` of these kinds of memory fail, counted from 1, and all after it ``for_good``.

    Kinds are those of ``PLACES``, which are meant without any, and ``GPU``. None fails with 0.
    """
    calls = Calls()

    def counted(function: Callable[..., Any], error: Callable[[], Exception]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.count += 1
            if calls.count == at or (for_good and 0 < at < calls.count):
                raise error()
            return function(*args, **kwargs)
        return call

    with ExitStack() as patches:
        for kind in kinds or PLACES:
            for owner, name, error in _gpu_places() if kind == GPU else PLACES[kind]:
                patches.enter_context(patch.object(owner, name, counted(getattr(owner, name), error)))
        yield calls
