"""One logical device: buffers from a pool, pipelines made once, counters of both, and typed errors."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import wgpu

from tfjslab.backends.webgpu.adapters import Adapter
from tfjslab.backends.webgpu.words import words
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError

TIMESTAMPS = "timestamp-query"
ALIGNMENT = 256  # what every adapter takes as the offset of a binding
_POOLED_BYTES = 64 << 20  # more than this is not kept for later
_LIMITS = ("max-buffer-size", "max-storage-buffer-binding-size", "max-storage-buffers-per-shader-stage")
_USAGES = {
    "storage": wgpu.BufferUsage.STORAGE | wgpu.BufferUsage.COPY_SRC | wgpu.BufferUsage.COPY_DST,
    "uniform": wgpu.BufferUsage.UNIFORM | wgpu.BufferUsage.COPY_DST,
    "read": wgpu.BufferUsage.MAP_READ | wgpu.BufferUsage.COPY_DST,
    "query": wgpu.BufferUsage.QUERY_RESOLVE | wgpu.BufferUsage.COPY_SRC,
}
Range = tuple[Any, int, int]  # buffer, offset, bytes


def _worth_logging(record: logging.LogRecord) -> bool:
    """Whether wgpu's log line is news: a device that is given back is reported as lost, one that is lost raises."""
    text = record.getMessage()
    return "DEVICE LOST" not in text and "device was lost" not in text


logging.getLogger("wgpu").addFilter(_worth_logging)


@contextmanager
def typed_errors(what: str) -> Iterator[None]:
    """Errors of wgpu as BackendError with a code that tells what may be done about it."""
    try:
        yield
    except wgpu.GPUOutOfMemoryError as e:
        raise BackendError(f"{what}: the adapter is out of memory", code="backend.out_of_memory") from e
    except (wgpu.GPUError, RuntimeError) as e:
        raise _typed(what, e, "backend.failed") from e


def _typed(what: str, error: Exception, code: str) -> BackendError:
    """The BackendError for an error of wgpu: a lost device, whatever was asked of it, else ``code``."""
    text = " ".join(str(error).split())
    if "lost" in text.lower() or "destroyed" in text.lower():
        return BackendError(f"{what}: the device was lost", code="backend.device_lost")
    return BackendError(f"{what}: {text[:400]}", code=code)


