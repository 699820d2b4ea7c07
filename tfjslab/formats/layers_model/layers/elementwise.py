"""Keras 3's operations on single elements, which are layers in its functional models: arithmetic and functions."""

from __future__ import annotations

import math
from typing import Any

from tfjslab.base.dtypes import from_tf
from tfjslab.base.errors import DTypeError
from tfjslab.formats.layers_model.layers.activations import elu, glu_over, leaky_relu, softmax_over, sparsemax_over
from tfjslab.formats.layers_model.layers.call import Call, Value, layer
from tfjslab.formats.layers_model.layers.operands import arguments, as_float, each_of, operands, tensor
from tfjslab.formats.strict_json import show
from tfjslab.ops.cells import ACTIVATIONS, HARD_SIGMOID_3, celu, hard_shrink, soft_shrink, squareplus

# Keras's class, TensorFlow's op.
_FUNCTIONS = {
    "Sqrt": "Sqrt", "Rsqrt": "Rsqrt", "Exp": "Exp", "Expm1": "Expm1", "Log": "Log", "Log1p": "Log1p", "Sin": "Sin",
    "Cos": "Cos", "Tan": "Tan", "Sinh": "Sinh", "Cosh": "Cosh", "Tanh": "Tanh", "Arcsin": "Asin", "Arccos": "Acos",
    "Arctan": "Atan", "Arcsinh": "Asinh", "Arccosh": "Acosh", "Arctanh": "Atanh", "Erf": "Erf",
    "Reciprocal": "Reciprocal", "Sigmoid": "Sigmoid",
}
_OF_ANY_NUMBER = {
    "Abs": "Abs", "Absolute": "Abs", "Negative": "Neg", "Square": "Square", "Sign": "Sign", "Floor": "Floor",
    "Ceil": "Ceil", "Round": "Round", "Relu": "Relu", "Relu6": "Relu6",
}
_QUESTIONS = {"Isnan": "IsNan", "Isinf": "IsInf", "Isfinite": "IsFinite"}
# The op, and the dtype that it computes in at the least.
_ARITHMETIC = {
    "Divide": ("RealDiv", "float32"), "TrueDivide": ("RealDiv", "float32"), "DivideNoNan": ("DivNoNan", "float32"),
    "FloorDivide": ("FloorDiv", "int32"), "Mod": ("FloorMod", "int32"), "Power": ("Pow", "int32"),
    "Arctan2": ("Atan2", "float32"),
}
_COMPARISONS = {
    "Equal": "Equal", "NotEqual": "NotEqual", "Greater": "Greater", "GreaterEqual": "GreaterEqual", "Less": "Less",
    "LessEqual": "LessEqual",
}
_LOGIC = {"LogicalAnd": "LogicalAnd", "LogicalOr": "LogicalOr", "LogicalXor": "LogicalXor"}
# Activations without options, by their key.
_ACTIVATIONS = {
    "Silu": "silu", "Softplus": "softplus", "Softsign": "softsign", "LogSigmoid": "logsigmoid", "Selu": "selu",
    "HardSigmoid": HARD_SIGMOID_3, "HardSilu": "hardsilu", "HardTanh": "hardtanh", "TanhShrink": "tanhshrink",
    "SparsePlus": "sparseplus", "SparseSigmoid": "sparsesigmoid", "Mish": "mish",
}


def _first(c: Call) -> Any:
    """The first argument, by whatever name it was given."""
    return c.args[0] if c.args else next(iter(c.kwargs.values()), None)


def float_argument(c: Call) -> str:
    """The first argument as float32."""
    return as_float(c, tensor(c, _first(c)))


each_of(_FUNCTIONS, lambda c, tf_op: c.add(tf_op, float_argument(c)))
each_of(_OF_ANY_NUMBER, lambda c, tf_op: c.add(tf_op, *operands(c, [_first(c)], "int32")))
each_of(_QUESTIONS, lambda c, tf_op: c.add(tf_op, float_argument(c)))
each_of(_ARITHMETIC, lambda c, rule: c.add(rule[0], *operands(c, arguments(c, "x1", "x2"), rule[1])))
each_of(_COMPARISONS, lambda c, tf_op: c.add(tf_op, *operands(c, arguments(c, "x1", "x2"))))
each_of(_LOGIC, lambda c, tf_op: c.add(tf_op, *(tensor(c, v, "bool") for v in arguments(c, "x1", "x2"))))
each_of(_ACTIVATIONS, lambda c, key: str(ACTIVATIONS[key](c, float_argument(c))))


