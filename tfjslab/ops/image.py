"""Resizing and cropping images (always channels last, as in TF.js)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError, UsageError
from tfjslab.base.shapes import Shape, checked_shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, NUMBER, check_dtypes
from tfjslab.ops.facts import FIRST, IMAGE_RANK, Facts
from tfjslab.ops.promotion import Promotion
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, Tf, op
from tfjslab.ops.window import image_parts

_RESIZE = (
    Attr("size", "ints"), Attr("align_corners", "bool", default=False),
    Attr("half_pixel_centers", "bool", default=False),
)


def _infer_resize(name: str, result: str | None) -> Infer:
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins, NUMBER)
        n, old, c = image_parts(ins[0].known_shape, "NHWC", name)
        size = attrs["size"]
        if len(size) != 2 or min(size) < 1 or min(old) < 1:  # noqa: PLR2004 - height and width
            raise ShapeError(f"{name}: from {list(old)} to size {list(size)}; expected a height and a width >= 1")
        if attrs["align_corners"] and attrs["half_pixel_centers"]:
            raise UsageError(f"{name}: align_corners and half_pixel_centers are both set; expected one of them at most")
        return [Spec(checked_shape((n, *size, c), name), result or ins[0].dtype)]

    return infer


def _positions(old: int, new: int, attrs: Attrs, center: float) -> Array:
    """Where each new row lies among the old ones, in float64 as TF.js computes it; ``center`` is half a pixel or 0."""
    corners = attrs["align_corners"] and new > 1
    ratio = (old - 1) / (new - 1) if corners else old / new
    steps = np.arange(new, dtype=np.float64)
    return ratio * (steps + 0.5) - center if attrs["half_pixel_centers"] else ratio * steps


def bilinear_taps(old: int, new: int, attrs: Attrs) -> tuple[Array, Array, Array]:
    """For each new row (or column): the two old ones that it lies between, and how far it is from the first."""
    at = _positions(old, new, attrs, 0.5)
    low = np.maximum(np.floor(at), 0)
    high = np.clip(np.ceil(at), 0, old - 1)
    return low.astype(np.int32), high.astype(np.int32), at - low


def nearest_taps(old: int, new: int, attrs: Attrs) -> Array:
    """For each new row (or column): the old one that it shows."""
    at = _positions(old, new, attrs, 0)
    rounded = np.floor(at + 0.5) if attrs["align_corners"] else np.floor(at)
    return np.clip(rounded, 0, old - 1).astype(np.int32)


_RESIZE_CASES = (
    *(Case((T((2, 3, 5, 3)),), {"size": s, "align_corners": a, "half_pixel_centers": h})
      for s in ([6, 7], [2, 2], [1, 1], [3, 5]) for a, h in ((False, False), (True, False), (False, True))),
    Case((T((1, 2, 2, 2), "int32", -9, 9),), {"size": [4, 4]}), Case((T((0, 2, 2, 1)),), {"size": [3, 3]}),
)
_COLUMN = T((1, 2, 1, 1), values=[0, 4])


@op("ResizeBilinear", "images", infer=_infer_resize("ResizeBilinear", "float32"), attrs=_RESIZE, api="resize_bilinear",
    flops=lambda _ins, outs, _attrs: 9 * outs[0].size, tf=[Tf("ResizeBilinear", "images @size")],
    facts=Facts(dtype="float32", rank=IMAGE_RANK, promotes=Promotion(NUMBER)), cases=(
        *_RESIZE_CASES, Case((_COLUMN,), {"size": [4, 1]}, expect=[0, 2, 4, 4]),
        Case((_COLUMN,), {"size": [4, 1], "half_pixel_centers": True}, expect=[0, 1, 3, 4]),
        Case((T((1, 1, 2, 1), values=[-math.inf, 1]),), {"size": [1, 2]}, expect=[-math.inf, 1]),
    ))
def resize_bilinear(images: Array, **attrs: Any) -> Array:
    """Resize by interpolation between the four nearest pixels; an image of that size already stays as it is."""
    x = images if images.dtype.kind == "f" else images.astype(np.float32)
    if attrs["size"] == images.shape[1:3]:  # as in TensorFlow, also of infinity
        return np.array(x)
    top, bottom, fraction = bilinear_taps(x.shape[1], attrs["size"][0], attrs)
    left, right, across = bilinear_taps(x.shape[2], attrs["size"][1], attrs)
    down = fraction.astype(x.dtype)[:, None, None]
    rows = x[:, top] + (x[:, bottom] - x[:, top]) * down
    return np.asarray(rows[:, :, left] + (rows[:, :, right] - rows[:, :, left]) * across.astype(x.dtype)[:, None])


@op("ResizeNearestNeighbor", "images", infer=_infer_resize("ResizeNearestNeighbor", None), attrs=_RESIZE,
    api="resize_nearest_neighbor", tf=[Tf("ResizeNearestNeighbor", "images @size")],
    facts=Facts(dtype=FIRST, rank=IMAGE_RANK), cases=(
        *_RESIZE_CASES, Case((_COLUMN,), {"size": [4, 1]}, expect=[0, 0, 4, 4]),
    ))
def resize_nearest_neighbor(images: Array, **attrs: Any) -> Array:
    """Resize by taking the nearest pixel."""
    rows = images[:, nearest_taps(images.shape[1], attrs["size"][0], attrs)]
    return np.asarray(rows[:, :, nearest_taps(images.shape[2], attrs["size"][1], attrs)])


# ---- CropAndResize ---------------------------------------------------------------------------------------------------


def _infer_crop(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("CropAndResize", ins[:2], FLOAT)
    check_dtypes("CropAndResize", ins[2:], ("int32",))
    _, size, c = image_parts(ins[0].known_shape, "NHWC", "CropAndResize")
    boxes, which = ins[1].known_shape, ins[2].known_shape
    crop = attrs["crop_size"]
    if len(boxes) != 2 or boxes[1] != 4 or which != boxes[:1]:  # noqa: PLR2004 - y1, x1, y2, x2
        raise ShapeError(f"CropAndResize: boxes {list(boxes)} with box_ind {list(which)}; expected [n, 4] with [n]")
    if len(crop) != 2 or min(crop) < 1 or min(size) < 1:  # noqa: PLR2004 - height and width
        wanted = "expected a height and a width >= 1"
        raise ShapeError(f"CropAndResize: from {list(size)} to crop_size {list(crop)}; {wanted}")
    return [Spec(checked_shape((boxes[0], *crop, c), "CropAndResize"), "float32")]


def _crop_positions(first: Array, last: Array, old: int, new: int) -> Array:
    """Where each new row of each box lies in the image: [boxes, new]."""
    f, e = first.astype(np.float64)[:, None], last.astype(np.float64)[:, None]
    if new == 1:
        return np.asarray(0.5 * (f + e) * (old - 1))
    return np.asarray(f * (old - 1) + np.arange(new) * ((e - f) * (old - 1) / (new - 1)))


def _pixels(image: Array, which: Array, rows: Array, columns: Array) -> Array:
    """Pixels at each row and column of each box."""
    return np.asarray(image[which[:, None, None], rows[:, :, None], columns[:, None, :]])


def _between(image: Array, which: Array, y: Array, x: Array) -> Array:
    top, left = np.floor(y), np.floor(x)
    t, b, left_, right = (a.astype(np.int64) for a in (top, np.ceil(y), left, np.ceil(x)))
    across = (x - left).astype(image.dtype)[:, None, :, None]
    upper, lower = (
        _pixels(image, which, r, left_) + (_pixels(image, which, r, right) - _pixels(image, which, r, left_)) * across
        for r in (t, b)
    )
    return np.asarray(upper + (lower - upper) * (y - top).astype(image.dtype)[:, :, None, None])


_BOXES = T((3, 4), values=[0, 0, 1, 1, 0.1, 0.8, 0.7, 0.2, -0.3, 0.2, 0.6, 1.4])
_WHICH = T((3,), "int32", values=[0, 1, 0])


@op("CropAndResize", "image boxes box_ind", infer=_infer_crop, api="crop_and_resize",
    attrs=(Attr("crop_size", "ints"), Attr("method", "str", "bilinear", ("bilinear", "nearest")),
           Attr("extrapolation_value", "float", 0)),
    flops=lambda _ins, outs, _attrs: 9 * outs[0].size,
    tf=[Tf("CropAndResize", "image boxes box_ind @crop_size")], cases=(
        Case((T((1, 2, 2, 1), values=[1, 2, 3, 4]), T((1, 4), values=[0, 0, 1, 1]), T((1,), "int32", values=[0])),
             {"crop_size": [1, 1]}, expect=[2.5]),
        Case((T((2, 5, 7, 3)), _BOXES, _WHICH), {"crop_size": [4, 3], "extrapolation_value": 9}),
        Case((T((2, 5, 7, 3)), _BOXES, _WHICH), {"crop_size": [4, 3], "method": "nearest"}),
        Case((T((1, 6, 7, 2)), T((1, 4), values=[0.1, 0.1, 0.9, 0.9]), T((1,), "int32", values=[0])),
             {"crop_size": [1, 1], "method": "nearest"}),
        Case((T((1, 3, 3, 1)), T((0, 4)), T((0,), "int32")), {"crop_size": [2, 2]}),
        Case((T((1, 2, 2, 1)), T((1, 4), values=[math.nan, 0, 1, 1]), T((1,), "int32", values=[0])),
             {"crop_size": [1, 2], "extrapolation_value": 7}, expect=[7, 7]),
    ))
def crop_and_resize(
    image: Array, boxes: Array, box_ind: Array, crop_size: Shape, method: str, extrapolation_value: float,
) -> Array:
    """Cut boxes (y1, x1, y2, x2 from 0 to 1, ends may be swapped) out of images and resize them to one size.

    Pixels outside of the image, and those of a box of NaN, get ``extrapolation_value``; boxes of images that do not
    exist are 0, as in TF.js.
    """
    n, h, w, _ = image.shape
    y = _crop_positions(boxes[:, 0], boxes[:, 2], h, crop_size[0])
    x = _crop_positions(boxes[:, 1], boxes[:, 3], w, crop_size[1])
    in_y, in_x = (y >= 0) & (y <= h - 1), (x >= 0) & (x <= w - 1)  # never of NaN
    inside = in_y[:, :, None] & in_x[:, None, :]
    exists = (box_ind >= 0) & (box_ind < n)
    which, y, x = np.where(exists, box_ind, 0), np.where(in_y, y, 0), np.where(in_x, x, 0)
    if method == "bilinear":
        found = _between(image, which, y, x)
    else:
        found = _pixels(image, which, np.floor(y + 0.5).astype(np.int64), np.floor(x + 0.5).astype(np.int64))
    cut = np.where(inside[..., None], found, extrapolation_value)
    return np.where(exists[:, None, None, None], cut, 0).astype(image.dtype)
