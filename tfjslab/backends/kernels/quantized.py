"""What kernels of integer ops have in common: folded biases, rounded offsets, and nodes that turn out to have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from tfjslab.backends.kernels.builder import Builder, Place
from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.ops.conv import conv_of, depthwise_of
from tfjslab.ops.window import Window

P = TypeVar("P", bound=Place)
Arrange = Callable[[Array], Array]
_NHWC = {"data_format": "NHWC"}


@dataclass(frozen=True)
class Packed(Generic[P]):
    """Places of weights, biases and multipliers."""

    weights: P
    bias: P
    multiplier: P


def rounded(offset: Any, shift: int) -> Any:
    """An offset with the rounding of the shift behind it: half of what is shifted out."""
    return offset + (1 << shift >> 1)


def rounding(attrs: Mapping[str, Any]) -> int:
    """The rounded offset of an elementwise node or a pool."""
    return int(rounded(attrs["offset"], attrs["shift"]))


def pack(
    b: Builder[P, Any, Any], node: Node, how: tuple[Any, ...], arrange: Callable[[Array], Any], per_channel: Arrange,
    multipliers: DTypeLike,
) -> Packed[P] | None:
    """Pack a node's constants; None, and a step on the host, when they are not constant.

    The zero of the input and the rounding of the shift go into the bias: sum (x - zero) * w = sum x * w - zero * sum w.
    """
    arrays = [a for a in map(b.constant_array, node.inputs[1:]) if a is not None]
    weights = b.packed(node.inputs[1], how, arrange)
    if weights is None or len(arrays) + 1 < len(node.inputs):
        not_constant(b, node)
        return None
    filters, bias, multiplier = arrays
    zero, shift = node.attrs["zero"], node.attrs["shift"]

    def biases() -> Array:
        sums = filters.astype(np.int64).reshape(-1, bias.size).sum(axis=0)
        return per_channel(rounded(bias - zero * sums, shift).astype(np.int32))

    key = (node.name, *how, zero, shift)
    return Packed(
        weights,
        b.constant((*key, "bias"), biases, bias),
        b.constant((*key, "multiplier"), lambda: per_channel(multiplier.astype(multipliers)), multiplier),
    )


def not_constant(b: Builder[Any, Any, Any], node: Node) -> None:
    """Let numpy run a node whose weights turn out not to be constant."""
    b.refuse(node, "weights that are not constant")


def conv_window(b: Builder[Any, Any, Any], node: Node) -> Window | None:
    """The window of a convolution; None, and a step on the host, when it is grouped."""
    conv = conv_of(node.op, b.shape(node.inputs[0]), b.shape(node.inputs[1]), {**node.attrs, **_NHWC})
    if conv.groups > 1:
        b.refuse(node, "grouped convolution")
        return None
    return conv.window


def depthwise_window(b: Builder[Any, Any, Any], node: Node) -> Window:
    """The window of a depthwise convolution."""
    return depthwise_of(node.op, b.shape(node.inputs[0]), b.shape(node.inputs[1]), {**node.attrs, **_NHWC}).window


def is_plain(w: Window) -> bool:
    """Whether a convolution is a product of pixels as they lie."""
    return w.size == w.stride == (1, 1) and w.in_size == w.out_size