class Device:
    """Owns everything that was made with it; ``destroy`` gives it all back."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.counters = dict.fromkeys(
            ("gpu_buffers", "num_bytes_in_gpu", "num_bytes_allocated", "num_bytes_free", "pipelines"), 0,
        )
        self.compile_ms = 0.0
        self._lock = threading.RLock()
        self._pool: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self._pipelines: dict[str, Any] = {}
        with typed_errors(str(adapter)):
            self._features = {TIMESTAMPS} & set(adapter.handle.features)
            limits = {name: adapter.handle.limits[name] for name in _LIMITS}
            self.handle = adapter.handle.request_device_sync(
                required_features=sorted(self._features), required_limits=limits,
            )
        self.queue = self.handle.queue
        self.max_binding: int = limits["max-storage-buffer-binding-size"]
        self.max_buffer: int = limits["max-buffer-size"]
        self.max_bindings: int = limits["max-storage-buffers-per-shader-stage"]

    @property
    def stamp_ns(self) -> float:
        """Nanoseconds in a tick of the time stamps."""
        return 1.0

    @property
    def has_timestamps(self) -> bool:
        """Whether passes can be stamped on the device."""
        return bool(self._features)

    # ---- buffers -----------------------------------------------------------------------------------------------

    def buffer(self, num_bytes: int, usage: str = "storage", *, what: str = "a buffer") -> Any:
        """A buffer of at least ``num_bytes``, from the pool if it has one; its contents are undefined.

        Raises BackendError (``backend.limit``) when the adapter has no buffers of this size.
        """
        size = max(1, -(-num_bytes // ALIGNMENT)) * ALIGNMENT
        if size > self.max_buffer:
            raise BackendError(
                f"{what} takes {num_bytes} bytes; {self.adapter} has buffers of at most {self.max_buffer} bytes",
                code="backend.limit",
            )
        with self._lock:
            waiting = self._pool[usage, size]
            if waiting:
                made = waiting.pop()
                self.counters["num_bytes_free"] -= size
            else:
                with typed_errors(what):
                    made = self.handle.create_buffer(size=size, usage=_USAGES[usage])
                self.counters["num_bytes_allocated"] += size
            self.counters["gpu_buffers"] += 1
            self.counters["num_bytes_in_gpu"] += size
            return made

    def release(self, buffer: Any, usage: str = "storage") -> None:
        """Give a buffer back to the pool, or to the adapter when the pool is full."""
        with self._lock:
            self.counters["gpu_buffers"] -= 1
            self.counters["num_bytes_in_gpu"] -= buffer.size
            if self.counters["num_bytes_free"] + buffer.size <= _POOLED_BYTES:
                self._pool[usage, buffer.size].append(buffer)
                self.counters["num_bytes_free"] += buffer.size
            else:
                buffer.destroy()
                self.counters["num_bytes_allocated"] -= buffer.size

    def upload(self, array: Array, *, what: str = "a constant") -> Any:
        """A storage buffer with the words of an array."""
        data = words(array)
        made = self.buffer(data.nbytes, what=what)
        self.write(made, 0, data)
        return made

    def write(self, buffer: Any, offset: int, data: Array) -> None:
        """Copy words into a buffer, before whatever is submitted next."""
        if data.nbytes:
            with typed_errors("writing a buffer"):
                self.queue.write_buffer(buffer, offset, data)

    def encoder(self) -> Any:
        """Start recording."""
        with typed_errors("recording commands"):
            return self.handle.create_command_encoder()

    def wait(self) -> None:
        """Wait until everything that was submitted is done: a copy that comes last has arrived.

        The queue's own way to wait raises TypeError in wgpu 0.32.0.
        """
        last = self.buffer(ALIGNMENT, what="waiting for the device")
        try:
            self.submit(self.encoder(), [(last, 0, ALIGNMENT)])
        finally:
            self.release(last)

    def submit(self, encoder: Any, ranges: Sequence[Range] = ()) -> list[Array]:
        """Submit what was recorded, wait, and give the bytes of ``ranges`` as arrays of words; no wait without any."""
        total = sum(n for _, _, n in ranges)
        if not total:
            self._submit(encoder)
            return [np.zeros(0, np.uint32) for _ in ranges]
        staging = self.buffer(total, "read", what="reading results")
        try:
            at = 0
            for buffer, offset, count in ranges:
                if count:
                    encoder.copy_buffer_to_buffer(buffer, offset, staging, at, count)
                at += count
            self._submit(encoder)
            with typed_errors("reading results"):
                staging.map_async("READ_NOSYNC", 0, total).sync_wait()
                data = np.frombuffer(staging.read_mapped(0, total), np.uint32)
                staging.unmap()
        finally:
            self.release(staging, "read")
        ends = np.cumsum([n // 4 for _, _, n in ranges])
        return np.split(data, ends[:-1])

    def _submit(self, encoder: Any) -> None:
        with typed_errors("submitting commands"):
            self.queue.submit([encoder.finish()])

    # ---- pipelines ---------------------------------------------------------------------------------------------

    def pipeline(self, code: str, name: str) -> Any:
        """The pipeline of a shader, made once. Raises BackendError (``backend.shader``) when it is refused."""
        with self._lock:
            if code not in self._pipelines:
                start = time.perf_counter()
                try:
                    module = self.handle.create_shader_module(label=name, code=code)
                    stage = {"module": module, "entry_point": "main"}
                    made = self.handle.create_compute_pipeline(label=name, layout="auto", compute=stage)
                except wgpu.GPUValidationError as e:
                    raise _typed(f"shader '{name}'", e, "backend.shader") from e
                self._pipelines[code] = made
                self.counters["pipelines"] += 1
                self.compile_ms += (time.perf_counter() - start) * 1e3
            return self._pipelines[code]

    def bind(self, pipeline: Any, ranges: Sequence[Range], what: str) -> Any:
        """A bind group of parts of buffers, in order."""
        entries = [
            {"binding": i, "resource": {"buffer": b, "offset": o, "size": n}} for i, (b, o, n) in enumerate(ranges)
        ]
        with typed_errors(what):
            return self.handle.create_bind_group(layout=pipeline.get_bind_group_layout(0), entries=entries)

    def destroy(self) -> None:
        """Give back the pool, the pipelines and the device."""
        with self._lock:
            for buffers in self._pool.values():
                for b in buffers:
                    b.destroy()
            self._pool.clear()
            self._pipelines.clear()
            self.handle.destroy()
