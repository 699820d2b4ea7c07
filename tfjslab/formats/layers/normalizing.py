"""Normalization layers at inference."""

from __future__ import annotations

import numpy as np

from tfjslab.formats.layers.call import Call, layer


def _parameter(c: Call, name: str, option: str, like: str, fill: float, shape: list[int]) -> str:
    """A per-channel weight in a shape that broadcasts, or a constant where the layer was told to have none."""
    if c.flag(option, default=True):
        return c.bench.constant(f"{c.scope}/{name}", c.find_weight(name).reshape(shape))
    return c.constant(name, np.full(c.find_weight(like).size, fill).reshape(shape))


@layer("BatchNormalization", "BatchNormalizationV1", "SyncBatchNormalization")
def _batch_norm(c: Call) -> str:
    """One FusedBatchNorm: folding it into the layer before is the optimizer's business, which reports it."""
    (axis,) = c.integers("axis", (-1,), 1)
    rank = c.rank(c.x)
    # Channels last need no axes of length 1 behind them.
    shape = [-1] + [1] * (rank - 1 - axis % rank)
    gamma, beta = (
        _parameter(c, n, o, "moving_mean", f, shape) for n, o, f in (("gamma", "scale", 1), ("beta", "center", 0))
    )
    mean, variance = (
        c.bench.constant(f"{c.scope}/{n}", c.find_weight(n).reshape(shape)) for n in ("moving_mean", "moving_variance")
    )
    return c.add("FusedBatchNormV3", c.x, gamma, beta, mean, variance, epsilon=c.number("epsilon", 1e-3))


@layer("LayerNormalization")
def _layer_norm(c: Call) -> str:
    x, rank = c.x, c.rank(c.x)
    axes = sorted({a % rank for a in c.integers("axis", (-1,))})
    dims = c.shape(x)
    shape = [(dims[i] or -1) if i in axes else 1 for i in range(axes[0], rank)]
    mean = c.add("Mean", x, axis=axes, keep_dims=True)
    variance = c.add("Mean", c.add("SquaredDifference", x, mean), axis=axes, keep_dims=True)
    scale = c.add("Rsqrt", c.add("AddV2", variance, c.constant("epsilon", c.number("epsilon", 1e-3))))
    out = c.add("Mul", c.add("Sub", x, mean), scale)
    if c.flag("scale", default=True):
        out = c.add("Mul", out, c.bench.constant(f"{c.scope}/gamma", c.find_weight("gamma").reshape(shape)))
    if c.flag("center", default=True):
        out = c.add("AddV2", out, c.bench.constant(f"{c.scope}/beta", c.find_weight("beta").reshape(shape)))
    return out
