"""Recording of compute passes, and the time stamps around them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import wgpu

from tfjslab.backends.webgpu.run.device import Device, Range
from tfjslab.backends.webgpu.run.ticks import STAMP_BYTES
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError

Dispatch = tuple[Any, Any, tuple[int, int, int]]  # pipeline, bind group, workgroups
_Native = Callable[..., None]
_PAIRS = 2048  # in one set of queries, by the standard


def dispatch_all(encoder: Any, dispatches: Sequence[Dispatch], **stamped: Any) -> None:
    """One compute pass; a pipeline is set only where it changes."""
    if not dispatches:
        return
    compute = encoder.begin_compute_pass(**stamped)
    setters = _setters(compute)
    if setters is None:
        _record_publicly(compute, dispatches)
    else:
        _record_natively(*setters, dispatches)
    compute.end()


def _record_publicly(compute: Any, dispatches: Sequence[Dispatch]) -> None:
    """By wgpu's documented methods."""
    last = None
    for pipeline, group, (x, y, z) in dispatches:
        if pipeline is not last:
            compute.set_pipeline(pipeline)
            last = pipeline
        compute.set_bind_group(0, group)
        compute.dispatch_workgroups(x, y, z)


def _record_natively(
    recorded: Any, set_pipeline: _Native, set_group: _Native, dispatch: _Native, nothing: Any,
    dispatches: Sequence[Dispatch],
) -> None:
    """By the C functions below these methods, which take a third of the time: 0.05 ms for 55 dispatches, not 0.15.

    Each method watches for an error of its own call. None is told there: wgpu-native keeps what is wrong in a pass
    until the encoder is finished, which is where ``Device.submit`` waits for it.
    """
    last = None
    for pipeline, group, (x, y, z) in dispatches:
        if pipeline is not last:
            set_pipeline(recorded, pipeline._internal)  # noqa: SLF001 - see above
            last = pipeline
        set_group(recorded, 0, group._internal, 0, nothing)  # noqa: SLF001 - see above
        dispatch(recorded, x, y, z)


def _setters(compute: Any) -> tuple[Any, _Native, _Native, _Native, Any] | None:
    """A pass's handle and what records into it; None in a wgpu that has these nowhere or elsewhere."""
    native: Any = getattr(wgpu.backends, "wgpu_native", None)
    try:
        return (
            compute._internal,  # noqa: SLF001 - wgpu-py has no public handle
            native.lib.wgpuComputePassEncoderSetPipeline, native.lib.wgpuComputePassEncoderSetBindGroup,
            native.lib.wgpuComputePassEncoderDispatchWorkgroups, native.ffi.NULL,
        )
    except AttributeError:
        return None


class Stamps:
    """The time of each command of a plan: two device time stamps around a pass, or the clock around a submission.

    The clock's time is a measured upper bound, submitting and waiting included, which is more than no time at all would
    tell; ``clock`` names it, so that nobody takes it for a device's.
    Only commands that dispatch something have a pair of stamps: reading one that was never written would wait forever.
    """

    def __init__(self, device: Device, dispatches: Sequence[Sequence[Dispatch]]) -> None:
        self._device = device
        self._ms = [0.0] * len(dispatches)
        self._pairs = {i: n for n, i in enumerate(i for i, d in enumerate(dispatches) if d)}
        self._queries: list[Any] = []
        self._resolved: Any = None
        if device.has_timestamps and self._pairs:
            count = 2 * len(self._pairs)
            self._resolved = device.buffer(STAMP_BYTES * count, "query", what="time stamps")
            try:
                for first in range(0, count, 2 * _PAIRS):
                    self._queries.append(device.queries(min(2 * _PAIRS, count - first)))
            except BaseException:
                self.dispose()
                raise

    @staticmethod
    def clock(device: Device) -> str:
        """What is read, as shown beside the numbers."""
        kind = f"{device.adapter.kind} adapter"
        if device.has_timestamps:
            return f"time stamps of the device around each compute pass, {device.tick.source} ({kind})"
        return f"host clock around one submission for each command, as the device has no time stamps ({kind})"

    def around(self, encoder: Any, index: int, dispatches: Sequence[Dispatch]) -> None:
        """Record the dispatches of a command with stamps around them."""
        if not dispatches:
            return
        if not self._queries:
            self._clocked(index, dispatches)
            return
        which, pair = divmod(self._pairs[index], _PAIRS)
        dispatch_all(encoder, dispatches, timestamp_writes={
            "query_set": self._queries[which], "beginning_of_pass_write_index": 2 * pair,
            "end_of_pass_write_index": 2 * pair + 1,
        })

    def _clocked(self, index: int, dispatches: Sequence[Dispatch]) -> None:
        encoder = self._device.encoder()
        dispatch_all(encoder, dispatches)
        before = time.perf_counter()
        self._device.submit(encoder)
        self._device.wait()
        self._ms[index] = (time.perf_counter() - before) * 1e3

    def on_host(self, index: int, ms: float) -> None:
        """Note the time of a host step."""
        self._ms[index] = ms

    def resolve(self, encoder: Any) -> Range:
        """Record the copy of all stamps into a buffer, and say where they lie there."""
        if not self._queries:
            return None, 0, 0
        count = 2 * len(self._pairs)
        for i, queries in enumerate(self._queries):
            first = 2 * _PAIRS * i
            encoder.resolve_query_set(
                queries, 0, min(2 * _PAIRS, count - first), self._resolved, STAMP_BYTES * first,
            )
        return self._resolved, 0, STAMP_BYTES * count

    def take(self, words: Array) -> list[float]:
        """Milliseconds of each command, from what ``resolve`` copied.

        Raises BackendError (``backend.stamps``) where a pair runs backwards, as some drivers set their counter back
        when a GPU wakes: no time would be true, and 0 least of all.
        """
        found = list(self._ms)
        pairs = words.view(np.uint64).reshape(-1, 2)
        if not len(pairs):
            return found
        took = {i: int(pairs[n, 1]) - int(pairs[n, 0]) for i, n in self._pairs.items()}
        backwards = sum(ticks < 0 for ticks in took.values())
        if backwards:
            raise BackendError(
                f"{backwards} of {len(took)} pairs of time stamps of {self._device.adapter} ran backwards, so the "
                "times of these commands are not known; profile again", code="backend.stamps",
            )
        for i, ticks in took.items():
            found[i] = ticks * self._device.tick.ns / 1e6
        return found

    def dispose(self) -> None:
        """Give the queries and their buffer back."""
        for _ in self._queries:
            self._device.forget_queries()
        self._queries = []
        if self._resolved is not None:
            self._device.release(self._resolved, "query")
            self._resolved = None
