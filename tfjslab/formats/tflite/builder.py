"""Writes flat buffers: tables of fields by their numbers. What ``flatbuffer`` reads."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError

_LARGEST = (1 << 31) - 1  # what the offsets of the format can tell
_HEAD, _ENTRY, _OFFSET = 4, 2, 4  # bytes of a vtable's or table's beginning, of an entry in a vtable, and of an offset
_BULK = 16  # where bytes that are read as numbers of any kind begin
Field = Any  # (kind of ``struct``, number), text, array, a table (fields by number), or a list of tables


class FlatBuilder:
    """A flat buffer that grows at its end, so that offsets lead forward. ``mark`` are the four bytes behind the root's.

    A table is given as a mapping from field numbers to ``Field``.
    """

    def __init__(self, mark: bytes) -> None:
        self.data = bytearray(4) + mark

    def finish(self, fields: Mapping[int, Field]) -> bytes:
        """The bytes, with these fields as the root. ModelError when they are more than offsets can tell."""
        self._point(0, self.table(fields))
        if len(self.data) > _LARGEST:
            raise ModelError(f"{len(self.data)} bytes; a flat buffer holds at most {_LARGEST}", code="model.write")
        return bytes(self.data)

    def table(self, fields: Mapping[int, Field]) -> int:
        """Add a table and what it holds; its place."""
        sizes = {n: struct.calcsize(v[0]) if isinstance(v, tuple) else _OFFSET for n, v in fields.items()}
        places, end = _laid_out(sizes)
        self._align(_OFFSET)
        vtable = len(self.data)
        entries = [places.get(n, 0) for n in range(max(fields, default=-1) + 1)]
        self.data += struct.pack(f"<{2 + len(entries)}H", _HEAD + _ENTRY * len(entries), end, *entries)
        self._align(max([_OFFSET, *sizes.values()]), _OFFSET)
        at = len(self.data)
        self.data += struct.pack("<i", at - vtable) + bytes(end - _HEAD)
        for number, value in fields.items():
            if isinstance(value, tuple):
                struct.pack_into(value[0], self.data, at + places[number], value[1])
            else:
                self._point(at + places[number], self._child(value))
        return at

    def _child(self, value: Field) -> int:
        if isinstance(value, Mapping):
            return self.table(value)
        if isinstance(value, str):
            return self._vector(np.frombuffer(value.encode(), np.uint8), _OFFSET)
        if isinstance(value, np.ndarray):
            return self._vector(value, _BULK if value.itemsize == 1 else max(value.itemsize, _OFFSET))
        start = self._vector(np.zeros(len(value), np.uint32), _OFFSET)
        for i, fields in enumerate(value):
            self._point(start + _OFFSET * (1 + i), self.table(fields))
        return start

    def _vector(self, values: Array, align: int) -> int:
        """A length, and the elements at a multiple of ``align``; a zero behind them, as texts end."""
        self._align(align, align - _OFFSET)
        start = len(self.data)
        self.data += struct.pack("<I", values.size) + values.tobytes() + b"\0"
        return start

    def _align(self, to: int, at: int = 0) -> None:
        """Go on to a place that is ``at`` more than a multiple of ``to``."""
        self.data += bytes((at - len(self.data)) % to)

    def _point(self, place: int, target: int) -> None:
        struct.pack_into("<I", self.data, place, target - place)


def _laid_out(sizes: Mapping[int, int]) -> tuple[dict[int, int], int]:
    """Where each field lies in its table, large ones first so that all are aligned, and where the table ends."""
    places, end = {}, _HEAD
    for number in sorted(sizes, key=lambda n: -sizes[n]):
        places[number] = end
        end += sizes[number]
    return places, end
