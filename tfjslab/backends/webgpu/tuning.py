"""Which form and tile of a kernel is fastest on an adapter: measured once for each class, kept on disk, reported.

A tile that suits one GPU halves another's speed, and on a software adapter workgroup memory costs more than it saves.
So candidates run on a layer's real size against each other (``tfjslab.backends.kernels.race``), by the device's time
stamps where it has them. Losers' pipelines are dropped. ``env().set("WEBGPU_CALIBRATE", False)`` turns measuring off;
then, and for layers too small to be worth it, the first candidate is taken, which suits the adapter's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from tfjslab.backends.flags import env
from tfjslab.backends.kernels.choices import Choices, choices_path
from tfjslab.backends.kernels.race import Confidence, race
from tfjslab.backends.kernels.sources import sources_digest
from tfjslab.backends.webgpu.run.device import Device
from tfjslab.backends.webgpu.trials import GpuTrial, Trials
from tfjslab.base.machine import cpu_identity

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
        found = self._choices.find(kind, lambda: self._measure(candidates, trial))
        return named.get(found, candidates[0])  # the class may hold sizes that this candidate does not fit

    def doubts(self, kinds: Iterable[str]) -> dict[str, str]:
        """Why the choices of these classes may be wrong, of those that are in doubt."""
        return self._choices.doubts(kinds)

    def _measure(self, candidates: Sequence[T], trial: Callable[[T], GpuTrial]) -> tuple[str, Confidence]:
        """The candidate that runs fastest, each alone in a submission, and how sure that is."""
        with Trials(self._device) as trials:
            verdict = race([trials.prepare(trial(c)).seconds for c in candidates])
        return str(candidates[verdict.fastest]), verdict.confidence


def _path(device: Device) -> Path:
    """Choices hold for one adapter and driver and one state of the sources; for software ones, for one processor."""
    adapter = device.adapter
    where = cpu_identity() if adapter.software else ""
    return choices_path("gpu-tiles", adapter.name, adapter.api, adapter.driver, where, sources_digest("webgpu"))


@lru_cache(maxsize=8)
def _choices(path: Path) -> Choices[str]:
    return Choices(path, str)
