"""Generated inputs: varied enough to find ranges with and to compare answers on, where no data are at hand.

Uniform noise alone looks the same to a network every time. Images come in six kinds in turn: noise of several strengths
around a colour, gradients, blobs, checkerboards, mosaics and waves. Equal seeds give equal inputs; data to calibrate on
and data to judge by must have different seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tfjslab.base.dtypes import Array, is_short, numpy_dtype
from tfjslab.base.errors import InputError, UsageError
from tfjslab.graph.ir import Port

_IMAGE_RANK = 4
_CHANNELS = (1, 2, 3, 4)
_LEVELS = 255


def generated_inputs(
    ports: Sequence[Port], count: int, seed: int = 0, low: float = 0.0, high: float = 1.0,
) -> list[dict[str, Array]]:
    """``count`` batches of one sample, each by input name; float values lie in low..high.

    Integers lie in 0..255, and those that look up rows of a table below its length. Raises InputError
    for an input without a declared shape of numbers, UsageError for a count below 1 or an empty
    range.
    """
    if count < 1 or not low < high:
        raise UsageError(f"count={count}, low={low:g}, high={high:g}; expected a count of 1 or more and low < high")
    for port in ports:
        if port.shape is None or port.dtype == "string":
            raise InputError(f"input '{port.name}' has no declared shape of numbers; give values for it")
    seeds = np.random.SeedSequence(seed).spawn(count)
    return [{p.name: _values(p, i, np.random.default_rng(s), low, high) for p in ports} for i, s in enumerate(seeds)]


def _values(port: Port, index: int, rng: np.random.Generator, low: float, high: float) -> Array:
    shape = tuple(1 if d is None or d < 0 else d for d in port.shape or ())
    if len(shape) == _IMAGE_RANK and shape[-1] in _CHANNELS:
        kind = _KINDS[index % len(_KINDS)]
        unit = np.stack([kind(rng, *shape[1:]) for _ in range(shape[0])])
    else:
        unit = 0.5 + rng.normal(size=shape) * rng.uniform(0.05, 0.3)
    unit = np.clip(unit, 0, 1)
    dtype = numpy_dtype(port.dtype or "float32")
    if dtype.kind == "f":
        return np.asarray(low + unit * (high - low), dtype)
    if is_short(port.dtype):
        least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        return np.asarray(least + np.rint(unit * (most - least)), dtype)
    largest = port.below - 1 if port.below else _LEVELS
    return np.asarray(unit > 0.5 if dtype.kind == "b" else np.rint(unit * largest), dtype)  # noqa: PLR2004 - the middle


def _plane(h: int, w: int) -> tuple[Array, Array]:
    """Coordinates of pixels from 0 to 1, as a column and a row."""
    return np.linspace(0, 1, h)[:, None, None], np.linspace(0, 1, w)[None, :, None]


def _blend(share: Array, rng: np.random.Generator, channels: int) -> Array:
    """From one random colour to another."""
    first, second = rng.uniform(0, 1, (2, channels))
    return np.asarray(first * (1 - share) + second * share)


def _noise(rng: np.random.Generator, h: int, w: int, channels: int) -> Array:
    return rng.uniform(0, 1, channels) + rng.normal(size=(h, w, channels)) * rng.uniform(0.05, 0.5)


def _gradient(rng: np.random.Generator, h: int, w: int, channels: int) -> Array:
    y, x = _plane(h, w)
    angle = rng.uniform(0, 2 * np.pi)
    return _blend((np.cos(angle) * x + np.sin(angle) * y) % 1, rng, channels)


def _blobs(rng: np.random.Generator, h: int, w: int, channels: int) -> Array:
    y, x = _plane(h, w)
    image = np.broadcast_to(rng.uniform(0, 1, channels), (h, w, channels)).copy()
    for _ in range(int(rng.integers(2, 9))):
        cx, cy, radius = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.35)
        image[((x - cx) ** 2 + (y - cy) ** 2 < radius**2)[..., 0]] = rng.uniform(0, 1, channels)
    return image


def _checkerboard(rng: np.random.Generator, h: int, w: int, channels: int) -> Array:
    size = int(rng.integers(1, max(min(h, w) // 3, 2)))
    fields = (np.arange(h)[:, None, None] // size + np.arange(w)[None, :, None] // size) % 2
    return _blend(fields, rng, channels)


def _mosaic(rng: np.random.Generator, h: int, w: int, channels: int) -> Array:
    size = int(rng.integers(1, max(min(h, w) // 3, 2)))
    tiles = rng.uniform(0, 1, (-(-h // size), -(-w // size), channels))
    return tiles.repeat(size, 0).repeat(size, 1)[:h, :w]


def _waves(rng: np.random.Generator, h: int, w: int, channels: int) -> Array:
    y, x = _plane(h, w)
    angle, turns = rng.uniform(0, np.pi), rng.uniform(2, 40)
    share = np.sin(2 * np.pi * turns * (np.cos(angle) * x + np.sin(angle) * y)) / 2 + 0.5
    return _blend(share, rng, channels) + rng.normal(size=(h, w, channels)) * 0.02


_KINDS: tuple[Callable[[np.random.Generator, int, int, int], Array], ...] = (
    _noise, _gradient, _blobs, _checkerboard, _mosaic, _waves,
)
