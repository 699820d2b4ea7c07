"""How long a tick of a device's time stamps is: asked of the queue, or measured where that cannot be asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import wgpu

if TYPE_CHECKING:
    from tfjslab.backends.webgpu.run.device import Device

_APART_S = 0.1  # between the stamps that are compared with the host's clock
STAMP_BYTES = 8


@dataclass(frozen=True)
class Tick:
    """Nanoseconds in a tick, and who says so."""

    ns: float
    source: str


def tick_of(device: Device, period: Callable[[Device], float | None] | None = None) -> Tick:
    """The tick of a device that has time stamps. ``period`` asks the queue, None where it cannot tell."""
    ns = (period or queue_period)(device)
    if ns is not None and math.isfinite(ns) and ns > 0:
        return Tick(ns, f"{ns:g} ns a tick by the queue's timestamp period")
    ns = measure_tick(device)
    return Tick(ns, f"{ns:.4g} ns a tick, measured against the host's clock over {_APART_S:g} s")


def queue_period(device: Device) -> float | None:
    """What wgpu-native says; the standard has no name for it, and wgpu-py no function."""
    try:
        lib = wgpu.backends.wgpu_native.lib
        return float(lib.wgpuQueueGetTimestampPeriod(device.queue._internal))  # noqa: SLF001 - the only way to ask
    except (AttributeError, TypeError):
        return None


def measure_tick(device: Device) -> float:
    """Nanoseconds in a tick, from two stamps and the host's clock around each.

    The host knows a stamp's time only to within its submission, a part in a hundred of the time between the stamps or
    less; that is what the result may be off by.
    """
    first = _stamp(device)
    time.sleep(_APART_S)
    second = _stamp(device)
    ticks = second[1] - first[1]
    return (second[0] - first[0]) / ticks if ticks > 0 else math.nan


def _stamp(device: Device) -> tuple[float, int]:
    """The host's time in nanoseconds, half way through a submission, and the stamp that it wrote."""
    queries = device.queries(2)
    resolved = device.buffer(2 * STAMP_BYTES, "query", what="time stamps")
    try:
        encoder = device.encoder()
        encoder.begin_compute_pass(timestamp_writes={
            "query_set": queries, "beginning_of_pass_write_index": 0, "end_of_pass_write_index": 1,
        }).end()
        encoder.resolve_query_set(queries, 0, 2, resolved, 0)
        before = time.perf_counter_ns()
        (words,) = device.submit(encoder, [(resolved, 0, 2 * STAMP_BYTES)])
        return (before + time.perf_counter_ns()) / 2, int(words.view(np.uint64)[1])
    finally:
        device.release(resolved, "query")
        device.forget_queries()
