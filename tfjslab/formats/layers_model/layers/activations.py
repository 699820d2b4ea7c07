"""Activations by name, and the layers that are nothing but one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tfjslab.base.errors import did_you_mean
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.strict_json import show

Apply = Callable[[Call, str], str]


def _op(tf_op: str) -> Apply:
    return lambda c, x: c.add(tf_op, x)


def _hard_sigmoid(c: Call, x: str) -> str:
    """Clip(0.2 * x + 0.5, 0, 1), the rule of Keras 2 and TF.js; Keras 3 has another."""
    slope = c.add("AddV2", c.add("Mul", x, c.constant("slope", 0.2)), c.constant("half", 0.5))
    return c.add("ClipByValue", slope, clip_value_min=0, clip_value_max=1)


def _softsign(c: Call, x: str) -> str:
    return c.add("RealDiv", x, c.add("AddV2", c.add("Abs", x), c.constant("one", 1)))


def _swish(c: Call, x: str) -> str:
    return c.add("Mul", c.add("Sigmoid", x), x)


def _gelu(c: Call, x: str) -> str:
    phi = c.add("AddV2", c.add("Erf", c.add("Mul", x, c.constant("rsqrt2", math.sqrt(0.5)))), c.constant("one", 1))
    return c.add("Mul", c.add("Mul", x, c.constant("half", 0.5)), phi)


def _gelu_new(c: Call, x: str) -> str:
    cubic = c.add("Mul", c.add("Mul", c.add("Square", x), x), c.constant("cubic", 0.044715))
    inner = c.add("Mul", c.add("AddV2", x, cubic), c.constant("root", math.sqrt(2 / math.pi)))
    phi = c.add("AddV2", c.add("Tanh", inner), c.constant("one", 1))
    return c.add("Mul", c.add("Mul", x, c.constant("half", 0.5)), phi)


def _mish(c: Call, x: str) -> str:
    return c.add("Mul", x, c.add("Tanh", c.add("Softplus", x)))


# Names without case and underscores: TF.js writes hardSigmoid, Keras hard_sigmoid.
ACTIVATIONS: dict[str, Apply] = {
    "linear": lambda _c, x: x, "relu": _op("Relu"), "relu6": _op("Relu6"), "elu": _op("Elu"), "selu": _op("Selu"),
    "sigmoid": _op("Sigmoid"), "hardsigmoid": _hard_sigmoid, "softmax": _op("Softmax"), "logsoftmax": _op("LogSoftmax"),
    "softplus": _op("Softplus"), "softsign": _softsign, "tanh": _op("Tanh"), "swish": _swish, "silu": _swish,
    "gelu": _gelu, "gelunew": _gelu_new, "mish": _mish, "exponential": _op("Exp"), "exp": _op("Exp"),
}
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
    return ACTIVATIONS[activation_name(c, c.config.get("activation"))](c, x)


@layer("Activation")
def _activation(c: Call) -> str:
    return activate(c, c.x)


@layer("ReLU")
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


@layer("LeakyReLU")
def _leaky_relu(c: Call) -> str:
    return c.add("LeakyRelu", c.x, alpha=c.number("alpha", c.number("negative_slope", 0.3)))


@layer("PReLU")
def _prelu(c: Call) -> str:
    return c.add("Prelu", c.x, c.weight("alpha"))


@layer("ELU")
def _elu(c: Call) -> str:
    alpha = c.number("alpha", 1)
    elu = c.add("Elu", c.x)
    if alpha == 1:
        return elu
    scaled = c.add("Mul", elu, c.constant("alpha", alpha))
    return c.add("SelectV2", c.add("Greater", c.x, c.constant("zero", 0)), c.x, scaled)


@layer("ThresholdedReLU")
def _thresholded(c: Call) -> str:
    over = c.add("Greater", c.x, c.constant("theta", c.number("theta", 1)))
    return c.add("Mul", c.x, c.add("Cast", over, DstT="float32"))


@layer("Softmax")
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
