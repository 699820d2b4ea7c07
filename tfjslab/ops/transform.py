"""Projective transforms of images: rotation, shear, perspective. numpy computes them on every backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape, checked_shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, NUMBER, check_dtypes
from tfjslab.ops.facts import FIRST, IMAGE_RANK, Facts
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, op
from tfjslab.ops.window import image_parts

_NUMBERS = 8  # of a transform
_MODES = ("CONSTANT", "NEAREST", "REFLECT", "WRAP")
_ATTRS = (
    Attr("interpolation", "word", "NEAREST", ("NEAREST", "BILINEAR")), Attr("fill_mode", "word", "CONSTANT", _MODES),
    Attr("fill_value", "float", 0), Attr("output_shape", "ints", ()),
)


def _size(images: Shape, attrs: Attrs) -> Shape:
    """Height and width of the result: as told, or those of the images."""
    size = attrs["output_shape"] or images[1:3]
    if len(size) != 2 or min(size) < 0 or (min(size) > 0 and 0 in images[1:3]):  # noqa: PLR2004 - height and width
        raise ShapeError(
            f"ImageProjectiveTransformV3: from {list(images[1:3])} to output_shape {list(attrs['output_shape'])}; "
            "expected a height and a width",
        )
    return tuple(size)


def _infer(ins: Specs, attrs: Attrs) -> list[Spec]:
    name = "ImageProjectiveTransformV3"
    check_dtypes(name, ins[:1], NUMBER)
    check_dtypes(name, ins[1:], FLOAT)
    images, transforms = ins[0].known_shape, ins[1].known_shape
    batch, _, channels = image_parts(images, "NHWC", name)
    if transforms not in ((batch, _NUMBERS), (1, _NUMBERS)):
        raise ShapeError(f"{name}: transforms {list(transforms)}; expected [{batch}, 8] or [1, 8]")
    return [Spec(checked_shape((batch, *_size(images, attrs), channels), name), ins[0].dtype)]


def _reflected(at: Array, length: int) -> Array:
    """Folded back at the borders: dcba|abcd|dcba."""
    period = 2 * length
    below = np.where(at < 0, period * np.trunc(-at / period) + at, at)
    below = np.where(below < -length, below + period, -below - 1)
    above = at - period * np.trunc(at / period)
    above = np.where(above >= length, period - above - 1, above)
    return np.where(at < 0, below, np.where(at > length - 1, above, at))


def _wrapped(at: Array, length: int) -> Array:
    """From the other side: abcd|abcd|abcd. The period of TensorFlow is one pixel too short, and is kept."""
    period = max(length - 1, 1)
    below = at + length * (np.trunc(-at / period) + 1)
    above = at - length * np.trunc(at / period)
    return np.where(at < 0, below, np.where(at > length - 1, above, at))


def _mapped(at: Array, length: int, mode: str) -> Array:
    """Coordinates inside of the image where the mode finds some; NaN stays."""
    if mode == "CONSTANT":
        return at
    if mode != "NEAREST" and length > 1:
        at = (_reflected if mode == "REFLECT" else _wrapped)(at, length)
    return np.clip(at, 0, length - 1)


def _positions(transforms: Array, size: Shape) -> tuple[Array, Array]:
    """Where each pixel of the result lies in its image, as x and y of shape [batch, height, width]."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (t[:, None, None] for t in transforms.astype(np.float64).T)
    y, x = np.arange(size[0])[:, None], np.arange(size[1])
    divisor = c0 * x + c1 * y + 1
    divisor = np.where(divisor == 0, np.nan, divisor)  # at infinity: filled, see below
    return (a0 * x + a1 * y + a2) / divisor, (b0 * x + b1 * y + b2) / divisor


def _read(images: Array, x: Array, y: Array, fill: float) -> Array:
    """Pixels at whole coordinates, ``fill`` outside of the image: [batch, height, width, channels]."""
    batch, height, width, _ = images.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    rows, columns = (np.where(inside, v, 0).astype(np.intp) for v in (y, x))
    found = images[np.arange(batch)[:, None, None], rows, columns]
    return np.where(inside[..., None], found.astype(np.float64), fill)


