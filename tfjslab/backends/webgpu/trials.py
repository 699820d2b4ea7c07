"""Kernels that are run to be timed: on buffers of their own, by the device's time stamps where it has them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from tfjslab.backends.webgpu.run.device import ALIGNMENT, Device
from tfjslab.backends.webgpu.run.recording import Dispatch, Stamps
from tfjslab.backends.webgpu.text.templates import GpuKernel, render
from tfjslab.base.dtypes import Array

_SMALL = 0.01  # keeps sums finite and away from denormals
_WORD = 4


@dataclass(frozen=True)
class GpuTrial:
    """A kernel to be measured: the vectors of four floats that each binding needs, its sizes, and its workgroups."""

    kernel: GpuKernel
    lengths: tuple[int, ...]
    sizes: tuple[int, ...]
    groups: tuple[int, int, int]


@dataclass(frozen=True)
class Timed:
    """A trial that is ready to run."""

    device: Device
    dispatch: Dispatch
    stamps: Stamps

    def seconds(self) -> float:
        """Run it once, alone in a submission, and give what it took."""
        encoder = self.device.encoder()
        self.stamps.around(encoder, 0, [self.dispatch])
        (words,) = self.device.submit(encoder, [self.stamps.resolve(encoder)])
        return self.stamps.take(words)[0] / 1e3


class Trials:
    """A context in which trials are made ready; what they hold is given back with it, pipelines of losers included."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def prepare(self, t: GpuTrial) -> Timed:
        """A dispatch on buffers of ordinary small numbers."""
        device, text, stack = self._device, render(t.kernel), self._stack
        buffers = []
        for vectors in t.lengths:
            buffers.append(device.upload(np.full(4 * vectors, _SMALL, np.float32), what="a kernel on trial"))
            stack.callback(device.release, buffers[-1])
        step = ALIGNMENT // _WORD
        table: Array = np.zeros(-(-len(t.sizes) // step) * step, np.uint32)
        table[: len(t.sizes)] = np.array(t.sizes, np.int64) & 0xFFFFFFFF
        sizes = device.buffer(table.nbytes, "uniform", what="a kernel on trial")
        stack.callback(device.release, sizes, "uniform")
        device.write(sizes, 0, table)
        if not device.has_pipeline(text):
            stack.callback(device.drop_pipeline, text)
        pipeline = device.pipeline(text, t.kernel.source)
        ranges = [*((b, 0, 16 * n) for b, n in zip(buffers, t.lengths, strict=True)), (sizes, 0, table.nbytes)]
        dispatch = pipeline, device.bind(pipeline, ranges, "a kernel on trial"), t.groups
        stamps = Stamps(device, [[dispatch]])
        stack.callback(stamps.dispose)
        return Timed(device, dispatch, stamps)
