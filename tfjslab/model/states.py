"""What stateful layers keep between the calls of a model, as in TF.js: inputs that the model feeds itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.graph.ir import INITIAL_STATES, STATES, Graph, Port


class States:
    """The states of one model: what its file gives, or zeros, at first and after ``reset``."""

    def __init__(self, graph: Graph) -> None:
        names: Mapping[str, str] = graph.metadata.get(STATES) or {}
        ends = {p.name: p for p in graph.outputs}
        self._ports = [(p, ends[names[p.name]]) for p in graph.inputs if names.get(p.name) in ends]
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

    def advance(self, results: Sequence[Array]) -> None:
        """Keep the results for ``outputs``."""
        for (start, _), result in zip(self._ports, results, strict=True):
            self.arrays[start.value] = np.array(result)


def _zeros(port: Port) -> Array:
    return np.zeros([d or 0 for d in port.shape or ()], numpy_dtype(port.dtype))
