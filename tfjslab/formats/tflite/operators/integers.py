"""Operators whose tensors are quantized, as the integer ops of ``tfjslab.ops.tflite``."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tfjslab.formats.tflite.file import TfliteTensor
from tfjslab.formats.tflite.operator import Operator, converters, integer_operator
from tfjslab.formats.tflite.operators import (  # noqa: F401 - converters that serve here too
    control,
    elementwise,
    moving,
    states,
)
from tfjslab.formats.tflite.operators.custom import detections
from tfjslab.formats.tflite.operators.windows import (
    OHWI_TO_HWIO,
    OHWI_TO_HWOI,
    dense_dims,
    depthwise_filters,
    turned,
    window_attrs,
)
from tfjslab.ops.tflite.fixed_point import round_away
from tfjslab.ops.tflite.values import BYTES

_INT32 = np.iinfo(np.int32)
# The stored integers are moved, and nothing is computed with them: converted as for floats.
_MOVES = (
    "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "MIRROR_PAD", "PADV2", "PACK", "UNPACK", "SPLIT", "SPLIT_V",
    "SLICE", "STRIDED_SLICE", "GATHER", "GATHER_ND", "EMBEDDING_LOOKUP", "TILE", "BROADCAST_TO", "REVERSE_V2",
    "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "BATCH_TO_SPACE_ND", "SHAPE", "RANK", "CAST", "IF", "WHILE",
    "READ_VARIABLE", "ASSIGN_VARIABLE",
)
for _name in _MOVES:
    integer_operator(_name)(converters()[_name])
# The range of an activation in real numbers.
_RANGES: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None), "RELU": (0, None), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1),
}


def output_of(op: Operator) -> TfliteTensor:
    """The first output's tensor."""
    return op.subgraph.tensors[op.told.outputs[0]]


def scale_of(op: Operator, tensor: TfliteTensor, prefix: str) -> dict[str, Any]:
    """The scale and the zero point of a computed tensor, which has one of each."""
    q = tensor.quantization
    if q is None or q.scale.size != 1 or not np.isfinite(q.scale[0]) or q.scale[0] <= 0:
        raise op.fail(f"tensor '{tensor.name}' of {tensor.type.name} needs one positive scale")
    if not _INT32.min <= int(q.zero_point[0]) <= _INT32.max:
        raise op.fail(f"tensor '{tensor.name}' has the zero point {int(q.zero_point[0])}")
    return {f"{prefix}_scale": float(q.scale[0]), f"{prefix}_zero": int(q.zero_point[0])}


def scales_of(op: Operator, *given: int) -> dict[str, Any]:
    """Those of inputs, called x and y, and of the output."""
    found = scale_of(op, output_of(op), "out")
    for i, prefix in zip(given, "xy", strict=False):
        found |= scale_of(op, op.tensor(i), prefix)
    return found


def _bounds(op: Operator, activation: str) -> dict[str, int]:
    """Where an activation ends, as stored integers of the output."""
    if activation not in _RANGES:
        raise op.fail(f"activation {activation} is not supported on integers")
    out = scale_of(op, output_of(op), "out")
    ends = zip(("lowest", "highest"), _RANGES[activation], strict=True)
    scaled = {name: np.float32(end) / np.float32(out["out_scale"]) for name, end in ends if end is not None}
    return {name: int(round_away(value)) + out["out_zero"] for name, value in scaled.items()}


def _same_scale(op: Operator, *inputs: int) -> None:
    """Fail unless these inputs have the output's scale and zero point."""
    out = scale_of(op, output_of(op), "out")
    for i in inputs:
        if scale_of(op, op.tensor(i), "out") != out:
            raise op.fail(f"input {i} ('{op.tensor(i).name}') has another scale than the output")


# ---- weighted --------------------------------------------------------------------------------------------------------


def _weights(op: Operator, i: int, made: str) -> tuple[list[str], int]:
    """The filter and its scales as inputs, and its zero point."""
    tensor = op.tensor(i)
    q = tensor.quantization
    if tensor.data is None or q is None or np.any(q.zero_point != q.zero_point[0]):
        raise op.fail(f"filter '{tensor.name}' needs to be constant, with scales and one zero point")
    if tensor.type.name not in BYTES or (q.scale.size > 1 and q.zero_point[0]):
        raise op.fail(f"filter '{tensor.name}' of {tensor.type.name} is not supported")
    if not np.all(np.isfinite(q.scale) & (q.scale >= 0)):
        raise op.fail(f"filter '{tensor.name}' has a scale that is negative or not finite")
    return [made, op.make_constant(q.scale.astype(np.float32), "filter_scale")], int(q.zero_point[0])


def _bias(op: Operator, i: int) -> list[str]:
    """The bias, if any: int32, also where the file has it in 64 bits."""
    if not op.has(i):
        return []
    stored = op.tensor(i).data
    if stored is None:
        raise op.fail(f"bias '{op.tensor(i).name}' is no constant, which is not supported")
    if stored.dtype.kind != "i" or not np.array_equal(stored, stored.astype(np.int32)):
        raise op.fail(f"bias '{op.tensor(i).name}' of {stored.dtype} does not fit 32 bits, which is not supported")
    return [op.make_constant(stored.astype(np.int32), "bias")]


