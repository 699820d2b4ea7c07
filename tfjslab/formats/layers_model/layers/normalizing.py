"""Normalization layers at inference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.operands import as_float
from tfjslab.formats.layers_model.layers.reductions import EPSILON, moments
from tfjslab.formats.strict_json import show
from tfjslab.graph.ir import Dims


def _parameter(c: Call, name: str, option: str, fill: float) -> str:
    """A per-channel weight, or a constant where the layer was told to have none."""
    if c.flag(option, default=True):
        return c.weight(name)
    return c.constant(name, np.full(c.find_weight("moving_mean").shape, fill))


@layer("BatchNormalization", "BatchNormalizationV1", "SyncBatchNormalization", masks=True)
def _batch_norm(c: Call) -> str:
    """One FusedBatchNorm: folding it into the layer before is the optimizer's business, which reports it."""
    if c.kwargs.get("training") is True:
        raise c.fail("it is called with training=True, with which it would use statistics of the batch")
    (axis,) = c.integers("axis", (-1,), 1)
    last = c.rank(c.x) - 1
    perm = list(range(last + 1))
    if not -len(perm) <= axis <= last:
        raise c.fail(f"axis {axis} of an input of rank {last + 1}")
    perm[axis], perm[last] = perm[last], perm[axis]
    # The kernel takes channels last; swapping two axes undoes itself.
    moved = perm != sorted(perm)
    x = c.add("Transpose", c.x, perm=perm) if moved else c.x
    out = c.add(
        "FusedBatchNormV3", x, _parameter(c, "gamma", "scale", 1), _parameter(c, "beta", "center", 0),
        c.weight("moving_mean"), c.weight("moving_variance"), epsilon=c.number("epsilon", 1e-3),
    )
    return c.add("Transpose", out, perm=perm) if moved else out


@layer("LayerNormalization", masks=True)
def _layer_norm(c: Call) -> str:
    """With ``rms_scaling``, the input is divided by its deviation, but not moved."""
    x = as_float(c, c.x)
    axes, shape = _normalized_axes(c, x)
    mean, variance = moments(c, x, axes)
    scale = _inverse(c, variance, 1e-3)
    if c.flag("rms_scaling", default=False):
        return c.add("Mul", c.add("Mul", x, scale), c.reshaped("gamma", shape))
    return _affine(c, c.add("Mul", c.add("Sub", x, mean), scale), shape)


def _normalized_axes(c: Call, x: str) -> tuple[list[int], list[int]]:
    """The axes that are normalized together, and the shape in which their parameters fit the input."""
    rank, dims = c.rank(x), c.shape(x)
    given = c.integers("axis", (-1,))
    if not given or any(not -rank <= a < rank for a in given):
        raise c.fail(f"axes {list(given)} of an input of rank {rank}")
    axes = sorted({a % rank for a in given})
    if any(dims[i] is None for i in axes):
        raise c.fail(f"input {list(dims)}; axes {axes} must have known lengths")
    return axes, [dims[i] or 0 if i in axes else 1 for i in range(axes[0], rank)]


def _inverse(c: Call, variance: str, epsilon: float) -> str:
    """1 / sqrt(variance + epsilon)."""
    return c.add("Rsqrt", c.add("AddV2", variance, c.constant("epsilon", c.number("epsilon", epsilon))))


def _affine(c: Call, x: str, shape: Sequence[int]) -> str:
    """Scaled and moved by the parameters that the layer has."""
    if c.flag("scale", default=True):
        x = c.add("Mul", x, c.reshaped("gamma", shape))
    if c.flag("center", default=True):
        x = c.add("AddV2", x, c.reshaped("beta", shape))
    return x


@layer("RMSNormalization")
def _rms_norm(c: Call) -> str:
    x = as_float(c, c.x)
    axes, shape = _normalized_axes(c, x)
    mean = c.add("Mean", c.add("Square", x), axis=axes, keep_dims=True)
    return c.add("Mul", c.add("Mul", x, _inverse(c, mean, 1e-6)), c.reshaped("scale", shape))


