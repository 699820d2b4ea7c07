"""Non-maximum suppression: which boxes to keep. How many there are depends on the data."""

from __future__ import annotations

import heapq
import math
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError, UsageError
from tfjslab.base.limits import check_run, in_time
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, check_dtypes
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, op

_SIZE = Attr("max_output_size", "int")
_IOU = Attr("iou_threshold", "float", 0.5)
_SCORE = Attr("score_threshold", "float", -math.inf)
_PAD = Attr("pad_to_max_output_size", "bool", default=False)
_SIGMA = Attr("soft_nms_sigma", "float", 0)
_AT_ONCE = 64  # boxes that are compared with all others in one call of numpy


def _check(name: str, ins: Specs, attrs: Attrs) -> None:
    check_dtypes(name, ins, FLOAT)
    boxes, scores = (s.known_shape for s in ins)
    if len(boxes) != 2 or boxes[1] != 4 or scores != boxes[:1]:  # noqa: PLR2004 - y1, x1, y2, x2
        raise ShapeError(f"{name}: boxes {list(boxes)} with scores {list(scores)}; expected [n, 4] with [n]")
    if attrs["max_output_size"] < 0:
        raise UsageError(f"{name}: max_output_size {attrs['max_output_size']}; expected a number >= 0")
    if not 0 <= attrs["iou_threshold"] <= 1 or not 0 <= attrs.get("soft_nms_sigma", 0) <= 1:
        raise UsageError(f"{name}: iou_threshold and soft_nms_sigma must be between 0 and 1")


def _overlap(corners: Array, areas: Array, some: Array, others: list[int] | Array) -> Array:
    """Intersections over unions, [some, others]; 0 where a box has no area."""
    a, b = corners[some][:, None], corners[others]
    sides = np.maximum(np.minimum(a[..., 2:], b[:, 2:]) - np.maximum(a[..., :2], b[:, :2]), 0)
    inner = sides[..., 0] * sides[..., 1]
    union = areas[some][:, None] + areas[others] - inner
    valid = (areas[some] > 0)[:, None] & (areas[others] > 0)
    return np.where(valid, inner / np.where(valid, union, 1), 0)


def soft_scale(sigma: float) -> float:
    """The factor before the square of an overlap in the exponent that lowers a score; 0 where nothing lowers it."""
    return -0.5 / sigma if sigma > 0 else 0.0


def suppress(boxes: Array, scores: Array, attrs: Attrs) -> tuple[list[int], list[float]]:
    """Indices and scores of the boxes to keep, best first. Of equal scores the lower index wins.

    Computed in float64, as JavaScript does.
    """
    b = boxes.astype(np.float64)
    corners = np.concatenate([np.minimum(b[:, :2], b[:, 2:]), np.maximum(b[:, :2], b[:, 2:])], axis=1)
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    scale = soft_scale(attrs.get("soft_nms_sigma", 0.0))
    if scale:
        return _suppress_softly(corners, areas, scores.astype(np.float64), attrs, scale)
    kept = _suppress(corners, areas, scores.astype(np.float64), attrs)
    return kept, scores[kept].tolist()


