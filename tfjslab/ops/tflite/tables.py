"""Functions that are looked up: of bytes in a table of 256 numbers, of int16 between the 513 numbers of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import multiply, quantize_multiplier, round_away
from tfjslab.ops.tflite.values import F32, OUT, X, bounded, by_table, check, info, like_first

_STEPS, _OFFSET_BITS = 512, 7  # of a table for int16, and how many bits lie between two of its numbers
_SHORT = info("int16")
_WORDS = _SHORT.max - _SHORT.min + 1
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _gelu(x: Array) -> Array:
    return np.asarray(F32(0.5) * x * (F32(1) + _erf(x.astype(np.float64) * math.sqrt(0.5)).astype(F32)))


def _gelu_by_tanh(x: Array) -> Array:
    inner = F32(math.sqrt(2 / math.pi)) * (x + F32(0.044715) * x * x * x)
    return np.asarray(F32(0.5) * x * (F32(1) + np.tanh(inner.astype(np.float64)).astype(F32)))


# Of float32 numbers, as C's functions round them.
_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "exp": lambda x: np.exp(x.astype(np.float64)).astype(F32),
    "log": lambda x: np.log(x.astype(np.float64)).astype(F32),
    "rsqrt": lambda x: np.asarray(F32(1) / np.sqrt(x)),
    "elu": lambda x: np.where(x < 0, np.expm1(x.astype(np.float64)).astype(F32), x),
    "gelu": _gelu, "gelu_by_tanh": _gelu_by_tanh,
}
# What stands for the function where it has none, by the output's scale, zero point and range.
_AT_ZERO: dict[str, Callable[[Any, int, Any], Any]] = {
    "log": lambda scale, zero, kind: F32(kind.min - zero) * scale,
    "rsqrt": lambda scale, _zero, kind: F32(kind.max) * scale,
}


def _function(x: Array, attrs: Attrs) -> Callable[[Array], Array]:
    name = attrs["function"]
    rule = _FUNCTIONS[name]
    if name not in _AT_ZERO:
        return rule
    least = _AT_ZERO[name](F32(attrs["out_scale"]), attrs["out_zero"], np.iinfo(x.dtype))
    return lambda v: np.where(v > 0, rule(np.where(v > 0, v, F32(1))), least)


def looked_up(x: Array, rule: Callable[[Array], Array], attrs: Attrs) -> Array:
    """Float32 of each byte, as TensorFlow Lite fills its tables of 256."""
    scale, inverse = F32(attrs["x_scale"]), F32(1) / F32(attrs["out_scale"])

    def stored(q: Array) -> Array:
        real = rule(scale * (q - attrs["x_zero"]).astype(F32))
        return bounded(round_away(real.astype(F32) * inverse) + attrs["out_zero"], x.dtype)

    return by_table(x, stored)


def short_table(rule: Callable[[Array], Array], ends: tuple[Any, Any], span: Any) -> Array:
    """513 numbers between two ends; each is moved by half of what a line to the next one is wrong by in its middle.

    ``span`` is what 65536 steps of the output stand for. What is computed has the precision of the ends.
    """
    low, high = ends
    step, inverse = (high - low) / type(low)(_STEPS), type(low)(_WORDS) / span
    at = np.arange(_STEPS, dtype=type(low))
    value, middle, following = (
        rule(v) * inverse for v in (low + at * step, low + at * step + step / 2, low + (at + 1) * step))
    sample = _rounded(value)
    wrong = _rounded((following + sample) / 2) - _rounded(middle)
    last = _rounded(rule(np.array([high])) * inverse)
    return np.asarray(np.clip(np.append(sample - _rounded(wrong / 2), last), _SHORT.min, _SHORT.max), np.int64)


def _table_of(rule: Callable[[Array], Array], attrs: Attrs) -> Array:
    low, high = (F32(attrs["x_scale"]) * F32(end - attrs["x_zero"]) for end in (_SHORT.min, _SHORT.max))
    out_low, out_high = (F32(attrs["out_scale"]) * F32(end - attrs["out_zero"]) for end in (_SHORT.min, _SHORT.max))
    return short_table(rule, (low, high), out_high - out_low)


def _rounded(x: Array) -> Array:
    return round_away(x).astype(x.dtype)


def between(x: Array, table: Array) -> Array:
    """The numbers of a table for int16, and what lies between them: int64."""
    wide = x.astype(np.int64)
    place, offset = (_STEPS >> 1) + (wide >> _OFFSET_BITS), wide & ((1 << _OFFSET_BITS) - 1)
    slope = table[place + 1] - table[place]
    return np.asarray(table[place] + ((slope * offset + (1 << (_OFFSET_BITS - 1))) >> _OFFSET_BITS))


_ALL = (T((16, 16), "int8", values=range(-128, 128)), T((256,), "uint8", values=range(256)))
_NUMBERS = T((200,), "int16", lo=-32768, hi=32767)
_SCALES = {"x_scale": 0.02, "x_zero": 10, "out_scale": 0.05, "out_zero": -100}
_EVEN = {"x_scale": 1e-4, "x_zero": 0, "out_scale": 1e-3, "out_zero": 0}
_FUNCTION = Attr("function", "str", choices=tuple(_FUNCTIONS))


@op("TflFunction", "x", infer=like_first("TflFunction"), attrs=(*X, *OUT, _FUNCTION), cases=(
    Case((T((3,), "int8", values=[10, 127, -128]),), {**_SCALES, "function": "exp"}, expect=[-80, 108, -99]),
    *(Case((x,), {**_SCALES, "function": name}) for x in _ALL for name in _FUNCTIONS),
    *(Case((_NUMBERS,), {**_EVEN, "function": name}) for name in _FUNCTIONS),
))
def function(x: Array, **attrs: Any) -> Array:
    """EXP, LOG, ELU, GELU, and RSQRT of int16: float32 functions of what stands in a table."""
    rule = _function(x, attrs)
    if x.dtype.itemsize > 1:
        return between(x, _table_of(rule, attrs)).astype(x.dtype)
    return looked_up(x, rule, attrs)


# ---- sigmoids of int16 -----------------------------------------------------------------------------------------------

_SIXTEENTH, _ONE = 24, 1 << 16  # the table has sigmoid(i / 24) in 16 bits, up to its last place
_LAST, _FRACTION_BITS, _MOST_SHIFT = 255, 12, 30


def _sigmoids() -> Array:
    """Moved by half of what a line is wrong by, as in other tables; the last one is the largest there is."""
    places = np.arange(_LAST + 1.5, step=0.5) / _SIXTEENTH
    exact = _ONE / (1 + np.exp(-places))
    first, middle, following = exact[:-2:2], exact[1::2], exact[2::2]
    found = np.floor(first - ((first + following) / 2 - middle) / 2 + 0.5).astype(np.int64)
    return np.append(found[:_LAST], _ONE - 1)


_SIGMOIDS = _sigmoids()


def _thirds(x: Array, scale: float) -> Array:
    """Numbers in units of 1/12288, which is a third of what the table counts in."""
    bits = math.log2(F32(scale)) + _FRACTION_BITS
    if bits in (0, 1):
        return np.asarray(x.astype(np.int64) * (3 << int(bits)))
    multiplier, shift = float(F32(scale)) * (1 << _FRACTION_BITS) * 3, 0
    while multiplier <= _SHORT.max / 2 and shift <= _MOST_SHIFT:
        multiplier, shift = multiplier * 2, shift + 1
    return np.asarray((x.astype(np.int64) * int(multiplier) + ((1 << shift) >> 1)) >> shift)


def _interpolated(size: Array, bits: int, most: int) -> Array:
    """The table at ``size / 2**bits``, times ``2**bits``; ``most`` from its last place on."""
    place, rest = np.minimum(size >> bits, _LAST - 1), size & ((1 << bits) - 1)
    found = (_SIGMOIDS[place] << bits) + rest * (_SIGMOIDS[place + 1] - _SIGMOIDS[place])
    return np.where(size >> bits >= _LAST, most, found)


_SCALE, _SIXTEEN = (Attr("x_scale", "float"),), {"x_scale": 2.0**-12}


@op("TflShortLogistic", "x", infer=like_first("TflShortLogistic", ("int16",)), attrs=_SCALE, cases=(
    Case((T((3,), "int16", values=[0, 32767, -32768]),), _SIXTEEN, expect=[16384, 32757, 11]),
    Case((_NUMBERS,), {"x_scale": 2.0**-11}), Case((_NUMBERS,), {"x_scale": 3e-4}),
))
def short_logistic(x: Array, *, x_scale: float) -> Array:
    """LOGISTIC of int16, whose output has the scale 1/32768."""
    moved = _thirds(x, x_scale)
    found = _interpolated(np.abs(moved), 9, 0x7FFF << 10)
    half = 1 << 9
    return np.asarray(np.where(moved >= 0, found + half, (_ONE << 9) - found + half - 1) >> 10).astype(x.dtype)


@op("TflShortTanh", "x", infer=like_first("TflShortTanh", ("int16",)), attrs=_SCALE, cases=(
    Case((T((3,), "int16", values=[0, 32767, -32768]),), _SIXTEEN, expect=[0, 32767, -32767]),
    Case((_NUMBERS,), {"x_scale": 2.0**-11}), Case((_NUMBERS,), {"x_scale": 3e-4}),
))
def short_tanh(x: Array, *, x_scale: float) -> Array:
    """TANH of int16, whose output has the scale 1/32768: 2 sigmoid(2 x) - 1."""
    moved = _thirds(x, x_scale)
    found = _interpolated(np.abs(moved), 8, 0xFFFF << 8) - (_ONE << 7)
    half = 1 << 7
    return np.asarray(np.where(moved >= 0, found + half, half - 1 - found) >> 8).astype(x.dtype)


# ---- softmax of int16 ------------------------------------------------------------------------------------------------

_DEEPEST = -10.0  # its exponential is nothing
_EXP = short_table(np.exp, (np.float64(_DEEPEST), np.float64(0)), np.float64(2))
_INVERSE = short_table(lambda x: np.asarray(1 / (1 + x)), (np.float64(0), np.float64(1)), np.float64(2))


def _infer_softmax(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check("TflShortSoftmax", ins, ("int16",))
    if not ins[0].known_shape:
        raise ShapeError("TflShortSoftmax: a scalar has no axis")
    return [Spec(ins[0].shape, ins[0].dtype)]


@op("TflShortSoftmax", "x", infer=_infer_softmax, attrs=(Attr("x_scale", "float"), Attr("beta", "float", 1.0)),
    flops=lambda ins, _outs, _attrs: 20 * ins[0].size, cases=(
        Case((T((1, 2), "int16", values=[5, 5]),), {"x_scale": 0.01}, expect=[16384, 16384]),
        Case((T((3, 10), "int16", lo=-32768, hi=32767),), {"x_scale": 1e-4, "beta": 0.5}),
    ))
def short_softmax(x: Array, *, x_scale: float, beta: float) -> Array:
    """SOFTMAX of int16 along the last axis. The output's scale is 1/32768."""
    below = x.astype(np.int64) - np.max(x, axis=-1, keepdims=True, initial=_SHORT.min)
    real = np.float64(F32(x_scale)) * np.float64(F32(beta)) / (10.0 / 65535.0)
    scaled = multiply(below, *quantize_multiplier(real)) + _SHORT.max
    powers = between(np.clip(scaled, _SHORT.min, _SHORT.max), _EXP)
    sums = np.maximum(powers.sum(axis=-1, keepdims=True), 1)
    zeros = 32 - np.frexp(sums.astype(np.float64))[1].astype(np.int64)
    whole = ((sums << (zeros - 1)) + (1 << 13)) >> 14
    inverse = between(np.clip(whole - (1 << 15) - (1 << 16), _SHORT.min, _SHORT.max), _INVERSE)
    right = 31 - zeros
    out = (powers * inverse + ((np.int64(1) << right) >> 1)) >> right
    return bounded(out, x.dtype, 0)


