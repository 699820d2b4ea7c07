"""Writes small .tflite files for tests: tables of fields by number, as the schema has them."""

from __future__ import annotations

import struct

import numpy as np

from tfjslab.formats.tflite.schema import ELEMENT_TYPES, METADATA, OPERATORS

TYPES = {t.name: i for i, t in enumerate(ELEMENT_TYPES)}


class Flat:
    """A flat buffer that grows at its end, so that offsets lead forward."""

    def __init__(self):
        self.data = bytearray(b"\0\0\0\0TFL3")

    def finish(self, fields):
        """The bytes, with these fields as the root."""
        self._point(0, self.table(fields))
        return bytes(self.data)

    def table(self, fields):
        """Fields are (struct kind, number), text, arrays, tables (dicts), or lists of tables."""
        self._align(4)
        count = max(fields, default=-1) + 1
        vtable = len(self.data)
        self.data += struct.pack("<HH", 4 + 2 * count, 4 + 8 * count) + b"\0\0" * count
        self._align(8)
        at = len(self.data)
        self.data += struct.pack("<i", at - vtable) + b"\0" * (8 * count)
        for field, value in fields.items():
            struct.pack_into("<H", self.data, vtable + 4 + 2 * field, 4 + 8 * field)
            place = at + 4 + 8 * field
            if isinstance(value, tuple):
                struct.pack_into(value[0], self.data, place, value[1])
            else:
                self._point(place, self._child(value))
        return at

    def _child(self, value):
        if isinstance(value, dict):
            return self.table(value)
        if isinstance(value, str):
            return self._vector(np.frombuffer(value.encode(), np.uint8))
        if isinstance(value, np.ndarray):
            return self._vector(value)
        start = self._vector(np.zeros(len(value), np.uint32))
        for i, fields in enumerate(value):
            self._point(start + 4 + 4 * i, self.table(fields))
        return start

    def _vector(self, values):
        self._align(16)
        self.data += b"\0" * 12
        start = len(self.data)
        self.data += struct.pack("<I", values.size) + values.tobytes() + b"\0"
        return start

    def _align(self, to):
        self.data += b"\0" * (-len(self.data) % to)

    def _point(self, place, target):
        struct.pack_into("<I", self.data, place, target - place)


def ints(*values):
    return np.array(values, np.int32)


def tensor(name, shape, dtype="float32", buffer=0, **more):
    """A tensor's fields; ``scale``, ``zero_point`` and ``axis`` quantize it, ``signature`` has -1 for open lengths."""
    fields = {0: ints(*shape), 1: ("<b", TYPES[dtype]), 2: ("<I", buffer), 3: name}
    if "scale" in more:
        scale = np.atleast_1d(np.array(more["scale"], np.float32))
        zero = np.atleast_1d(np.array(more.get("zero_point", 0), np.int64))
        fields[4] = {2: scale, 3: zero, 6: ("<i", more.get("axis", 0))}
    if "signature" in more:
        fields[7] = ints(*more["signature"])
    return fields


def operator(code, inputs, outputs, options=None):
    return {0: ("<I", code), 1: ints(*inputs), 2: ints(*outputs), **({3: ("<B", 1), 4: options} if options else {})}


def subgraph(tensors, operators, inputs, outputs):
    return {0: tensors, 1: ints(*inputs), 2: ints(*outputs), 3: operators}


def tflite(codes, subgraphs, buffers=(), signatures=(), metadata=b""):
    """A file. ``codes`` are names of operators, ``buffers`` arrays; number 0 is always empty."""
    known = {name: i for i, name in enumerate(OPERATORS)}
    coded = [{0: ("<b", min(known[c], 127)), 3: ("<i", known[c])} if c in known else
             {0: ("<b", known["CUSTOM"]), 1: c, 3: ("<i", known["CUSTOM"])} for c in codes]
    stored = [{0: np.frombuffer(np.ascontiguousarray(b).tobytes(), np.uint8)} for b in buffers]
    model = {0: ("<I", 3), 1: coded, 2: list(subgraphs), 3: "made by a test", 4: [{}, *stored]}
    if metadata:
        model[4].append({0: np.frombuffer(metadata, np.uint8)})
        model[6] = [{0: METADATA, 1: ("<I", len(model[4]) - 1)}]
    if signatures:
        model[7] = list(signatures)
    return Flat().finish(model)
