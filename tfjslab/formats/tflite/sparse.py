"""Sparse constants, expanded when they are read.

A file holds the elements that are there in a tree: each level is one dimension, dense or a list of indices; those
behind the tensor's own dimensions are blocks, which stand in an element of one of them. All counts are checked before
anything is made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError
from tfjslab.formats.tflite.flatbuffer import FlatTable

_CSR = 1  # the format of a level that lists its indices; the other one is dense
_NUMBERS = {1: "<i4", 2: "<u2", 3: "u1"}  # how a vector is stored, by its union's type


@dataclass(frozen=True)
class _Level:
    size: int  # of a dense level or a block
    listed: bool
    segments: Array
    indices: Array


def expanded(t: FlatTable, raw: Array, dtype: str, shape: Sequence[int], where: str) -> Array:
    """The dense array of a tensor: ``t`` are its sparsity parameters, ``raw`` the bytes of its elements."""
    levels = [_level(x, f"{where}: level {i}") for i, x in enumerate(t.tables(2, "dimension"))]
    order, blocks = (t.numbers(f, "<i4", "dimensions").tolist() for f in (0, 1))
    rank, kind = len(shape), np.dtype(dtype)
    known = sorted(order[:rank]) == list(range(rank)) and sorted(order[rank:]) == list(range(rank, len(levels)))
    if not (known and rank) or len(blocks) != len(levels) - rank or any(not 0 <= b < rank for b in blocks):
        raise _wrong(where, f"levels in the order {order} with blocks of {blocks} for {list(shape)}")
    count = _count(levels, where)
    if raw.size != count * kind.itemsize:
        raise _wrong(where, f"{raw.size} bytes for {count} elements of {kind.name}")
    t.file.grow(math.prod(shape), where)
    axes = _axes(_places(levels), levels, order, blocks, rank)
    if any(a.size and (a.min() < 0 or a.max() >= n) for a, n in zip(axes, shape, strict=True)):
        raise _wrong(where, f"an element lies outside of {list(shape)}")
    dense = np.zeros(shape, kind)
    dense[tuple(axes)] = raw.view(kind)
    return dense


def _level(t: FlatTable, where: str) -> _Level:
    listed = t.scalar(0, "<b") == _CSR
    segments, indices = (_numbers(t, f, where) if listed else np.zeros(0, np.int64) for f in (2, 4))
    return _Level(int(t.scalar(1, "<i")), listed, segments, indices)


def _numbers(t: FlatTable, field: int, where: str) -> Array:
    """A union of vectors: its type, then the table."""
    kind, table = t.scalar(field, "<B"), t.table(field + 1, "indices")
    if kind not in _NUMBERS or table is None:
        raise _wrong(where, "indices are missing")
    return table.numbers(0, _NUMBERS[kind], "indices").astype(np.int64)


def _count(levels: Sequence[_Level], where: str) -> int:
    """How many elements there are; what a level lists has to fit the level above it."""
    count = 1
    for i, level in enumerate(levels):
        if not level.listed:
            if level.size < 1:
                raise _wrong(f"{where}: level {i}", f"a length of {level.size}")
            count *= level.size
            continue
        ends = level.segments
        if ends.size != count + 1 or ends[0] or (np.diff(ends) < 0).any() or ends[-1] != level.indices.size:
            raise _wrong(f"{where}: level {i}", f"segments of {level.indices.size} indices for {count} elements above")
        count = level.indices.size
    return count


def _places(levels: Sequence[_Level]) -> list[Array]:
    """For each level the index of every element along it."""
    places: list[Array] = []
    count = 1
    for level in levels:
        if level.listed:
            places = [np.repeat(p, np.diff(level.segments)) for p in places]
            places.append(level.indices)
        else:
            places = [np.repeat(p, level.size) for p in places]
            places.append(np.tile(np.arange(level.size), count))
        count = places[-1].size
    return places


def _axes(
    places: Sequence[Array], levels: Sequence[_Level], order: Sequence[int], blocks: Sequence[int], rank: int,
) -> list[Array]:
    """The index of every element along each axis of the tensor: that of its block, and the one in it."""
    axes = [places[order.index(axis)] for axis in range(rank)]
    for place, number in zip(places[rank:], order[rank:], strict=True):
        axis = blocks[number - rank]
        axes[axis] = axes[axis] * levels[number].size + place
    return axes


def _wrong(where: str, why: str) -> ModelError:
    return ModelError(f"{where}: sparse: {why}", code="model.tflite")
