"""Layers that divide: numbers into intervals, and axes into as many windows as told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.images import with_channels_last
from tfjslab.formats.layers_model.layers.operands import as_float
from tfjslab.formats.strict_json import show

_AXES = "bcdefg"  # of the input of an adaptive pooling; the windows have capital letters


@layer("Discretization")
def _discretization(c: Call) -> str:
    """How many boundaries a number has reached."""
    bounds = c.config.get("bin_boundaries")
    numbers = c.numbers("bin_boundaries", 0)
    if not isinstance(bounds, list) or not isinstance(numbers, list):
        raise c.fail(f"option 'bin_boundaries' is {show(bounds)}, expected numbers")
    mode = c.text("output_mode", "int", ("int", "one_hot"))
    reached = c.add("GreaterEqual", c.add("ExpandDims", as_float(c, c.x), axis=-1), c.constant("bounds", numbers))
    counts = c.add("Sum", c.add("Cast", reached, DstT="int32"), axis=[-1])
    if mode == "int":
        return counts
    if c.shape(counts)[-1] == 1:
        counts = c.add("Squeeze", counts, squeeze_dims=[c.rank(counts) - 1])
    return c.add("OneHot", counts, depth=len(numbers) + 1)


def _windows(c: Call, x: str, axis: int, count: int) -> list[tuple[int, int]]:
    """Where each of ``count`` windows over an axis starts and ends; they overlap where the length is no multiple."""
    length = c.shape(x)[axis]
    if length is None or count < 1:
        raise c.fail(f"input {list(c.shape(c.x))}; {count} windows take known lengths")
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


def _adaptive(c: Call, rank: int, along: Callable[[Call, str, int, Sequence[tuple[int, int]]], str]) -> str:
    counts = c.integers("output_size", (1,) * rank, rank)

    def run(x: str) -> str:
        for axis, count in enumerate(counts, 1):
            x = along(c, x, axis, _windows(c, x, axis, count))
        return x

    return with_channels_last(c, c.x, run)


def _means(c: Call, x: str, axis: int, windows: Sequence[tuple[int, int]]) -> str:
    """A product with the share that each position has of each window."""
    shares = np.zeros((c.shape(x)[axis] or 0, len(windows)))
    for i, (start, end) in enumerate(windows):
        shares[start:end, i] = 1 / (end - start)
    letters = _AXES[: c.rank(x)]
    new = letters.replace(letters[axis], "z")
    return c.add("Einsum", x, c.constant("shares", shares), equation=f"{letters},{letters[axis]}z->{new}")


def _largest(c: Call, x: str, axis: int, windows: Sequence[tuple[int, int]]) -> str:
    """The positions of each window next to each other; one that is too short repeats its last."""
    widest = max(end - start for start, end in windows)
    positions = [min(start + k, end - 1) for start, end in windows for k in range(widest)]
    indices = c.constant("positions", np.reshape(positions, (len(windows), widest)), np.int32)
    return c.add("Max", c.add("GatherV2", x, indices, axis=axis), axis=[axis + 1])


for _rank in (1, 2, 3):
    layer(f"AdaptiveAveragePooling{_rank}D", rank=_rank + 2)(lambda c, rank=_rank: _adaptive(c, rank, _means))
    layer(f"AdaptiveMaxPooling{_rank}D", rank=_rank + 2)(lambda c, rank=_rank: _adaptive(c, rank, _largest))
