"""SOFTMAX of bytes, in gemmlowp's fixed point: Qm.n below is an int32 with n bits of fraction."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import ShapeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import high_multiply, quantize_multiplier, rounding_shift
from tfjslab.ops.tflite.transcendental import WIDE, reciprocal_of
from tfjslab.ops.tflite.values import BYTES, F32, bounded, check, info

DIFF_BITS, SUM_BITS = 5, 12  # integer bits of what is exponentiated, and of sums


def _infer(ins: Specs, attrs: Attrs) -> list[Spec]:
    check("TflSoftmax", ins, BYTES)
    if not ins[0].known_shape:
        raise ShapeError("TflSoftmax: a scalar has no axis")
    return [Spec(ins[0].shape, attrs["dtype"])]


@op("TflSoftmax", "x", infer=_infer, attrs=(
    Attr("x_scale", "float"), Attr("beta", "float", 1.0), Attr("dtype", "str", choices=(*BYTES, "int16")),
), flops=lambda ins, _outs, _attrs: 40 * ins[0].size, cases=(
    Case((T((1, 2), "int8", values=[5, 5]),), {"x_scale": 0.1, "dtype": "int8"}, expect=[0, 0]),
    Case((T((1, 2), "int8", values=[-128, 127]),), {"x_scale": 0.5, "dtype": "int8"}, expect=[-128, 127]),
    Case((T((3, 10), "int8", lo=-128, hi=127),), {"x_scale": 0.06, "dtype": "int8"}),
    Case((T((2, 2, 7), "uint8", lo=0, hi=255),), {"x_scale": 0.03, "beta": 2.0, "dtype": "uint8"}),
    Case((T((3, 5), "int8", lo=-40, hi=40),), {"x_scale": 0.1, "dtype": "int16"}),
))
def softmax(x: Array, *, x_scale: float, beta: float, dtype: str) -> Array:
    """SOFTMAX along the last axis. The output's scale is 1/256 (of int16: 1/65536), its zero point the lowest value."""
    powers, parts = exponentials(x_scale, beta)
    below = np.max(x, axis=-1, keepdims=True, initial=info(x.dtype.name).min).astype(np.int64) - x
    scale, over = reciprocal_of(np.maximum(parts[below].sum(axis=-1, keepdims=True), 1), SUM_BITS)
    kind = info(dtype)
    out = rounding_shift(high_multiply(powers[below], scale), over + 31 - kind.bits)
    return bounded(out + int(kind.min), numpy_dtype(dtype))


def exponentials(x_scale: float, beta: float) -> tuple[Array, Array]:
    """The exponentials in Q0.31, and in Q12.19 for sums, for how far a byte is below the largest of its row: 0 to 255.

    Both are 0 where nothing is left.
    """
    multiplier, shift, least = softmax_multiplier(x_scale, beta)
    diff = -np.arange(256, dtype=np.int64)
    matters = diff >= least
    scaled = high_multiply(np.where(matters, diff, 0) << np.maximum(shift, 0), multiplier)
    powers = np.where(matters, WIDE.exp(scaled, DIFF_BITS), 0)
    return powers, rounding_shift(powers, SUM_BITS)


def softmax_multiplier(x_scale: float, beta: float) -> tuple[Array, Array, int]:
    """What differences are multiplied by to become Q5.26, its shift, and the least difference that matters."""
    real = min(np.float64(F32(beta)) * np.float64(F32(x_scale)) * (1 << (31 - DIFF_BITS)), float(WIDE.most))
    multiplier, shift = quantize_multiplier(real)
    return multiplier, shift, -int(((1 << DIFF_BITS) - 1) * 2.0 ** (31 - DIFF_BITS) / 2.0 ** int(shift))
