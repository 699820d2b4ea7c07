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
    PictureShape,
    as_image,
    batched,
    from_levels,
    level_tables,
    no_picture,
    picture_shape,
    ranges_of,
    resized,
    told_ranges,
)

Preprocess = Callable[[Any], Any]
_CROP = "crop"
_GREY = 2  # the rank of a picture without channels
_COLOURS = 3


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
        self._told = picture is None and bool(self._port.levels)
        self._ranges = ranges_of(self._port) if picture is None else ((picture.low, picture.high),)
        self._tables = level_tables(self._port.dtype, self._ranges)

    @property
    def text(self) -> str:
        """For people, beside the figures."""
        if self._shape is None:
            return "frames are the input as they are"
        size = f"{self._shape.width or 'any'} x {self._shape.height or 'any'}"
        fit = "the middle cropped" if self._crop else "stretched"
        whose = ", by the model's metadata" if self._told else ""
        return f"frames {fit} to {size}, 0 to 255 become {told_ranges(self._ranges)}{whose}"

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
        return from_levels(levels, self._tables)
