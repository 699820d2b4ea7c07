"""Convolutions and products with constant weights, fused or not: what batch norm, bias and activation are put into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.ops.decompose import unfused
from tfjslab.ops.facts import IMAGE_RANK
from tfjslab.ops.registry import get, having
from tfjslab.passes.draft import Draft

_PRODUCT = "BatchMatMul"
_DEPTHWISE = "DepthwiseConv2dNative"
_FUSED_OF = {unfused(op): op for op in having(lambda facts: facts.core)}
_MATRIX = 2


@dataclass(frozen=True)
class Core:
    """A node that is a convolution or a product of a value with the constant float32 ``weights``."""

    node: Node
    kind: str
    weights: Array

    @property
    def fused_ops(self) -> tuple[str, ...]:
        """What is fused to it already."""
        return tuple(self.node.attrs.get("fused_ops", ()))

    @property
    def fused_op(self) -> str:
        """The op that it is with something fused to it."""
        return _FUSED_OF[self.kind]

    @property
    def args(self) -> tuple[str, ...]:
        """The values that ``fused_ops`` read."""
        return self.node.inputs[2:]

    @property
    def is_product(self) -> bool:
        """Whether it is a matrix product."""
        return self.kind == _PRODUCT

    @property
    def rank(self) -> int:
        """The rank that its result has at least; exactly, for a convolution."""
        return _MATRIX if self.is_product else IMAGE_RANK

    @property
    def channels(self) -> int:
        """Lengths of the result's last axis."""
        w = self.weights
        if self.is_product:
            return int(w.shape[0 if self.node.attrs["transpose_b"] else 1])
        return int(w.shape[2] * w.shape[3] if self.kind == _DEPTHWISE else w.shape[3])

    def scaled(self, scale: Array) -> Array:
        """The weights (float64) with which the result is ``scale`` times as large; one value, or one a channel."""
        w = self.weights.astype(np.float64)
        if self.is_product and self.node.attrs["transpose_b"]:
            return w * scale.reshape(-1, 1)
        if self.kind == _DEPTHWISE and scale.size > 1:
            return w * scale.reshape(w.shape[2:])
        return w * scale

    def scaled_input(self, scale: Array) -> Array | None:
        """The weights (float64) that do with x what these do with ``scale`` times x; None when channels do not fit."""
        w = self.weights.astype(np.float64)
        axis = self._input_axis
        if scale.size not in (1, w.shape[axis]):
            return None
        shape = [1] * w.ndim
        shape[axis] = scale.size
        return w * scale.reshape(shape)

    def response(self, shift: Array) -> Array | None:
        """What ``shift`` on every place of the input adds to the result (without padding), by channel."""
        found = self.scaled_input(shift)
        if found is None:
            return None
        if self.is_product:
            return np.asarray(found.sum(self._input_axis))
        return np.asarray(found.sum((0, 1))).ravel() if self.kind == _DEPTHWISE else np.asarray(found.sum((0, 1, 2)))

    @property
    def _input_axis(self) -> int:
        return (1 if self.node.attrs["transpose_b"] else 0) if self.is_product else 2

    @property
    def pads(self) -> bool:
        """Whether it may read zeros around the image."""
        if self.is_product or self.node.attrs["padding"] == "VALID":
            return False
        if self.node.attrs["padding"] == "EXPLICIT":
            return any(self.node.attrs["explicit_paddings"])
        return self.weights.shape[:2] != (1, 1)


def is_convolution(op: str) -> bool:
    """Whether the op convolves images, fused or not; it then pads with zeros for itself."""
    kind = unfused(op)
    return kind in _FUSED_OF and get(kind).facts.rank == IMAGE_RANK


def core_of(draft: Draft, node: Node) -> Core | None:
    """The node as a core, or None; channels must be last and weights constant."""
    kind = unfused(node.op)
    if kind not in _FUSED_OF or node.attr_inputs or node.attrs.get("data_format", "NHWC") != "NHWC":
        return None
    weights = draft.floats(node.inputs[1])
    rank = _MATRIX if kind == _PRODUCT else IMAGE_RANK
    return Core(node, kind, weights) if weights is not None and weights.ndim == rank else None


def fused(core: Core, name: str, args: Sequence[str], fused_ops: Sequence[str], **attrs: Any) -> Node:
    """The core under another name and with other things fused to it; the plain op when there are none."""
    if not fused_ops:
        return replace(core.node, name=name)
    op = core.fused_op
    resolved = get(op).resolve_attrs({**core.node.attrs, **attrs, "fused_ops": tuple(fused_ops)}, f"node '{name}'")
    return replace(core.node, name=name, op=op, inputs=(*core.node.inputs[:2], *args), attrs=resolved)


def by_channel(array: Array, rank: int, channels: int) -> bool:
    """Whether the array is one value for all, or one for each of the channels on the last axis."""
    if array.ndim > rank or array.size not in (1, channels):
        return False
    return array.size == 1 or array.shape[-1] == channels


def take_place(draft: Draft, node: Node, last: str, parts: Sequence[str]) -> None:
    """Put ``node`` where ``last`` stood, whose name it has, and take out ``parts``."""
    draft.put(node)
    for name in parts:
        if name != last:
            draft.remove(name)
