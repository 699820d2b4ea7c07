"""Scales and zeros: from ranges of real numbers to integers (see ``tfjslab.ops.quantized`` for what they mean)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.ops.quantized import HIGHEST, MULTIPLIER_BITS, SHORT_LIMIT, short_sums

WEIGHT_HIGHEST = 127
# Sums are shifted into 16 bits: below 1 / 258 an output of 127 would not fit.
_SMALLEST_STEP = 1 / 258
_GOOD_STEP = 1 / 32
# Channels whose weights are smaller than this part of the largest take a coarser scale, so that one shift serves all.
_CHANNEL_RANGE = 128.0
_BIAS_LIMIT = 1 << 30


@dataclass(frozen=True)
class Scale:
    """An activation's encoding: real = scale * (q - zero), q in 0..127."""

    scale: float
    zero: int

    @property
    def peak(self) -> float:
        """The largest distance from 0 that it can tell."""
        return self.scale * max(self.zero, HIGHEST - self.zero)

    def encode(self, real: Array) -> Array:
        """The nearest activations."""
        return np.asarray(np.clip(np.rint(real / self.scale) + self.zero, 0, HIGHEST), np.int8)

    def decode(self, q: Array) -> Array:
        """The real values, in float32."""
        return np.asarray((q.astype(np.int32) - self.zero).astype(np.float32) * np.float32(self.scale))


def activation_scale(low: float, high: float, highest: int = HIGHEST) -> Scale:
    """The encoding of a range, which is widened to hold 0 exactly: padding and ReLU need it.

    Integers go from 0 to ``highest``; those of ``Scale.encode`` to ``HIGHEST``.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < np.finfo(np.float32).tiny * highest:
        return Scale(1.0, 0)  # nothing but zeros
    scale = float(np.float32((high - low) / highest))
    return Scale(scale, min(max(round(-low / scale), 0), highest))


@dataclass(frozen=True, eq=False)
class Weights:
    """Integer weights of a node with what turns its sums into outputs; ``scales`` are per output channel."""

    filter: Array
    bias: Array
    multiplier: Array
    shift: int
    scales: Array


def quantize_weights(
    weights: Array, bias: Array | None, source: Scale, target: Scale, *, short: bool = False, mean: Array | None = None,
) -> Weights:
    """Quantize weights [..., channels] symmetrically, each channel with its own scale.

    With ``short`` the scale of a channel is made as coarse as the fast kernels' 16-bit sums want it (``short_sums``):
    a few hundredths in the mean of trained networks, less than half of the int8 range in the worst case.

    ``mean`` is what the input is on average, in a shape that broadcasts to the weights: what rounding the weights does
    to the output on average then goes into the bias.

    Scales are rounded up to where the channel's multiplier is a whole number, so that the integer arithmetic adds
    no error of its own.
    """
    flat = weights.reshape(-1, weights.shape[-1]).astype(np.float64)
    peak = np.abs(flat).max(axis=0) if flat.shape[0] else np.zeros(flat.shape[1])
    largest = float(peak.max()) if peak.size else 0.0
    peak = np.maximum(peak, largest / _CHANNEL_RANGE) if largest else np.ones_like(peak)
    if short:
        peak = peak * _coarser(flat / (peak / WEIGHT_HIGHEST))
    ratio = source.scale / target.scale
    real = peak / WEIGHT_HIGHEST * ratio
    shift = _shift(float(real.min()), float(real.max()))
    unit = 2.0 ** (shift + MULTIPLIER_BITS)
    multiplier = np.clip(np.ceil(real * unit), 1, (1 << MULTIPLIER_BITS) - 1)
    scales = multiplier / unit / ratio
    q = np.clip(np.rint(flat / scales), -WEIGHT_HIGHEST, WEIGHT_HIGHEST)
    offset = np.zeros(flat.shape[1]) if bias is None else bias.reshape(-1).astype(np.float64)
    if mean is not None:
        lost = (flat - q * scales).reshape(weights.shape) * mean
        offset = offset + lost.reshape(flat.shape).sum(axis=0)
    whole = np.clip(np.rint(offset / (scales * source.scale)), -_BIAS_LIMIT, _BIAS_LIMIT)
    return Weights(
        q.reshape(weights.shape).astype(np.int8), _narrow(np.broadcast_to(whole, peak.shape)),
        multiplier.astype(np.int16), shift, scales,
    )


def _narrow(values: Array) -> Array:
    """Whole numbers in 16 bits where they all fit, else in 32."""
    limits = np.iinfo(np.int16)
    fits = limits.min <= values.min(initial=0) and values.max(initial=0) <= limits.max
    return values.astype(np.int16 if fits else np.int32)


def _coarser(steps: Array) -> Array:
    """By how much each channel's scale must grow until its sums fit; rounding may add a half for each weight."""
    return np.maximum(short_sums(np.rint(steps)) / (SHORT_LIMIT - 2), 1.0)


