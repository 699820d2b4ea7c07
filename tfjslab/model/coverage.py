"""Which ops of a model a backend has kernels for, and which it leaves to the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfjslab.backends.base import CommandInfo
from tfjslab.model.model import Model


@dataclass(frozen=True)
class Coverage:
    """What ran: the number of distinct commands, and by op those that fell back, with the reasons."""

    kernels: int
    fallback: Mapping[str, int]
    reasons: Mapping[str, str]


@dataclass(eq=False)
class _Collector:
    """Takes the plans' infos as they run; a command in a loop is met many times and counted once."""

    clock: Callable[[], float] = lambda: 0.0
    met: dict[tuple[str, str], CommandInfo] = field(default_factory=dict)

    def add(self, info: CommandInfo, _time_ms: float) -> None:
        """A command ran."""
        self.met[info.kernel, info.node] = info


def coverage(model: Model, feeds: Mapping[str, Any]) -> Coverage:
    """Run ``model`` once on its backend and tell what fell back.

    It is run, and not only compiled, because what stands in loops and behind shapes that depend on data is compiled
    when it is reached.
    """
    collector = _Collector()
    model.run(feeds, collector)
    host = [i for i in collector.met.values() if i.fallback]
    return Coverage(len(collector.met), Counter(i.kernel for i in host), {i.kernel: i.reason for i in host})
