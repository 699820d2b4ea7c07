"""Normalization layers at inference."""

from __future__ import annotations

import numpy as np

from tfjslab.formats.layers_model.layers.call import Call, layer


def _parameter(c: Call, name: str, option: str, fill: float) -> str:
    """A per-channel weight, or a constant where the layer was told to have none."""
    if c.flag(option, default=True):
        return c.weight(name)
    return c.constant(name, np.full(c.find_weight("moving_mean").shape, fill))


@layer("BatchNormalization", "BatchNormalizationV1", "SyncBatchNormalization", masks=True)
def _batch_norm(c: Call) -> str:
    """One FusedBatchNorm: folding it into the layer before is the optimizer's business, which reports it."""
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
    x, rank = c.x, c.rank(c.x)
    given = c.integers("axis", (-1,))
    if not given or any(not -rank <= a < rank for a in given):
        raise c.fail(f"axes {list(given)} of an input of rank {rank}")
    axes = sorted({a % rank for a in given})
    dims = c.shape(x)
    if any(dims[i] is None for i in axes):
        raise c.fail(f"input {list(dims)}; axes {axes} must have known lengths")
    shape = [dims[i] or 0 if i in axes else 1 for i in range(axes[0], rank)]
    mean = c.add("Mean", x, axis=axes, keep_dims=True)
    variance = c.add("Mean", c.add("SquaredDifference", x, mean), axis=axes, keep_dims=True)
    scale = c.add("Rsqrt", c.add("AddV2", variance, c.constant("epsilon", c.number("epsilon", 1e-3))))
    out = c.add("Mul", c.add("Sub", x, mean), scale)
    if c.flag("scale", default=True):
        out = c.add("Mul", out, c.reshaped("gamma", shape))
    if c.flag("center", default=True):
        out = c.add("AddV2", out, c.reshaped("beta", shape))
    return out
