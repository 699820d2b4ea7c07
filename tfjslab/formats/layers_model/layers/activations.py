"""Activations by name, and the layers that are nothing but one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfjslab.base.errors import did_you_mean
from tfjslab.formats.layers_model.layers.call import Call, all_layers, layer
from tfjslab.formats.layers_model.layers.operands import arguments, as_float, tensor
from tfjslab.formats.layers_model.topology import LayerConfig
from tfjslab.formats.strict_json import show
from tfjslab.ops.cells import ACTIVATIONS, HARD_SIGMOID_3

MASKED = 1e9  # what Keras subtracts from the scores of hidden elements
# What the fused kernels of TF.js's own layers take; others follow as nodes of their own.
FUSED = {"linear": (), "relu": ("Relu",), "elu": ("Elu",)}


def activation_name(c: Call, value: Any) -> str:
    """The activation's key, from a name or a serialized object; ModelError suggests a close one."""
    if _is_layer(value):
        return str(value["class_name"])
    while isinstance(value, dict):
        inner = value.get("config")
        value = inner if isinstance(inner, str) else value.get("class_name")
    if value is None:
        return "linear"
    key = value.lower().replace("_", "") if isinstance(value, str) else ""
    if key == "hardsigmoid" and c.bench.keras_3:
        return HARD_SIGMOID_3
    if key not in ACTIVATIONS and key not in _OF_ROWS:
        raise c.fail(f"unknown activation {show(value)}{did_you_mean(key, (*ACTIVATIONS, *_OF_ROWS))}")
    return key


def activate(c: Call, x: str) -> str:
    """Apply the layer's ``activation`` option: a name, a function or a layer."""
    value: Any = c.config.get("activation")
    if _is_layer(value):
        options = value["config"]
        return c.run(LayerConfig(value["class_name"], str(options.get("name")), options, ()), x)[0]
    name = activation_name(c, value)
    return _OF_ROWS[name](c, x) if name in _OF_ROWS else str(ACTIVATIONS[name](c, x))


def _is_layer(value: Any) -> bool:
    """Whether an activation is a layer with options of its own."""
    return isinstance(value, dict) and value.get("class_name") in all_layers() and isinstance(value.get("config"), dict)


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


def leaky_relu(c: Call, x: str, slope: float) -> str:
    """X, and a part of it below 0."""
    return c.add("LeakyRelu", x, alpha=slope)


@layer("LeakyReLU", masks=True)
def _leaky_relu(c: Call) -> str:
    return leaky_relu(c, c.x, c.number("alpha", c.number("negative_slope", 0.3)))


@layer("PReLU", masks=True)
def _prelu(c: Call) -> str:
    return c.add("Prelu", c.x, c.weight("alpha"))


def elu(c: Call, x: str, alpha: float) -> str:
    """X, and below 0 alpha times its exponential less 1."""
    out = c.add("Elu", x)
    if alpha == 1:
        return out
    scaled = c.add("Mul", out, c.constant("alpha", alpha))
    return c.add("SelectV2", c.add("Greater", x, c.constant("zero", 0)), x, scaled)


@layer("ELU", masks=True)
def _elu(c: Call) -> str:
    return elu(c, c.x, c.number("alpha", 1))


@layer("ThresholdedReLU", masks=True)
def _thresholded(c: Call) -> str:
    over = c.add("Greater", c.x, c.constant("theta", c.number("theta", 1)))
    return c.add("Mul", c.x, c.add("Cast", over, DstT="float32"))


@layer("Softmax", masks=True)
def _softmax(c: Call) -> str:
    """A mask, where Keras 3 calls it with one, hides elements."""
    x, mask = as_float(c, c.inputs[0]), arguments(c, "inputs", "mask")[1]
    if mask is not None:
        x = c.add("SelectV2", tensor(c, mask, "bool"), x, c.add("Sub", x, c.constant("masked", MASKED)))
    return softmax_over(c, x, c.integers("axis", (-1,)))


def softmax_over(c: Call, x: str, axes: Sequence[int], *, logarithm: bool = False) -> str:
    """Softmax is over the last axis in files; another is moved there and back, several are reduced together."""
    if len(axes) == 1:
        return over_last(c, x, axes[0], lambda rows: c.add("LogSoftmax" if logarithm else "Softmax", rows))
    if not axes or any(not -c.rank(x) <= a < c.rank(x) for a in axes):
        raise c.fail(f"softmax over axes {list(axes)} of an input of rank {c.rank(x)}")
    over = sorted({a % c.rank(x) for a in axes})
    shifted = c.add("Sub", x, c.add("Max", x, axis=over, keep_dims=True))
    total = c.add("Sum", c.add("Exp", shifted), axis=over, keep_dims=True)
    if logarithm:
        return c.add("Sub", shifted, c.add("Log", total))
    return c.add("RealDiv", c.add("Exp", shifted), total)


def over_last(c: Call, x: str, axis: int, run: Callable[[str], str]) -> str:
    """Run on the input with an axis moved to the end, and move it back."""
    last = c.rank(x) - 1
    if not -last - 1 <= axis <= last:
        raise c.fail(f"axis {axis} of an input of rank {last + 1}")
    if axis % (last + 1) == last:
        return run(x)
    perm = list(range(last + 1))
    perm[axis], perm[last] = perm[last], perm[axis]
    return c.add("Transpose", run(c.add("Transpose", x, perm=perm)), perm=perm)


def glu_over(c: Call, x: str, axis: int) -> str:
    """The first half of an axis times the sigmoid of the second."""
    size = c.shape(x)[axis % c.rank(x)]
    if size is None or size % 2:
        raise c.fail(f"input {list(c.shape(x))}; a gated linear unit takes an even length of axis {axis}")
    first, gate = c.several("Split", 2, x, axis=axis % c.rank(x), num_split=2)
    return c.add("Mul", first, c.add("Sigmoid", gate))


def sparsemax_over(c: Call, x: str, axis: int) -> str:
    """The projection onto the simplex of the rows along an axis (Martins and Astudillo, 2016)."""
    def of_rows(rows: str) -> str:
        size = c.shape(rows)[-1]
        if size is None:
            raise c.fail(f"input {list(c.shape(x))}; sparsemax takes a known length of axis {axis}")
        ordered, _ = c.several("TopKV2", 2, rows, k=size, sorted=True)
        sums, counts = c.add("Cumsum", ordered, axis=-1), c.constant("counts", np.arange(1, size + 1))
        # Values in descending order belong to the support while 1 + k * z(k) exceeds the sum of the first k.
        within = c.add("Greater", c.add("AddV2", c.add("Mul", ordered, counts), c.constant("one", 1)), sums)
        within = c.add("Cast", within, DstT="float32")
        support = c.add("Sum", within, axis=[-1], keep_dims=True)
        total = c.add("Sum", c.add("Mul", ordered, within), axis=[-1], keep_dims=True)
        threshold = c.add("RealDiv", c.add("Sub", total, c.constant("one", 1)), support)
        return c.add("Relu", c.add("Sub", rows, threshold))

    return over_last(c, x, axis, of_rows)


# Activations that mix the elements of a row.
_OF_ROWS: dict[str, Callable[[Call, str], str]] = {
    "glu": lambda c, x: glu_over(c, x, -1), "sparsemax": lambda c, x: sparsemax_over(c, x, -1),
}
