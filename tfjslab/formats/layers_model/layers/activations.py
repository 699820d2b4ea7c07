"""Activations by name, and the layers that are nothing but one."""

from __future__ import annotations

import math
from typing import Any

from tfjslab.base.errors import did_you_mean
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.strict_json import show
from tfjslab.ops.cells import ACTIVATIONS

# What the fused kernels of TF.js's own layers take; others follow as nodes of their own.
FUSED = {"linear": (), "relu": ("Relu",), "elu": ("Elu",)}


def activation_name(c: Call, value: Any) -> str:
    """The activation's key, from a name or a serialized object; ModelError suggests a close one."""
    while isinstance(value, dict):
        inner = value.get("config")
        value = inner if isinstance(inner, str) else value.get("class_name")
    if value is None:
        return "linear"
    key = value.lower().replace("_", "") if isinstance(value, str) else ""
    if key not in ACTIVATIONS:
        raise c.fail(f"unknown activation {show(value)}{did_you_mean(key, ACTIVATIONS)}")
    return key


def activate(c: Call, x: str) -> str:
    """Apply the layer's ``activation`` option."""
    return str(ACTIVATIONS[activation_name(c, c.config.get("activation"))](c, x))


@layer("Activation", masks=True)
def _activation(c: Call) -> str:
    return activate(c, c.x)


@layer("ReLU", masks=True)
def _relu(c: Call) -> str:
    """All of Keras's options; TF.js reads only ``max_value`` of them."""
    limit, slope, threshold = c.number("max_value", math.inf), c.number("negative_slope", 0), c.number("threshold", 0)
    if slope or threshold:
        shifted = c.add("Sub", c.x, c.constant("threshold", threshold))
        over = c.add("GreaterEqual", c.x, c.constant("threshold", threshold))
        below = c.add("Mul", shifted, c.constant("slope", slope))
        out = c.add("SelectV2", over, c.x, below)
        return out if limit == math.inf else c.add("Minimum", out, c.constant("max_value", limit))
    if limit == 6:  # noqa: PLR2004 - Relu6
        return c.add("Relu6", c.x)
    out = c.add("Relu", c.x)
    return out if limit == math.inf else c.add("Minimum", out, c.constant("max_value", limit))


@layer("LeakyReLU", masks=True)
def _leaky_relu(c: Call) -> str:
    return c.add("LeakyRelu", c.x, alpha=c.number("alpha", c.number("negative_slope", 0.3)))


@layer("PReLU", masks=True)
def _prelu(c: Call) -> str:
    return c.add("Prelu", c.x, c.weight("alpha"))


@layer("ELU", masks=True)
def _elu(c: Call) -> str:
    alpha = c.number("alpha", 1)
    elu = c.add("Elu", c.x)
    if alpha == 1:
        return elu
    scaled = c.add("Mul", elu, c.constant("alpha", alpha))
    return c.add("SelectV2", c.add("Greater", c.x, c.constant("zero", 0)), c.x, scaled)


@layer("ThresholdedReLU", masks=True)
def _thresholded(c: Call) -> str:
    over = c.add("Greater", c.x, c.constant("theta", c.number("theta", 1)))
    return c.add("Mul", c.x, c.add("Cast", over, DstT="float32"))


@layer("Softmax", masks=True)
def _softmax(c: Call) -> str:
    axes = c.integers("axis", (-1,))
    if len(axes) != 1:
        raise c.fail(f"softmax over axes {list(axes)}, expected one")
    return softmax_over(c, c.x, axes[0])


def softmax_over(c: Call, x: str, axis: int) -> str:
    """Softmax is over the last axis in files; others are moved there and back."""
    last = c.rank(x) - 1
    if not -last - 1 <= axis <= last:
        raise c.fail(f"axis {axis} of an input of rank {last + 1}")
    if axis % (last + 1) == last:
        return c.add("Softmax", x)
    perm = list(range(last + 1))
    perm[axis], perm[last] = perm[last], perm[axis]
    return c.add("Transpose", c.add("Softmax", c.add("Transpose", x, perm=perm)), perm=perm)
