"""Recurrent layers: their states are variables, which stay from one call of the model to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.formats.tflite.operator import Operator, operator

_ACTIVATIONS = {"NONE": "linear", "RELU": "relu", "RELU6": "relu6", "TANH": "tanh"}  # as our recurrent ops call them
_LEAST_VARIANCE = 1e-8  # what LiteRT adds before it divides by the root
_NODES_OF_A_STEP = 64
_INPUT, _FORGET, _CELL, _OUTPUT = range(4)


@dataclass(frozen=True)
class Places:
    """Where the inputs of one direction begin: groups of four gates, in the order input, forget, cell, output."""

    weights: int
    recurrent: int
    peephole: int  # of the input, forget and output gate
    bias: int
    projection: int  # then its bias
    state: int  # then the cell's
    norm: int


_NONE = 99  # no operator has so many inputs
_ONE_WAY = Places(1, 5, 9, 12, 16, 18, 20)
_FORWARD, _BACKWARD = Places(1, 5, 9, 12, 16, 35, _NONE), Places(18, 22, 26, 29, 33, 37, _NONE)


@operator("UNIDIRECTIONAL_SEQUENCE_LSTM")
def _sequence_lstm(op: Operator) -> str:
    return _in_order(op, _lstm(op, _batches_first(op), _ONE_WAY))


@operator("BIDIRECTIONAL_SEQUENCE_LSTM")
def _bidirectional_lstm(op: Operator) -> list[str]:
    _refuse_second_input(op, 39)
    x = _batches_first(op)
    return _merged(op, _lstm(op, x, _FORWARD), _lstm(op, x, _BACKWARD, backwards=True))


@operator("UNIDIRECTIONAL_SEQUENCE_RNN")
def _sequence_rnn(op: Operator) -> str:
    return _in_order(op, _rnn(op, _batches_first(op), 1))


@operator("BIDIRECTIONAL_SEQUENCE_RNN")
def _bidirectional_rnn(op: Operator) -> list[str]:
    _refuse_second_input(op, 9)
    x = _batches_first(op)
    return _merged(op, _rnn(op, x, 1), _rnn(op, x, 5, backwards=True))


@operator("RNN")
def _one_step_rnn(op: Operator) -> str:
    return op.add("Squeeze", _rnn(op, op.add("ExpandDims", op.value(0), axis=1), 1), axis=[1])


@operator("LSTM")
def _one_step_lstm(op: Operator) -> list[str]:
    if op.option("basic"):
        return _basic_lstm(op)
    x = op.add("ExpandDims", op.value(0), axis=1)
    return [op.add("Squeeze", _lstm(op, x, _ONE_WAY, steps=1), axis=[1])]


def _basic_lstm(op: Operator) -> list[str]:
    """One product of the input and the last output; gates in the order input, cell, forget, output."""
    joined = op.add("ConcatV2", op.value(0), op.value(1), axis=1)
    sums = op.add("AddV2", op.add("MatMul", joined, op.make_constant(_matrix(op, 2).T, "weights")), op.value(3))
    into, new, forget, out = op.several("Split", sums, num_split=4, axis=1).outputs
    into, forget, out = (op.add("Sigmoid", v) for v in (into, forget, out))
    memory = op.add("AddV2", op.add("Mul", into, op.add("Tanh", new)), op.add("Mul", forget, op.value(4)))
    result = op.add("Mul", out, op.add("Tanh", memory))
    for i, value in ((1, result), (4, memory)):
        if op.tensor(i).is_variable:
            op.keep(i, value)
    return [result, memory, joined, sums]


@operator("SVDF")
def _svdf(op: Operator) -> str:
    """Features of the newest inputs, each filtered over time; a unit is the sum of ``rank`` of them."""
    features, over_time, rank = _matrix(op, 1), _matrix(op, 2), op.option("rank")
    filters, memory = over_time.shape
    if rank < 1 or filters % rank or len(features) != filters:
        raise op.fail(f"{len(features)} features, filters over time {list(over_time.shape)} and rank {rank}")
    newest = op.add("MatMul", op.value(0), op.make_constant(features.T, "features"))
    before = op.add("Reshape", op.value(4), shape=[-1, filters, memory])
    kept = op.add("Slice", before, begin=[0, 0, 1], size=[-1, filters, memory - 1])
    now = op.add("ConcatV2", kept, op.add("ExpandDims", newest, axis=2), axis=2)
    filtered = op.add("Sum", op.add("Mul", now, op.make_constant(over_time, "filters")), axis=[2])
    out = op.add("Sum", op.add("Reshape", filtered, shape=[-1, filters // rank, rank]), axis=[2])
    if op.has(3):
        out = op.add("AddV2", out, op.value(3))
    op.keep(4, op.add("Reshape", now, shape=[-1, filters * memory]))
    return op.bent(out, op.option("activation"))


# ---- what they share -------------------------------------------------------------------------------------------------


def _batches_first(op: Operator) -> str:
    return op.add("Transpose", op.value(0), perm=[1, 0, 2]) if op.option("time_major") else op.value(0)


def _in_order(op: Operator, value: str) -> str:
    return op.add("Transpose", value, perm=[1, 0, 2]) if op.option("time_major") else value


def _merged(op: Operator, forward: str, backward: str) -> list[str]:
    """The backward outputs stand at the steps that they belong to."""
    backward = op.add("ReverseV2", backward, axis=[1])
    if op.option("merge_outputs"):
        return [_in_order(op, op.add("ConcatV2", forward, backward, axis=2))]
    return [_in_order(op, forward), _in_order(op, backward)]


def _refuse_second_input(op: Operator, i: int) -> None:
    if op.has(i):
        raise op.fail(f"a second sequence as input {i} ('{op.tensor(i).name}') is not supported")


def _matrix(op: Operator, i: int) -> Array:
    found = op.weights(i)
    if found.ndim != 2:  # noqa: PLR2004 - of a matrix
        raise op.fail(f"input {i} is {list(found.shape)}; expected a matrix")
    return found


def _products(op: Operator, x: str, weights: Array, bias: str) -> str:
    """The inputs of all steps times [units, inputs] weights: one product."""
    dims = op.tensor(0).dims
    lengths = [-1 if d is None else d for d in dims[:-1]]
    lengths = [lengths[0], 1] if len(lengths) == 1 else lengths[::-1] if op.told.options.get("time_major") else lengths
    if len(dims) not in (2, 3) or lengths.count(-1) > 1:
        raise op.fail(f"an input {list(dims)} is not supported; one of batch and steps may be open")
    rows = op.add("Reshape", x, shape=[-1, weights.shape[1]])
    made = op.add("MatMul", rows, op.make_constant(weights.T, "weights"))
    made = op.add("AddV2", made, bias) if bias else made
    return op.add("Reshape", made, shape=[*lengths, len(weights)])


def _rnn(op: Operator, x: str, first: int, *, backwards: bool = False) -> str:
    """Weights, recurrent weights, bias and state follow each other."""
    sums = _products(op, x, _matrix(op, first), op.value(first + 2))
    recurrent = op.make_constant(_matrix(op, first + 1).T, "recurrent")
    node = op.several("SimpleRNN", sums, recurrent, op.value(first + 3), go_backwards=backwards,
                      activation=_activation(op))
    op.keep(first + 3, node.outputs[1])
    return node.outputs[0]


def _activation(op: Operator) -> str:
    name = op.option("activation")
    if name not in _ACTIVATIONS:
        raise op.fail(f"activation {name} is not supported")
    return _ACTIVATIONS[name]


# ---- long short-term memories ----------------------------------------------------------------------------------------


def _lstm(op: Operator, x: str, p: Places, *, backwards: bool = False, steps: int | None = None) -> str:
    """All outputs [batch, steps, units]. A node of its own where it is the usual one, else written out step by step."""
    gates = [g for g in range(4) if op.has(p.weights + g)]
    if gates not in ([0, 1, 2, 3], [1, 2, 3]):
        raise op.fail(f"weights of gates {gates} only")
    usual = len(gates) == 4 and not op.option("cell_clip") and not op.option("proj_clip")  # noqa: PLR2004
    usual = usual and not any(op.has(i) for i in (*range(p.peephole, p.peephole + 3), p.projection,
                                                  *range(p.norm, p.norm + 4)))
    weights, recurrent = (
        np.concatenate([_matrix(op, i + g) for g in gates]) for i in (p.weights, p.recurrent))
    if usual:
        bias = np.concatenate([op.weights(p.bias + g) for g in gates])
        sums = _products(op, x, weights, op.make_constant(bias, "bias"))
        node = op.several("LSTM", sums, op.make_constant(recurrent.T, "recurrent"), op.value(p.state),
                          op.value(p.state + 1), go_backwards=backwards, activation=_activation(op))
        results: Sequence[str] = node.outputs
    else:
        steps = steps or op.tensor(0).dims[0 if op.option("time_major") else 1]
        sums = _products(op, x, weights, "")
        results = _Cell(op, p, gates, op.make_constant(recurrent.T, "recurrent")).run(sums, steps, backwards=backwards)
    op.keep(p.state, results[1])
    op.keep(p.state + 1, results[2])
    return results[0]


@dataclass
class _Cell:
    """A memory with any of: one gate for input and forgetting, peepholes, layer norm, a projection, and clips."""

    op: Operator
    p: Places
    gates: list[int]
    recurrent: str
    made: dict[str, str] = field(default_factory=dict)

    def run(self, sums: str, steps: int | None, *, backwards: bool) -> Sequence[str]:
        """All outputs, the last one, and the last memory."""
        op = self.op
        if not steps:
            raise op.fail("with an open number of steps it is not supported")
        check_limit("the number of nodes", len(op.builder.nodes) + steps * _NODES_OF_A_STEP, LIMITS.nodes)
        h, c = op.value(self.p.state), op.value(self.p.state + 1)
        each = op.several("Unpack", sums, axis=1, num=steps).outputs
        outputs = []
        for x in each[::-1] if backwards else each:
            h, c = self._step(x, h, c)
            outputs.append(h)
        return op.add("Pack", *outputs, axis=1), h, c

    def _step(self, x: str, h: str, c: str) -> tuple[str, str]:
        op = self.op
        total = op.add("AddV2", x, op.add("MatMul", h, self.recurrent))
        parts = dict(zip(self.gates, op.several("Split", total, num_split=len(self.gates), axis=1).outputs,
                         strict=True))
        forget = op.add("Sigmoid", self._gate(_FORGET, parts, c))
        if _INPUT in parts:
            into = op.add("Sigmoid", self._gate(_INPUT, parts, c))
        else:
            into = op.add("Sub", self._constant("one", np.array(1, np.float32)), forget)
        new = op.bent(self._gate(_CELL, parts, ""), op.option("activation"))
        c = op.add("AddV2", op.add("Mul", forget, c), op.add("Mul", into, new))
        c = self._clipped(c, op.option("cell_clip"))
        out = op.add("Sigmoid", self._gate(_OUTPUT, parts, c))
        return self._projected(op.add("Mul", out, op.bent(c, op.option("activation")))), c

    def _gate(self, gate: int, parts: dict[int, str], memory: str) -> str:
        """A gate before its activation: the peephole at the memory, the norm, the bias."""
        op, value = self.op, parts[gate]
        peephole = self.p.peephole + {_INPUT: 0, _FORGET: 1, _OUTPUT: 2, _CELL: _NONE}[gate]
        if op.has(peephole):
            value = op.add("AddV2", value, op.add("Mul", memory, op.value(peephole)))
        if op.has(self.p.norm + gate):
            value = op.add("Mul", self._normed(value), op.value(self.p.norm + gate))
        return op.add("AddV2", value, op.value(self.p.bias + gate))

    def _normed(self, value: str) -> str:
        op = self.op
        centred = op.add("Sub", value, op.add("Mean", value, axis=[-1], keep_dims=True))
        variance = op.add("Mean", op.add("Square", centred), axis=[-1], keep_dims=True)
        least = self._constant("least", np.array(_LEAST_VARIANCE, np.float32))
        return op.add("Mul", centred, op.add("Rsqrt", op.add("AddV2", variance, least)))

    def _projected(self, value: str) -> str:
        op, p = self.op, self.p
        if not op.has(p.projection):
            return value
        value = op.add("MatMul", value, self._constant("projection", _matrix(op, p.projection).T))
        value = op.add("AddV2", value, op.value(p.projection + 1)) if op.has(p.projection + 1) else value
        return self._clipped(value, op.option("proj_clip"))

    def _constant(self, name: str, array: Array) -> str:
        """A constant that is made in the first step."""
        if name not in self.made:
            self.made[name] = self.op.make_constant(array, name)
        return self.made[name]

    def _clipped(self, value: str, most: float) -> str:
        return self.op.add("ClipByValue", value, clip_value_min=-most, clip_value_max=most) if most > 0 else value

