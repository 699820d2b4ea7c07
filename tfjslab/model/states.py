"""What stateful layers keep between the calls of a model, as in TF.js: inputs that the model feeds itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import ModelError
from tfjslab.graph.ir import INITIAL_STATES, STATES, Graph, Port


class States:
    """The states of one model: what its file gives, or zeros, at first and after ``reset``."""

    def __init__(self, graph: Graph) -> None:
        self._ports = state_ports(graph)
        self.names = frozenset(p.name for pair in self._ports for p in pair)
        self._given: Mapping[str, Array] = graph.metadata.get(INITIAL_STATES) or {}
        self.arrays: dict[str, Array] = {}
        self.reset()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The values that the next call gets."""
        return tuple(end.value for _, end in self._ports)

    def reset(self) -> None:
        """Start as at first."""
        self.arrays = {p.value: self._given[p.name] if p.name in self._given else _zeros(p) for p, _ in self._ports}

    @contextmanager
    def aside(self) -> Iterator[None]:
        """As at first inside, and afterwards what was there before."""
        before = self.arrays
        self.reset()
        try:
            yield
        finally:
            self.arrays = before

    def advance(self, results: Sequence[Array]) -> None:
        """Keep the results for ``outputs``."""
        self.arrays = {
            start.value: np.array(result) for (start, _), result in zip(self._ports, results, strict=True)
        }


def state_ports(graph: Graph) -> list[tuple[Port, Port]]:
    """For each state the input that it is in a call, and the output that it is in the next one."""
    names: Mapping[str, str] = graph.metadata.get(STATES) or {}
    ends = {p.name: p for p in graph.outputs}
    return [(p, ends[names[p.name]]) for p in graph.inputs if names.get(p.name) in ends]


def refuse_states(graph: Graph, what: str) -> None:
    """ModelError for a model that keeps states between calls, where ``what`` cannot."""
    kept = ", ".join(graph.metadata.get(STATES) or {})
    if kept:
        why = f"the model keeps states between calls ({kept}), which {what} does not"
        raise ModelError(f"{why}; save it and load that: states are inputs and outputs then", code="model.stateful")


def _zeros(port: Port) -> Array:
    return np.zeros([d or 0 for d in port.shape or ()], numpy_dtype(port.dtype))
