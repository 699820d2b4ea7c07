"""Normalization: batch norm at inference, softmax, local response."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import normalize_axis
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, check_dtypes, elementwise
from tfjslab.ops.expr import Expr, param, prim
from tfjslab.ops.facts import FIRST, Facts
from tfjslab.ops.promotion import Promotion
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, Tf, op

_X, _MEAN, _VARIANCE, _OFFSET, _SCALE = (Expr("in", leaf=i) for i in range(5))
# TF.js takes the statistics before offset and scale; TensorFlow files have them last.
_FILE_ORDER = "x scale offset mean variance"
_STATISTICS = (T((3,)), T((3,), lo=0.1, hi=2), T((3,)), T((3,)))

elementwise(
    "FusedBatchNorm", (_X - _MEAN) * (_SCALE / prim("sqrt", _VARIANCE + param("epsilon"))) + _OFFSET,
    "Batch norm at inference: (x - mean) / sqrt(variance + epsilon) * scale + offset, channels last.",
    inputs="x mean variance offset scale", api="batch_norm", attrs=[Attr("epsilon", "float", 1e-3)], rank=FIRST,
    casts="wide",
    tf=[Tf(name, _FILE_ORDER, write=name.endswith("V3"), only={"data_format": "NHWC", "is_training": False})
        for name in ("FusedBatchNormV3", "FusedBatchNormV2", "FusedBatchNorm")],
    cases=[
        Case((T((2, 4, 5, 3)), *_STATISTICS)), Case((T((7, 3)), *_STATISTICS), {"epsilon": 0.1}),
        Case((T((1,), values=[3]), T((1,), values=[1]), T((1,), values=[3]), T((1,), values=[10]), T((1,), values=[5])),
             {"epsilon": 1}, expect=[15]),
    ],
)


def _infer(name: str) -> Infer:
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins, FLOAT)
        normalize_axis(attrs.get("axis", -1), len(ins[0].known_shape))
        return [Spec(ins[0].shape, ins[0].dtype)]

    return infer


def _softmax_flops(ins: Specs, _outs: Specs, _attrs: Attrs) -> int:
    # max, subtract, exp, sum, divide for each element
    return 12 * ins[0].size


_AXIS, _SAME = [Attr("axis", "int", -1)], Facts(dtype="float32", rank=FIRST)
_LAST = {"axis": -1}  # all that TensorFlow has an op for
_SOFTMAX_CASES = (
    Case((T((1, 1000), lo=-9, hi=9),)), Case((T((2, 3, 5)),), {"axis": 1}), Case((T((7,), lo=80, hi=100),)),
    Case((T((4, 1)),)), Case((T((0, 3)),)),
)


def _shifted(x: Array, axis: int) -> Array:
    return np.asarray(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))


@op("Softmax", "x", infer=_infer("Softmax"), attrs=_AXIS, flops=_softmax_flops, api="softmax",
    facts=_SAME, tf=[Tf("Softmax", "x", fixed=_LAST)],
    cases=(*_SOFTMAX_CASES, Case((T((2,), values=[0, 0]),), expect=[0.5, 0.5])))
def softmax(x: Array, axis: int) -> Array:
    """The exponentials along an axis divided by their sum."""
    e = np.exp(_shifted(x, axis))
    return np.asarray(e / np.sum(e, axis=axis, keepdims=True))


@op("LogSoftmax", "x", infer=_infer("LogSoftmax"), attrs=_AXIS, flops=_softmax_flops, api="log_softmax",
    facts=replace(_SAME, promotes=Promotion(FLOAT)), tf=[Tf("LogSoftmax", "x", fixed=_LAST)],
    cases=(*_SOFTMAX_CASES, Case((T((1,), values=[3]),), expect=[0])))
def log_softmax(x: Array, axis: int) -> Array:
    """The logarithm of the softmax, without overflow."""
    shifted = _shifted(x, axis)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)))


_LRN = (
    Attr("depth_radius", "int", 5), Attr("bias", "float", 1), Attr("alpha", "float", 1), Attr("beta", "float", 0.5),
)


@op("LRN", "x", infer=_infer("LRN"), attrs=_LRN, api="local_response_normalization", tf=[Tf("LRN", "x")],
    flops=lambda ins, _outs, attrs: ins[0].size * (2 * attrs["depth_radius"] + 20), cases=(
        Case((T((2, 3, 4, 9)),)), Case((T((1, 2, 2, 8)),), {"depth_radius": 2, "bias": 2, "alpha": 0.1, "beta": 0.75}),
        Case((T((1, 1, 1, 2), values=[3, 4]),), {"depth_radius": 0, "bias": 0}, expect=[1, 1]),
    ))
def local_response_normalization(x: Array, depth_radius: int, bias: float, alpha: float, beta: float) -> Array:
    """X / (bias + alpha * sum of squares of neighbour channels) ** beta, at most ``depth_radius`` to either side."""
    depth = x.shape[-1]
    sums = np.zeros_like(x)
    for shift in range(-min(depth_radius, depth), min(depth_radius, depth) + 1):
        to, source = slice(max(-shift, 0), depth - max(shift, 0)), slice(max(shift, 0), depth - max(-shift, 0))
        sums[..., to] += np.square(x[..., source])
    return np.asarray(x / np.power(bias + alpha * sums, beta)).astype(x.dtype, copy=False)