def _between(images: Array, x: Array, y: Array, fill: float) -> Array:
    """A mean of the four pixels around, weighted by how near they are."""
    left, top = np.floor(x), np.floor(y)
    across, down = (x - left)[..., None], (y - top)[..., None]
    rows = [
        (1 - across) * _read(images, left, row, fill) + across * _read(images, left + 1, row, fill)
        for row in (top, top + 1)
    ]
    return np.asarray((1 - down) * rows[0] + down * rows[1])


_ROTATED = T((1, 8), values=[0.8, -0.6, 1.3, 0.6, 0.8, -1.1, 0, 0])
_TILTED = T((2, 8), values=[0.9, 0.2, -0.7, -0.1, 1.1, 0.4, 0.05, -0.02, 1, 0, -2.5, 0, 1, 3.5, 0, 0])
_CASES = tuple(
    Case((T((2, 4, 5, 3)), transform), {"interpolation": how, "fill_mode": mode, "fill_value": 0.5})
    for how in ("nearest", "bilinear") for mode in _MODES for transform in (_ROTATED, _TILTED)
)
_SAME = T((1, 8), values=[1, 0, 0, 0, 1, 0, 0, 0])


@op("ImageProjectiveTransformV3", "images transforms", infer=_infer, attrs=_ATTRS, api="transform",
    flops=lambda _ins, outs, _attrs: 20 * outs[0].size, facts=Facts(dtype=FIRST, rank=IMAGE_RANK), tf=[
        Tf("ImageProjectiveTransformV3", "images transforms @output_shape @fill_value"),
        Tf("ImageProjectiveTransformV2", "images transforms @output_shape", fixed={"fill_value": 0}, write=False),
    ], cases=(
        *_CASES, Case((T((1, 2, 2, 1), values=[1, 2, 3, 4]), _SAME), {"output_shape": [1, 3]}, expect=[1, 2, 0]),
        Case((T((1, 2, 2, 1), values=[1, 2, 3, 4]), T((1, 8), values=[1, 0, 0.5, 0, 1, 0, 0, 0])),
             {"interpolation": "BILINEAR", "fill_value": 9}, expect=[1.5, 5.5, 3.5, 6.5]),
        Case((T((1, 3, 3, 2), "int32", -9, 9), _ROTATED), {"interpolation": "BILINEAR"}),
        Case((T((1, 2, 2, 1)), T((1, 8), values=[1, 0, 0, 0, 1, 0, -1, 0])), {"fill_value": 3}),
        Case((T((1, 1, 1, 2)), _ROTATED), {"fill_mode": "REFLECT", "output_shape": [2, 2]}),
        Case((T((0, 2, 2, 1)), _SAME)), Case((T((1, 2, 2, 1)), _SAME), {"output_shape": [0, 2]}),
    ))
def transform(images: Array, transforms: Array, **attrs: Any) -> Array:
    """Pixels of the result at (x, y) are those of the images at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k).

    k is c0 x + c1 y + 1, and a transform is [a0, a1, a2, b0, b1, b2, c0, c1]: one for all images, or one for each.
    What lies outside is filled by ``fill_mode``: with ``fill_value``, the nearest pixel, or the image repeated.
    """
    _, height, width, _ = images.shape
    x, y = _positions(transforms, _size(images.shape, attrs))
    nowhere = np.isnan(x) & np.isnan(y)
    x, y = _mapped(x, width, attrs["fill_mode"]), _mapped(y, height, attrs["fill_mode"])
    if attrs["interpolation"] == "NEAREST":
        found = _read(images, np.floor(x + 0.5), np.floor(y + 0.5), attrs["fill_value"])
    else:
        found = np.where(nowhere[..., None], attrs["fill_value"], _between(images, x, y, attrs["fill_value"]))
    return (np.trunc(found) if images.dtype.kind == "i" else found).astype(images.dtype)
