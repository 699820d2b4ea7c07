"""Operators whose tensors are quantized, as the integer ops of ``tfjslab.ops.tflite``."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tfjslab.formats.tflite.file import TfliteTensor
from tfjslab.formats.tflite.operator import LEFT_OUT, Operator, converters, integer_operator
from tfjslab.formats.tflite.operators import (  # noqa: F401 - converters that serve here too
    control,
    elementwise,
    moving,
    segments,
    stablehlo,
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

_NEAR = 1e-3  # how far a scale may be from the one that is fixed, as LiteRT checks it
# The stored integers are moved, and nothing is computed with them: converted as for floats.
_MOVES = (
    "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "MIRROR_PAD", "PADV2", "PACK", "UNPACK", "SPLIT", "SPLIT_V",
    "SLICE", "STRIDED_SLICE", "GATHER", "GATHER_ND", "EMBEDDING_LOOKUP", "TILE", "BROADCAST_TO", "REVERSE_V2",
    "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "BATCH_TO_SPACE_ND", "SHAPE", "RANK", "IF", "WHILE", "CALL",
    "STABLEHLO_COMPOSITE", "READ_VARIABLE", "ASSIGN_VARIABLE", "WHERE", "FILL", "UNIQUE", "SCATTER_ND",
    "SPARSE_TO_DENSE", "DYNAMIC_UPDATE_SLICE", "REVERSE_SEQUENCE", "ZEROS_LIKE",
)
for _name in _MOVES:
    integer_operator(_name)(converters()[_name])
# The range of an activation in real numbers.
_RANGES: dict[str, tuple[float | None, float | None]] = {
    **dict.fromkeys(("NONE", *LEFT_OUT), (None, None)),
    "RELU": (0, None), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1), "RELU_0_TO_1": (0, 1),
}


def output_of(op: Operator) -> TfliteTensor:
    """The first output's tensor."""
    return op.subgraph.tensors[op.told.outputs[0]]


def scale_of(op: Operator, tensor: TfliteTensor, prefix: str) -> dict[str, Any]:
    """The scale and the zero point of a computed tensor, which has one of each."""
    q = tensor.quantization
    if q is None or q.scale.size != 1 or not np.isfinite(q.scale[0]) or q.scale[0] <= 0:
        raise op.fail(f"tensor '{tensor.name}' of {tensor.type.name} needs one positive scale")
    return {f"{prefix}_scale": float(q.scale[0]), f"{prefix}_zero": int(q.zero_point[0])}


def scales_of(op: Operator, *given: int) -> dict[str, Any]:
    """Those of inputs, called x and y, and of the output."""
    found = scale_of(op, output_of(op), "out")
    for i, prefix in zip(given, "xy", strict=False):
        found |= scale_of(op, op.tensor(i), prefix)
    return found


def _bounds(op: Operator, activation: str) -> dict[str, int]:
    """Where an activation ends, as stored integers of the output."""
    out = scale_of(op, output_of(op), "out")
    ends = zip(("lowest", "highest"), _RANGES[activation], strict=True)
    with np.errstate(over="ignore"):
        scaled = {name: np.float32(end) / np.float32(out["out_scale"]) for name, end in ends if end is not None}
    if not all(np.isfinite(v) for v in scaled.values()):
        raise op.fail(f"activation {activation} ends beyond the integers of scale {out['out_scale']}")
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
    if (out := output_of(op).type.name) != op.tensor(0).type.name:
        raise op.fail(f"an output of {out} from {op.tensor(0).type.name} is not supported")
    return op.add(tfl, op.value(0), op.value(1), **_powers(op), **scales_of(op, 0, 1),
                  **_bounds(op, op.option("activation")))


def _powers(op: Operator) -> dict[str, bool]:
    """Whether a sum of int16 has the kernel for scales that are powers of two, of which one is the output's."""
    if not op.told.options.get("pot_scale_int16") or output_of(op).type.name != "int16":
        return {}
    found = scales_of(op, 0, 1)
    logs = np.log2([found[f"{name}_scale"] for name in ("out", "x", "y")])
    out, *given = np.rint(logs)
    return {"powers": bool(np.abs(logs - np.rint(logs)).max() < _NEAR and max(given) == out)}


for _name, _tfl in {"ADD": "TflAdd", "SUB": "TflSub", "MUL": "TflMul", "DIV": "TflDiv"}.items():
    integer_operator(_name)(partial(_binary, _tfl))


def _compared(tfl: str, op: Operator) -> str:
    return op.add(tfl, op.value(0), op.value(1))


for _name, _tfl in {"MAXIMUM": "TflMaximum", "MINIMUM": "TflMinimum"}.items():
    integer_operator(_name)(partial(_compared, _tfl))


def _relu(op: Operator) -> str:
    return op.add("TflRequantize", op.value(0), dtype=output_of(op).type.name, **scales_of(op, 0),
                  **_bounds(op, op.told.name))


for _name in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"):
    integer_operator(_name)(_relu)


@integer_operator("LEAKY_RELU")
def _leaky_relu(op: Operator) -> str:
    return op.add("TflLeakyRelu", op.value(0), alpha=op.option("alpha"), **scales_of(op, 0))


def _only_bytes(op: Operator) -> None:
    """Fail on int16, whose tables are others."""
    if (found := op.tensor(0)).type.name not in BYTES:
        raise op.fail(f"tensor '{found.name}' is {found.type.name}; only int8 and uint8 are supported")


