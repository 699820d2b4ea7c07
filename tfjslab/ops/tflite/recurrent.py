"""Recurrent operators in integers. What they remember is an input, and an output for the next call."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, ShapeError
from tfjslab.base.limits import in_time
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import multiply, quantize_multiplier, rounding_shift
from tfjslab.ops.tflite.transcendental import SHORT
from tfjslab.ops.tflite.values import F32, OUT, X, bounded
from tfjslab.ops.tflite.weighted import exact_sums

_GATES = 4  # input, forget, cell, output
_GATE_BITS = 3  # gates are Q3.12
_GATE_SCALE = 2.0**-12
_FLOPS_OF_A_GATE = 40  # about what the activations and the update of the memory take


def _expect(name: str, ins: Specs, expected: tuple[tuple[str, tuple[int, ...]], ...], words: str) -> None:
    """Fail unless the inputs are of these dtypes and shapes."""
    for word, spec, (dtype, shape) in zip(words.split(), ins, expected, strict=False):
        if spec.dtype != dtype:
            raise DTypeError(f"{name}: {word} is {spec.dtype}; expected {dtype}")
        if spec.known_shape != shape:
            raise ShapeError(f"{name}: {word} is {list(spec.known_shape)}; expected {list(shape)}")


# ---- long short-term memories ----------------------------------------------------------------------------------------

_LSTM = "TflUnidirectionalSequenceLstm"
_LSTM_INPUTS = "x filter filter_scale recurrent_kernel recurrent_scale bias h c"


def _infer_lstm(ins: Specs, _attrs: Attrs) -> list[Spec]:
    x, kernel = ins[0].known_shape, ins[3].known_shape
    if len(x) != 3 or len(kernel) != 2 or not kernel[0]:  # noqa: PLR2004 - batch, steps, features; a matrix
        raise ShapeError(f"{_LSTM}: x {list(x)} and recurrent_kernel {list(kernel)}; expected [batch, steps, features] "
                         f"and [units, {_GATES} * units]")
    (batch, steps, depth), units = x, kernel[0]
    wide = _GATES * units
    _expect(_LSTM, ins, (
        ("int8", x), ("int8", (depth, wide)), ("float32", (_GATES,)), ("int8", (units, wide)), ("float32", (_GATES,)),
        ("int32", (wide,)), ("int8", (batch, units)), ("int16", (batch, units)),
    ), _LSTM_INPUTS)
    return [Spec((batch, steps, units), "int8"), Spec((batch, units), "int8"), Spec((batch, units), "int16")]


def _lstm_flops(ins: Specs, outs: Specs, _attrs: Attrs) -> int:
    depth, units = ins[0].known_shape[2], ins[3].known_shape[0]
    return outs[0].size * _GATES * (2 * (depth + units) + _FLOPS_OF_A_GATE)


def _lstm_case(batch: int, steps: int, depth: int, units: int, **attrs: Any) -> Case:
    wide = _GATES * units
    given = (
        T((batch, steps, depth), "int8", lo=-128, hi=127), T((depth, wide), "int8", lo=-127, hi=127),
        T((_GATES,), lo=0.004, hi=0.02), T((units, wide), "int8", lo=-127, hi=127), T((_GATES,), lo=0.004, hi=0.02),
        T((wide,), "int32", lo=-9000, hi=9000), T((batch, units), "int8", lo=-128, hi=127),
        T((batch, units), "int16", lo=-32768, hi=32767),
    )
    scales = {"x_scale": 0.02, "x_zero": -7, "out_scale": 0.0075, "out_zero": 3, "hidden_scale": 0.0075,
              "hidden_zero": 3, "cell_bits": 4}
    return Case(given, {**scales, **attrs})


@op(_LSTM, _LSTM_INPUTS, infer=_infer_lstm, num_outputs=3, flops=_lstm_flops, attrs=(
    *X, *OUT, Attr("hidden_scale", "float"), Attr("hidden_zero", "int"), Attr("cell_bits", "int"),
    Attr("cell_clip", "int", 0),
), cases=(
    # Nothing comes in: sigmoid(0) * 32767 is 16384 and tanh(0) is 0, so half of the memory stays.
    Case((T((1, 1, 1), "int8", values=[0]), T((1, 4), "int8", values=[1] * 4), T((4,), values=[0.01] * 4),
          T((1, 4), "int8", values=[1] * 4), T((4,), values=[0.01] * 4), T((4,), "int32", values=[0] * 4),
          T((1, 1), "int8", values=[0]), T((1, 1), "int16", values=[0])),
         {"x_scale": 1.0, "x_zero": 0, "out_scale": 0.01, "out_zero": 0, "hidden_scale": 0.01, "hidden_zero": 0,
          "cell_bits": 4}, expect=[0]),
    _lstm_case(1, 5, 3, 4), _lstm_case(3, 4, 6, 9, cell_clip=9000, cell_bits=3),
    _lstm_case(2, 2, 5, 6, cell_bits=0, out_zero=-20, hidden_zero=-20), _lstm_case(0, 3, 2, 2),
))
def sequence_lstm(
    x: Array, kernel: Array, scale: Array, recurrent_kernel: Array, recurrent_scale: Array, bias: Array, h: Array,
    c: Array, **attrs: Any,
) -> tuple[Array, Array, Array]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM in integers: all outputs, the last one, and the last memory.

    Columns of the weights are those of the input, forget, cell and output gate, one scale each. Outputs are int8, the
    memory is int16 with ``cell_bits`` integer bits. LiteRT adds an output's zero point; older releases subtract it.
    """
    of_input = _gates_of(x, kernel, attrs["x_zero"], attrs["x_scale"], scale, bias)
    memory, outputs = c.astype(np.int64), []
    for step in in_time(range(x.shape[1]), "the next step of the sequence"):
        of_state = _gates_of(h, recurrent_kernel, attrs["out_zero"], attrs["out_scale"], recurrent_scale)
        h, memory = _step(_short(of_input[:, step] + of_state), memory, attrs)
        outputs.append(h)
    made = np.stack(outputs, axis=1) if outputs else np.zeros((*x.shape[:2], h.shape[1]), np.int8)
    return made, h, memory.astype(np.int16)


