"""One logical device: buffers from a pool, pipelines made once, counters of both, and typed errors."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import wgpu

from tfjslab.backends.webgpu.run.adapters import FLOAT16, TIMESTAMPS, Adapter
from tfjslab.backends.webgpu.run.failures import check_nesting, typed_errors
from tfjslab.backends.webgpu.run.ticks import Tick, tick_of
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError
from tfjslab.base.machine import available_memory_bytes

SUBGROUPS = "subgroup"
ALIGNMENT = 256  # what every adapter takes as the offset of a binding
_POOLED_BYTES = 64 << 20  # more than this is not kept for later
_SPARE_BYTES = 256 << 20  # of the host's memory, which software adapters take theirs from
_LIMITS = (
    "max-buffer-size", "max-storage-buffer-binding-size", "max-storage-buffers-per-shader-stage",
    "max-compute-workgroups-per-dimension", "max-compute-workgroup-storage-size",
    "max-compute-invocations-per-workgroup", "max-compute-workgroup-size-x",
)
_USAGES = {
    "storage": wgpu.BufferUsage.STORAGE | wgpu.BufferUsage.COPY_SRC | wgpu.BufferUsage.COPY_DST,
    "uniform": wgpu.BufferUsage.UNIFORM | wgpu.BufferUsage.COPY_DST,
    "read": wgpu.BufferUsage.MAP_READ | wgpu.BufferUsage.COPY_DST,
    "query": wgpu.BufferUsage.QUERY_RESOLVE | wgpu.BufferUsage.COPY_SRC,
}
Range = tuple[Any, int, int]  # buffer, offset, bytes


class Device:
    """Owns everything that was made with it; ``destroy`` gives it all back."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.counters: Counter[str] = Counter(devices=1)
        self.compile_ms = 0.0
        self.lost = False
        self._lock = threading.RLock()
        self._pool: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self._pipelines: dict[str, Any] = {}
        with typed_errors(str(adapter)):
            self.features = frozenset({TIMESTAMPS, FLOAT16, SUBGROUPS} & set(adapter.handle.features))
            limits = {name: adapter.handle.limits[name] for name in _LIMITS}
            self.handle = adapter.handle.request_device_sync(
                required_features=sorted(self.features), required_limits=limits,
            )
        self.queue = self.handle.queue
        self.max_binding: int = limits["max-storage-buffer-binding-size"]
        self.max_buffer: int = limits["max-buffer-size"]
        self.max_bindings: int = limits["max-storage-buffers-per-shader-stage"]
        self.max_groups: int = limits["max-compute-workgroups-per-dimension"]

    @cached_property
    def tick(self) -> Tick:
        """How long a tick of the time stamps is, and who says so."""
        return tick_of(self)

    @property
    def has_timestamps(self) -> bool:
        """Whether passes can be stamped on the device."""
        return TIMESTAMPS in self.features

    def _errors(self, what: str, code: str = "backend.failed") -> AbstractContextManager[None]:
        """Typed errors; one of them may tell that the device is lost."""
        return typed_errors(what, code, self._lose)

    def _lose(self) -> None:
        self.lost = True

    # ---- buffers -----------------------------------------------------------------------------------------------

    def buffer(self, num_bytes: int, usage: str = "storage", *, what: str = "a buffer") -> Any:
        """A buffer of at least ``num_bytes``, from the pool if it has one; its contents are undefined.

        Raises BackendError: ``backend.limit`` when the adapter has no buffers of this size, ``backend.out_of_memory``.
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
                self._check_room(size, what)
                with self._errors(what):
                    made = self.handle.create_buffer(size=size, usage=_USAGES[usage])
                self.counters["num_bytes_allocated"] += size
            self.counters["gpu_buffers"] += 1
            self.counters["num_bytes_in_gpu"] += size
            return made

    def _check_room(self, size: int, what: str) -> None:
        """A software adapter promises any amount of the host's memory, and the system ends the process that uses it."""
        if not self.adapter.software or size < _POOLED_BYTES:
            return
        room = available_memory_bytes()
        if room is not None and size > room - _SPARE_BYTES:
            raise BackendError(
                f"{what} takes {size} bytes; {self.adapter} computes in the memory of this machine, "
                f"of which {room} bytes are available", code="backend.out_of_memory",
            )

    def release(self, buffer: Any, usage: str = "storage", *, reusable: bool = True) -> None:
        """Give a buffer back to the pool, or let go of it when the pool is full or it is not ``reusable``.

        It is not destroyed: what was recorded with it, and not submitted yet, would end the process.
        """
        with self._lock:
            self.counters["gpu_buffers"] -= 1
            self.counters["num_bytes_in_gpu"] -= buffer.size
            if reusable and not self.lost and self.counters["num_bytes_free"] + buffer.size <= _POOLED_BYTES:
                self._pool[usage, buffer.size].append(buffer)
                self.counters["num_bytes_free"] += buffer.size
            else:
                self.counters["num_bytes_allocated"] -= buffer.size

    def upload(self, data: Array, *, what: str = "a constant") -> Any:
        """A storage buffer with these words."""
        made = self.buffer(data.nbytes, what=what)
        try:
            self.write(made, 0, data)
        except BaseException:
            self.release(made)
            raise
        return made

    def write(self, buffer: Any, offset: int, data: Array) -> None:
        """Copy words into a buffer, before whatever is submitted next."""
        if data.nbytes:
            with self._errors("writing a buffer"):
                self.queue.write_buffer(buffer, offset, data)

    # ---- running -----------------------------------------------------------------------------------------------

    def queries(self, count: int) -> Any:
        """A set of time stamps; say ``forget_queries`` when letting go of it."""
        with self._errors(f"{count} time stamps"):
            made = self.handle.create_query_set(type="timestamp", count=count)
        self.counters["query_sets"] += 1
        return made

    def forget_queries(self) -> None:
        """Somebody let go of a set of time stamps."""
        self.counters["query_sets"] -= 1

    def encoder(self) -> Any:
        """Start recording."""
        with self._errors("recording commands"):
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
        done = False
        try:
            at = 0
            for buffer, offset, count in ranges:
                if count:
                    encoder.copy_buffer_to_buffer(buffer, offset, staging, at, count)
                at += count
            self._submit(encoder)
            with self._errors("reading results"):
                staging.map_async("READ_NOSYNC", 0, total).sync_wait()
                data = np.frombuffer(staging.read_mapped(0, total), np.uint32)
                staging.unmap()
            done = True
        finally:
            # An interrupt may leave it mapped, and the next submission with it would end the process.
            self.release(staging, "read", reusable=done)
        ends = accumulate(n // 4 for _, _, n in ranges)
        return [data[end - n // 4 : end] for end, (_, _, n) in zip(ends, ranges, strict=True)]

    def _submit(self, encoder: Any) -> None:
        with self._errors("submitting commands"):
            finished = encoder.finish()  # raises when the device is lost; ``queue.submit`` would end the process
            self.queue.submit([finished])

    # ---- pipelines ---------------------------------------------------------------------------------------------

    def pipeline(self, code: str, name: str) -> Any:
        """The pipeline of a shader, made once. Raises BackendError (``backend.shader``) when it is refused."""
        with self._lock:
            if code not in self._pipelines:
                check_nesting(code, f"shader '{name}'")
                start = time.perf_counter()
                with self._errors(f"shader '{name}'", "backend.shader"):
                    module = self.handle.create_shader_module(label=name, code=code)
                    stage = {"module": module, "entry_point": "main"}
                    made = self.handle.create_compute_pipeline(label=name, layout="auto", compute=stage)
                self._pipelines[code] = made
                self.counters["pipelines"] += 1
                self.compile_ms += (time.perf_counter() - start) * 1e3
            return self._pipelines[code]

    def has_pipeline(self, code: str) -> bool:
        """Whether the pipeline of a shader is there already."""
        with self._lock:
            return code in self._pipelines

    def drop_pipeline(self, code: str) -> None:
        """Forget a pipeline that no plan will use."""
        with self._lock:
            if self._pipelines.pop(code, None) is not None:
                self.counters["pipelines"] -= 1

    def bind(self, pipeline: Any, ranges: Sequence[Range], what: str) -> Any:
        """A bind group of parts of buffers, in order."""
        entries = [
            {"binding": i, "resource": {"buffer": b, "offset": o, "size": n}} for i, (b, o, n) in enumerate(ranges)
        ]
        with self._errors(what):
            return self.handle.create_bind_group(layout=pipeline.get_bind_group_layout(0), entries=entries)

    def destroy(self) -> None:
        """Give back the pool, the pipelines and the device."""
        with self._lock:
            self._pool.clear()
            self._pipelines.clear()
            self.lost = True
            self.handle.destroy()
