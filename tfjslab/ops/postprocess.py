"""What object detectors end with: boxes from anchors, then the best of those that do not overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError, UsageError
from tfjslab.base.limits import check_run
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, check_dtypes
from tfjslab.ops.registry import Case, Spec, Specs, T, op

_NAME = "DetectionPostProcess"
_MOST = 1 << 20  # detections


def _infer(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes(_NAME, ins, FLOAT)
    boxes, scores, anchors = (s.known_shape for s in ins)
    classes, dtype = attrs["num_classes"], ins[0].dtype
    if (
        len(boxes) != 3 or boxes[0] != 1 or boxes[2] < 4 or anchors != (boxes[1], 4)  # noqa: PLR2004 - y, x, h, w
        or scores not in ((1, boxes[1], classes), (1, boxes[1], classes + 1))
    ):
        raise ShapeError(
            f"{_NAME}: boxes {list(boxes)}, scores {list(scores)} and anchors {list(anchors)}; expected [1, n, 4], "
            f"[1, n, {classes} or {classes + 1}] and [n, 4]")
    count = attrs["max_detections"] * attrs["max_classes_per_detection"]
    least = min(classes, attrs["max_detections"], attrs["max_classes_per_detection"], attrs["detections_per_class"])
    if least < 1 or count > _MOST or not 0 < attrs["iou_threshold"] <= 1:
        raise UsageError(f"{_NAME}: counts must be positive, of detections at most {_MOST}, and iou_threshold in "
                         f"(0, 1]; found {dict(attrs)}")
    return [Spec((1, count, 4), dtype), Spec((1, count), dtype), Spec((1, count), dtype), Spec((1,), dtype)]


def _decoded(boxes: Array, anchors: Array, attrs: Attrs) -> Array:
    """Corners from centres and sizes relative to anchors, in float64 before they are rounded."""
    wide, anchor = boxes[:, :4].astype(np.float64), anchors.astype(np.float64)
    centre = wide[:, :2] / (attrs["y_scale"], attrs["x_scale"]) * anchor[:, 2:] + anchor[:, :2]
    half = 0.5 * np.exp(wide[:, 2:] / (attrs["h_scale"], attrs["w_scale"])) * anchor[:, 2:]
    centre, half = centre.astype(boxes.dtype), half.astype(boxes.dtype)
    return np.concatenate([centre - half, centre + half], axis=1)


def _overlaps(box: Array, others: Array) -> Array:
    """Intersections over unions; 0 where a box has no area."""
    inner = np.maximum(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0).prod(axis=1)
    area, areas = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    valid = (areas > 0) & (area > 0)
    return np.where(valid, inner / np.where(valid, area + areas - inner, 1), 0)


def _best(corners: Array, scores: Array, attrs: Attrs, most: int) -> list[int]:
    """Indices of boxes, best first, without those that overlap a better one by more than the threshold."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= attrs["score_threshold"]]
    kept: list[int] = []
    while order.size and len(kept) < most:
        check_run("the next box")
        kept.append(int(order[0]))
        order = order[1:]
        order = order[~(_overlaps(corners[kept[-1]], corners[order]) > attrs["iou_threshold"])]
    return kept


def _fast(corners: Array, scores: Array, attrs: Attrs) -> tuple[list[tuple[int, int, int]], int]:
    """(place, box, class): boxes are compared by their best class, and then have their best classes."""
    classes = np.argsort(-scores, axis=1, kind="stable")[:, : attrs["max_classes_per_detection"]]
    kept = _best(corners, scores.max(axis=1), attrs, attrs["max_detections"])
    each = attrs["max_classes_per_detection"]
    return [(each * i + k, box, int(c)) for i, box in enumerate(kept) for k, c in enumerate(classes[box])], len(kept)


def _regular(corners: Array, scores: Array, attrs: Attrs) -> tuple[list[tuple[int, int, int]], int]:
    """The same with boxes compared class by class, and the best of all classes kept."""
    found: list[tuple[int, int]] = []
    for c in range(scores.shape[1]):
        found += [(box, c) for box in _best(corners, scores[:, c], attrs, attrs["detections_per_class"])]
        found.sort(key=lambda f: -scores[f])
        del found[attrs["max_detections"] :]
    return [(i, box, c) for i, (box, c) in enumerate(found)], len(found)


_ATTRS = (
    Attr("max_detections", "int"), Attr("num_classes", "int"), Attr("max_classes_per_detection", "int", 1),
    Attr("detections_per_class", "int", 100), Attr("score_threshold", "float", 0), Attr("iou_threshold", "float", 0.5),
    *(Attr(name, "float", 1) for name in ("y_scale", "x_scale", "h_scale", "w_scale")),
    Attr("regular", "bool", default=False),
)
_ANCHORS = T((4, 4), values=[0.5, 0.5, 1, 1, 0.5, 0.6, 1, 1, 0.5, 0.5, 1, 0.9, 2.5, 2.5, 1, 1])
_GIVEN = (T((1, 4, 4), lo=0, hi=0.01), T((1, 4, 3), values=[0, 0.9, 0.2, 0, 0.75, 0.3, 0, 0.1, 0.6, 0, 0.95, 0.5]),
          _ANCHORS)
_SCALES = {"y_scale": 10, "x_scale": 10, "h_scale": 5, "w_scale": 5}
_CASES = (
    Case((T((1, 4, 4), values=[0] * 16), *_GIVEN[1:]), {"max_detections": 2, "num_classes": 2, **_SCALES},
         expect=[2, 2, 3, 3, 0, 0, 1, 1]),
    *(Case(_GIVEN, {"max_detections": 3, "num_classes": 2, "max_classes_per_detection": 2, "regular": regular,
                    **_SCALES}) for regular in (False, True)),
    Case((T((1, 30, 6)), T((1, 30, 5), lo=0, hi=1), T((30, 4), lo=0, hi=1)),
         {"max_detections": 10, "num_classes": 5, "score_threshold": 0.3, "iou_threshold": 0.4, "regular": True}),
)


@op(_NAME, "boxes scores anchors", infer=_infer, num_outputs=4, attrs=_ATTRS, cases=_CASES)
def detection_post_process(boxes: Array, scores: Array, anchors: Array, **attrs: Any) -> list[Array]:
    """Boxes (y1, x1, y2, x2), classes and scores of the best detections, then their number; the rest is zeros.

    The computation of TensorFlow Lite's ``TFLite_Detection_PostProcess``.
    """
    corners = _decoded(boxes[0], anchors, attrs)
    if (corners[:, :2] > corners[:, 2:]).any():
        raise UsageError(f"{_NAME}: a box ends before it begins")
    classes = scores[0, :, -attrs["num_classes"] :]
    found, count = (_regular if attrs["regular"] else _fast)(corners, classes, attrs)
    shape = (1, attrs["max_detections"] * attrs["max_classes_per_detection"])
    places, kept, kinds = np.array(found, np.int64).reshape(-1, 3).T
    results = [np.zeros(s, boxes.dtype) for s in ((*shape, 4), shape, shape)]
    for result, values in zip(results, (corners[kept], kinds, classes[kept, kinds]), strict=True):
        result[0, places] = values
    return [*results, np.array([count], boxes.dtype)]
