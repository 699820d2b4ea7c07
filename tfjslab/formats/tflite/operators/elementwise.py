"""Elementwise operators, and what is composed of them."""

from __future__ import annotations

from functools import partial

import numpy as np

from tfjslab.formats.tflite.operator import Operator, operator

# What is called otherwise and computes the same, inputs in the same order.
PLAIN = {
    "ABS": "Abs", "CEIL": "Ceil", "COS": "Cos", "ELU": "Elu", "EXP": "Exp", "FLOOR": "Floor", "LOG": "Log",
    "LOGICAL_NOT": "LogicalNot", "LOGISTIC": "Sigmoid", "NEG": "Neg", "RELU": "Relu", "RELU6": "Relu6",
    "ROUND": "Round", "RSQRT": "Rsqrt", "SIGN": "Sign", "SIN": "Sin", "SQRT": "Sqrt", "SQUARE": "Square",
    "TANH": "Tanh", "ZEROS_LIKE": "ZerosLike",
    "ATAN2": "Atan2", "EQUAL": "Equal", "FLOOR_DIV": "FloorDiv", "FLOOR_MOD": "FloorMod", "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterEqual", "LESS": "Less", "LESS_EQUAL": "LessEqual", "LOGICAL_AND": "LogicalAnd",
    "LOGICAL_OR": "LogicalOr", "MAXIMUM": "Maximum", "MINIMUM": "Minimum", "NOT_EQUAL": "NotEqual", "POW": "Pow",
    "SQUARED_DIFFERENCE": "SquaredDifference", "ADD_N": "AddN", "SELECT": "Select", "SELECT_V2": "SelectV2",
    "PRELU": "Prelu",
}


def _plain(tf_op: str, op: Operator) -> str:
    return op.add(tf_op, *op.all_values)


for _name, _tf in PLAIN.items():
    operator(_name)(partial(_plain, _tf))


def _binary(tf_op: str, op: Operator) -> str:
    return op.activated(op.add(tf_op, op.value(0), op.value(1)))


for _name, _tf in {"ADD": "AddV2", "SUB": "Sub", "MUL": "Mul"}.items():
    operator(_name)(partial(_binary, _tf))


@operator("DIV")
def _div(op: Operator) -> str:
    """Of integers, towards zero."""
    a, b = op.value(0), op.value(1)
    if op.tensor(0).type.dtype != "int32":
        return op.activated(op.add("RealDiv", a, b))
    return op.activated(divided(op, a, b))


def divided(op: Operator, a: str, b: str) -> str:
    """Integers without the fraction of their quotient."""
    sign = op.add("Mul", op.add("Sign", a), op.add("Sign", b))
    return op.add("Mul", sign, op.add("FloorDiv", op.add("Abs", a), op.add("Abs", b)))


@operator("RELU_N1_TO_1")
def _relu_n1_to_1(op: Operator) -> str:
    return op.add("ClipByValue", op.value(0), clip_value_min=-1.0, clip_value_max=1.0)


@operator("RELU_0_TO_1")
def _relu_0_to_1(op: Operator) -> str:
    return op.add("ClipByValue", op.value(0), clip_value_min=0.0, clip_value_max=1.0)


@operator("LEAKY_RELU")
def _leaky_relu(op: Operator) -> str:
    return op.add("LeakyRelu", op.value(0), alpha=op.option("alpha"))


@operator("HARD_SWISH")
def _hard_swish(op: Operator) -> str:
    """X * relu6(x + 3) / 6."""
    moved = op.add("AddV2", op.value(0), _scalar(op, 3.0, "three"))
    part = op.add("Mul", op.add("Relu6", moved), _scalar(op, 1 / 6, "sixth"))
    return op.add("Mul", op.value(0), part)


@operator("GELU")
def _gelu(op: Operator) -> str:
    """By tanh where it is approximate, else by erf."""
    x = op.value(0)
    if op.option("approximate"):
        cube = op.add("Mul", op.add("Mul", x, x), x)
        inner = op.add("AddV2", x, op.add("Mul", cube, _scalar(op, 0.044715, "cubic")))
        bent = op.add("Tanh", op.add("Mul", inner, _scalar(op, (2 / np.pi) ** 0.5, "root")))
    else:
        bent = op.add("Erf", op.add("Mul", x, _scalar(op, 0.5**0.5, "root")))
    part = op.add("Mul", op.add("AddV2", bent, _scalar(op, 1.0, "one")), _scalar(op, 0.5, "half"))
    return op.add("Mul", x, part)


@operator("CAST")
def _cast(op: Operator) -> str:
    wanted = op.subgraph.tensors[op.told.outputs[0]].type
    if not wanted.dtype:
        raise op.fail(f"a cast to {wanted.name} is not supported")
    return op.add("Cast", op.value(0), dtype=wanted.dtype)


def _scalar(op: Operator, value: float, name: str) -> str:
    return op.make_constant(np.array(value, np.float32), name)
