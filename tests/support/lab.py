"""A model that runs in no time, and a clock that goes on by itself, for tests of the dashboard."""

from __future__ import annotations

import itertools

import numpy as np

from tfjslab.graph.ir import Graph, Node, Port

GRAPH = Graph(
    (Port("x", "x", (None, 4), "float32"),), (Port("y", "b", None, ""),),
    (Node("a", "Add", ("x", "w"), layer="first"), Node("b", "Relu", ("a",), layer="second")),
    {"w": np.ones(4, np.float32)}, metadata={"name": "small"},
)


class Clock:
    """Gives seconds; each look is ``step`` later than the last."""

    def __init__(self, step=0.001):
        self.step = step
        self._count = itertools.count(1)

    def __call__(self):
        """The time, in seconds."""
        return next(self._count) * self.step
