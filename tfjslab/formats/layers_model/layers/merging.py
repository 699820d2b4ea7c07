"""Layers of several inputs."""

from __future__ import annotations

from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.masking import concatenate_masks, join_masks
from tfjslab.formats.layers_model.layers.operands import listed, operands
from tfjslab.formats.layers_model.layers.products import numpy_dot
from tfjslab.formats.layers_model.layers.reductions import average_over_axis

_PAIR = 2
# Ranks, batch included.
_VECTORS, _MATRICES = 2, 3


def _fold(c: Call, tf_op: str, least: str = "int32") -> str:
    """Left to right, as in TF.js, with dtypes brought together.

    A layer, called on a list, gives a lower rank axes of length 1 after the batch, as Keras does it. An operation of
    Keras 3 has the same class name; it is called on two arguments, which may be numbers, and broadcasts as numpy does.
    """
    operation = len(c.args) == _PAIR
    values = operands(c, c.args if operation else listed(c), least)
    if not values:
        raise c.fail("no inputs, expected one or more")
    rank = 0 if operation else max(c.rank(v) for v in values)
    out = ""
    for value in values:
        aligned = value
        for _ in range(rank - c.rank(value) if c.rank(value) else 0):
            aligned = c.add("ExpandDims", aligned, axis=1)
        out = c.add(tf_op, out, aligned) if out else aligned
    if not operation:
        join_masks(c, out)
    return out


@layer("Add")
def _add(c: Call) -> str:
    return _fold(c, "AddV2")


@layer("Subtract")
def _subtract(c: Call) -> str:
    if len(c.inputs) != _PAIR and len(c.args) != _PAIR:
        raise c.fail(f"{len(c.inputs)} inputs, expected two")
    return _fold(c, "Sub")


@layer("Multiply")
def _multiply(c: Call) -> str:
    return _fold(c, "Mul")


@layer("Average")
def _average(c: Call) -> str:
    """The mean of the inputs; Keras 3 has an operation of this name, the mean over an axis."""
    if "axis" in c.config:
        return average_over_axis(c)
    out = c.add("Mul", _fold(c, "AddV2", "float32"), c.constant("share", 1 / max(len(c.inputs), 1)))
    join_masks(c, out)
    return out


@layer("Maximum")
def _maximum(c: Call) -> str:
    return _fold(c, "Maximum")


@layer("Minimum")
def _minimum(c: Call) -> str:
    return _fold(c, "Minimum")


@layer("Concatenate")
def _concatenate(c: Call) -> str:
    (axis,) = c.integers("axis", (-1,), 1)
    out = c.add("ConcatV2", *operands(c, listed(c)), axis=axis)
    concatenate_masks(c, out, axis)
    return out


@layer("Dot")
def _dot(c: Call) -> str:
    """Products summed over one axis of each input; batch by batch, for ranks 2 and 3, as in TF.js.

    The operation of this name in Keras 3 is numpy's dot.
    """
    if "axes" not in c.config and len(c.args) == _PAIR:
        return numpy_dot(c)
    ranks = [c.rank(v) for v in c.inputs]
    axes = [a % r for a, r in zip(c.integers("axes", (-1, -1), 2), ranks, strict=False)]
    if len(ranks) != _PAIR or not set(ranks) <= {_VECTORS, _MATRICES} or 0 in axes:
        raise c.fail(f"inputs of ranks {ranks}, axes {axes}; expected two of rank 2 or 3, and not the batch axis")
    left, right = c.inputs
    if c.flag("normalize", default=False):
        left, right = (_unit(c, v, a) for v, a in zip(c.inputs, axes, strict=True))
    # The summed axis is the last on the left and the second on the right; vectors become matrices for a moment.
    left = c.add("ExpandDims", left, axis=1) if ranks[0] == _VECTORS else left
    right = c.add("ExpandDims", right, axis=2) if ranks[1] == _VECTORS else right
    turned = axes[0] != ranks[0] - 1, ranks[1] == _MATRICES and axes[1] != 1
    out = c.add("BatchMatMulV2", left, right, adj_x=turned[0], adj_y=turned[1])
    # Two vectors give [batch, 1].
    gone = [1] if ranks[0] == _VECTORS else [2] if ranks[1] == _VECTORS else []
    return c.add("Squeeze", out, squeeze_dims=gone) if gone else out


def _unit(c: Call, value: str, axis: int) -> str:
    """The value divided by its length along an axis, as in TF.js's l2Normalize."""
    total = c.add("Sum", c.add("Square", value), axis=[axis], keep_dims=True)
    return c.add("RealDiv", value, c.add("Maximum", c.add("Sqrt", total), c.constant("epsilon", 1e-7)))