def _gates_of(
    x: Array, kernel: Array, zero: int, x_scale: float, scale: Array, bias: Array | None = None,
) -> Array:
    """What an input adds to the gates, in Q3.12."""
    sums = exact_sums(x, kernel, (zero, 0), (0,), np.matmul)
    if bias is not None:
        sums += bias
    multiplier, shift = (np.repeat(v, kernel.shape[1] // _GATES) for v in gate_multipliers(x_scale, scale))
    return _short(multiply(sums, multiplier, shift))


def gate_multipliers(x_scale: float, scale: Array) -> tuple[Array, Array]:
    """What the sums of each gate are multiplied by to be Q3.12, and the shifts."""
    real = F32(x_scale) * scale.astype(F32) / F32(_GATE_SCALE)
    return quantize_multiplier(real.astype(np.float64))


def hidden_multiplier(attrs: Attrs) -> tuple[Array, Array]:
    """What an output of Q0.15 times one is multiplied by, and the shift."""
    return quantize_multiplier(np.float64(F32(2.0**-30 / np.float64(F32(attrs["hidden_scale"])))))


def _step(gates: Array, memory: Array, attrs: Attrs) -> tuple[Array, Array]:
    """The output and the memory after a step."""
    into, forget, new, out = np.split(gates, _GATES, axis=-1)
    into, forget, out = (SHORT.sigmoid(g, _GATE_BITS) for g in (into, forget, out))
    bits = attrs["cell_bits"]
    kept = rounding_shift(forget * memory, SHORT.bits)
    memory = _short(kept + rounding_shift(into * SHORT.tanh(new, _GATE_BITS), SHORT.bits + bits))
    if clip := attrs["cell_clip"]:
        memory = np.clip(memory, -clip, clip)
    hidden = multiply(out * SHORT.tanh(memory, bits), *hidden_multiplier(attrs))
    return bounded(hidden + attrs["hidden_zero"], np.int8), memory


def _short(x: Array) -> Array:
    """Within the range of int16."""
    return np.clip(x, -SHORT.most - 1, SHORT.most)


# ---- filters over time -----------------------------------------------------------------------------------------------

_SVDF = "TflSvdf"
_SVDF_INPUTS = "x features filters state bias?"


def _infer_svdf(ins: Specs, attrs: Attrs) -> list[Spec]:
    x, features, filters = (s.known_shape for s in ins[:3])
    rank = attrs["rank"]
    if any(len(s) != 2 for s in (x, features, filters)) or rank < 1 or features[1] % rank or not filters[1]:  # noqa: PLR2004
        raise ShapeError(f"{_SVDF}: x {list(x)}, features {list(features)}, filters {list(filters)} and rank {rank}; "
                         "expected [batch, inputs], [inputs, filters], [filters, memory] and a divisor of filters")
    count, memory = features[1], filters[1]
    _expect(_SVDF, ins, (
        ("int8", x), ("int8", (x[1], count)), ("int16", (count, memory)), ("int16", (x[0], count * memory)),
        ("int32", (count // rank,)),
    ), _SVDF_INPUTS)
    return [Spec((x[0], count // rank), "int8"), Spec((x[0], count * memory), "int16")]


_SVDF_SCALES = {"x_scale": 0.02, "x_zero": 5, "out_scale": 0.05, "out_zero": -9, "features_scale": 0.01,
                "filters_scale": 0.0001, "state_scale": 0.002}


@op(_SVDF, _SVDF_INPUTS, infer=_infer_svdf, num_outputs=2, attrs=(
    *X, *OUT, Attr("features_scale", "float"), Attr("filters_scale", "float"), Attr("state_scale", "float"),
    Attr("rank", "int", 1),
), flops=lambda ins, _outs, _attrs: 2 * (ins[0].size * ins[1].known_shape[1] + ins[3].size), cases=(
    # (7 - 5) * 3 = 6, now the newest of the state [4, 6]; 4 * 2 + 6 * 1 + 2 = 16, and -9.
    Case((T((1, 1), "int8", values=[7]), T((1, 1), "int8", values=[3]), T((1, 2), "int16", values=[2, 1]),
          T((1, 2), "int16", values=[9, 4]), T((1,), "int32", values=[2])),
         {"x_scale": 1.0, "x_zero": 5, "out_scale": 1.0, "out_zero": -9, "features_scale": 1.0, "filters_scale": 1.0,
          "state_scale": 1.0}, expect=[7]),
    Case((T((2, 7), "int8", lo=-128, hi=127), T((7, 6), "int8", lo=-127, hi=127),
          T((6, 4), "int16", lo=-32768, hi=32767), T((2, 24), "int16", lo=-32768, hi=32767),
          T((3,), "int32", lo=-9000, hi=9000)), {**_SVDF_SCALES, "rank": 2}),
    Case((T((1, 5), "int8", lo=-128, hi=127), T((5, 4), "int8", lo=-127, hi=127),
          T((4, 1), "int16", lo=-32768, hi=32767), T((1, 4), "int16", lo=-32768, hi=32767)), _SVDF_SCALES),
))
def svdf(
    x: Array, features: Array, filters: Array, state: Array, bias: Array | None = None, *, rank: int, **attrs: Any,
) -> tuple[Array, Array]:
    """SVDF in integers: the sums of ``rank`` filters over time each, and the state after this call.

    The state holds the newest features of each filter, the last one of this call.
    """
    count, memory = filters.shape
    of_input, of_state = svdf_multipliers(attrs)
    newest = _short(multiply(exact_sums(x, features, (attrs["x_zero"], 0), (0,), np.matmul), *of_input))
    now = np.concatenate([state.reshape(-1, count, memory)[:, :, 1:], newest[:, :, None]], axis=2).astype(np.int64)
    units = (now * filters).sum(axis=2).reshape(-1, count // rank, rank).sum(axis=2)
    if bias is not None:
        units += bias
    out = multiply(units, *of_state) + attrs["out_zero"]
    return bounded(out, np.int8), now.reshape(-1, count * memory).astype(np.int16)


def svdf_multipliers(attrs: Attrs) -> tuple[tuple[int, int], tuple[int, int]]:
    """What sums of inputs are multiplied by to be a state, and those of states to be an output, each with a shift."""
    of_input = F32(attrs["x_scale"]) * F32(attrs["features_scale"]) / F32(attrs["state_scale"])
    of_state = F32(attrs["state_scale"]) * F32(attrs["filters_scale"]) / F32(attrs["out_scale"])
    first, second = (tuple(int(v) for v in quantize_multiplier(np.float64(real))) for real in (of_input, of_state))
    return (first[0], first[1]), (second[0], second[1])
