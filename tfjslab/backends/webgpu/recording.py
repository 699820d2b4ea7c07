"""Recording of compute passes, and the time stamps around them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfjslab.backends.webgpu.device import Device, Range
from tfjslab.backends.webgpu.ticks import STAMP_BYTES
from tfjslab.base.dtypes import Array

Dispatch = tuple[Any, Any, tuple[int, int, int]]  # pipeline, bind group, workgroups
_PAIRS = 2048  # in one set of queries, by the standard


def dispatch_all(encoder: Any, dispatches: Sequence[Dispatch], **stamped: Any) -> None:
    """One compute pass; a pipeline is set only where it changes."""
    if not dispatches:
        return
    last = None
    compute = encoder.begin_compute_pass(**stamped)
    for pipeline, group, (x, y, z) in dispatches:
        if pipeline is not last:
            compute.set_pipeline(pipeline)
            last = pipeline
        compute.set_bind_group(0, group)
        compute.dispatch_workgroups(x, y, z)
    compute.end()


class Stamps:
    """The time of each command of a plan: two device time stamps around a pass, or the clock around a submission.

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
        """Milliseconds of each command, from what ``resolve`` copied."""
        found = list(self._ms)
        pairs = words.view(np.uint64).reshape(-1, 2)
        for i, n in self._pairs.items():
            if len(pairs):
                found[i] = (int(pairs[n, 1]) - int(pairs[n, 0])) * self._device.tick.ns / 1e6
        return found

    def dispose(self) -> None:
        """Give the queries and their buffer back."""
        for _ in self._queries:
            self._device.forget_queries()
        self._queries = []
        if self._resolved is not None:
            self._device.release(self._resolved, "query")
            self._resolved = None
