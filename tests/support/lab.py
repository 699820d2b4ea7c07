"""A model that runs in no time, one of six inputs, and a clock that goes on by itself, for tests of the dashboard."""

from __future__ import annotations

import itertools

import numpy as np
from support.layers import functional, keras_input, keras_layer, weights_of, write

from tfjslab.graph.ir import Graph, Node, Port

GRAPH = Graph(
    (Port("x", "x", (None, 4), "float32"),), (Port("y", "b", None, ""),),
    (Node("a", "Add", ("x", "w"), layer="first"), Node("b", "Relu", ("a",), layer="second")),
    {"w": np.ones(4, np.float32)}, metadata={"name": "small"},
)


SIX = {"a": (4,), "b": (4,), "c": (4,), "steps": (None, 2), "picture": (8, 6, 3), "factor": (4,)}


def six_inputs(folder):
    """A model of six inputs in a folder; ``steps`` has an open length that must be at least 3."""
    ends = ["a", "b", "c", "mean", "colour", "factor"]
    layers = [
        *(keras_input(name, (None, *shape)) for name, shape in SIX.items()),
        keras_layer("Conv1D", "conv", "steps", filters=4, kernel_size=[3], strides=[1], padding="valid",
                    data_format="channels_last", dilation_rate=[1], activation="relu", use_bias=False),
        keras_layer("GlobalAveragePooling1D", "mean", "conv", data_format="channels_last"),
        keras_layer("GlobalAveragePooling2D", "colour", "picture", data_format="channels_last"),
        keras_layer("Concatenate", "all", *ends, axis=-1),
        keras_layer("Dense", "out", "all", units=2, activation="linear", use_bias=False),
    ]
    weights = weights_of({"conv/kernel": (3, 2, 4), "out/kernel": (23, 2)})
    return write(folder, functional(layers, list(SIX), ["out"]), weights)


class Clock:
    """Gives seconds; each look is ``step`` later than the last."""

    def __init__(self, step=0.001):
        self.step = step
        self._count = itertools.count(1)

    def __call__(self):
        """The time, in seconds."""
        return next(self._count) * self.step
