"""Layers that prepare data inside a model: resizing, cropping, counting categories."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.core import ids
from tfjslab.formats.layers_model.layers.images import with_channels_last

_METHODS = {"bilinear": "ResizeBilinear", "nearest": "ResizeNearestNeighbor"}
_MODES = ("int", "multi_hot", "one_hot", "count", "multiHot", "oneHot")


def _target(c: Call) -> tuple[int, int]:
    height, width = (c.integers(k, (0,), 1)[0] for k in ("height", "width"))
    if min(height, width) < 1:
        raise c.fail(f"height {height} and width {width}, expected 1 or more")
    return height, width


def _size(c: Call, x: str) -> tuple[int, int]:
    """Height and width of the images."""
    height, width = c.shape(x)[1:3]
    if height is None or width is None:
        raise c.fail(f"input {list(c.shape(x))}, expected a known height and width")
    return height, width


@layer("Resizing", rank=4)
def _resizing(c: Call) -> str:
    """Keras's rule; the layer of TF.js 4.22 fails in every model."""
    target = _target(c)
    op = _METHODS[c.text("interpolation", "bilinear", tuple(_METHODS))]
    crop, pad = (c.flag(f"{k}_to_aspect_ratio", default=False) for k in ("crop", "pad"))

    def run(x: str) -> str:
        x = _cropped_to(c, x, target) if crop else _padded_to(c, x, target) if pad else x
        return _resized(c, x, target, op)

    return with_channels_last(c, c.x, run)


def _resized(c: Call, x: str, target: tuple[int, int], op: str = _METHODS["bilinear"]) -> str:
    return c.add(op, x, size=target, align_corners=False, half_pixel_centers=True)


def _cropped_to(c: Call, x: str, target: tuple[int, int]) -> str:
    """The largest middle part of the images that has the form of the target."""
    height, width = _size(c, x)
    part = max(min(height, width * target[0] // target[1]), 1), max(min(width, height * target[1] // target[0]), 1)
    return _middle(c, x, part)


def _middle(c: Call, x: str, part: tuple[int, int]) -> str:
    tops = [(whole - length) // 2 for whole, length in zip(_size(c, x), part, strict=True)]
    return c.add("Slice", x, begin=[0, *tops, 0], size=[-1, *part, -1])


def _padded_to(c: Call, x: str, target: tuple[int, int]) -> str:
    """The images with ``fill_value`` around, in the form of the target."""
    height, width = _size(c, x)
    whole = max(height, width * target[0] // target[1]), max(width, height * target[1] // target[0])
    sides = [[(w - length) // 2] * 2 for w, length in zip(whole, (height, width), strict=True)]
    return c.add("PadV2", x, paddings=[[0, 0], *sides, [0, 0]], constant_value=c.number("fill_value", 0))


@layer("CenterCrop", rank=4)
def _center_crop(c: Call) -> str:
    """The middle of larger images; smaller ones are scaled up."""
    target = _target(c)
    if not c.bench.keras_3:
        return _center_crop_of_tfjs(c, c.x, target)

    def run(x: str) -> str:
        if all(whole >= length for whole, length in zip(_size(c, x), target, strict=True)):
            return _middle(c, x, target)
        return _resized(c, _cropped_to(c, x, target), target)

    return with_channels_last(c, c.x, run)


def _center_crop_of_tfjs(c: Call, x: str, target: tuple[int, int]) -> str:
    """TF.js crops with the nearest pixels of a box, which is not the middle when one column is to go."""
    size = _size(c, x)
    top, left = ((whole - length) // 2 for whole, length in zip(size, target, strict=True))
    left = left or int(size[1] != target[1])
    if min(top, left) < 0:  # where TF.js fails
        return _resized(c, _cropped_to(c, x, target), target)
    for axis, (start, length, whole) in enumerate(zip((top, left), target, size, strict=True), 1):
        rows = c.constant("rows" if axis == 1 else "columns", _box_rows(start, length, whole), np.int32)
        x = c.add("GatherV2", x, rows, axis=axis)
    return x


def _box_rows(start: int, length: int, whole: int) -> Array:
    """Which rows TF.js's cropAndResize takes for a box from ``start`` on, in its own float32 coordinates."""
    low, high = (float(np.float32(v / whole)) for v in (start, start + length))
    if length == 1:
        at = np.array([0.5 * (low + high) * (whole - 1)])
    else:
        at = low * (whole - 1) + np.arange(length) * ((high - low) * (whole - 1) / (length - 1))
    return np.floor(at + 0.5)


@layer("CategoryEncoding")
def _category_encoding(c: Call) -> str:
    """Which of ``num_tokens`` numbers occur in a row, or how often (weighted by a second input, if there is one)."""
    (tokens,) = c.integers("num_tokens", (0,), 1)
    mode = c.text("output_mode", "multi_hot", _MODES)
    values, *weights = c.inputs
    numbers = ids(c)
    if mode == "int":
        return numbers
    if mode in ("one_hot", "oneHot") and c.shape(values)[-1] != 1:
        return c.add("OneHot", numbers, depth=tokens, on_value=1.0, off_value=0.0)
    if not weights:
        weights = [c.constant("no_weights", np.zeros(0))]
    return c.add("DenseBincount", numbers, *weights, size=tokens, binary_output=mode != "count")