def _suppress(corners: Array, areas: Array, scores: Array, attrs: Attrs) -> list[int]:
    """The best first, some at a time: numpy's calls cost more than comparing pairs that need not be."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > attrs["score_threshold"]]
    kept: list[int] = []
    for start in in_time(range(0, len(order), _AT_ONCE), "the next boxes"):
        some = order[start : start + _AT_ONCE]
        some = some[(_overlap(corners, areas, some, kept) < attrs["iou_threshold"]).all(axis=1)]
        drops = ~(_overlap(corners, areas, some, some) < attrs["iou_threshold"])  # also an overlap that is NaN
        dropped = np.zeros(len(some), bool)
        for i, box in enumerate(some.tolist()):
            if len(kept) == attrs["max_output_size"]:
                return kept
            if not dropped[i]:
                kept.append(box)
                dropped |= drops[i]
    return kept


def _suppress_softly(
    corners: Array, areas: Array, scores: Array, attrs: Attrs, scale: float,
) -> tuple[list[int], list[float]]:
    """Overlap lowers a score, and its box queues up again.

    The best candidate is compared with what was selected since it was last looked at, latest first. It is dropped
    when one overlaps too much.
    """
    threshold = attrs["score_threshold"]
    queue = [(-s, i, 0) for i, s in enumerate(scores.tolist()) if s > threshold]
    heapq.heapify(queue)
    kept: list[int] = []
    kept_scores: list[float] = []
    while queue and len(kept) < attrs["max_output_size"]:
        check_run("the next box")
        negative, index, begin = heapq.heappop(queue)
        before = score = -negative
        for overlap in _overlap(corners, areas, np.array([index]), kept[begin:])[0, ::-1].tolist():
            if overlap >= attrs["iou_threshold"]:
                score = -math.inf
                break
            score *= math.exp(scale * overlap * overlap)
            if score <= threshold:
                break
        if score == before:
            kept.append(index)
            kept_scores.append(score)
        elif score > threshold:
            heapq.heappush(queue, (-score, index, len(kept)))
    return kept, kept_scores


def _padded(values: list[Any], attrs: Attrs, dtype: Any) -> Array:
    missing = attrs["max_output_size"] - len(values) if attrs["pad_to_max_output_size"] else 0
    return np.array([*values, *[0] * missing], dtype)


_GIVEN = (
    T((4, 4), values=[0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 2, 2, 3, 3]), T((4,), values=[0.9, 0.75, 0.6, 0.95]),
)
_MANY = (T((40, 4), lo=0, hi=1), T((40,), lo=0, hi=1))
_CASES = (
    Case(_MANY, {"max_output_size": 10, "iou_threshold": 0.3}), Case((T((0, 4)), T((0,))), {"max_output_size": 3}),
)


def _infer_v3(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check("NonMaxSuppressionV3", ins, attrs)
    return [Spec(None, "int32")]


@op("NonMaxSuppressionV3", "boxes scores", infer=_infer_v3, attrs=(_SIZE, _IOU, _SCORE), api="non_max_suppression", tf=[
    Tf("NonMaxSuppressionV3", "boxes scores @max_output_size @iou_threshold @score_threshold"),
    Tf("NonMaxSuppressionV2", "boxes scores @max_output_size @iou_threshold", write=False),
    Tf("NonMaxSuppression", "boxes scores @max_output_size", write=False),
], cases=(
    *_CASES, Case(_GIVEN, {"max_output_size": 3}, expect=[3, 0]), Case(_GIVEN, {"max_output_size": 1}, expect=[3]),
    Case(_GIVEN, {"max_output_size": 4, "iou_threshold": 0.9, "score_threshold": 0.7}, expect=[3, 0, 1]),
))
def non_max_suppression(boxes: Array, scores: Array, **attrs: Any) -> Array:
    """Indices of the best boxes (y1, x1, y2, x2) that do not overlap more than ``iou_threshold``."""
    return np.array(suppress(boxes, scores, attrs)[0], np.int32)


def _infer_v4(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check("NonMaxSuppressionV4", ins, attrs)
    return [Spec((attrs["max_output_size"],) if attrs["pad_to_max_output_size"] else None, "int32"), Spec((), "int32")]


@op("NonMaxSuppressionV4", "boxes scores", infer=_infer_v4, num_outputs=2, attrs=(_SIZE, _IOU, _SCORE, _PAD),
    api="non_max_suppression_padded",
    tf=[Tf("NonMaxSuppressionV4", "boxes scores @max_output_size @iou_threshold @score_threshold")], cases=(
        *_CASES, Case(_GIVEN, {"max_output_size": 4, "pad_to_max_output_size": True}, expect=[3, 0, 0, 0]),
    ))
def non_max_suppression_padded(boxes: Array, scores: Array, **attrs: Any) -> list[Array]:
    """Like V3, if asked with zeros up to ``max_output_size``; the second output is the number of valid ones."""
    kept = suppress(boxes, scores, attrs)[0]
    return [_padded(kept, attrs, np.int32), np.array(len(kept), np.int32)]


def _infer_v5(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check("NonMaxSuppressionV5", ins, attrs)
    shape = (attrs["max_output_size"],) if attrs["pad_to_max_output_size"] else None
    return [Spec(shape, "int32"), Spec(shape, "float32"), Spec((), "int32")]


@op("NonMaxSuppressionV5", "boxes scores", infer=_infer_v5, num_outputs=3, attrs=(_SIZE, _IOU, _SCORE, _SIGMA, _PAD),
    api="non_max_suppression_with_score", tf=[
        Tf("NonMaxSuppressionV5", "boxes scores @max_output_size @iou_threshold @score_threshold @soft_nms_sigma"),
    ], cases=(
        *_CASES, Case(_GIVEN, {"max_output_size": 4, "iou_threshold": 1, "soft_nms_sigma": 0.5}, expect=[3, 0, 1, 2]),
        Case(_MANY, {"max_output_size": 20, "iou_threshold": 1, "soft_nms_sigma": 0.3, "score_threshold": 0.2}),
        Case(_GIVEN, {"max_output_size": 4, "pad_to_max_output_size": True}, expect=[3, 0, 0, 0]),
    ))
def non_max_suppression_with_score(boxes: Array, scores: Array, **attrs: Any) -> list[Array]:
    """Like V4 with the scores as second output; with ``soft_nms_sigma`` overlap lowers the score instead."""
    kept, kept_scores = suppress(boxes, scores, attrs)
    return [_padded(kept, attrs, np.int32), _padded(kept_scores, attrs, scores.dtype), np.array(len(kept), np.int32)]
