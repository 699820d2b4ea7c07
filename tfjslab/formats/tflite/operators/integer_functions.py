"""Operators whose tensors are quantized, beside those of convolutional networks: functions, comparisons, products."""

from __future__ import annotations

from functools import partial

from tfjslab.formats.tflite.operator import Operator, integer_operator, operator
from tfjslab.formats.tflite.operators.integers import output_of, scale_of, scales_of
from tfjslab.ops.tflite.values import BYTES

_EXACT = {"int8": (2.0**-7, 0), "uint8": (2.0**-7, 128)}  # scales and zero points that outputs have to have
_LOGARITHMS = {"int8": (2.0**-4, 127), "uint8": (2.0**-4, 255)}


def _function(name: str, op: Operator) -> str:
    return op.add("TflFunction", op.value(0), function=name, **scales_of(op, 0))


for _name, _function_name in {"EXP": "exp", "LOG": "log", "ELU": "elu"}.items():
    integer_operator(_name)(partial(_function, _function_name))


@integer_operator("GELU")
def _gelu(op: Operator) -> str:
    return _function("gelu_by_tanh" if op.option("approximate") else "gelu", op)


@integer_operator("RSQRT")
def _rsqrt(op: Operator) -> str:
    """Of int16 by a table."""
    if op.tensor(0).type.name == "int16":
        return _function("rsqrt", op)
    return op.add("TflRsqrt", op.value(0), **scales_of(op, 0))


def _scaled(tfl: str, op: Operator) -> str:
    return op.add(tfl, op.value(0), **scales_of(op, 0))


for _name, _tfl in {"ABS": "TflAbs", "SQRT": "TflSqrt"}.items():
    integer_operator(_name)(partial(_scaled, _tfl))


def _paired(tfl: str, op: Operator) -> str:
    return op.add(tfl, op.value(0), op.value(1), **scales_of(op, 0, 1))


for _name, _tfl in {"SQUARED_DIFFERENCE": "TflSquaredDifference", "PRELU": "TflPrelu"}.items():
    integer_operator(_name)(partial(_paired, _tfl))


@integer_operator("BATCH_MATMUL")
def _batch_matmul(op: Operator) -> str:
    turned = {name: bool(op.option(name)) for name in ("adj_x", "adj_y")}
    return op.add("TflBatchMatMul", op.value(0), op.value(1), **turned, **scales_of(op, 0, 1))


def _compared(by: str, op: Operator) -> str:
    """Stored integers of one scale, and of 16 bits, as they are."""
    first, second = op.tensor(0), op.tensor(1)
    if first.type.name not in BYTES or first.quantization is None or second.quantization is None:
        wide = [op.add("Cast", op.value(i), dtype="int32") for i in range(2)]
        return op.add(by, *wide)
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in by).strip("_")
    return op.add("TflCompare", op.value(0), op.value(1), by=name, **scale_of(op, first, "x"),
                  **scale_of(op, second, "y"))


for _name in ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"):
    _theirs = "".join(f"_{c}" if c.isupper() else c.upper() for c in _name).strip("_")
    integer_operator(_theirs)(partial(_compared, _name))


def _check_output(op: Operator, wanted: dict[str, tuple[float, int]]) -> None:
    out, dtype = scale_of(op, output_of(op), "out"), output_of(op).type.name
    if wanted.get(dtype) != (out["out_scale"], out["out_zero"]):
        raise op.fail(f"an output of {dtype} with scale {out['out_scale']} and zero point {out['out_zero']}")


@integer_operator("L2_NORMALIZATION")
def _l2_normalization(op: Operator) -> str:
    _check_output(op, _EXACT)
    return op.add("TflL2Normalization", op.value(0), x_zero=scale_of(op, op.tensor(0), "x")["x_zero"])


@integer_operator("LOG_SOFTMAX")
def _log_softmax(op: Operator) -> str:
    _check_output(op, _LOGARITHMS)
    return op.add("TflLogSoftmax", op.value(0), x_scale=scale_of(op, op.tensor(0), "x")["x_scale"])


@integer_operator("CAST")
def _cast(op: Operator) -> str:
    """Of the stored numbers, whatever their scales are."""
    wanted = output_of(op).type
    if not wanted.dtype:
        raise op.fail(f"a cast to {wanted.name} is not supported")
    if wanted.name in ("int8", "uint8", "int16"):
        same = op.tensor(0).type.name == wanted.name
        return op.value(0) if same else op.add("TflCast", op.value(0), dtype=wanted.name)
    return op.add("Cast", op.value(0), dtype=wanted.dtype)




@operator("BITCAST")
@integer_operator("BITCAST")
def _bitcast(op: Operator) -> str:
    """Of numbers that a graph holds as wide as the file does."""
    given, wanted = op.tensor(0).type, output_of(op).type
    if other := next((t.name for t in (given, wanted) if t.name != t.dtype or t.name == "bool"), ""):
        raise op.fail(f"bits of {other} are not supported")
    return op.add("TflBitcast", op.value(0), dtype=wanted.dtype)