@layer("UnitNormalization", masks=True)
def _unit_norm(c: Call) -> str:
    x = as_float(c, c.x)
    axes, _ = _normalized_axes(c, x)
    total = c.add("Sum", c.add("Square", x), axis=axes, keep_dims=True)
    return c.add("Mul", x, c.add("Rsqrt", c.add("Maximum", total, c.constant("least", 1e-12))))


@layer("GroupNormalization", masks=True)
def _group_norm(c: Call) -> str:
    """Mean and variance of each group of channels, over all positions; gamma and beta are of single channels."""
    x = as_float(c, c.x)
    (axis,) = c.integers("axis", (-1,), 1)
    axis, rank, dims = axis % c.rank(x), c.rank(x), c.shape(x)
    channels, (groups,) = dims[axis], c.integers("groups", (32,), 1)
    groups = channels if groups == -1 and channels else groups
    if channels is None or axis == 0 or groups < 1 or channels % groups:
        raise c.fail(f"{groups} groups along axis {axis} of an input {list(dims)}")
    width = channels // groups
    within = [i for i in range(1, rank) if i != axis]
    # Means over positions come first, so that open lengths need no new shape; those over a group's channels follow.
    def of_groups(values: str) -> str:
        means = c.add("Reshape", c.add("Mean", values, axis=within), shape=[-1, groups, width]) if within else (
            c.add("Reshape", values, shape=[-1, groups, width]))
        shared = c.add("Tile", c.add("Mean", means, axis=[2], keep_dims=True), reps=[1, 1, width])
        return c.add("Reshape", shared, shape=[-1, *(channels if i == axis else 1 for i in range(1, rank))])

    moved = c.add("Sub", x, of_groups(x))
    out = c.add("Mul", moved, _inverse(c, of_groups(c.add("Square", moved)), 1e-3))
    return _affine(c, out, [channels if i == axis else 1 for i in range(1, rank)])


@layer("Normalization", masks=True)
def _normalization(c: Call) -> str:
    """By a mean and a variance that the layer was given, or that it took from data; ``invert`` undoes it."""
    x = as_float(c, c.x)
    rank, dims = c.rank(x), c.shape(x)
    given = c.integers("axis", ()) if "axis" in c.config else (-1,)  # null means one number for all
    if any(not -rank <= a < rank for a in given):
        raise c.fail(f"axes {list(given)} of an input of rank {rank}")
    kept = sorted({a % rank for a in given})
    mean, variance = (_statistic(c, name, kept, dims) for name in ("mean", "variance"))
    deviation = np.maximum(np.sqrt(variance), EPSILON)
    if c.flag("invert", default=False):
        return c.add("AddV2", c.add("Mul", x, c.constant("deviation", deviation)), c.constant("mean", mean))
    return c.add("RealDiv", c.add("Sub", x, c.constant("mean", mean)), c.constant("deviation", deviation))


def _statistic(c: Call, name: str, kept: Sequence[int], dims: Dims) -> Array:
    """Of the kept axes, as an option or as a weight; fewer numbers belong to the last of these axes."""
    option = c.config.get(name)
    try:
        found = c.find_weight(name) if option is None else np.asarray(option, np.float32)
    except (ValueError, TypeError):
        raise c.fail(f"option '{name}' is {show(str(option))}, expected numbers") from None
    shape = [1] * len(dims)
    for axis, length in zip(kept[len(kept) - found.ndim :], found.shape, strict=False):
        shape[axis] = length
    if found.ndim > len(kept) or any(n not in (1, d) for n, d in zip(shape, dims, strict=True)):
        raise c.fail(f"'{name}' has shape {list(found.shape)} for axes {list(kept)} of an input {list(dims)}")
    return found.reshape(shape)


@layer("LayerScale")
def _layer_scale(c: Call) -> str:
    """ConvNeXt's scale of each channel, whose weight Keras 3 gives no name."""
    return c.add("Mul", c.x, c.weight("gamma"))
