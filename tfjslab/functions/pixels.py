"""Pictures to tensors and back: numpy arrays, PIL images and raw pixels, in place of what a browser shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfjslab.base.arrays import to_array
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.engine.create import make_tensor
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_tensor, check_dtype, check_rank, composed

_RGBA, _OPAQUE = 4, 255
_GRAY_TO_RGB = (0, 0, 0)
_LARGEST = {"float32": 1, "int32": _OPAQUE}


def from_pixels(pixels: Any, num_channels: int = 3) -> Tensor:
    """An int32 tensor [height, width, num_channels] of levels from 0 to 255.

    Args:
        pixels: a PIL image; an array of uint8 (or whole numbers from 0 to 255), [height, width] or [height, width, 1,
            3 or 4 channels]; or, as in TensorFlow.js, RGBA bytes with ``data``, ``width`` and ``height``, as a mapping
            or an object.
        num_channels: how many of red, green, blue and alpha to keep, 1 to 4.

    Raises InputError, ShapeError or DTypeError that say what was given.

    """
    if num_channels not in range(1, _RGBA + 1):
        raise InputError(f"browser.from_pixels: num_channels is {num_channels!r}; expected 1 to {_RGBA}")
    rgba = _rgba(_levels(pixels))
    return make_tensor(np.ascontiguousarray(rgba[..., :num_channels], np.int32), "int32")


async def from_pixels_async(pixels: Any, num_channels: int = 3) -> Tensor:
    """``from_pixels`` for code that awaits."""
    return from_pixels(pixels, num_channels)


def _levels(pixels: Any) -> Array:
    """The pixels as an array of whole numbers from 0 to 255."""
    if isinstance(pixels, Tensor):
        pixels = pixels.numpy()
    data, height, width = (
        pixels.get(n) if isinstance(pixels, Mapping) else getattr(pixels, n, None) for n in ("data", "height", "width"))
    if isinstance(height, int) and isinstance(width, int) and hasattr(data, "__len__"):
        return _raw(data, height, width)
    if hasattr(pixels, "convert"):  # a PIL image, whatever its mode
        pixels = np.asarray(pixels if pixels.mode in ("L", "RGB", "RGBA") else pixels.convert("RGBA"))
    levels = to_array(pixels, "browser.from_pixels")
    if levels.dtype.kind not in "iu":
        raise DTypeError(f"browser.from_pixels: pixels of {levels.dtype}; expected whole numbers from 0 to {_OPAQUE}")
    if levels.size and (levels.min() < 0 or levels.max() > _OPAQUE):
        raise InputError(f"browser.from_pixels: levels from {levels.min()} to {levels.max()}; expected 0 to {_OPAQUE}")
    return levels


def _raw(data: Any, height: int, width: int) -> Array:
    """RGBA bytes as an image."""
    values = np.frombuffer(data, np.uint8) if isinstance(data, (bytes, bytearray, memoryview)) else np.asarray(data)
    if values.size != height * width * _RGBA:
        wanted = f"{height * width * _RGBA}, four for each of {height} x {width} pixels"
        raise ShapeError(f"browser.from_pixels: {values.size} bytes; expected {wanted}")
    return values.reshape(height, width, _RGBA)


def _rgba(levels: Array) -> Array:
    """Gray, RGB or RGBA as RGBA."""
    image = levels[..., None] if levels.ndim == 2 else levels  # noqa: PLR2004 - height and width
    if image.ndim != 3 or image.shape[2] not in (1, 3, _RGBA):  # noqa: PLR2004 - height, width, channels
        raise ShapeError(f"browser.from_pixels: pixels {list(levels.shape)}; expected [height, width] or "
                         "[height, width, 1, 3 or 4 channels]")
    colours = image[..., _GRAY_TO_RGB] if image.shape[2] == 1 else image
    if colours.shape[2] == _RGBA:
        return colours
    return np.concatenate([colours, np.full((*colours.shape[:2], 1), _OPAQUE, colours.dtype)], axis=2)


@composed
def _to_pixels(img: Value) -> Array:
    image = as_tensor(img, None if isinstance(img, Tensor) else "int32")
    check_rank("browser.to_pixels", "img", image, 2, 3)
    check_dtype("browser.to_pixels", "img", image, *_LARGEST)
    values = image.numpy()
    depth = 1 if image.rank == 2 else image.shape[2]  # noqa: PLR2004 - gray
    if depth not in (1, 3, _RGBA):
        raise ShapeError(f"browser.to_pixels: img {image.shape}; expected 1, 3 or 4 channels")
    largest = _LARGEST[image.dtype]
    if values.size and not (values.min() >= 0 and values.max() <= largest):
        raise InputError(f"browser.to_pixels: values from {values.min()} to {values.max()}; expected 0 to {largest} "
                         f"for {image.dtype}")
    levels = np.floor(values.astype(np.float64) * (_OPAQUE / largest) + 0.5).astype(np.uint8)
    return _rgba(levels)


async def to_pixels(img: Value) -> Array:
    """RGBA pixels, uint8 [height, width, 4], of a gray, RGB or RGBA image, for code that awaits.

    ``img`` is [height, width] or [height, width, channels]: float32 from 0 to 1, or int32 from 0 to 255, which lists
    and arrays are taken as. ``PIL.Image.fromarray`` makes a picture of the result. InputError for other values.
    """
    return _to_pixels(img)
