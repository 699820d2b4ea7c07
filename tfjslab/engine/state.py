"""What the engine counts, by the rules of TensorFlow.js, and the lock that guards it.

Tensors are counted one by one, bytes for every tensor (a reshape counts again, as in TensorFlow.js), data buffers once
for each data id. One lock guards counters and the running of kernels, so tensors may be used from any thread. Scopes
and profiles belong to the thread that opened them: another thread's tensors never land in one's ``tidy``.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tfjslab.engine.recorder import KernelRecorder
    from tfjslab.engine.tensor import Tensor


@dataclass
class Counters:
    """What ``memory()`` reports."""

    num_tensors: int = 0
    num_data_buffers: int = 0
    num_bytes: int = 0
    num_string_tensors: int = 0


@dataclass(eq=False)
class Scope:
    """A running ``tidy``: the tensors made in it."""

    name: str
    tensors: list[Tensor] = field(default_factory=list)


class Watch(Protocol):
    """Is notified of every new tensor; a leak report, for example."""

    def made(self, tensor: Tensor) -> None:
        """A tensor was made just now, by the code that is running."""
        ...

    def ran(self, op: str, outputs: Sequence[Tensor]) -> None:
        """These tensors came from an op."""
        ...


class Local(threading.local):
    """The state of one thread."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.recorders: list[KernelRecorder] = []


class EngineState:
    """The one instance is ``STATE``. Hold ``lock`` to change ``counters``."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.lock = threading.RLock()
        self.local = Local()
        self.ids: Iterator[int] = itertools.count(1)
        self.watch: Watch | None = None  # off unless a leak report runs: it costs every new tensor a check


STATE = EngineState()


def count(tensors: int, buffers: int, num_bytes: int = 0, strings: int = 0) -> None:
    """Add to the counters; negative numbers take away. Hold ``STATE.lock``."""
    c = STATE.counters
    c.num_tensors += tensors
    c.num_data_buffers += buffers
    c.num_bytes += num_bytes
    c.num_string_tensors += strings
