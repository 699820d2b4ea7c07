"""A file's data as its bytes: what ``parse`` reads, the other way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError
from tfjslab.formats.tflite.builder import Field, FlatBuilder
from tfjslab.formats.tflite.file import (
    VERSION,
    TfliteFile,
    TfliteOperator,
    TfliteSignature,
    TfliteSubgraph,
    TfliteTensor,
)
from tfjslab.formats.tflite.option_types import OPTION_TYPES
from tfjslab.formats.tflite.schema import (
    CHOICES,
    CUSTOM,
    DEFAULTS,
    ELEMENT_TYPES,
    FILE_MARK,
    METADATA,
    OPERATORS,
    OPTIONS,
    VECTORS,
    TensorScale,
)
from tfjslab.formats.tflite.versions import version_of

_TYPES = {t.name: i for i, t in enumerate(ELEMENT_TYPES)}
_NUMBERS = {name: i for i, name in enumerate(OPERATORS)}
_LARGEST_OLD = 127  # numbers of operators that fit a byte are in an older field as well
_Code = tuple[str, str, int]  # an operator, the name of a custom one, its version
Table = dict[int, Field]


def serialize(file: TfliteFile) -> bytes:
    """The bytes of a .tflite file. ModelError names a tensor that is sparse, or text, which is not written."""
    codes: dict[_Code, int] = {}
    buffers: list[Table] = [{}]  # the first is that of tensors without data
    subgraphs = [_subgraph(g, codes, buffers) for g in file.subgraphs]
    model: Table = {
        0: ("<I", VERSION), 1: [_code(c) for c in codes], 2: subgraphs, 3: file.description, 4: buffers,
    }
    if file.metadata:
        buffers.append({0: np.frombuffer(file.metadata, np.uint8)})
        model[6] = [{0: METADATA, 1: ("<I", len(buffers) - 1)}]
    if file.signatures:
        model[7] = [_signature(s) for s in file.signatures]
    return FlatBuilder(FILE_MARK).finish(model)


def _code(code: _Code) -> Table:
    name, custom, version = code
    number = _NUMBERS[name]
    return {0: ("<b", min(number, _LARGEST_OLD)), **({1: custom} if custom else {}), 2: ("<i", version),
            3: ("<i", number)}


def _subgraph(g: TfliteSubgraph, codes: dict[_Code, int], buffers: list[Table]) -> Table:
    operators = []
    for o in g.operators:
        code = codes.setdefault((o.name, o.custom, version_of(o, g.tensors)), len(codes))
        operators.append(_operator(o, code))
    tensors = [_tensor(t, buffers) for t in g.tensors]
    return {0: tensors, 1: _ints(g.inputs), 2: _ints(g.outputs), 3: operators, 4: g.name}


def _tensor(t: TfliteTensor, buffers: list[Table]) -> Table:
    if t.is_sparse or (t.data is not None and t.data.dtype.hasobject):
        what = "sparse" if t.is_sparse else "text"
        raise ModelError(f"tensor '{t.name}' is {what}, which is not written", code="model.write")
    made: Table = {0: _ints([1 if d is None else d for d in t.dims]), 1: ("<b", _TYPES[t.type.name]), 3: t.name}
    if t.data is not None:
        made[2] = ("<I", len(buffers))
        buffers.append({0: np.frombuffer(np.ascontiguousarray(t.data).tobytes(), np.uint8)})
    if t.quantization is not None:
        made[4] = _quantization(t.quantization)
    if t.is_variable:
        made[5] = ("<?", True)
    if None in t.dims:
        made[7] = _ints([-1 if d is None else d for d in t.dims])
    return made


def _quantization(q: TensorScale) -> Table:
    return {2: q.scale.astype(np.float32), 3: q.zero_point.astype(np.int64), 6: ("<i", q.axis)}


def _operator(o: TfliteOperator, code: int) -> Table:
    made: Table = {0: ("<I", code), 1: _ints(o.inputs), 2: _ints(o.outputs)}
    if o.name == CUSTOM:
        made[5] = np.frombuffer(o.options[CUSTOM], np.uint8)
    elif o.name in OPTION_TYPES:
        made |= {3: ("<B", OPTION_TYPES[o.name]), 4: _options(o.name, o.options)}
    if o.intermediates:
        made[8] = _ints(o.intermediates)
    return made


def _options(name: str, given: Mapping[str, Any]) -> Table:
    """The options that are not what the file means without them."""
    made: Table = {}
    for option, (field, kind) in OPTIONS.get(name, {}).items():
        value = given.get(option)
        if value is None:
            continue
        if kind in VECTORS:
            made[field] = np.asarray(value, kind)
        elif kind == "text":
            made[field] = value
        else:
            number = CHOICES[kind].index(value) if kind in CHOICES else value
            if number != DEFAULTS.get(f"{name}.{option}", DEFAULTS.get(option, 0)):
                made[field] = ("<b" if kind in CHOICES else kind, number)
    return made


def _signature(s: TfliteSignature) -> Table:
    ends = ([{0: name, 1: ("<I", tensor)} for name, tensor in side] for side in (s.inputs, s.outputs))
    return {**dict(enumerate(ends)), 2: s.key, 4: ("<I", s.subgraph)}


def _ints(values: Sequence[int]) -> Array:
    return np.array(values, np.int32)
