"""Networks with seeded random weights, scaled so that activations keep their size from layer to layer.

Nodes are those that TensorFlow.js's converter leaves, batch norm folded, bias and activation fused; or those that
training has, a node for each of these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Graph, Port

# He et al. 2015: a rectifier halves the power of what passes it.
RECTIFIED = math.sqrt(2)
_BIAS = 0.05


class RandomNet:
    """A graph under construction with its source of weights; NHWC, batch open."""

    def __init__(self, name: str, seed: int, input_name: str, size: int, *, fused: bool = True) -> None:
        self.name = name
        self.fused = fused
        self.seed = seed
        self.builder = GraphBuilder()
        self.rng = np.random.default_rng(seed)
        self.input = self.builder.input(input_name, (None, size, size, 3))

    def weight(self, name: str, shape: Sequence[int], fan_in: int, gain: float) -> str:
        """A weight of variance ``gain ** 2 / fan_in``."""
        values = self.rng.standard_normal(shape, dtype=np.float32) * np.float32(gain / math.sqrt(fan_in))
        return self.builder.constant(name, values)

    def bias(self, name: str, channels: int) -> str:
        """A small bias for each channel."""
        return self.weight(name, [channels], 1, _BIAS)

    def conv(
        self, layer: str, x: str, window: int, channels: tuple[int, int], *, stride: int = 1, padding: str = "SAME",
        activation: str = "", gain: float = RECTIFIED,
    ) -> str:
        """Convolution with bias and, if named, an activation."""
        self.builder.layer = layer
        kernel = self.weight(
            f"{layer}/kernel", [window, window, *channels], window * window * channels[0], gain,
        )
        if not self.fused:
            y = self.builder.value(f"{layer}/Conv2D", "Conv2D", x, kernel, **_window(stride, padding))
            return self._normalized(layer, y, channels[1], activation)
        return self.builder.value(
            f"{layer}/{activation or 'BiasAdd'}", "_FusedConv2D", x, kernel, self.bias(f"{layer}/bias", channels[1]),
            fused_ops=["BiasAdd", *([activation] if activation else [])], **_window(stride, padding),
        )

    def depthwise(
        self, layer: str, x: str, channels: int, *, stride: int = 1, padding: str = "SAME", activation: str = "",
    ) -> str:
        """3 x 3 convolution of each channel; with an activation it has a bias too and is one fused node."""
        self.builder.layer = layer
        kernel = self.weight(f"{layer}/depthwise_kernel", [3, 3, channels, 1], 9, RECTIFIED)
        if not self.fused:
            y = self.builder.value(
                f"{layer}/depthwise", "DepthwiseConv2dNative", x, kernel, **_window(stride, padding),
            )
            return self._normalized(layer, y, channels, activation)
        if not activation:
            return self.builder.value(
                f"{layer}/depthwise", "DepthwiseConv2dNative", x, kernel, **_window(stride, padding),
            )
        return self.builder.value(
            f"{layer}/{activation}", "FusedDepthwiseConv2dNative", x, kernel, self.bias(f"{layer}/bias", channels),
            fused_ops=["BiasAdd", activation], **_window(stride, padding),
        )

    def _normalized(self, layer: str, x: str, channels: int, activation: str) -> str:
        """Batch norm and, if named, an activation, as training has them."""
        self.builder.layer = f"{layer}_BN"
        near_1 = {part: self.builder.constant(
            f"{layer}_BN/{part}", self.rng.uniform(0.8, 1.25, channels).astype(np.float32),
        ) for part in ("gamma", "moving_variance")}
        small = {part: self.bias(f"{layer}_BN/{part}", channels) for part in ("beta", "moving_mean")}
        y = self.builder.value(
            f"{layer}_BN/FusedBatchNormV3", "FusedBatchNormV3", x, near_1["gamma"], small["beta"],
            small["moving_mean"], near_1["moving_variance"], epsilon=1e-3,
        )
        self.builder.layer = f"{layer}_{activation.lower()}"
        return self.builder.value(f"{layer}_{activation.lower()}/{activation}", activation, y) if activation else y

    def add(self, layer: str, tf_op: str, *values: str, name: str = "", **attrs: Any) -> str:
        """Any other node, called ``layer/op`` or ``name``."""
        self.builder.layer = layer
        return self.builder.value(name or f"{layer}/{tf_op}", tf_op, *values, **attrs)

    def graph(self, outputs: Sequence[tuple[str, tuple[int | None, ...]]], what: str) -> Graph:
        """The verified graph; its description says that the weights are random."""
        return self.builder.build(
            [Port(value, value, shape, "float32") for value, shape in outputs],
            {
                "name": self.name, "format": "zoo", "random_weights": True, "seed": self.seed,
                "description": f"{what}. The weights are random (seed {self.seed}): times are those of the real "
                               "architecture, answers mean nothing.",
            },
        )


def _window(stride: int, padding: str) -> dict[str, Any]:
    return {"strides": [1, stride, stride, 1], "dilations": [1, 1, 1, 1], "padding": padding, "data_format": "NHWC"}
