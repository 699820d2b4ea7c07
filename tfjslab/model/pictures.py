"""Pictures as inputs: opened with Pillow, brought to an input's size and channels, their levels to its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfjslab.base.dtypes import Array, element_type
from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.shapes import checked_shape, size_of
from tfjslab.graph.ir import Port

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
LEVELS = 256  # of a channel
_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}  # by the length of the last axis
_DTYPES = ("", "float32", "int32", "uint8", "int8")
_LEADING = 3  # height, width, channels: what stands before is the batch

Ranges = tuple[tuple[float, float], ...]


class PictureShape(NamedTuple):
    """What an input takes: ``height`` and ``width``, None where they are open, and ``channels``."""

    height: int | None
    width: int | None
    channels: int


def picture_shape(port: Port) -> PictureShape | None:
    """What the port takes of a picture; None for a port that takes none."""
    shape = [None if d is not None and d < 0 else d for d in port.shape or ()]
    channels = (shape[-1] or 3) if shape else 0
    if len(shape) not in (_LEADING, _LEADING + 1) or channels not in _CHANNELS or port.dtype not in _DTYPES:
        return None
    return PictureShape(shape[-3], shape[-2], channels)


def no_picture(port: Port) -> str:
    """Why a port takes no picture, for the end of a message."""
    told = "of any shape" if port.shape is None else str([None if d is not None and d < 0 else d for d in port.shape])
    return (f"input '{port.name}' is {told} of {port.dtype or 'any dtype'} and takes no picture; expected numbers in "
            "[height, width, channels], after a batch or not, with 1, 3 or 4 channels")


def read_picture(path: Path, port: Port) -> Array:
    """A picture's pixels in the size and with the channels that the port fixes; where lengths are open, its own.

    They become what the port says, else floats from 0 to 1, or integers from 0 or, of int8, from -128 on. InputError
    names the file.
    """
    shape = picture_shape(port)
    if shape is None:
        raise InputError(f"{path}: {no_picture(port)}")
    with opened(path) as image:
        pixels = resized(image, shape, str(path))
    return batched(from_levels(pixels, level_tables(port.dtype, ranges_of(port))), port)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A PIL image; InputError names a file that is none. Reading its pixels in the block may raise it, too."""
    image = pillow("a picture as input")
    with _told(path), image.open(path) as found:
        yield found


def page(image: Any, index: int, path: Path) -> Array:
    """A frame of an animation, or a page of a file of several, as uint8 [height, width, 3]; InputError as above."""
    with _told(path):
        image.seek(index)
        return np.asarray(image.convert("RGB"))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of Pillow, whatever their class, as ours."""
    image = pillow("a picture as input")
    try:
        yield
    except InputError:
        raise
    except image.DecompressionBombError as e:
        raise InputError(f"{path}: {e}") from None
    except (OSError, ValueError, SyntaxError, EOFError):
        raise InputError(f"{path}: not a picture that can be read") from None


def pillow(what: str) -> Any:
    """The module ``PIL.Image``; UsageError says that ``what`` needs it and how to get it."""
    try:
        from PIL import Image  # noqa: PLC0415 - only pictures need it
    except ImportError:
        raise UsageError(f"{what} needs Pillow, which is not installed; run pip install pillow",
                         code="usage.missing_extra") from None
    return Image


def resized(image: Any, shape: PictureShape, where: str, *, crop: bool = False) -> Array:
    """A PIL image as levels, uint8 [height, width, channels].

    It is stretched to the size by Pillow's bilinear filter, which averages where it shrinks; with ``crop`` its middle
    part of the same proportions is.
    """
    size = shape.width or image.width, shape.height or image.height
    size_of(checked_shape([*size, shape.channels], where))
    mode = _CHANNELS[shape.channels]
    image = image if image.mode == mode else image.convert(mode)
    if size != image.size:
        box = _middle(image.size, size) if crop else None
        image = image.resize(size, pillow(where).Resampling.BILINEAR, box=box)
    return np.asarray(image).reshape(size[1], size[0], shape.channels)


def _middle(found: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest part in the middle that has the proportions of another size."""
    scale = min(found[0] / wanted[0], found[1] / wanted[1])
    left, top = ((f - scale * w) / 2 for f, w in zip(found, wanted, strict=True))
    return left, top, found[0] - left, found[1] - top


def as_image(levels: Array) -> Any:
    """Levels, uint8 [height, width] or [height, width, 1, 3 or 4 channels], as a PIL image."""
    grey = levels.ndim == _LEADING and levels.shape[2] == 1
    return pillow("resizing a picture").fromarray(levels[..., 0] if grey else levels)


def ranges_of(port: Port) -> Ranges:
    """What levels from 0 to 255 become, in all channels or in each, where the user says nothing.

    The file's word, else 0 to 1 as floats, as integers what fits them: their scale and zero point stand for the rest.
    """
    if port.levels:
        return port.levels
    return ((0, 1) if port.dtype in ("", "float32") else (-128, 127) if port.dtype == "int8" else (0, 255),)


def told_ranges(ranges: Ranges) -> str:
    """Ranges for people, after 'become'."""
    return "; ".join(f"{low:g} to {high:g}" for low, high in ranges)


def from_levels(levels: Array, tables: Sequence[Array]) -> Array:
    """Levels [height, width, channels] looked up in one table, or in one for each channel."""
    if len(tables) == 1:
        return np.take(tables[0], levels)
    return np.stack([np.take(t, levels[..., c]) for c, t in enumerate(tables)], axis=-1)


def level_tables(dtype: str, ranges: Ranges) -> list[Array]:
    """``level_table`` of each range."""
    return [level_table(dtype, *range_) for range_ in ranges]


def level_table(dtype: str, low: float, high: float) -> Array:
    """What each level becomes, where 0 to 255 go to ``low`` to ``high``; integers are rounded and clipped."""
    wanted = element_type(dtype or "float32").numpy
    levels = low + np.arange(LEVELS, dtype=np.float64) * (high - low) / (LEVELS - 1)
    if wanted.kind == "f":
        return levels.astype(wanted)
    range_ = np.iinfo(wanted)
    return np.clip(np.rint(levels), range_.min, range_.max).astype(wanted)


def batched(values: Array, port: Port) -> Array:
    """Values of one picture with what stands before height, width and channels in the port's shape."""
    return values.reshape((1,) * (len(port.shape or ()) - _LEADING) + values.shape)
