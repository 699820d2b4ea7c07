"""Which form and tile of a kernel is fastest on an adapter: measured once for each class, kept on disk, reported.

A tile that suits one GPU halves another's speed, and on a software adapter workgroup memory costs more than it saves.
So candidates run on a layer's real size, interleaved, by the device's time stamps where it has them, and the smallest
of several times wins. Losers' pipelines are dropped. ``env().set("WEBGPU_CALIBRATE", False)`` turns measuring off;
then, and for layers too small to be worth it, the first candidate is taken, which suits the adapter's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from tfjslab.backends.flags import env
from tfjslab.backends.kernels.choices import Choices, choices_path
from tfjslab.backends.kernels.sources import sources_digest
from tfjslab.backends.webgpu.run.device import Device
from tfjslab.backends.webgpu.trials import GpuTrial, Trials
from tfjslab.base.machine import cpu_identity

_ROUNDS = 4  # the first compiles in many drivers
_LEAST_WORK = 1 << 17  # products of vectors: below a millisecond nothing is gained that the measuring would pay for

T = TypeVar("T")
Choose = Callable[[str, Sequence[T], Callable[[T], GpuTrial], int], T]


def volume(*extents: int) -> str:
    """The class of a size: each extent up to the next power of two."""
    return "x".join(str(1 << max(0, n - 1).bit_length()) for n in extents)


class GpuTuner:
    """Choices for one adapter, from disk and by measuring on its device. Safe to use from several threads."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._choices = _choices(_path(device))

    def choose(self, kind: str, candidates: Sequence[T], trial: Callable[[T], GpuTrial], work: int) -> T:
        """The candidate for kernels of a class; ``work`` is in products of vectors."""
        if len(candidates) == 1 or work < _LEAST_WORK or not env().get("WEBGPU_CALIBRATE"):
            return candidates[0]
        named = {str(c): c for c in candidates}
        found = self._choices.find(kind, lambda: str(candidates[self._fastest([trial(c) for c in candidates])]))
        return named.get(found, candidates[0])  # the class may hold sizes that this candidate does not fit

    def _fastest(self, trials: Sequence[GpuTrial]) -> int:
        """The index of the fastest: all run in turn, several rounds, each alone in a submission."""
        with Trials(self._device) as ready:
            timed = [ready.prepare(t) for t in trials]
            rounds = [[t.ms() for t in timed] for _ in range(_ROUNDS)]
        return int(np.argmin(np.min(rounds, axis=0)))


def _path(device: Device) -> Path:
    """Choices hold for one adapter and driver and one state of the sources; for software ones, for one processor."""
    adapter = device.adapter
    where = cpu_identity() if adapter.software else ""
    return choices_path("gpu-tiles", adapter.name, adapter.api, adapter.driver, where, sources_digest("webgpu"))


@lru_cache(maxsize=8)
def _choices(path: Path) -> Choices[str]:
    return Choices(path, str)
