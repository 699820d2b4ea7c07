"""Pictures as inputs: how a model wants them, declared at export and compiled into the module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.base.dtypes import is_short, numpy_dtype
from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.graph.ir import Port
from tfjslab.model.pictures import ranges_of

ORDERS = {"rgb": (0, 1, 2), "bgr": (2, 1, 0)}
FITS = ("stretch", "crop")
_RANK, _MOST = 4, 255.0
_CHANNELS = (1, 3, 4)
_ITEM = {"float32": 4, "int32": 4, "int8": 1, "bool": 1, "uint8": 1, "int16": 2}


def picture_of(port: Port) -> Picture:
    """How the port takes a picture where nobody says otherwise; UsageError where no one range says it."""
    (first, *others) = ranges_of(port)
    if others:
        raise UsageError(f"input '{port.name}': the model's metadata normalize each channel by itself; expected a "
                         "range for all")
    return Picture(*first)


def range_of_bytes(dtype: str, quantization: Mapping[str, Any]) -> tuple[float, float]:
    """What the smallest and the largest stored number stand for: pixels in this range become the bytes themselves."""
    ends = np.iinfo(numpy_dtype(dtype))
    low, high = (quantization["scale"] * (int(end) - quantization["zero_point"]) for end in (ends.min, ends.max))
    return low, high


@dataclass(frozen=True)
class Picture:
    """How pixels become a tensor: 0 to 255 go to ``low`` to ``high``.

    ``fit``: the picture is stretched to the input's size, or its middle is cropped to the input's proportions.
    ``order`` is that of the channels. One channel is luminance, a fourth one is alpha.
    """

    low: float = 0.0
    high: float = 1.0
    fit: str = "stretch"
    order: str = "rgb"

    def __post_init__(self) -> None:
        for what, value, known in (("fit", self.fit, FITS), ("channel order", self.order, tuple(ORDERS))):
            if value not in known:
                raise UsageError(f"{what} {value!r}; expected one of {', '.join(known)}{did_you_mean(value, known)}")

    def kernel(self, port: Port, quantization: Mapping[str, Any] | None = None) -> WasmKernel:
        """The kernel that fills an input; UsageError when the input is no single image.

        Where integers stand for ``scale * (stored - zero_point)``, the range is of what they stand for.
        """
        shape = port.shape or ()
        if len(shape) != _RANK or shape[0] != 1 or shape[3] not in _CHANNELS:
            raise UsageError(
                f"input '{port.name}' has shape {list(shape)}; a picture needs [1, height, width, channels] with 1, 3 "
                "or 4 channels",
            )
        _, rows, columns, channels = shape
        order = (*ORDERS[self.order], *([3] if channels == len(_CHANNELS) + 1 else ()))
        unit, zero = (quantization["scale"], quantization["zero_point"]) if quantization else (1.0, 0)
        ends = np.iinfo(numpy_dtype(port.dtype)) if is_short(port.dtype) else None
        return kernel(
            "picture", ("pixels", "width", "height", "c"), rows=rows, columns=columns, channels=channels, order=order,
            crop=self.fit == "crop", scale=(self.high - self.low) / _MOST / unit, offset=self.low / unit + zero,
            dtype=port.dtype, item=_ITEM[port.dtype], ends=ends and (float(ends.min), float(ends.max)),
        )
