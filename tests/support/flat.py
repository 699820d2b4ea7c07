"""Writes small .tflite files for tests: tables of fields by number, as the schema has them."""

from __future__ import annotations

import numpy as np

from tfjslab.formats.tflite.builder import FlatBuilder
from tfjslab.formats.tflite.schema import ELEMENT_TYPES, FILE_MARK, METADATA, OPERATORS

TYPES = {t.name: i for i, t in enumerate(ELEMENT_TYPES)}


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
    return FlatBuilder(FILE_MARK).finish(model)
