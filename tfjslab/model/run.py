"""The state of one call of a graph, and the interface of the executor that runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tfjslab.backends.base import CommandInfo, Session
from tfjslab.backends.host import Live
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.graph.ir import Graph


class Recorder(Protocol):
    """Receives what ran; a profile, for example."""

    @property
    def clock(self) -> Callable[[], float]:
        """Gives seconds."""
        ...

    def add(self, describe: Callable[[], Sequence[CommandInfo]], times_ms: Sequence[float], held: Live) -> None:
        """Add commands that ran; ``describe`` is called later, and only if their records are read."""
        ...


@dataclass
class Run:
    """The state of one call: its recorder, how deep functions are nested, bytes and tensors that callers hold."""

    recorder: Recorder | None = None
    depth: int = 0
    held: Live = field(default_factory=Live)

    def nested(self) -> Run:
        """For a function called from here; LimitError when they nest too deep."""
        check_limit("nesting of function calls", self.depth + 1, LIMITS.function_depth)
        return replace(self, depth=self.depth + 1)


class GraphRunner(Protocol):
    """Runs a graph on a session and knows the functions that the graph may call: an ``Executor``."""

    graph: Graph
    session: Session
    fallback: str

    def function(self, name: str) -> GraphRunner:
        """The runner of a function of the library; GraphError when there is none."""
        ...

    def run(self, feeds: Mapping[str, Any], outputs: tuple[str, ...], run: Run) -> list[Any]:
        """Compute ``outputs`` from ``feeds``, both by value name."""
        ...