def _shift(smallest: float, largest: float) -> int:
    """The shift that brings all multipliers into 15 bits and keeps an output of 127 within 16 bits of its sum."""
    wanted = min(_GOOD_STEP, 0.999 * smallest / largest)
    return min(max(math.floor(math.log2(max(wanted, _SMALLEST_STEP) / smallest)), 0), 24)


def quantize_symmetric(weights: Array) -> tuple[Array, Array]:
    """Weights [..., channels] as int8 and the scale of each channel."""
    flat = weights.reshape(-1, weights.shape[-1])
    peak = np.abs(flat).max(axis=0) if flat.shape[0] else np.zeros(flat.shape[1], np.float32)
    scales = np.where(peak > 0, peak / WEIGHT_HIGHEST, 1).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales


def add_parameters(a: Scale, b: Scale, out: Scale) -> dict[str, int]:
    """The attributes of a QuantizedAdd."""
    ratios = a.scale / out.scale, b.scale / out.scale
    # The sum of two products and the offset must stay below 2**31.
    shift = min(max(math.floor(14 - math.log2(max(ratios))), 0), 20)
    top = (1 << MULTIPLIER_BITS) - 1
    ma, mb = (min(round(r * 2.0**shift), top) for r in ratios)
    return {
        "a_multiplier": ma, "b_multiplier": mb, "offset": (out.zero << shift) - ma * a.zero - mb * b.zero,
        "shift": shift,
    }


def prelu_parameters(a: Scale, b: Scale, peak: float, out: Scale, slopes: Array) -> tuple[dict[str, int], Array]:
    """The attributes and the slopes of a QuantizedPrelu; sums are within ``peak`` of 0, twice that still fits."""
    top = (1 << MULTIPLIER_BITS) - 1
    unit = max(peak / (1 << (MULTIPLIER_BITS - 1)), max(a.scale, b.scale) / top)
    ratios = a.scale / unit, b.scale / unit
    shift = min(max(math.floor(14 - math.log2(max(ratios))), 0), 20)
    ma, mb = (min(round(r * 2.0**shift), top) for r in ratios)
    steps = np.concatenate([[1.0], slopes.astype(np.float64)]) * unit / out.scale
    # A sum of 16 bits times a slope, and the output's zero, shifted, must stay below 2**31 together.
    out_shift = min(max(math.floor(14 - math.log2(np.abs(steps).max())), 0), 22)
    whole = np.clip(np.rint(steps * 2.0**out_shift), -top, top).astype(np.int16)
    return {
        "a_multiplier": ma, "b_multiplier": mb, "offset": -ma * a.zero - mb * b.zero, "shift": shift,
        "positive": int(whole[0]), "out_zero": out.zero, "out_shift": out_shift,
    }, whole[1:]


def mean_parameters(source: Scale, out: Scale, count: int) -> dict[str, int]:
    """The attributes of a QuantizedPool that turn sums of ``count`` activations into their mean."""
    ratio = source.scale / out.scale / count
    # An output's zero, shifted, and a sum of 15 bits times the multiplier must stay below 2**31 together.
    shift = min(max(math.floor(14 - math.log2(ratio)), 0), 22)
    multiplier = min(round(ratio * 2.0**shift), (1 << MULTIPLIER_BITS) - 1)
    return {
        "multiplier": multiplier, "offset": (out.zero << shift) - multiplier * count * source.zero, "shift": shift,
    }
