"""Recurrent operators whose tensors are quantized."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.formats.tflite.file import TfliteTensor
from tfjslab.formats.tflite.operator import Operator, integer_operator
from tfjslab.formats.tflite.operators.integers import scale_of, scales_of

_GATES = 4
_WEIGHTS, _RECURRENT, _BIAS, _STATE = 1, 5, 12, 18  # then the other gates, and the memory behind the state
# Inputs that change what is computed.
_OTHERS = {9: "peepholes", 10: "peepholes", 11: "peepholes", 16: "a projection", 17: "a projection",
           20: "layer norm", 21: "layer norm", 22: "layer norm", 23: "layer norm"}
_INTERMEDIATES, _HIDDEN = 5, 4  # how many there are where the memory has 16 bits; the one of the output
_MOST_INT16, _MEMORY_BITS = (1 << 15) - 1, range(7)


@integer_operator("UNIDIRECTIONAL_SEQUENCE_LSTM")
def _sequence_lstm(op: Operator) -> str:
    """An int8 sequence and an int16 memory, four gates."""
    _check_kind(op)
    x, turned = op.value(0), bool(op.option("time_major"))
    if turned:
        x = op.add("Transpose", x, perm=[1, 0, 2])
    state, memory = scale_of(op, op.tensor(_STATE), "out"), scale_of(op, op.tensor(_STATE + 1), "x")
    bits = math.log2(memory["x_scale"]) + np.log2(_MOST_INT16 + 1)
    if memory["x_zero"] or round(bits) not in _MEMORY_BITS or abs(bits - round(bits)) > 1e-3:  # noqa: PLR2004 - as LiteRT
        raise op.fail(f"the memory's scale {memory['x_scale']} and zero point {memory['x_zero']}; expected a power of "
                      "two up to 2**-9, and 0")
    node = op.several(
        "TflUnidirectionalSequenceLstm", x, *_joined(op, _WEIGHTS, "weights"), *_joined(op, _RECURRENT, "recurrent"),
        op.make_constant(_bias(op), "bias"), op.value(_STATE), op.value(_STATE + 1),
        **scale_of(op, op.tensor(0), "x"), **state, **scale_of(op, _hidden(op), "hidden"), cell_bits=round(bits),
        cell_clip=int(min(op.option("cell_clip") / memory["x_scale"], _MOST_INT16)),
    )
    op.keep(_STATE, node.outputs[1])
    op.keep(_STATE + 1, node.outputs[2])
    return op.add("Transpose", node.outputs[0], perm=[1, 0, 2]) if turned else node.outputs[0]


def _check_kind(op: Operator) -> None:
    """Fail on what was never compared with LiteRT's bytes."""
    found = [what for i, what in _OTHERS.items() if op.has(i)]
    found += [f"no weights of gate {g}" for g in range(_GATES) if not op.has(_WEIGHTS + g)]
    types = [op.tensor(i).type.name for i in (0, _STATE, _STATE + 1)]
    if types != ["int8", "int8", "int16"]:
        found.append(f"an input, a state and a memory of {', '.join(types)} (expected int8, int8, int16)")
    if op.option("activation") != "TANH":
        found.append(f"activation {op.option('activation')}")
    if op.option("cell_clip") < 0:
        found.append(f"cell_clip {op.option('cell_clip')}")
    if found:
        raise op.fail(f"{found[0]} is not supported on integers")


def _hidden(op: Operator) -> TfliteTensor:
    """The tensor whose scale is that of a step's output."""
    found = op.told.intermediates
    if len(found) != _INTERMEDIATES or found[_HIDDEN] < 0:
        raise op.fail(f"{len(found)} intermediate tensors; expected {_INTERMEDIATES}, of a memory with 16 bits")
    return op.subgraph.tensors[found[_HIDDEN]]


def _symmetric(op: Operator, i: int) -> float:
    """The only scale of weights around 0."""
    scale = scale_of(op, op.tensor(i), "x")
    if scale["x_zero"]:
        raise op.fail(f"input {i} ('{op.tensor(i).name}') has the zero point {scale['x_zero']}; expected 0")
    return float(scale["x_scale"])


def _typed(op: Operator, i: int, dtype: str, rank: int) -> Array:
    """A constant of this dtype, as it is stored."""
    tensor = op.tensor(i)
    if tensor.data is None or tensor.data.dtype != dtype or tensor.data.ndim != rank:
        kind = "computed" if tensor.data is None else f"{tensor.data.dtype} {list(tensor.dims)}"
        raise op.fail(f"input {i} ('{tensor.name}') is {kind}; expected constant {dtype} of rank {rank}")
    return tensor.data


def _of_gates(op: Operator, first: int, read: Callable[[int], Array]) -> Array:
    """The arrays of all gates behind each other, which have one shape."""
    parts = [read(first + g) for g in range(_GATES)]
    if len({p.shape for p in parts}) > 1:
        raise op.fail(f"gates of different shapes: {', '.join(str(list(p.shape)) for p in parts)}")
    return np.concatenate(parts)


def _joined(op: Operator, first: int, name: str) -> list[str]:
    """Weights [inputs, gates * units] and the scales of the gates."""
    weights = _of_gates(op, first, lambda i: _typed(op, i, "int8", 2))
    scales = np.array([_symmetric(op, first + g) for g in range(_GATES)], np.float32)
    return [op.make_constant(weights.T, name), op.make_constant(scales, f"{name}_scale")]


def _bias(op: Operator) -> Array:
    return _of_gates(op, _BIAS, lambda i: _typed(op, i, "int32", 1))


@integer_operator("SVDF")
def _svdf(op: Operator) -> str:
    """Features of the newest inputs in int8, filtered over time in int16; a unit is the sum of ``rank`` of them."""
    features, filters = _typed(op, 1, "int8", 2), _typed(op, 2, "int16", 2)
    rank, state = op.option("rank"), scale_of(op, op.tensor(4), "state")
    if rank < 1 or len(filters) % rank or len(features) != len(filters):
        raise op.fail(f"{len(features)} features, filters over time {list(filters.shape)} and rank {rank}")
    if op.tensor(4).type.name != "int16" or state["state_zero"] or op.option("activation") not in ("NONE", "RELU"):
        raise op.fail(f"a state of {op.tensor(4).type.name} with zero point {state['state_zero']} and activation "
                      f"{op.option('activation')}; expected int16, 0 and NONE or RELU")
    given = [op.value(0), op.make_constant(features.T, "features"), op.make_constant(filters, "filters"), op.value(4)]
    if op.has(3):
        given.append(op.make_constant(_typed(op, 3, "int32", 1), "bias"))
    node = op.several("TflSvdf", *given, **scales_of(op, 0), features_scale=_symmetric(op, 1),
                      filters_scale=_symmetric(op, 2), state_scale=state["state_scale"], rank=rank)
    op.keep(4, node.outputs[1])
    return node.outputs[0]
