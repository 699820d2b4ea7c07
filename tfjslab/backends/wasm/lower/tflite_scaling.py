"""What kernels multiply the integer sums of a convolution or a dense layer by, laid out for groups of channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.backends.wasm.lower.quantized import grouped
from tfjslab.backends.wasm.lower.tflite_floats import in_floats
from tfjslab.base.dtypes import Array
from tfjslab.ops.tflite.fixed_point import quantize_multiplier

_INT32, _INT16 = 1 << 31, 1 << 15
_MOST_SHIFT, _MOST_POWER = 22, 15  # so that products and zero points stay within 64 bits


@dataclass(frozen=True, eq=False)
class Rescaling:
    """How ``tfl_macros.wat`` makes values of sums, by which macro, and the numbers that it reads for each channel.

    Weights and biases are multiplied by 2**``powers``; ``shift`` is that of all channels, of upper words in float64.
    """

    how: str
    numbers: tuple[Array, ...]
    powers: tuple[int, ...] = ()
    shift: int = 0

    def block(self, width: int) -> Array:
        """The bytes for each group of ``width`` channels: one kind of number after the other."""
        parts = [grouped(n, width) for n in self.numbers]
        return np.concatenate([p.view(np.uint8).reshape(len(p), -1) for p in parts], axis=1)


def by_factors(real: Array, channels: int) -> Rescaling:
    """One float64 product."""
    return Rescaling("factors", (np.array(np.broadcast_to(real, channels)),))


def by_multipliers(
    real: Array, largest: Array, widest: Array, zero: int, rectified: tuple[Array, int] | None = None,
) -> Rescaling | None:
    """Fixed point for sums up to ``largest`` of weights up to ``widest``; None where 32 bits do not hold all of it.

    A channel whose scale is so small that nothing is left of any sum is multiplied by 0. Where nothing below the zero
    point is kept, ``rectified`` is the highest sum of each channel, and the zero point of unsigned bytes.
    """
    multiplier, shift = quantize_multiplier(np.broadcast_to(real, largest.shape))
    products = largest * (multiplier / _INT32) + 1
    dead = (products < 2.0 ** (-shift - 1)) | (multiplier == 0)
    multiplier, bits = np.where(dead, 0, multiplier), np.where(dead, 1, -shift)
    if rectified and (found := in_floats(multiplier, bits, rectified[0], largest, rectified[1])):
        return Rescaling(found.kind, (found.factors, found.offsets), (), found.shift)
    return _alike(multiplier, bits, dead, (largest, widest), zero) or _by_channel(multiplier, bits, dead, largest)


def _alike(
    multiplier: Array, bits: Array, dead: Array, bounds: tuple[Array, Array], zero: int,
) -> Rescaling | None:
    """All channels shifted alike, where weights have room for the powers of two that make up for it."""
    most = max(int(np.where(dead, 0, bits).max(initial=0)), 0) + 1
    powers = np.where(dead, 0, most - bits)
    if most > _MOST_SHIFT or powers.max(initial=0) > _MOST_POWER:
        return None
    largest, widest = (bound * 2.0**powers for bound in bounds)
    if largest.max(initial=0) >= _INT32 or widest.max(initial=0) >= _INT16:
        return None
    rounds = ~dead & (bits > 0)  # a second time
    added = np.where(dead, 0, 1 << (30 + powers)) + np.where(rounds, 1 << (30 + most), 0) + (zero << (31 + most))
    signs = np.where(rounds, 1 << np.maximum(powers - 1, 0), 0)
    numbers = multiplier.astype(np.int32), signs.astype(np.int32), added
    return Rescaling("alike", numbers, tuple(powers.tolist()), most - 1)


def _by_channel(multiplier: Array, bits: Array, dead: Array, largest: Array) -> Rescaling | None:
    """A shift of each channel's own."""
    bits = np.where(dead, 1, bits)
    products = largest * (multiplier / _INT32) + 1
    fits = dead | ((bits >= 1) & (largest < _INT32) & (products + 2.0 ** (bits - 1) < _INT32))
    if not fits.all():
        return None
    numbers = (multiplier, 1 << (bits - 1), 1 << (31 - bits))
    return Rescaling("channel", tuple(n.astype(np.int32) for n in numbers))