def _wide(op: Operator, bias: int) -> bool:
    """Whether sums have 64 bits: of int16, unless the bias has 32."""
    return output_of(op).type.name == "int16" and not (op.has(bias) and op.tensor(bias).type.name == "int32")


def _weighted(op: Operator, tfl: str, made: str, x: int, bias: int, **attrs: Any) -> str:
    filters, zero = _weights(op, 1, made)
    given = [op.value(x), *filters, *_bias(op, bias)]
    activation = op.told.options.get("activation", "NONE")
    return op.add(tfl, *given, filter_zero=zero, **scales_of(op, x), **_bounds(op, activation), **attrs)


@integer_operator("CONV_2D")
def _conv_2d(op: Operator) -> str:
    return _weighted(op, "TflConv2D", turned(op, 1, OHWI_TO_HWIO), 0, 2, wide=_wide(op, 2), **window_attrs(op))


@integer_operator("DEPTHWISE_CONV_2D")
def _depthwise(op: Operator) -> str:
    return _weighted(op, "TflDepthwiseConv2D", depthwise_filters(op), 0, 2, wide=_wide(op, 2), **window_attrs(op))


@integer_operator("TRANSPOSE_CONV")
def _transposed(op: Operator) -> str:
    """The output's shape, filters [out, height, width, in], the image, and perhaps a bias."""
    attrs = window_attrs(op, dilated=False)
    return _weighted(op, "TflTransposeConv", turned(op, 1, OHWI_TO_HWOI), 2, 3, wide=_wide(op, 3),
                     output_shape=op.attr(0), **attrs)


@integer_operator("FULLY_CONNECTED")
def _fully_connected(op: Operator) -> str:
    """Weights are [out, in]; rows are all but the last dimension."""
    units, depth, dims = dense_dims(op)
    rows = op.value(0)
    if len(op.tensor(0).dims) != 2 or op.tensor(0).dims[-1] != depth:  # noqa: PLR2004 - of a matrix
        rows = op.add("Reshape", rows, shape=[-1, depth])
    kernel, zero = _weights(op, 1, op.make_constant(op.weights(1).T, "weights"))
    out = op.add("TflFullyConnected", rows, *kernel, *_bias(op, 2), filter_zero=zero, **scales_of(op, 0),
                 **_bounds(op, op.option("activation")))
    return op.add("Reshape", out, shape=[*dims, units]) if dims else out


# ---- arithmetic ------------------------------------------------------------------------------------------------------


def _binary(tfl: str, op: Operator) -> str:
    return op.add(tfl, op.value(0), op.value(1), **scales_of(op, 0, 1), **_bounds(op, op.option("activation")))


for _name, _tfl in {"ADD": "TflAdd", "SUB": "TflSub", "MUL": "TflMul"}.items():
    integer_operator(_name)(partial(_binary, _tfl))


def _compared(tfl: str, op: Operator) -> str:
    return op.add(tfl, op.value(0), op.value(1))


for _name, _tfl in {"MAXIMUM": "TflMaximum", "MINIMUM": "TflMinimum"}.items():
    integer_operator(_name)(partial(_compared, _tfl))


def _relu(op: Operator) -> str:
    return op.add("TflRequantize", op.value(0), dtype=output_of(op).type.name, **scales_of(op, 0),
                  **_bounds(op, op.told.name))


for _name in ("RELU", "RELU6", "RELU_N1_TO_1"):
    integer_operator(_name)(_relu)


@integer_operator("LEAKY_RELU")
def _leaky_relu(op: Operator) -> str:
    return op.add("TflLeakyRelu", op.value(0), alpha=op.option("alpha"), **scales_of(op, 0))


def _only_bytes(op: Operator) -> None:
    """Fail on int16, whose tables are others."""
    if (found := op.tensor(0)).type.name not in BYTES:
        raise op.fail(f"tensor '{found.name}' is {found.type.name}; only int8 and uint8 are supported")


def _table(tfl: str, op: Operator) -> str:
    _only_bytes(op)
    return op.add(tfl, op.value(0), **scales_of(op, 0))


for _name, _tfl in {"LOGISTIC": "TflLogistic", "TANH": "TflTanh", "HARD_SWISH": "TflHardSwish"}.items():
    integer_operator(_name)(partial(_table, _tfl))


@integer_operator("QUANTIZE")
def _quantize(op: Operator) -> str:
    """From floats, or from one scale to another."""
    dtype = output_of(op).type.name
    if op.tensor(0).type.dtype == "float32":
        return op.add("TflQuantize", op.value(0), dtype=dtype, **scales_of(op))
    return op.add("TflRequantize", op.value(0), dtype=dtype, **scales_of(op, 0))


