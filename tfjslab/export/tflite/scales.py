"""From real numbers to TensorFlow Lite's int8: scales and zero points of activations, weights and biases."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.formats.tflite.schema import TensorScale
from tfjslab.quantization.scheme import Scale, activation_scale, quantize_symmetric

STEPS = 255  # between the lowest and the highest int8
_INT8 = np.iinfo(np.int8)
_BIAS_LIMIT = (1 << 30) - 1  # half of int32: sums are added to it


def one_scale(scale: float, zero: int) -> TensorScale:
    """One scale and one zero point for a whole tensor."""
    return TensorScale(np.array([scale], np.float32), np.array([zero], np.int64), 0)


def activation(found: Scale) -> TensorScale:
    """That of activations, from one whose integers go from 0 to ``STEPS``."""
    return one_scale(found.scale, found.zero + _INT8.min)


def encoded(real: Array, q: TensorScale) -> Array:
    """The nearest int8 of one scale, half away from zero as TensorFlow Lite's QUANTIZE."""
    scaled = real.astype(np.float64) / float(q.scale[0])
    whole = np.trunc(scaled + np.copysign(0.5, scaled)) + int(q.zero_point[0])
    return np.asarray(np.clip(whole, _INT8.min, _INT8.max), np.int8)


def constant(real: Array) -> TensorScale:
    """That of a constant among activations: by its own range."""
    return activation(activation_scale(float(real.min(initial=0)), float(real.max(initial=0)), STEPS))


def weights(real: Array, axis: int | None, bias: Array | None, x_scale: float) -> tuple[Array, TensorScale]:
    """Weights as symmetric int8, with one scale, or one for each slice along ``axis``.

    A scale is made coarser where the bias, in steps of it times the input's, would not fit into 32 bits.
    """
    last = real.reshape(-1, 1) if axis is None else np.moveaxis(real, axis, -1)
    q, scales = quantize_symmetric(last)
    if bias is not None:
        least = np.abs(bias.astype(np.float64)) / (_BIAS_LIMIT * x_scale)
        needed = np.maximum(scales, least.max() if axis is None else least).astype(np.float32)
        q, scales = np.rint(last / needed).astype(np.int8), needed
    placed = q.reshape(real.shape) if axis is None else np.moveaxis(q, -1, axis)
    return np.ascontiguousarray(placed), TensorScale(scales, np.zeros(scales.size, np.int64), axis or 0)


def bias_of(real: Array, x_scale: float, w: TensorScale) -> tuple[Array, TensorScale]:
    """A bias as int32, in steps of the input's scale times that of the weights."""
    scales = np.float32(x_scale) * w.scale
    whole = np.rint(real.astype(np.float64) / scales.astype(np.float64))
    return whole.astype(np.int32), TensorScale(scales, np.zeros(scales.size, np.int64), 0)
