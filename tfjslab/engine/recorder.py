"""Collecting kernels while a profile is on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tfjslab.backends.base import CommandInfo
from tfjslab.engine.state import STATE
from tfjslab.profiling.record import KernelRecord

CLOCK_NAME = "time.perf_counter"


@dataclass(eq=False)
class KernelRecorder:
    """Takes what backends stamped. ``clock`` gives seconds."""

    clock: Callable[[], float] = time.perf_counter
    kernels: list[KernelRecord] = field(default_factory=list)

    def add(self, info: CommandInfo, time_ms: float) -> None:
        """A command ran; what it holds comes on top of what the engine counts."""
        counters = STATE.counters
        self.kernels.append(KernelRecord(
            info.kernel, info.node, float(time_ms), info.input_shapes, info.output_shapes, info.bytes_added,
            counters.num_bytes + info.bytes_live, info.tensors_added, counters.num_tensors + info.tensors_live,
            info.flops, info.fallback, info.nodes, info.layer, info.bytes_moved, info.reason,
        ))

    @property
    def kernel_ms(self) -> float:
        """Sum of the kernels' times."""
        return math.fsum(k.kernel_time_ms for k in self.kernels)


def active_recorder() -> KernelRecorder | None:
    """The innermost profile of this thread, or None."""
    return STATE.local.recorders[-1] if STATE.local.recorders else None
