"""Reductions, softmax and norms."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from tfjslab.formats.tflite.operator import Operator, operator
from tfjslab.formats.tflite.operators.elementwise import divided

_LEAST_NORM = 1e-6


def _reduced(tf_op: str, op: Operator) -> str:
    """Sums and products of truth values are truth values: whether any is true, and whether all are."""
    if op.tensor(0).type.dtype == "bool":
        tf_op = {"Sum": "Any", "Prod": "All"}.get(tf_op, tf_op)
    return op.add(tf_op, op.value(0), axis=op.attr(1), keep_dims=bool(op.option("keep_dims")))


REDUCERS = {
    "SUM": "Sum", "REDUCE_PROD": "Prod", "REDUCE_MAX": "Max", "REDUCE_MIN": "Min",
    "REDUCE_ANY": "Any", "REDUCE_ALL": "All",
}
for _name, _tf in REDUCERS.items():
    operator(_name)(partial(_reduced, _tf))


@operator("MEAN")
def _mean(op: Operator) -> str:
    """Of integers, the sum divided by the number of elements, without a fraction."""
    if op.tensor(0).type.dtype != "int32":
        return _reduced("Mean", op)
    dims, axes = op.tensor(0).dims, np.atleast_1d(op.weights(1))
    lengths = [dims[a] for a in {int(a) % len(dims) for a in axes}] if dims else []
    if None in lengths:
        raise op.fail(f"a mean of integers over open lengths of {list(dims)} is not supported")
    count = op.make_constant(np.array(math.prod(n or 0 for n in lengths), np.int32), "count")
    return divided(op, _reduced("Sum", op), count)


def _place_of(tf_op: str, op: Operator) -> str:
    return op.add(tf_op, op.value(0), axis=op.single(1))


for _name, _tf in {"ARG_MAX": "ArgMax", "ARG_MIN": "ArgMin"}.items():
    operator(_name)(partial(_place_of, _tf))


@operator("SOFTMAX")
def _softmax(op: Operator) -> str:
    """Along the last axis, of the input times ``beta``."""
    x, beta = op.value(0), op.option("beta")
    if beta != 1:
        x = op.add("Mul", x, op.make_constant(np.array(beta, np.float32), "beta"))
    return op.add("Softmax", x)


@operator("LOG_SOFTMAX")
def _log_softmax(op: Operator) -> str:
    return op.add("LogSoftmax", op.value(0))


@operator("L2_NORMALIZATION")
def _l2_normalization(op: Operator) -> str:
    """Over the last axis; a norm is at least 1e-6."""
    x = op.value(0)
    norm = op.add("Sqrt", op.add("Sum", op.add("Square", x), axis=[-1], keep_dims=True))
    least = op.make_constant(np.array(_LEAST_NORM, np.float32), "least")
    return op.add("RealDiv", x, op.add("Maximum", norm, least))


@operator("CUMSUM")
def _cumsum(op: Operator) -> str:
    return op.add("Cumsum", op.value(0), axis=op.single(1), exclusive=bool(op.option("exclusive")),
                  reverse=bool(op.option("reverse")))


@operator("TOPK_V2")
def _top_k(op: Operator) -> list[str]:
    made = op.add("TopKV2", op.value(0), k=op.single(1))
    return [made, f"{made}:1"]


@operator("NON_MAX_SUPPRESSION_V4")
def _suppression(op: Operator) -> list[str]:
    """The third input is how many to keep, then thresholds."""
    made = op.add("NonMaxSuppressionV4", op.value(0), op.value(1), max_output_size=op.single(2),
                   iou_threshold=op.single(3), score_threshold=op.single(4), pad_to_max_output_size=True)
    return [made, f"{made}:1"]


@operator("NON_MAX_SUPPRESSION_V5")
def _soft_suppression(op: Operator) -> list[str]:
    made = op.add("NonMaxSuppressionV5", op.value(0), op.value(1), max_output_size=op.single(2),
                   iou_threshold=op.single(3), score_threshold=op.single(4), soft_nms_sigma=op.single(5),
                   pad_to_max_output_size=True)
    return [made, f"{made}:1", f"{made}:2"]
