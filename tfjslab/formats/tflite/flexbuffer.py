"""Options of custom operators: a map from names to numbers, written from its end, as hostile input."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tfjslab.base.errors import ModelError

_MAP, _BOOL, _MOST_ENTRIES = 9, 26, 1000
# How numbers are stored, by type and bytes; those of the second row lie elsewhere, and the map has their distance.
_INT, _UINT, _FLOAT = {1: "<b", 2: "<h", 4: "<i", 8: "<q"}, {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}, {4: "<f", 8: "<d"}
_DIRECT = {1: _INT, 2: _UINT, 3: _FLOAT, _BOOL: _UINT}
_INDIRECT = {6: _INT, 7: _UINT, 8: _FLOAT}


@dataclass(frozen=True)
class _Flex:
    data: bytes
    where: str

    def number(self, at: int, kinds: dict[int, str], width: int) -> float:
        """A number of ``width`` bytes; ModelError when it would lie outside."""
        kind = kinds.get(width)
        if kind is None or at < 0 or at + width > len(self.data):
            raise ModelError(f"{self.where}: options: a number of {width} bytes at {at}; there are {len(self.data)}",
                             code="model.tflite")
        found: float = struct.unpack_from(kind, self.data, at)[0]
        return found

    def behind(self, at: int, width: int) -> int:
        """What the distance at a place leads back to."""
        return at - int(self.number(at, _UINT, width))

    def text(self, at: int) -> str:
        """A name, which ends with a zero."""
        end = self.data.find(b"\0", max(at, 0))
        if at < 0 or end < 0:
            raise ModelError(f"{self.where}: options: a name at {at} has no end", code="model.tflite")
        return self.data[at:end].decode("utf-8", "replace")


def numbers(data: bytes, where: str) -> dict[str, float]:
    """The numbers and truth values of the map that a flex buffer is; what else there is, is left out."""
    flex = _Flex(data, where)
    width = int(flex.number(len(data) - 1, _UINT, 1))
    kind = int(flex.number(len(data) - 2, _UINT, 1))
    if kind >> 2 != _MAP:
        raise ModelError(f"{where}: options are of type {kind >> 2}; expected a map", code="model.tflite")
    start, width = flex.behind(len(data) - 2 - width, width), 1 << (kind & 3)
    count = int(flex.number(start - width, _UINT, width))
    if count > _MOST_ENTRIES:
        raise ModelError(f"{where}: options: {count} entries, above the limit of {_MOST_ENTRIES}", code="model.tflite")
    keys = flex.behind(start - 3 * width, width)
    key_width = int(flex.number(start - 2 * width, _UINT, width))
    found = {}
    for i in range(count):
        name = flex.text(flex.behind(keys + i * key_width, key_width))
        value_kind, at = int(flex.number(start + count * width + i, _UINT, 1)), start + i * width
        kind, size = value_kind >> 2, 1 << (value_kind & 3)
        if kind in _DIRECT:
            found[name] = flex.number(at, _DIRECT[kind], width)
        elif kind in _INDIRECT:
            found[name] = flex.number(flex.behind(at, width), _INDIRECT[kind], size)
    return found
