"""Activations as expressions: the one table that elementwise ops, fused ops, Keras layers and backends read.

``epilogue`` turns what a fused op does after its sums (bias, batch norm, activation) into one expression, from which
the numpy reference and the kernels of every backend come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.ops import expr as ex
from tfjslab.ops.expr import Expr, X, Y, param, prim

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _where_positive(yes: Expr, no: Expr) -> Expr:
    return prim("select", prim("ge", X, 0), yes, no)


RELU = prim("max", X, 0)
RELU6 = prim("min", RELU, 6)
_BELOW = prim("expm1_negative", prim("min", X, 0))  # 0 where x is positive
ELU = RELU + _BELOW
SELU = RELU * _SELU_SCALE + _BELOW * (_SELU_SCALE * _SELU_ALPHA)
PRELU = _where_positive(X, X * Y)
SIGMOID = prim("sigmoid", X)
TANH = prim("tanh", X)
# log(1 + exp(x)) without overflow.
SOFTPLUS = RELU + prim("log1p", prim("exp", -prim("abs", X)))
GELU = X * 0.5 * (prim("erf", X * math.sqrt(0.5)) + 1)
GELU_APPROXIMATE = X * 0.5 * (prim("tanh", (X + X * X * X * 0.044715) * math.sqrt(2 / math.pi)) + 1)
HARD_SWISH = X * prim("min", prim("max", X + 3, 0), 6) * (1 / 6)


def leaky_relu(alpha: str) -> Expr:
    """X where it is positive, else x times the attribute called ``alpha``."""
    return _where_positive(X, X * param(alpha))


# By the name in ``fused_ops`` of TensorFlow and the name of TF.js (and Keras). Prelu takes its slope as second input.
ACTIVATIONS: dict[str, Expr] = {
    tf_name: expression
    for names, expression in (
        (("Relu", "relu"), RELU), (("Relu6", "relu6"), RELU6), (("Elu", "elu"), ELU), (("Selu", "selu"), SELU),
        (("Prelu", "prelu"), PRELU), (("LeakyRelu", "leakyrelu"), leaky_relu("leakyrelu_alpha")),
        (("Sigmoid", "sigmoid"), SIGMOID), (("Tanh", "tanh"), TANH), (("Softplus", "softplus"), SOFTPLUS),
        (("GeluExact", "geluexact"), GELU), (("GeluApproximate", "geluapproximate"), GELU_APPROXIMATE),
        (("_FusedHardSwish", "_fusedhardswish"), HARD_SWISH), (("Linear", "linear"), X),
    )
    for tf_name in names
}

BIAS = "BiasAdd"
# What else stands in ``fused_ops``: bias, and batch norm with its inputs in TensorFlow's order.
_SCALE, _OFFSET, _MEAN, _VARIANCE = (Expr("in", leaf=i) for i in range(1, 5))
STEPS: dict[str, Expr] = {
    **ACTIVATIONS,
    BIAS: X + Y,
    "FusedBatchNorm": (X - _MEAN) * (_SCALE / prim("sqrt", _VARIANCE + param("epsilon"))) + _OFFSET,
}


@dataclass(frozen=True)
class Epilogue:
    """What follows the sums: ``expr`` over input 0 (the sum) and inputs 1 to ``num_args``, one value a channel each."""

    expr: Expr
    num_args: int

    def run(self, sums: Array, args: Sequence[Array], params: Mapping[str, Any]) -> Array:
        """Apply to ``sums`` whose last axis are the channels."""
        out: Array = ex.evaluate(self.expr, [sums, *args], params).astype(sums.dtype, copy=False)
        return out


def epilogue(fused_ops: Sequence[str]) -> Epilogue:
    """The chain of ``fused_ops``; its params are ``leakyrelu_alpha`` and ``epsilon``. UsageError for unknown names."""
    return _epilogue(tuple(fused_ops))


@lru_cache(maxsize=256)
def _epilogue(fused_ops: tuple[str, ...]) -> Epilogue:
    # A model asks for the same few chains several times a node.
    chain, used = X, 0
    for name in fused_ops:
        if name not in STEPS:
            raise UsageError(f"fused op {name!r} is not one of {', '.join(STEPS)}{did_you_mean(name, STEPS)}")
        step = STEPS[name]
        takes = ex.num_inputs(step) - 1
        chain = _then(chain, step, used)
        used += takes
    return Epilogue(chain, used)


def _then(chain: Expr, step: Expr, used: int) -> Expr:
    """``step`` applied to ``chain``, its further inputs renumbered behind the ``used`` ones; params stay."""

    def rule(x: Expr, args: tuple[Expr, ...]) -> Expr:
        if x.op == "in":
            return chain if x.leaf == 0 else Expr("in", leaf=used + x.leaf)
        return Expr(x.op, args, x.leaf)

    return ex.transform(step, rule)
