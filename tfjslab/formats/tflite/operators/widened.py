"""Operators that no op has for short integers, and that compute with none of their scales: they run on int32."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from tfjslab.base.dtypes import is_short
from tfjslab.formats.tflite.operator import Operator, converters, integer_operator
from tfjslab.formats.tflite.operators import (  # noqa: F401 - what is converted here
    elementwise,
    moving,
    reducing,
    segments,
    stablehlo,
)

_NAMES = (
    "SELECT", "SELECT_V2", "ONE_HOT", "TOPK_V2", "REDUCE_MAX", "REDUCE_MIN", "MATRIX_DIAG", "MATRIX_SET_DIAG", "NEG",
    "FLOOR_DIV", "FLOOR_MOD", "BITWISE_XOR", "RIGHT_SHIFT", "STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MAXIMUM",
    "STABLEHLO_MINIMUM",
)


def _on_int32(name: str, op: Operator) -> list[str]:
    """The operator with its short inputs widened; what it makes has its own dtype again."""
    wide = replace(op, values=dict(op.values), widened=True)
    for i in {i for i in op.told.inputs if i >= 0}:
        tensor = op.subgraph.tensors[i]
        if is_short(tensor.type.name):
            wide.values[i] = _as_int32(op, i)
    made = converters()[name](wide)
    types = (op.subgraph.tensors[i].type.name for i in op.told.outputs)
    return [op.add("TflCast", value, dtype=dtype) if is_short(dtype) else value
            for value, dtype in zip([made] if isinstance(made, str) else made, types, strict=False)]


def _as_int32(op: Operator, tensor: int) -> str:
    place = op.told.inputs.index(tensor)
    stored = op.subgraph.tensors[tensor].data
    if stored is not None:
        return op.make_constant(stored.astype(np.int32), "wide")
    return op.add("Cast", op.value(place), dtype="int32")


for _name in _NAMES:
    integer_operator(_name)(partial(_on_int32, _name))
