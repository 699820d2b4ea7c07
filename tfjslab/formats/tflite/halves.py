"""Weights as float16, widened by an operator when the file is loaded, as TensorFlow's converter stores them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.formats.tflite.file import TfliteFile, TfliteSubgraph
from tfjslab.formats.tflite.writer.draft import TYPES, SubgraphDraft

_LARGEST = float(np.finfo(np.float16).max)


def with_halves(file: TfliteFile) -> TfliteFile:
    """The file with its float32 constants as float16. Those with a number that float16 does not reach stay."""
    return replace(file, subgraphs=tuple(map(_halved, file.subgraphs)))


def _halved(g: TfliteSubgraph) -> TfliteSubgraph:
    """Each constant keeps its place; what reads it reads the widened one behind all others."""
    draft = SubgraphDraft(list(g.tensors), taken={t.name for t in g.tensors})
    widened: dict[int, int] = {}
    for t in g.tensors:
        if t.data is not None and t.type.name == "float32" and _fits(t.data):
            draft.tensors[t.index] = replace(t, type=TYPES["float16"], data=t.data.astype(np.float16))
            widened[t.index] = draft.made(f"{t.name}/float32", "DEQUANTIZE", [t.index], t.data.shape)
    draft.operators += [replace(o, inputs=tuple(widened.get(i, i) for i in o.inputs)) for o in g.operators]
    return replace(g, tensors=tuple(draft.tensors),
                   operators=tuple(replace(o, index=i) for i, o in enumerate(draft.operators)))


def _fits(data: Array) -> bool:
    return bool(np.isfinite(data).all()) and float(np.abs(data).max(initial=0)) <= _LARGEST