@integer_operator("HARD_SWISH")
def _hard_swish(op: Operator) -> str:
    _only_bytes(op)
    return op.add("TflHardSwish", op.value(0), **scales_of(op, 0))


def _sigmoid(name: str, op: Operator) -> str:
    """Of int16 the output has a fixed scale."""
    if op.tensor(0).type.name in BYTES:
        return op.add(f"Tfl{name}", op.value(0), **scales_of(op, 0))
    return op.add(f"TflShort{name}", op.value(0), **_symmetric(op, 2.0**-15))


for _name, _tfl in {"LOGISTIC": "Logistic", "TANH": "Tanh"}.items():
    integer_operator(_name)(partial(_sigmoid, _tfl))


def _symmetric(op: Operator, wanted: float) -> dict[str, float]:
    """The input's scale; fail unless the zero points are 0 and the output has the scale that is fixed."""
    given, out = scale_of(op, op.tensor(0), "x"), scale_of(op, output_of(op), "out")
    if given["x_zero"] or out["out_zero"] or abs(out["out_scale"] / wanted - 1) > _NEAR:
        raise op.fail(f"zero points {given['x_zero']} and {out['out_zero']} and an output with scale "
                      f"{out['out_scale']}; expected 0, 0 and {wanted}")
    return {"x_scale": given["x_scale"]}


@integer_operator("QUANTIZE")
def _quantize(op: Operator) -> str:
    """From floats, or from one scale to another."""
    dtype = output_of(op).type.name
    if op.tensor(0).type.dtype == "float32":
        q = output_of(op).quantization
        if q is not None and (scales := _along_axis(op, output_of(op))) is not None:
            if np.any(q.zero_point != _zero(op)):
                raise op.fail(f"tensor '{output_of(op).name}' has several zero points along an axis; expected one")
            parts = op.add("RealDiv", op.value(0), scales)
            return op.add("TflQuantize", parts, dtype=dtype, out_scale=1.0, out_zero=_zero(op))
        return op.add("TflQuantize", op.value(0), dtype=dtype, **scales_of(op))
    return op.add("TflRequantize", op.value(0), dtype=dtype, **scales_of(op, 0))


@integer_operator("DEQUANTIZE")
def _dequantize(op: Operator) -> str:
    return _real(op, 0)


def _along_axis(op: Operator, tensor: TfliteTensor) -> str | None:
    """The scales of a tensor that has several, in the shape of its axis; None where it has one."""
    q = tensor.quantization
    if q is None or q.scale.size == 1:
        return None
    if not np.all(np.isfinite(q.scale) & (q.scale > 0)):
        raise op.fail(f"tensor '{tensor.name}' has a scale that is not positive or not finite")
    return op.make_constant(np.asarray(q.along(q.scale, len(tensor.dims)), np.float32), "scales")


def _real(op: Operator, i: int) -> str:
    """What the stored integers of input ``i`` mean; floats as they are."""
    if op.tensor(i).type.name == "float32":
        return op.value(i)
    q, rank = op.tensor(i).quantization, len(op.tensor(i).dims)
    if q is not None and (scales := _along_axis(op, op.tensor(i))) is not None:
        zeros = op.make_constant(np.asarray(q.along(q.zero_point, rank), np.float32), "zeros")
        whole = op.add("TflDequantize", op.value(i), x_scale=1.0, x_zero=0)
        return op.add("Mul", op.add("Sub", whole, zeros), scales)
    return op.add("TflDequantize", op.value(i), **scale_of(op, op.tensor(i), "x"))


@integer_operator("TFLite_Detection_PostProcess")
def _detection(op: Operator) -> list[str]:
    """Computed in floats, whatever its inputs are."""
    return detections(op, *(_real(op, i) for i in range(3)))


@integer_operator("SOFTMAX")
def _softmax(op: Operator) -> str:
    """Its output has a fixed scale."""
    if op.tensor(0).type.name not in BYTES:
        return op.add("TflShortSoftmax", op.value(0), beta=op.option("beta"), **_symmetric(op, 2.0**-15))
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


@integer_operator("REDUCE_PROD")
def _product(op: Operator) -> str:
    return op.add("TflProd", op.value(0), axis=op.attr(1), keep_dims=bool(op.option("keep_dims")), **scales_of(op, 0))


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
    """Inputs of uint8 are brought to the output's scale; of int8 all must have it, of int16 all are moved."""
    given = [_brought(op, i) for i in range(op.count)]
    joined = op.add("ConcatV2", *given, axis=op.option("axis")) if len(given) > 1 else given[0]
    if op.option("activation") != "NONE":
        raise op.fail(f"activation {op.option('activation')} is not supported on integers")
    return joined


def _brought(op: Operator, i: int) -> str:
    out = output_of(op)
    if out.quantization is None or out.type.name != "uint8":
        if out.quantization is not None and out.type.name == "int8":
            _same_scale(op, i)
        return op.value(i)
    own, wanted = scale_of(op, op.tensor(i), "x"), scale_of(op, out, "out")
    if (own["x_scale"], own["x_zero"]) == (wanted["out_scale"], wanted["out_zero"]):
        return op.value(i)
    return op.add("TflRescale", op.value(i), **own, **wanted)
