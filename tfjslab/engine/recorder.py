"""Collecting kernels while a profile is on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tfjslab.backends.base import Backend, CommandInfo, RunStamps
from tfjslab.backends.host import Live
from tfjslab.engine.state import STATE
from tfjslab.records.profile import Copies, Environment, KernelRecord, stamp_environment

CLOCK_NAME = "time.perf_counter"


# Descriptions of commands, made only when they are read.
Describe = Callable[[], Sequence[CommandInfo]]


@dataclass(eq=False)
class KernelRecorder:
    """Receives the stamps of backends. ``clock`` gives seconds.

    While the measured thing runs only references are stored; records are made afterwards, so that profiling adds
    little to the times.
    """

    clock: Callable[[], float] = time.perf_counter
    _batches: list[tuple[Describe, Sequence[float], int, int]] = field(default_factory=list)
    _backends: dict[str, Backend] = field(default_factory=dict)

    def on(self, backend: Backend) -> None:
        """The next commands run on ``backend``, which need not be the current one: a model may have its own."""
        self._backends[backend.name] = backend

    def add(self, describe: Describe, times_ms: Sequence[float], held: Live) -> None:
        """Commands ran and took ``times_ms``; ``held`` are tensors of their caller that the engine does not count."""
        c = STATE.counters
        self._batches.append((describe, times_ms, c.num_bytes + held.num_bytes, c.num_tensors + held.num_tensors))

    @property
    def copies(self) -> Copies | None:
        """What copies between host and device took so far; None where plans ran on the host itself."""
        stamps = [times for _, times, _, _ in self._batches if isinstance(times, RunStamps)]
        ups, downs = ([t for t in found if t is not None] for found in (
            [s.upload_ms for s in stamps], [s.download_ms for s in stamps]))
        return Copies(math.fsum(ups), math.fsum(downs)) if ups or downs else None

    @property
    def environment(self) -> Environment | None:
        """Where everything ran; None when nothing did. Several backends are named together, with the most threads."""
        found = tuple(self._backends.values())
        return environment_of(found) if found else None

    @property
    def kernels(self) -> list[KernelRecord]:
        """The records so far, in order."""
        return [
            _record(info, ms, num_bytes, num_tensors)
            for describe, times_ms, num_bytes, num_tensors in self._batches
            for info, ms in zip(describe(), times_ms, strict=True)
        ]


def _record(info: CommandInfo, ms: float, num_bytes: int, num_tensors: int) -> KernelRecord:
    return KernelRecord(
        info.kernel, info.node, float(ms), info.input_shapes, info.output_shapes, info.bytes_added,
        num_bytes + info.bytes_live, info.tensors_added, num_tensors + info.tensors_live, info.flops, info.fallback,
        info.nodes, info.layer, info.bytes_moved, info.reason, info.buffers,
    )


def environment_of(backends: Sequence[Backend]) -> Environment:
    """Where something ran. Kernels of some backends have a clock of their own beside the host's."""
    clocks = dict.fromkeys(b.kernel_clock for b in backends if b.kernel_clock)
    return stamp_environment(
        " and ".join(b.name for b in backends), "; ".join(b.engine for b in backends),
        max(b.threads for b in backends), "; kernels: ".join((CLOCK_NAME, *clocks)),
        " and ".join(dict.fromkeys(b.adapter_type for b in backends if b.adapter_type)),
    )


def active_recorder() -> KernelRecorder | None:
    """The innermost profile of this thread, or None."""
    return STATE.local.recorders[-1] if STATE.local.recorders else None