@layer("LogicalNot")
def _not(c: Call) -> str:
    return c.add("LogicalNot", tensor(c, _first(c), "bool"))


@layer("Clip")
def _clip(c: Call) -> str:
    x, low, high = arguments(c, "x", "x_min", "x_max")
    for tf_op, limit in (("Maximum", low), ("Minimum", high)):
        x = x if limit is None else Value(c.add(tf_op, *operands(c, (x, limit))))
    return tensor(c, x)


@layer("Where")
def _where(c: Call) -> str:
    condition, x1, x2 = arguments(c, "condition", "x1", "x2")
    if x1 is None or x2 is None:
        raise c.fail("where without values gives a shape that depends on the data")
    return c.add("SelectV2", tensor(c, condition, "bool"), *operands(c, (x1, x2)))


@layer("Cast")
def _cast(c: Call) -> str:
    x, dtype = arguments(c, "x", "dtype")
    return tensor(c, x, keras_dtype(c, dtype))


def keras_dtype(c: Call, name: Any) -> str:
    """The dtype that stands for Keras's: TF.js has one of floats and one of integers."""
    spelled = {"float16": "HALF", "float64": "DOUBLE", "float32": "FLOAT"}.get(str(name), str(name).upper())
    try:
        return "float32" if name == "bfloat16" else from_tf(f"DT_{spelled}")
    except DTypeError:
        raise c.fail(f"unknown dtype {show(name)}") from None


@layer("Log2")
def _log2(c: Call) -> str:
    return c.add("Mul", c.add("Log", float_argument(c)), c.constant("rate", 1 / math.log(2)))


@layer("Log10")
def _log10(c: Call) -> str:
    return c.add("Mul", c.add("Log", float_argument(c)), c.constant("rate", 1 / math.log(10)))


@layer("Exp2")
def _exp2(c: Call) -> str:
    return c.add("Exp", c.add("Mul", float_argument(c), c.constant("rate", math.log(2))))


# ---- activations with options ----------------------------------------------------------------------------------------


@layer("LeakyRelu")
def _leaky_relu(c: Call) -> str:
    return leaky_relu(c, float_argument(c), c.number("negative_slope", 0.2))


@layer("Elu")
def _elu(c: Call) -> str:
    return elu(c, float_argument(c), c.number("alpha", 1))


@layer("Celu")
def _celu(c: Call) -> str:
    return celu(c, float_argument(c), c.number("alpha", 1))


@layer("Gelu")
def _gelu(c: Call) -> str:
    key = "gelunew" if c.flag("approximate", default=True) else "gelu"
    return str(ACTIVATIONS[key](c, float_argument(c)))


@layer("Squareplus")
def _squareplus(c: Call) -> str:
    return squareplus(c, float_argument(c), c.number("b", 4))


@layer("SoftShrink")
def _soft_shrink(c: Call) -> str:
    return soft_shrink(c, float_argument(c), c.number("threshold", 0.5))


@layer("HardShrink")
def _hard_shrink(c: Call) -> str:
    return hard_shrink(c, float_argument(c), c.number("threshold", 0.5))


@layer("Threshold")
def _threshold(c: Call) -> str:
    x = float_argument(c)
    over = c.add("Greater", x, c.constant("threshold", c.number("threshold", 0)))
    return c.add("SelectV2", over, x, c.constant("default", c.number("default_value", 0)))


@layer("LogSoftmax")
def _log_softmax(c: Call) -> str:
    return softmax_over(c, float_argument(c), c.integers("axis", (-1,)), logarithm=True)


@layer("Glu")
def _glu(c: Call) -> str:
    return glu_over(c, float_argument(c), *c.integers("axis", (-1,), 1))


@layer("Sparsemax")
def _sparsemax(c: Call) -> str:
    return sparsemax_over(c, float_argument(c), *c.integers("axis", (-1,), 1))
