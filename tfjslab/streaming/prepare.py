"""From a frame to what the model takes: size, channels, and what levels from 0 to 255 become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.export.web.picture import ORDERS, Picture
from tfjslab.model.model import Model
from tfjslab.model.pictures import (
    LEVELS,
    PictureShape,
    as_image,
    batched,
    default_range,
    level_table,
    no_picture,
    picture_shape,
    resized,
)

Preprocess = Callable[[Any], Any]
_CROP = "crop"
_GREY = 2  # the rank of a picture without channels
_COLOURS = 3  # channels that a file may normalize each by itself


class Prepared:
    """Makes the one input of a model of a frame. ``text`` says how.

    A frame is a picture where it is a PIL image, or an array of uint8 and the input takes pictures: it gets the input's
    size and channels, and its levels become numbers. Any other array is the input itself, but for a missing batch.
    """

    def __init__(self, model: Model, picture: Picture | None) -> None:
        if len(model.inputs) != 1:
            names = ", ".join(p.name for p in model.inputs)
            raise UsageError(f"{model.name} has {len(model.inputs)} inputs, {names}; give preprocess, a function that "
                             "makes of a frame what predict takes")
        self._port = model.inputs[0]
        self._shape = picture_shape(self._port)
        if picture is not None and self._shape is None:
            raise UsageError(no_picture(self._port))
        self._crop = picture is not None and picture.fit == _CROP
        self._order = ORDERS[picture.order] if picture is not None else None
        self._ranges, self._whose = (((picture.low, picture.high),), "") if picture is not None else _ranges(model)
        self._tables = [level_table(self._port.dtype, *range_) for range_ in self._ranges]

    @property
    def text(self) -> str:
        """For people, beside the figures."""
        if self._shape is None:
            return "frames are the input as they are"
        size = f"{self._shape.width or 'any'} x {self._shape.height or 'any'}"
        fit = "the middle cropped" if self._crop else "stretched"
        become = "; ".join(f"{low:g} to {high:g}" for low, high in self._ranges)
        return f"frames {fit} to {size}, 0 to 255 become {become}{self._whose}"

    def __call__(self, frame: Any) -> Array:
        """The input."""
        is_picture = hasattr(frame, "convert") or getattr(frame, "dtype", None) == np.uint8
        if self._shape is None or not is_picture:
            return self._as_it_is(frame)
        return batched(self._values(self._levels(frame, self._shape)), self._port)

    def _as_it_is(self, frame: Any) -> Array:
        array = np.asarray(frame)
        return array[None] if self._port.shape is not None and array.ndim == len(self._port.shape) - 1 else array

    def _levels(self, frame: Any, shape: PictureShape) -> Array:
        """Pixels of the size and with the channels of the input."""
        if isinstance(frame, np.ndarray):
            fits = frame.ndim == len(shape) and frame.shape[2] == shape.channels and all(
                w in (None, f) for w, f in zip(shape[:2], frame.shape, strict=False))
            if fits:
                return frame
            if frame.ndim == _GREY and shape.channels == 1 and frame.shape == shape[:2]:
                return frame[..., None]
            frame = as_image(frame)
        return resized(frame, shape, f"input '{self._port.name}'", crop=self._crop)

    def _values(self, levels: Array) -> Array:
        if self._order is not None and levels.shape[2] >= _COLOURS:
            levels = levels[..., [*self._order, *range(_COLOURS, levels.shape[2])]]
        if len(self._tables) == 1:
            return np.take(self._tables[0], levels)
        return np.stack([np.take(t, levels[..., c]) for c, t in enumerate(self._tables)], axis=-1)


def picture_of(model: Model) -> Picture:
    """How the model takes a picture by itself; UsageError where no one range says it."""
    ranges = _ranges(model)[0]
    if len(ranges) > 1:
        raise UsageError(f"the metadata of {model.name} normalize each channel by itself; expected a range for all")
    return Picture(*ranges[0])


def _ranges(model: Model) -> tuple[tuple[tuple[float, float], ...], str]:
    """What levels from 0 to 255 become, in all channels or in each, and whose word that is.

    A file's metadata say it by mean and deviation. An input of integers takes levels as they are: its scale and zero
    point stand for that.
    """
    port = model.inputs[0]
    told = (model.graph.metadata.get("model_metadata") or {}).get("inputs") or [{}]
    mean, std = told[0].get("mean", ()), told[0].get("std", ())
    if port.dtype == "float32" and mean and len(mean) == len(std) and all(std):
        found = tuple((-m / s, (LEVELS - 1 - m) / s) for m, s in zip(mean, std, strict=True))
        return found, ", by the model's metadata"
    return (default_range(port.dtype),), ""
