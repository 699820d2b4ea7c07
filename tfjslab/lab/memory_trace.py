"""Memory over the time of a run: of the process, of the GPU, and of tensors, looked at between two inferences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfjslab.base.machine import process_memory_bytes
from tfjslab.engine.measure import Clock
from tfjslab.engine.state import STATE

MOST_SAMPLES = 600  # of a run; a longer one is looked at less often


@dataclass(frozen=True)
class MemorySample:
    """Bytes at one moment, ``at_s`` seconds after Run was pressed; None where nothing tells."""

    at_s: float
    process_bytes: int | None
    gpu_bytes: int | None
    tensor_bytes: int


class MemoryTrace:
    """Samples of one run. ``gpu_bytes`` gives what the backend holds on its GPU, None for one without."""

    def __init__(self, clock: Clock) -> None:
        self.samples: tuple[MemorySample, ...] = ()
        self.gpu_bytes: Callable[[], int | None] = lambda: None
        self._clock = clock
        self._began = clock()
        self._least_s = 0.0  # between two samples

    def sample(self) -> None:
        """Look now, unless that was done a moment ago."""
        now = self._clock() - self._began
        if self.samples and now - self.samples[-1].at_s < self._least_s:
            return
        found = MemorySample(now, process_memory_bytes(), self.gpu_bytes(), STATE.counters.num_bytes)
        self.samples = (*self.samples, found)
        if len(self.samples) > MOST_SAMPLES:
            self.samples = self.samples[::2]
            self._least_s = 2 * now / MOST_SAMPLES


def most(samples: tuple[MemorySample, ...], kind: str) -> int | None:
    """The most bytes of ``kind``, a field of a sample; None where none was seen."""
    return max((v for s in samples if (v := getattr(s, kind)) is not None), default=None)
