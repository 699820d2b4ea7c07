"""Custom operators: detection of TensorFlow Lite, and MediaPipe's pools and convolutions, by their own names."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from tfjslab.formats.tflite import flexbuffer
from tfjslab.formats.tflite.operator import Operator, operator
from tfjslab.formats.tflite.operators.windows import turned_for_transpose
from tfjslab.formats.tflite.schema import ACTIVATIONS, CUSTOM

_PADDINGS = {1: "SAME", 2: "VALID"}
_POOL, _TRANSPOSE = ("stride_w", "stride_h", "filter_width", "filter_height"), ("stride_w", "stride_h")
_MARGIN = 0.1  # MediaPipe adds it to indices, which are floats that are rounded down

_DETECTION = {  # our names, theirs, and their defaults
    "max_detections": ("max_detections", None), "num_classes": ("num_classes", None),
    "max_classes_per_detection": ("max_classes_per_detection", None),
    "detections_per_class": ("detections_per_class", 100), "score_threshold": ("nms_score_threshold", 0),
    "iou_threshold": ("nms_iou_threshold", 0), "y_scale": ("y_scale", None), "x_scale": ("x_scale", None),
    "h_scale": ("h_scale", None), "w_scale": ("w_scale", None), "regular": ("use_regular_nms", 0),
}
_WHOLE = ("max_detections", "num_classes", "max_classes_per_detection", "detections_per_class")


@operator("TFLite_Detection_PostProcess")
def _detection(op: Operator) -> list[str]:
    return detections(op, *(op.value(i) for i in range(3)))


def detections(op: Operator, boxes: str, scores: str, anchors: str) -> list[str]:
    """Boxes that are left of those around the anchors: all inputs are floats."""
    told = flexbuffer.numbers(op.option(CUSTOM), f"{op.where}: {op.told.label}")
    attrs: dict[str, Any] = {}
    for ours, (theirs, default) in _DETECTION.items():
        found = told.get(theirs, default)
        if found is None:
            raise op.fail(f"option {theirs} is missing")
        attrs[ours] = int(found) if ours in _WHOLE else bool(found) if ours == "regular" else float(found)
    return list(op.several("DetectionPostProcess", boxes, scores, anchors, **attrs).outputs)


def _structure(op: Operator, names: tuple[str, ...]) -> dict[str, Any]:
    """Options that are a C structure of integers: padding, then ``names``, then the activation."""
    data = op.option(CUSTOM)
    if len(data) < 4 * (len(names) + 1):
        raise op.fail(f"{len(data)} bytes of options; expected {4 * (len(names) + 1)}")
    padding, *found = struct.unpack_from(f"<{len(names) + 1}i", data)
    if padding not in _PADDINGS or any(not 0 < n < 1 << 16 for n in found):
        raise op.fail(f"padding {padding} and {dict(zip(names, found, strict=True))} are not supported")
    return {"padding": _PADDINGS[padding], **dict(zip(names, found, strict=True))}


def _sizes(op: Operator) -> list[int]:
    dims = op.tensor(0).dims
    known = [d for d in dims if d is not None]
    if len(known) != 4:  # noqa: PLR2004 - batch, height, width, channels
        raise op.fail(f"an input {list(dims)}; expected four known lengths")
    return known


@operator("Convolution2DTransposeBias")
def _transposed(op: Operator) -> str:
    """The image, filters [out, height, width, in], a bias."""
    told, (batch, *image, _) = _structure(op, _TRANSPOSE), _sizes(op)
    strides, (out, *window, _) = (told["stride_h"], told["stride_w"]), op.weights(1).shape
    shape = [
        s * (n - 1) + f - (max(0, f - (n - 1) % s - 1) if told["padding"] == "SAME" else 0)
        for n, s, f in zip(image, strides, window, strict=True)
    ]
    made = op.add("Conv2DBackpropInput", turned_for_transpose(op, 1), op.value(0), output_shape=[batch, *shape, out],
                  strides=[1, *strides, 1], padding=told["padding"])
    return op.add("BiasAdd", made, op.value(2))


@operator("MaxPoolingWithArgmax2D")
def _pool_with_places(op: Operator) -> list[str]:
    """The largest elements, and where in their windows they are: row times width plus column."""
    told, (_, height, width, channels) = _structure(op, _POOL), _sizes(op)
    strides, window = (told["stride_h"], told["stride_w"]), (told["filter_height"], told["filter_width"])
    op.variables.grow(height + width)
    values, flat = op.several("MaxPoolWithArgmax", op.value(0), ksize=[1, *window, 1], strides=[1, *strides, 1],
                              padding=told["padding"]).outputs
    cell = op.add("FloorDiv", flat, _whole(op, channels))
    row, column = op.add("FloorDiv", cell, _whole(op, width)), op.add("FloorMod", cell, _whole(op, width))
    top, left = (_origins(n, s, f, told["padding"]) for n, s, f in zip((height, width), strides, window, strict=True))
    row = op.add("Sub", row, op.make_constant(top.reshape(1, -1, 1, 1), "top"))
    column = op.add("Sub", column, op.make_constant(left.reshape(1, 1, -1, 1), "left"))
    place = op.add("AddV2", op.add("Mul", row, _whole(op, window[1])), column)
    place = op.add("AddV2", op.add("Cast", place, dtype="float32"),
                   op.make_constant(np.array(_MARGIN, np.float32), "margin"))
    return [_activated(op, values), place]


def _origins(length: int, stride: int, window: int, padding: str) -> np.ndarray:
    """Where the windows along an axis begin."""
    count = -(-length // stride) if padding == "SAME" else (length - window) // stride + 1
    before = max(0, (count - 1) * stride + window - length) // 2
    return np.arange(count, dtype=np.int32) * stride - before


def _whole(op: Operator, value: int) -> str:
    return op.make_constant(np.array(value, np.int32), "number")


def _activated(op: Operator, values: str) -> str:
    """The activation behind the fields of a pool."""
    data, at = op.option(CUSTOM), 4 * (len(_POOL) + 1)
    number = struct.unpack_from("<i", data, at)[0] if len(data) >= at + 4 else 0
    if not 0 <= number < len(ACTIVATIONS):
        raise op.fail(f"activation {number} is unknown")
    return op.bent(values, ACTIVATIONS[number])


@operator("MaxUnpooling2D")
def _unpool(op: Operator) -> str:
    """Each element at its place in its window, and zeros elsewhere."""
    told, (batch, height, width, channels) = _structure(op, _POOL), _sizes(op)
    rows, columns = told["filter_height"], told["filter_width"]
    if (told["stride_h"], told["stride_w"]) != (rows, columns):
        raise op.fail("windows that overlap, or leave gaps, are not supported")
    op.variables.grow(rows * columns)
    place = op.add("ExpandDims", op.add("Cast", op.value(1), dtype="int32"), axis=4)
    cells = op.make_constant(np.arange(rows * columns, dtype=np.int32), "cells")
    zero = op.make_constant(np.zeros((), np.float32), "zero")
    spread = op.add("SelectV2", op.add("Equal", place, cells), op.add("ExpandDims", op.value(0), axis=4), zero)
    spread = op.add("Reshape", spread, shape=[batch, height, width, channels, rows, columns])
    spread = op.add("Transpose", spread, perm=[0, 1, 4, 2, 5, 3])
    return op.add("Reshape", spread, shape=[batch, height * rows, width * columns, channels])
