"""``tf.image``: pictures before and after a model. Channels last; a batch where it says so."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfjslab.base.errors import ShapeError, UsageError
from tfjslab.engine.calls import Results
from tfjslab.engine.create import make_tensor
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_tensor, check_dtype, check_rank, composed, many, op

_LUMA = (0.2989, 0.587, 0.114)
_METHODS = ("binary", "otsu")
_IMAGES, _IMAGE, _LEVELS, _OPAQUE = 4, 3, 256, 255


@composed
def flip_left_right(image: Value) -> Tensor:
    """Images [batch, height, width, channels] with left and right exchanged."""
    images = as_tensor(image)
    check_rank("image.flip_left_right", "image", images, _IMAGES)
    return op.reverse(images, [2])


@composed
def grayscale_to_rgb(image: Value) -> Tensor:
    """Images of one channel (the last axis) with that channel three times."""
    gray = _with_channels("image.grayscale_to_rgb", image, 1)
    return op.tile(gray, [*[1] * (gray.rank - 1), len(_LUMA)])


@composed
def rgb_to_grayscale(image: Value) -> Tensor:
    """The luma of images of three channels (the last axis), in the dtype of the image."""
    rgb = _with_channels("image.rgb_to_grayscale", image, len(_LUMA))
    return op.cast(_luma(rgb), rgb.dtype)


def _with_channels(where: str, image: Value, channels: int) -> Tensor:
    found = as_tensor(image)
    if found.rank < 2 or found.shape[-1] != channels:  # noqa: PLR2004 - pixels and channels
        raise ShapeError(f"{where}: image {found.shape}; expected rank 2 or more, the last axis {channels} channels")
    return found


def _luma(rgb: Tensor) -> Tensor:
    parts = many.split(op.cast(rgb, "float32"), len(_LUMA), -1)
    return op.add_n([op.mul(part, weight) for part, weight in zip(parts, _LUMA, strict=True)])


@composed
def threshold(image: Value, method: str = "binary", inverted: bool = False, thresh_value: float = 0.5) -> Tensor:
    """An image [height, width, channels] of 1 or 3 channels in black and white: int32, 0 or 255.

    White is what is brighter than ``thresh_value`` (of 1) times 255, or than a threshold by Otsu's method;
    ``inverted`` exchanges the two.
    """
    given = as_tensor(image)
    check_rank("image.threshold", "image", given, _IMAGE)
    check_dtype("image.threshold", "image", given, "int32", "float32")
    if given.shape[2] not in (1, len(_LUMA)):
        raise ShapeError(f"image.threshold: image {given.shape}; expected 1 or 3 channels, the last axis")
    if method not in _METHODS:
        raise UsageError(f"image.threshold: method is {method!r}; expected one of {', '.join(_METHODS)}")
    gray = op.cast(given, "float32") if given.shape[2] == 1 else _luma(given)
    limit = _otsu(gray) if method == "otsu" else thresh_value * _OPAQUE
    bright = op.less_equal(gray, limit) if inverted else op.greater(gray, limit)
    return op.mul(op.cast(bright, "int32"), make_tensor(np.array(_OPAQUE, np.int32), "int32"))


def _otsu(gray: Tensor) -> float:
    """The level that keeps the two classes of pixels furthest apart; computed on the host from the histogram."""
    pixels = op.reshape(op.cast(op.round(gray), "int32"), [-1])
    counts = op.bincount(pixels, [], _LEVELS).numpy().astype(np.float64)
    levels, below = np.arange(_LEVELS), np.cumsum(counts)[:-1]
    weighted = np.cumsum(counts * levels)
    above = counts.sum() - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = weighted[:-1] / below - (weighted[-1] - weighted[:-1]) / above
        variance = np.nan_to_num(below * above * apart**2)
    best = int(np.argmax(variance))
    return float(best) if variance[best] > 0 else -1.0  # of one level only nothing is dark, as in TensorFlow.js


@composed
def rotate_with_offset(
    image: Value, radians: float, fill_value: float | Sequence[float] = 0, center: float | Sequence[float] = 0.5,
) -> Tensor:
    """Images [batch, height, width, channels] turned counterclockwise about ``center`` (parts of width and height).

    Each pixel is that of the nearest place; places outside get ``fill_value``, one number or one for each of red,
    green and blue (alpha is 255 then).
    """
    images = as_tensor(image, "float32")
    check_rank("image.rotate_with_offset", "image", images, _IMAGES)
    batch, height, width, channels = images.shape
    middle_x, middle_y = (center, center) if isinstance(center, (int, float)) else center
    rows, columns = _turned(height, width, radians, (middle_y * height, middle_x * width))
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = np.where(inside, rows * width + columns, 0).astype(np.int32).reshape(-1)
    pixels = op.gather(op.reshape(images, [batch, height * width, channels]), places, 1)
    outside = _filling(fill_value, channels)
    kept = make_tensor(np.array(inside.reshape(1, -1, 1)), "bool")
    return op.reshape(op.where(kept, pixels, outside), images.shape)


def _turned(height: int, width: int, radians: float, middle: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel the row and the column that it shows."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    y, x = y - middle[0], x - middle[1]
    sin, cos = math.sin(radians), math.cos(radians)
    found = x * sin + y * cos + middle[0], x * cos - y * sin + middle[1]
    rows, columns = (np.floor(v + 0.5).astype(np.int64) for v in found)  # JavaScript's Math.round: halves go up
    return rows, columns


def _filling(value: float | Sequence[float], channels: int) -> np.ndarray:
    if isinstance(value, (int, float)):
        return np.full(channels, value, np.float32)
    given = [*value, *[_OPAQUE] * (channels - len(_LUMA))]
    if len(value) != len(_LUMA) or len(given) < channels:
        raise ShapeError(f"image.rotate_with_offset: fill_value {list(value)}; expected a number or one for each of "
                         f"3 channels, for an image of {channels}")
    return np.array(given[:channels], np.float32)


@composed
def non_max_suppression_with_score(
    boxes: Value, scores: Value, max_output_size: int, iou_threshold: float = 0.5,
    score_threshold: float = -math.inf, soft_nms_sigma: float = 0,
) -> Results:
    """The best boxes (y1, x1, y2, x2): ``selected_indices`` and, lowered by overlap, their ``selected_scores``."""
    found = many.non_max_suppression_with_score(
        boxes, scores, max_output_size, iou_threshold, score_threshold, soft_nms_sigma)
    return Results(found[:2], ("selected_indices", "selected_scores"))


async def non_max_suppression_async(
    boxes: Value, scores: Value, max_output_size: int, iou_threshold: float = 0.5, score_threshold: float = -math.inf,
) -> Tensor:
    """``non_max_suppression`` for code that awaits."""
    return op.non_max_suppression(boxes, scores, max_output_size, iou_threshold, score_threshold)


async def non_max_suppression_with_score_async(
    boxes: Value, scores: Value, max_output_size: int, iou_threshold: float = 0.5,
    score_threshold: float = -math.inf, soft_nms_sigma: float = 0,
) -> Results:
    """``non_max_suppression_with_score`` for code that awaits."""
    return non_max_suppression_with_score(
        boxes, scores, max_output_size, iou_threshold, score_threshold, soft_nms_sigma)


async def non_max_suppression_padded_async(
    boxes: Value, scores: Value, max_output_size: int, iou_threshold: float = 0.5,
    score_threshold: float = -math.inf, pad_to_max_output_size: bool = False,
) -> Results | list[Tensor]:
    """``non_max_suppression_padded`` for code that awaits."""
    return many.non_max_suppression_padded(
        boxes, scores, max_output_size, iou_threshold, score_threshold, pad_to_max_output_size)
