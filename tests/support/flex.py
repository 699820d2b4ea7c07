"""Writes maps of numbers as flex buffers, which custom operators of .tflite files have as their options."""

from __future__ import annotations

import struct

_INT, _FLOAT, _MAP, _BOOL, _WIDTH = 1, 3, 9, 26, 4


def flex_map(values):
    """The bytes of a map: keys, where they are, then values of four bytes and their types."""
    data, places = bytearray(), {}
    names = sorted(values)
    for name in names:
        places[name] = len(data)
        data += name.encode() + b"\0"
    data += b"\0" * (-len(data) % _WIDTH)
    data += struct.pack("<I", len(names))
    keys = len(data)
    for name in names:
        data += struct.pack("<I", len(data) - places[name])
    data += struct.pack("<I", len(data) - keys) + struct.pack("<II", _WIDTH, len(names))
    start, types = len(data), b""
    for name in names:
        value = values[name]
        data += struct.pack("<f", value) if isinstance(value, float) else struct.pack("<i", value)
        kind = _FLOAT if isinstance(value, float) else _BOOL if isinstance(value, bool) else _INT
        types += bytes([kind << 2 | 2])
    data += types
    data += b"\0" * (-len(data) % _WIDTH)
    data += struct.pack("<I", len(data) - start)
    return bytes(data) + bytes([_MAP << 2 | 2, _WIDTH])
