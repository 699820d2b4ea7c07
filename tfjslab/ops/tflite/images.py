"""Resizing of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import checked_shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import divide
from tfjslab.ops.tflite.values import F32, check

_RESIZE = (
    Attr("size", "ints"), Attr("align_corners", "bool", default=False),
    Attr("half_pixel_centers", "bool", default=False),
)
_ONE = 1 << 10  # positions and weights of int8 images have ten bits of fraction
_RANK, _SIDES = 4, 2
_IMAGES = (T((1, 3, 4, 2), "int8", lo=-128, hi=127), T((2, 4, 3, 1), "uint8", lo=0, hi=255))
_CASES = tuple(
    Case((x,), {"size": size, flag: True}) for x in _IMAGES for size in ([7, 5], [2, 9])
    for flag in ("align_corners", "half_pixel_centers")
) + tuple(Case((x,), {"size": [5, 8]}) for x in _IMAGES)
_PAIR = T((1, 1, 2, 1), "int8", values=[0, 100])


def _infer(name: str) -> Infer:
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check(name, ins)
        shape, size = ins[0].known_shape, attrs["size"]
        if len(shape) != _RANK or len(size) != _SIDES or 0 in shape[1:3] or min(size) < 1:
            raise ShapeError(f"{name}: {list(shape)} to {list(size)}; expected [batch, height, width, channels] with "
                             "pixels, to a height and width of 1 or more")
        return [Spec(checked_shape((shape[0], *size, shape[3]), name), ins[0].dtype)]

    return infer


def _corners(old: int, new: int, attrs: Attrs) -> bool:
    return bool(attrs["align_corners"] and new > 1 and old)


def integer_taps(old: int, new: int, attrs: Attrs) -> tuple[Array, Array, Array]:
    """The two pixels of each place, and how far it is from the first in 1/1024."""
    if _corners(old, new, attrs):
        scale = (_ONE * (old - 1) + (new - 1) // 2) // (new - 1)
    else:
        scale = (_ONE * old + new // 2) // new
    place = np.arange(new, dtype=np.int64) * scale
    if attrs["half_pixel_centers"]:
        place += scale // 2 - _ONE // 2
    low = np.clip(divide(place, _ONE), 0, old - 1)
    return low, np.minimum(divide(place + _ONE - 1, _ONE), old - 1), place - low * _ONE


def float_taps(old: int, new: int, attrs: Attrs) -> tuple[Array, Array, Array]:
    """The same in float32."""
    scale = F32(old - 1) / F32(new - 1) if _corners(old, new, attrs) else F32(old) / F32(new)
    place = np.arange(new, dtype=F32)
    place = (place + F32(0.5)) * scale - F32(0.5) if attrs["half_pixel_centers"] else place * scale
    low = np.maximum(np.floor(place).astype(np.int64), 0)
    return np.minimum(low, old - 1), np.minimum(np.ceil(place).astype(np.int64), old - 1), place - low.astype(F32)


def nearest_taps(old: int, new: int, attrs: Attrs) -> Array:
    """The nearest pixel of each place."""
    scale = F32(old - 1) / F32(new - 1) if _corners(old, new, attrs) else F32(old) / F32(new)
    place = (np.arange(new, dtype=F32) + F32(0.5 * attrs["half_pixel_centers"])) * scale
    whole = np.floor(place + F32(0.5)) if attrs["align_corners"] else np.floor(place)
    return np.asarray(np.clip(whole.astype(np.int64), 0, old - 1))


@op("TflResizeBilinear", "x", infer=_infer("TflResizeBilinear"), attrs=_RESIZE,
    flops=lambda _ins, outs, _attrs: 12 * outs[0].size,
    cases=(Case((_PAIR,), {"size": [1, 4]}, expect=[0, 50, 100, 100]), *_CASES))
def resize_bilinear(x: Array, *, size: tuple[int, ...], **flags: bool) -> Array:
    """RESIZE_BILINEAR of stored integers: of int8 and int16 in fixed point, of uint8 in float32."""
    signed = x.dtype != np.uint8
    taps = integer_taps if signed else float_taps
    (y0, y1, y), (x0, x1, z) = (taps(old, new, flags) for old, new in zip(x.shape[1:3], size, strict=True))
    y, z = y[:, None, None], z[:, None]
    one: Any = _ONE if signed else F32(1)
    wide: Array = x.astype(np.int64 if signed else F32)
    top, bottom = wide[:, y0], wide[:, y1]
    out = top[:, :, x0] * (one - y) * (one - z)
    out += bottom[:, :, x0] * y * (one - z)
    out += top[:, :, x1] * (one - y) * z
    out += bottom[:, :, x1] * y * z
    if not signed:
        return np.asarray((out + F32(0.5)).astype(x.dtype))
    half = 1 << 19
    return np.asarray(divide(out + np.where(out > 0, half, -half), 1 << 20).astype(x.dtype))


@op("TflResizeNearestNeighbor", "x", infer=_infer("TflResizeNearestNeighbor"), attrs=_RESIZE,
    flops=lambda _ins, outs, _attrs: outs[0].size,
    cases=(Case((_PAIR,), {"size": [1, 4]}, expect=[0, 0, 100, 100]), *_CASES))
def resize_nearest_neighbor(x: Array, *, size: tuple[int, ...], **flags: bool) -> Array:
    """RESIZE_NEAREST_NEIGHBOR of stored integers."""
    rows, columns = (nearest_taps(old, new, flags) for old, new in zip(x.shape[1:3], size, strict=True))
    return np.asarray(x[:, rows][:, :, columns])
