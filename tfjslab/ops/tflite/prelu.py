"""PRELU: what is negative has a slope of its own for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import multiply, quantize_multiplier
from tfjslab.ops.tflite.values import BYTES, F32, OUT, X, Y, bounded, check

_SCALES = {"x_scale": 0.5, "x_zero": 10, "y_scale": 0.25, "y_zero": -2, "out_scale": 1.0, "out_zero": 3}


def _infer(ins: Specs, _attrs: Any) -> list[Spec]:
    check("TflPrelu", ins, BYTES)
    return [Spec(ins[0].shape, ins[0].dtype)]


@op("TflPrelu", "x alpha", infer=_infer, attrs=(*X, *Y, *OUT), cases=(
    # 2 as it is; -2 with the slope 0.5, -4 with -1
    Case((T((3,), "int8", values=[14, 6, 2]), T((3,), "int8", values=[9, 0, -6])), _SCALES, expect=[5, 2, 7]),
    Case((T((2, 3, 4), "int8", lo=-128, hi=127), T((1, 4), "int8", lo=-128, hi=127)), {**_SCALES, "x_scale": 0.31}),
    Case((T((2, 6), "uint8", lo=0, hi=255), T((6,), "uint8", lo=0, hi=255)), {**_SCALES, "y_zero": 99}),
))
def prelu(x: Array, alpha: Array, **attrs: Any) -> Array:
    """PRELU in integers, with a multiplier for each sign, both made in float32; ``y`` is the slopes' scale."""
    scale, out = F32(attrs["x_scale"]), F32(attrs["out_scale"])
    plain = quantize_multiplier(np.float64(scale / out))
    sloped = quantize_multiplier(np.float64(F32(scale * F32(attrs["y_scale"])) / out))
    moved = x.astype(np.int64) - attrs["x_zero"]
    below = moved * (alpha.astype(np.int64) - attrs["y_zero"])
    scaled = np.where(moved >= 0, multiply(moved, *plain), multiply(below, *sloped))
    return bounded(scaled + attrs["out_zero"], x.dtype)
