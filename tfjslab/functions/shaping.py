"""Grids, and sums and shapes that follow from other tensors."""

from __future__ import annotations

import numpy as np

from tfjslab.base.errors import ShapeError, UsageError
from tfjslab.base.shapes import broadcast
from tfjslab.engine.create import make_tensor
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_tensor, check_rank, composed, op

_GRIDS = ("xy", "ij")


@composed
def meshgrid(x: Value | None = None, y: Value | None = None, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid: ``x`` along the columns and ``y`` along the rows, or the other way round for ``"ij"``."""
    if indexing not in _GRIDS:
        raise UsageError(f"meshgrid: indexing is {indexing!r}; expected one of {', '.join(_GRIDS)}")
    given = [op.reshape(as_tensor(v), [-1]) for v in (x, y) if v is not None]
    if len(given) < len(_GRIDS):
        return given
    across, down = given if indexing == "xy" else given[::-1]
    shape = [down.size, across.size]
    grids = [op.broadcast_to(op.reshape(v, s), shape) for v, s in ((across, [1, -1]), (down, [-1, 1]))]
    return grids if indexing == "xy" else grids[::-1]


@composed
def broadcast_args(s0: Value, s1: Value) -> Tensor:
    """The shape, an int32 vector, that tensors of these two shapes are broadcast to."""
    first, second = (tuple(as_tensor(s, "int32").data_sync().tolist()) for s in (s0, s1))
    return make_tensor(np.array(broadcast(first, second), np.int32), "int32")


@composed
def unsorted_segment_sum(x: Value, segment_ids: Value, num_segments: int) -> Tensor:
    """The sum of the rows of ``x`` for each of ``num_segments`` numbers; rows with any other number count nowhere."""
    values, ids = as_tensor(x), as_tensor(segment_ids, "int32")
    check_rank("unsorted_segment_sum", "segment_ids", ids, 1)
    if values.shape[:1] != ids.shape:
        raise ShapeError(f"unsorted_segment_sum: x {values.shape} with segment_ids {ids.shape}; expected one id a row")
    inside = op.logical_and(op.greater_equal(ids, 0), op.less(ids, num_segments))
    places = op.expand_dims(op.where(inside, ids, num_segments), 1)  # the rest is summed in a row that is cut off
    sums = op.scatter_nd(places, values, [num_segments + 1, *values.shape[1:]])
    return op.slice(sums, 0, num_segments)
