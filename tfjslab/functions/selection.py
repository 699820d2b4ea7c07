"""Choosing elements by what they are. Their number depends on the data, so TensorFlow.js awaits these."""

from __future__ import annotations

import numpy as np

from tfjslab.base.errors import InputError, ShapeError, UsageError
from tfjslab.base.shapes import normalize_axis
from tfjslab.engine.create import make_tensor
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_tensor, composed, many, op

_SIDES = ("left", "right")


@composed
def _where(condition: Value) -> Tensor:
    return make_tensor(np.argwhere(as_tensor(condition, "bool").numpy()).astype(np.int32), "int32")


async def where_async(condition: Value) -> Tensor:
    """The coordinates of what is true, a row each, as int32."""
    return _where(condition)


@composed
def _boolean_mask(values: Value, mask: Value, axis: int) -> Tensor:
    x, chosen = as_tensor(values), as_tensor(mask, "bool")
    if chosen.rank == 0:
        raise ShapeError("boolean_mask_async: the mask is a scalar; expected rank 1 or more")
    first = normalize_axis(axis, x.rank)
    covered = x.shape[first : first + chosen.rank]
    if covered != chosen.shape:
        raise ShapeError(f"boolean_mask_async: mask {chosen.shape}; expected {covered}, as from axis {axis} on")
    flat = op.reshape(x, [*x.shape[:first], chosen.size, *x.shape[first + chosen.rank :]])
    places = make_tensor(np.flatnonzero(chosen.numpy()).astype(np.int32), "int32")
    return op.gather(flat, places, first)


async def boolean_mask_async(tensor: Value, mask: Value, axis: int = 0) -> Tensor:
    """The elements, or slices from ``axis`` on, for which the mask holds."""
    return _boolean_mask(tensor, mask, axis)


@composed
def _in_top_k(predictions: Value, targets: Value, k: int) -> Tensor:
    scores, wanted = as_tensor(predictions), as_tensor(targets)
    if scores.rank < 2 or scores.shape[:-1] != wanted.shape:  # noqa: PLR2004 - batch and classes
        raise ShapeError(
            f"in_top_k_async: predictions {scores.shape}, targets {wanted.shape}; expected [..., classes] and [...]",
        )
    if not 0 < k <= scores.shape[-1]:
        raise InputError(f"in_top_k_async: k is {k}; expected 1 to {scores.shape[-1]}")
    best = many.topk(scores, k)[1]
    return op.any(op.equal(best, op.expand_dims(op.cast(wanted, "int32"), -1)), -1)


async def in_top_k_async(predictions: Value, targets: Value, k: int = 1) -> Tensor:
    """Whether each target is among the ``k`` highest predictions; of equal ones the first counts."""
    return _in_top_k(predictions, targets, k)


@composed
def search_sorted(sorted_sequence: Value, values: Value, side: str = "left") -> Tensor:
    """Where each value would be put into its sorted row: before equal ones (``"left"``) or behind (``"right"``)."""
    if side not in _SIDES:
        raise UsageError(f"search_sorted: side is {side!r}; expected one of {', '.join(_SIDES)}")
    bound = op.lower_bound if side == "left" else op.upper_bound
    rows, wanted = as_tensor(sorted_sequence), as_tensor(values)
    if not rows.rank or not wanted.rank:
        raise ShapeError(f"search_sorted: shapes {rows.shape} and {wanted.shape}; expected rank 1 or more")
    found = bound(*(op.reshape(t, [-1, t.shape[-1]]) for t in (rows, wanted)))
    return op.reshape(found, wanted.shape)
