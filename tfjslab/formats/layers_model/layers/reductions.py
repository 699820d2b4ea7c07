"""Keras 3's operations that reduce axes or run along one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tfjslab.formats.layers_model.layers.call import Call, Value, layer
from tfjslab.formats.layers_model.layers.operands import arguments, as_float, each_of, operands, tensor
from tfjslab.formats.strict_json import show

EPSILON = 1e-7  # of Keras's backends, where a layer has none of its own
_EUCLIDEAN = 2
_REDUCTIONS = {"Sum": "Sum", "Prod": "Prod", "Max": "Max", "Amax": "Max", "Min": "Min", "Amin": "Min"}


def axes_of(c: Call, x: str, key: str = "axis") -> list[int]:
    """The axes that the option names, counted from 0; all without one."""
    rank = c.rank(x)
    given = c.integers(key, range(rank))
    if any(not -rank <= a < rank for a in given):
        raise c.fail(f"axes {list(given)} of an input of rank {rank}")
    return sorted({a % rank for a in given})


def _kept(c: Call) -> bool:
    return c.flag("keepdims", default=False)


def _reduced(c: Call, tf_op: str, x: str) -> str:
    return c.add(tf_op, x, axis=axes_of(c, x), keep_dims=_kept(c))


each_of(_REDUCTIONS, lambda c, tf_op: _reduced(c, tf_op, *operands(c, [Value(c.x)], "int32")))
each_of({"All": "All", "Any": "Any"}, lambda c, tf_op: _reduced(c, tf_op, tensor(c, Value(c.x), "bool")))
each_of({"Mean": "Mean"}, lambda c, tf_op: _reduced(c, tf_op, as_float(c, c.x)))


def average_over_axis(c: Call) -> str:
    """The mean over an axis, weighted or not."""
    x, weights = arguments(c, "x", "weights")
    x = tensor(c, x, "float32")
    axes = axes_of(c, x)
    if weights is None:
        return c.add("Mean", x, axis=axes)
    weights = tensor(c, weights, "float32")
    if c.rank(weights) == 1 != c.rank(x):
        shape = [1] * c.rank(x)
        shape[axes[0]] = -1
        weights = c.add("Reshape", weights, shape=shape)
    total = c.add("Sum", c.add("Mul", x, weights), axis=axes)
    ones = c.add("OnesLike", x)
    return c.add("RealDiv", total, c.add("Sum", c.add("Mul", ones, weights), axis=axes))


def moments(c: Call, x: str, axes: Sequence[int]) -> tuple[str, str]:
    """Mean and variance over axes, which stay with length 1."""
    mean = c.add("Mean", x, axis=list(axes), keep_dims=True)
    return mean, c.add("Mean", c.add("SquaredDifference", x, mean), axis=list(axes), keep_dims=True)


def _spread(c: Call, key: str = "axis") -> tuple[str, str]:
    x = as_float(c, c.x)
    axes = axes_of(c, x, key)
    mean, variance = (_squeezed(c, v, axes) for v in moments(c, x, axes))
    return mean, variance


@layer("Moments")
def _moments(c: Call) -> tuple[str, str]:
    return _spread(c, "axes")


@layer("Var")
def _var(c: Call) -> str:
    return _spread(c)[1]


@layer("Std")
def _std(c: Call) -> str:
    return c.add("Sqrt", _spread(c)[1])


def _squeezed(c: Call, x: str, axes: Sequence[int]) -> str:
    return x if _kept(c) or not axes else c.add("Squeeze", x, squeeze_dims=list(axes))


@layer("Logsumexp")
def _logsumexp(c: Call) -> str:
    x = as_float(c, c.x)
    axes = axes_of(c, x)
    largest = c.add("Max", x, axis=axes, keep_dims=True)
    total = c.add("Sum", c.add("Exp", c.add("Sub", x, largest)), axis=axes, keep_dims=True)
    return _squeezed(c, c.add("AddV2", c.add("Log", total), largest), axes)


_ENDS = {math.inf: "Max", -math.inf: "Min", "inf": "Max", "-inf": "Min"}


def norm_over(c: Call, x: str, axes: Sequence[int], order: Any, *, keep: bool) -> str:
    """The norm of the vectors along axes; over more than one, the Frobenius norm."""
    axes, size = list(axes), c.add("Abs", x)
    if order in (None, "fro", "euclidean") or (order == _EUCLIDEAN and len(axes) == 1):
        return c.add("Sqrt", c.add("Sum", c.add("Square", x), axis=axes, keep_dims=keep))
    if len(axes) == 1 and (order in _ENDS or order == 1):
        return c.add(_ENDS.get(order, "Sum"), size, axis=axes, keep_dims=keep)
    if len(axes) != 1 or isinstance(order, (str, bool)) or not isinstance(order, (int, float)) or order == 0:
        raise c.fail(f"a norm of order {show(str(order))} over axes {axes} is not supported")
    total = c.add("Sum", c.add("Pow", size, c.constant("order", order)), axis=axes, keep_dims=keep)
    return c.add("Pow", total, c.constant("root", 1 / order))


@layer("Norm")
def _norm(c: Call) -> str:
    x = as_float(c, c.x)
    return norm_over(c, x, axes_of(c, x), c.config.get("ord"), keep=_kept(c))


def _along(c: Call) -> tuple[str, int]:
    """The input and one axis of it; all elements in a row without one."""
    (x,) = operands(c, [Value(c.x)], "int32")
    if c.config.get("axis") is None:
        return c.add("Reshape", x, shape=[-1]), 0
    return x, c.integers("axis", (0,), 1)[0]


def _position(c: Call, tf_op: str) -> str:
    x, axis = _along(c)
    out = c.add(tf_op, x, axis=axis)
    return c.add("ExpandDims", out, axis=axis) if _kept(c) else out


def _running(c: Call, tf_op: str) -> str:
    x, axis = _along(c)
    return c.add(tf_op, x, axis=axis)


each_of({"Argmax": "ArgMax", "Argmin": "ArgMin"}, _position)
each_of({"Cumsum": "Cumsum", "Cumprod": "Cumprod"}, _running)


@layer("Normalize")
def _normalize(c: Call) -> str:
    """Divided by a norm along an axis, which counts as at least the epsilon."""
    x = as_float(c, c.x)
    axes = c.integers("axis", (-1,), 1)
    norm = norm_over(c, x, axes, c.number("order", _EUCLIDEAN), keep=True)
    return c.add("RealDiv", x, c.add("Maximum", norm, c.constant("epsilon", c.number("epsilon", EPSILON))))