@integer_operator("DEQUANTIZE")
def _dequantize(op: Operator) -> str:
    return _real(op, 0)


def _real(op: Operator, i: int) -> str:
    """What the stored integers of input ``i`` mean; floats as they are."""
    if op.tensor(i).type.name == "float32":
        return op.value(i)
    return op.add("TflDequantize", op.value(i), **scale_of(op, op.tensor(i), "x"))


@integer_operator("TFLite_Detection_PostProcess")
def _detection(op: Operator) -> list[str]:
    """Computed in floats, whatever its inputs are."""
    return detections(op, *(_real(op, i) for i in range(3)))


@integer_operator("SOFTMAX")
def _softmax(op: Operator) -> str:
    """Its output has a fixed scale."""
    _only_bytes(op)
    out, dtype = scale_of(op, output_of(op), "out"), output_of(op).type.name
    kind = np.iinfo(dtype)
    if out["out_scale"] != 2.0**-kind.bits or out["out_zero"] != kind.min:
        raise op.fail(f"an output of {dtype} with scale {out['out_scale']} and zero point {out['out_zero']}")
    scale = scale_of(op, op.tensor(0), "x")["x_scale"]
    return op.add("TflSoftmax", op.value(0), x_scale=scale, beta=op.option("beta"), dtype=dtype)


# ---- pools and reductions --------------------------------------------------------------------------------------------


def _pooled(tfl: str, op: Operator) -> str:
    size = [op.option("filter_height"), op.option("filter_width")]
    bounds = _bounds(op, op.option("activation"))
    return op.add(tfl, op.value(0), ksize=size, **window_attrs(op, dilated=False), **bounds)


for _name, _tfl in {"AVERAGE_POOL_2D": "TflAveragePool2D", "MAX_POOL_2D": "TflMaxPool2D"}.items():
    integer_operator(_name)(partial(_pooled, _tfl))


@integer_operator("MEAN")
def _mean(op: Operator) -> str:
    axis = op.attr(1)
    return op.add("TflMean", op.value(0), axis=axis, keep_dims=bool(op.option("keep_dims")), **scales_of(op, 0))


def _place_of(op: Operator, *, smallest: bool) -> str:
    return op.add("TflArgMax", op.value(0), axis=op.attr(1), smallest=smallest)


for _name in ("ARG_MAX", "ARG_MIN"):
    integer_operator(_name)(partial(_place_of, smallest=_name == "ARG_MIN"))


def _resized(tfl: str, op: Operator) -> str:
    flags = {name: bool(op.option(name)) for name in ("align_corners", "half_pixel_centers")}
    return op.add(tfl, op.value(0), size=op.attr(1), **flags)


for _name, _tfl in {
    "RESIZE_BILINEAR": "TflResizeBilinear", "RESIZE_NEAREST_NEIGHBOR": "TflResizeNearestNeighbor",
}.items():
    integer_operator(_name)(partial(_resized, _tfl))


# ---- moves that need the zero point, or one scale --------------------------------------------------------------------


def _zero(op: Operator) -> int:
    """What stands for the real number 0 in the output: its zero point, where it is quantized."""
    q = output_of(op).quantization
    return int(q.zero_point[0]) if q is not None else 0


@integer_operator("PAD")
def _pad(op: Operator) -> str:
    return op.add("PadV2", op.value(0), paddings=op.attr(1), constant_value=_zero(op))


@integer_operator("SPACE_TO_BATCH_ND")
def _space_to_batch(op: Operator) -> str:
    """Padded first, with the zero point."""
    x, paddings, rank = op.value(0), op.weights(2), len(op.tensor(0).dims)
    if paddings.any():
        whole = [[0, 0], *paddings.tolist(), *[[0, 0]] * (rank - 1 - len(paddings))]
        x = op.add("PadV2", x, paddings=whole, constant_value=_zero(op))
    return op.add("SpaceToBatchND", x, block_shape=op.attr(1), paddings=np.zeros_like(paddings).tolist())


@integer_operator("CONCATENATION")
def _concatenation(op: Operator) -> str:
    """Inputs of uint8 with another scale than the output are brought to it; of int8 and int16 all must be equal."""
    given = [_brought(op, i) for i in range(op.count)]
    joined = op.add("ConcatV2", *given, axis=op.option("axis")) if len(given) > 1 else given[0]
    if op.option("activation") != "NONE":
        raise op.fail(f"activation {op.option('activation')} is not supported on integers")
    return joined


def _brought(op: Operator, i: int) -> str:
    out = output_of(op)
    if out.quantization is None or out.type.name != "uint8":
        if out.quantization is not None:
            _same_scale(op, i)
        return op.value(i)
    own, wanted = scale_of(op, op.tensor(i), "x"), scale_of(op, out, "out")
    if (own["x_scale"], own["x_zero"]) == (wanted["out_scale"], wanted["out_zero"]):
        return op.value(i)
    return op.add("TflRescale", op.value(i), **own, **wanted)
