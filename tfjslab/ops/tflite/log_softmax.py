"""LOG_SOFTMAX of bytes, with a logarithm in gemmlowp's fixed point."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import high_multiply, multiply, quantize_multiplier, rounding_shift
from tfjslab.ops.tflite.softmax import DIFF_BITS, SUM_BITS, exponentials, softmax_multiplier
from tfjslab.ops.tflite.transcendental import WIDE, reciprocal_of
from tfjslab.ops.tflite.values import BYTES, bounded, check

_ACCUMULATED, _OUT_BITS, _WORD = 6, 4, 31
# In Q0.31: log(2), the roots of a half, a quarter, and what stands in the quotient that is close to the logarithm.
_LOG_2, _FOURTH_ROOT, _ROOT, _QUARTER = 1488522236, 1805811301, 1518500250, 1 << 29
_CUBIC, _SQUARE, _PLAIN, _LINEAR = 117049297, 127690142, 1057819769, 638450708


def _log_of_sum(sums: Array) -> Array:
    """The logarithm, Q5.26, of numbers of 1 or more in Q12.19: of the power of two below, and of what is left."""
    def zeros(x: Array) -> Array:
        return 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)

    quarter = _QUARTER >> _ACCUMULATED
    unit = _WORD - _ACCUMULATED
    ahead = zeros(sums)
    r_a = WIDE.shifted(high_multiply(sums << (ahead - 1), _ROOT), 1)
    power_a = WIDE.shifted(SUM_BITS - ahead, unit) + quarter
    behind = zeros(high_multiply(sums, _ROOT)) - 1
    r_b = np.minimum(sums << behind, WIDE.most)
    power_b = WIDE.shifted(SUM_BITS - behind, unit) - quarter
    rest, power = np.minimum(r_a, r_b), np.maximum(power_a, power_b)
    p = (rest + _FOURTH_ROOT + 1) >> 1
    q = 2 * (rest - _FOURTH_ROOT)
    square = high_multiply(q, q)
    above = high_multiply(q, rest) + high_multiply(high_multiply(q, square), _CUBIC)
    below = high_multiply(p, _PLAIN + q + high_multiply(square, _SQUARE)) + high_multiply(q, _LINEAR)
    inverse, _ = reciprocal_of(below + (1 << _WORD), _WORD)
    return WIDE.shifted(high_multiply(power, _LOG_2) + high_multiply(rounding_shift(above, _ACCUMULATED), inverse), 1)


def _infer(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check("TflLogSoftmax", ins, BYTES)
    if not ins[0].known_shape:
        raise ShapeError("TflLogSoftmax: a scalar has no axis")
    return [Spec(ins[0].shape, ins[0].dtype)]


@op("TflLogSoftmax", "x", infer=_infer, attrs=(Attr("x_scale", "float"),),
    flops=lambda ins, _outs, _attrs: 40 * ins[0].size, cases=(
        Case((T((1, 2), "int8", values=[5, 5]),), {"x_scale": 0.1}, expect=[116, 116]),
        Case((T((1, 2), "uint8", values=[0, 255]),), {"x_scale": 0.1}, expect=[0, 255]),
    ))
def log_softmax(x: Array, *, x_scale: float) -> Array:
    """LOG_SOFTMAX along the last axis. The output's scale is 1/16, its zero point the highest value."""
    _, parts = exponentials(x_scale, 1.0)
    multiplier, shift, least = softmax_multiplier(x_scale, 1.0)
    below = np.max(x, axis=-1, keepdims=True, initial=np.iinfo(x.dtype).min).astype(np.int64) - x
    log = _log_of_sum(np.maximum(parts[below].sum(axis=-1, keepdims=True), 1))
    back, bits = quantize_multiplier(2.0 ** (_WORD - int(shift)) / float(multiplier))
    first = np.maximum(least - 1, multiply(log - (1 << _WORD), back, bits))
    scaled = multiply(np.maximum(-below, least - 1), multiplier, shift)
    out = rounding_shift(scaled - log, _WORD - DIFF_BITS - _OUT_BITS) + np.iinfo(x.dtype).max
    return bounded(np.where(-below > first, out, np.iinfo(x.dtype).min), x.dtype)
