"""Flat buffers as hostile input: every offset, length and count is checked before it is followed.

A table is a list of fields at offsets that its vtable tells; what is absent has a default. Offsets lead forward only,
so that there are no cycles; how many tables a file may have is limited, since many offsets may lead to one place.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError
from tfjslab.base.limits import check_limit

_MOST_TABLES = 2_000_000
_MOST_EXPANDED = 32 << 20  # elements of what a file holds in fewer bytes
_OFFSET, _LENGTH, _ENTRY, _VTABLE_HEAD = "<I", "<I", "<H", 4
Kind = str  # of a scalar, as ``struct`` has it: ``<i``, ``<I``, ``<b``, ``<?``, ``<f``, ``<Q``


@dataclass
class Bytes:
    """The file, how messages call it, how many tables were read, and elements made of fewer bytes than they take."""

    data: bytes
    name: str
    tables: int = 0
    expanded: int = 0

    def unpack(self, kind: Kind, at: int, what: str) -> Any:
        """A scalar; ModelError when it would lie outside."""
        self.check(at, struct.calcsize(kind), what)
        return struct.unpack_from(kind, self.data, at)[0]

    def check(self, at: int, count: int, what: str) -> None:
        """ModelError unless ``count`` bytes at ``at`` are in the file."""
        if at < 0 or count < 0 or at + count > len(self.data):
            raise ModelError(
                f"{self.name}: {what} would be at bytes {at} to {at + count}; the file has {len(self.data)}",
                code="model.tflite",
            )

    def grow(self, count: int, what: str) -> None:
        """LimitError when so many more elements, which are not in the file as such, are too many."""
        self.expanded += count
        check_limit(f"{what}: elements that are not stored one by one", self.expanded, _MOST_EXPANDED)

    def root(self, what: str) -> FlatTable:
        """The table that the file begins with."""
        return self.table(self.unpack(_OFFSET, 0, what), what)

    def table(self, at: int, what: str) -> FlatTable:
        """The table at a place, its vtable checked."""
        self.tables += 1
        check_limit(f"{self.name}: number of tables", self.tables, _MOST_TABLES)
        vtable = at - self.unpack("<i", at, what)
        length = self.unpack(_ENTRY, vtable, f"the vtable of {what}")
        self.check(vtable, max(length, _VTABLE_HEAD), f"the vtable of {what}")
        size = self.unpack(_ENTRY, vtable + 2, f"the vtable of {what}")
        self.check(at, max(size, _VTABLE_HEAD), what)
        return FlatTable(self, at, vtable, max(length - _VTABLE_HEAD, 0) // 2, size, what)


@dataclass(frozen=True)
class FlatTable:
    """A table: fields by their number. ``what`` is its place in words, for messages."""

    file: Bytes
    at: int
    vtable: int
    fields: int
    size: int
    what: str

    def scalar(self, field: int, kind: Kind, default: Any = 0) -> Any:
        """A number or a truth value."""
        place = self._place(field, struct.calcsize(kind))
        return default if place is None else self.file.unpack(kind, place, self.what)

    def table(self, field: int, what: str) -> FlatTable | None:
        """A table in a field; None where there is none."""
        target = self._target(field)
        return None if target is None else self.file.table(target, f"{self.what}: {what}")

    def tables(self, field: int, what: str) -> Iterator[FlatTable]:
        """The tables of a vector."""
        start, count = self._vector(field, 4, what)
        for i in range(count):
            place = start + 4 * i
            offset = self.file.unpack(_OFFSET, place, what)
            yield self.file.table(place + offset, f"{what} {i}")

    def numbers(self, field: int, dtype: str, what: str) -> Array:
        """The numbers of a vector, as a view of the file."""
        kind = np.dtype(dtype)
        start, count = self._vector(field, kind.itemsize, what)
        return np.frombuffer(self.file.data, kind, count, start)

    def text(self, field: int, what: str) -> str:
        """A text; what is no UTF-8 in it is replaced."""
        start, count = self._vector(field, 1, what)
        return self.file.data[start : start + count].decode("utf-8", "replace")

    def has(self, field: int) -> bool:
        """Whether a field is there."""
        return self._place(field, 1) is not None

    def _place(self, field: int, count: int) -> int | None:
        if field >= self.fields:
            return None
        offset = self.file.unpack(_ENTRY, self.vtable + _VTABLE_HEAD + 2 * field, f"the vtable of {self.what}")
        if offset == 0:
            return None
        if offset + count > self.size:
            raise ModelError(
                f"{self.file.name}: {self.what}: field {field} is at {offset} of a table of {self.size} bytes",
                code="model.tflite",
            )
        return self.at + int(offset)

    def _target(self, field: int) -> int | None:
        place = self._place(field, 4)
        return None if place is None else place + int(self.file.unpack(_OFFSET, place, self.what))

    def _vector(self, field: int, size: int, what: str) -> tuple[int, int]:
        """Where the elements begin, and how many there are."""
        target = self._target(field)
        if target is None:
            return 0, 0
        where = f"{self.what}: {what}"
        count = self.file.unpack(_LENGTH, target, where)
        self.file.check(target + 4, count * size, where)
        return target + 4, int(count)
