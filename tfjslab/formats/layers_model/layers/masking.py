"""Masks: which steps of a sequence count. What makes them, and how layers of several inputs join them.

The rules are Keras's. TF.js 4.22 joins the masks of merged inputs by a rule that recurrent layers cannot read.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from tfjslab.formats.layers_model.layers.call import Call, layer


@layer("Masking")
def _masking(c: Call) -> str:
    """Steps that are all ``mask_value`` do not count, and become zeros."""
    differs = c.add("NotEqual", c.x, c.constant("mask_value", c.number("mask_value", 0)))
    kept = c.add("Cast", c.add("Any", differs, axis=[-1], keep_dims=True), DstT="float32")
    out = c.add("Mul", c.x, kept)
    c.bench.masks[out] = c.add("Any", differs, axis=[-1], keep_dims=False)
    return out


def weights_of_steps(c: Call) -> str:
    """The mask of the first input as 1 and 0, [batch, steps]; "" without a mask."""
    if not c.mask:
        return ""
    if c.rank(c.mask) != 2:  # noqa: PLR2004 - batch and steps
        raise c.fail(f"a mask of shape {list(c.shape(c.mask))}, expected [batch, steps]")
    return c.add("Cast", c.mask, DstT="float32")


def join_masks(c: Call, out: str) -> None:
    """A step of a merged value counts when it counts in all inputs that have a mask."""
    masks = [m for m in map(c.bench.masks.get, c.inputs) if m]
    if masks and len({c.shape(m) for m in masks}) == 1:
        c.bench.masks[out] = reduce(lambda a, b: c.add("LogicalAnd", a, b), masks)


def concatenate_masks(c: Call, out: str, axis: int) -> None:
    """Along steps masks are joined end to end; along another axis as those of any merged value."""
    if axis % c.rank(out) != 1:
        join_masks(c, out)
    elif any(v in c.bench.masks for v in c.inputs):
        masks = [c.bench.masks.get(v) or _all_steps(c, v) for v in c.inputs]
        c.bench.masks[out] = c.add("ConcatV2", *masks, axis=1)


def _all_steps(c: Call, value: str) -> str:
    """A mask in which every step counts."""
    first = value
    while c.rank(first) > 2:  # noqa: PLR2004 - batch and steps
        first = c.add("GatherV2", first, c.constant("first", 0, np.int32), axis=2)
    return c.add("Cast", c.add("OnesLike", first), DstT="bool")
