"""Packing of weights as strided copies, which a module makes at load: so one file of weights serves all variants.

A packer only moves numbers and pads them with zeros. Which number goes where is found out by packing an array of
positions; along each axis that is a sequence of steps, and so all of it is a few nested loops. What is not (a packer
that computes) gets no copies, and its result is stored as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise, product

import numpy as np

from tfjslab.backends.wasm.text.packing import Packing, Padded
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of

_MOST_COPIES = 64  # a packing that falls into more pieces is stored as it is


@dataclass(frozen=True)
class StridedCopy:
    """Nested loops over elements: their counts, outermost first, with steps and starts of source and target."""

    counts: tuple[int, ...]
    source_steps: tuple[int, ...]
    target_steps: tuple[int, ...]
    source: int
    target: int


# Along one axis: (count, step of the source, step of the target) from the outside in, behind the two starts.
_Loops = tuple[int, int, tuple[tuple[int, int, int], ...]]


@lru_cache(maxsize=512)  # variants pack alike
def strided_copies(packing: Packing, shape: Shape) -> tuple[StridedCopy, ...] | None:
    """The copies that lay an array of ``shape`` out as ``packing`` does, into zeros; None where copies cannot."""
    positions = np.arange(1, size_of(shape) + 1, dtype=np.int64).reshape(shape)
    try:
        block = packing(positions)
    except (ValueError, TypeError):
        return None
    targets = np.arange(size_of(block.shape), dtype=np.int64).reshape(block.shape)
    parts = block.parts if isinstance(block, Padded) else ((..., block),)
    if any(np.asarray(values).dtype != positions.dtype for _, values in parts):
        return None  # it widens or narrows what it moves
    found: list[StridedCopy] = []
    for index, values in parts:
        copies = _copies(np.asarray(values), np.broadcast_to(targets[index], values.shape))
        if copies is None:
            return None
        found += copies
    return tuple(found) if len(found) <= _MOST_COPIES else None


def copies_of(positions: Array, targets: Array) -> tuple[StridedCopy, ...] | None:
    """The copies of elements at ``positions`` (counted from 1, 0 is padding) to ``targets``; None where none do it.

    Padding may be at other places for some first or last indices, as where channels or pairs do not come out even.
    Where pairs have no even steps at all, each half of them is copied by itself.
    """
    found: list[StridedCopy] = []
    for rows in _alike(positions, 0):
        singles = [slice(i, i + 1) for i in range(positions.shape[-1])]
        copies = _parts(positions[rows], targets[rows], _alike(positions[rows], positions.ndim - 1))
        copies = copies or _parts(positions[rows], targets[rows], singles)
        if copies is None:
            return None
        found += copies
    return tuple(found) if len(found) <= _MOST_COPIES else None


def _parts(positions: Array, targets: Array, lanes: Sequence[slice]) -> list[StridedCopy] | None:
    """The copies of each range of last indices."""
    found = [_copies(positions[..., part], targets[..., part]) for part in lanes]
    return None if None in found else [copy for part in found for copy in part or ()]


def _alike(positions: Array, axis: int) -> list[slice]:
    """Ranges of an axis with padding at the same places."""
    padded = np.moveaxis(positions == 0, axis, 0).reshape(positions.shape[axis], -1)
    ends = [0, *(np.flatnonzero((padded[1:] != padded[:-1]).any(axis=1)) + 1).tolist(), len(padded)]
    return [slice(a, b) for a, b in pairwise(ends)]


def _copies(sources: Array, targets: Array) -> list[StridedCopy] | None:
    """Copies for positions (counted from 1, 0 is padding) that go to ``targets``, an array of the same shape."""
    if not sources.size or not sources.any():
        return []
    kept = [np.flatnonzero((sources > 0).any(axis=_others(sources.ndim, d))) for d in range(sources.ndim)]
    grid = np.ix_(*kept)
    sources, targets = sources[grid] - 1, targets[grid]
    along = [(_axis(sources, d), _axis(targets, d)) for d in range(sources.ndim)]
    if not all(_is_sum(a, [pair[i] for pair in along]) for i, a in enumerate((sources, targets))):
        return None
    starts = int(sources.flat[0]), int(targets.flat[0])
    return [_joined(starts, loops) for loops in product(*(tuple(_loops(s, t)) for s, t in along))]


def _others(rank: int, axis: int) -> tuple[int, ...]:
    return tuple(d for d in range(rank) if d != axis)


def _axis(positions: Array, axis: int) -> Array:
    """Positions along one axis, as distances from the first."""
    index: list[int | slice] = [0] * positions.ndim
    index[axis] = slice(None)
    line = positions[tuple(index)]
    return np.asarray(line - line[0])


def _is_sum(positions: Array, along: Sequence[Array]) -> bool:
    """Whether positions are the sum of what each axis adds."""
    whole = reduce(np.add.outer, along, np.asarray(positions.flat[0]))
    return bool(np.array_equal(whole, positions))


def _loops(sources: Array, targets: Array) -> Iterator[_Loops]:
    """The loops of one axis: steps that stay the same are one loop, loops that repeat are one around them."""
    items: list[_Loops] = [(int(s), int(t), ()) for s, t in zip(sources, targets, strict=True)]
    while len(rolled := list(_rolled(items))) < len(items):
        items = rolled
    yield from items


def _rolled(items: Sequence[_Loops]) -> Iterator[_Loops]:
    """Runs of equal loops at equal distances, as one loop each."""
    at = 0
    while at < len(items):
        first, end = items[at], at + 1
        step = _distance(first, items[end]) if end < len(items) else None
        while step and end < len(items) and _distance(items[end - 1], items[end]) == step:
            end += 1
        if step and end - at > 1:
            yield first[0], first[1], ((end - at, *step), *first[2])
        else:
            yield first
        at = max(end, at + 1)


def _distance(a: _Loops, b: _Loops) -> tuple[int, int] | None:
    return (b[0] - a[0], b[1] - a[1]) if a[2] == b[2] else None


def _joined(starts: tuple[int, int], axes: Sequence[_Loops]) -> StridedCopy:
    """One nest of loops from those of each axis."""
    loops = [loop for _, _, inner in axes for loop in inner] or [(1, 0, 0)]
    counts, source_steps, target_steps = zip(*loops, strict=True)
    return StridedCopy(
        counts, source_steps, target_steps, starts[0] + sum(a[0] for a in axes), starts[1] + sum(a[1] for a in axes),
    )
