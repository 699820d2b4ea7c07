"""Operators of two tensors: sums and products are brought to one scale, the larger and the smaller are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import broadcast
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import multiply, quantize_multiplier
from tfjslab.ops.tflite.values import BOUNDS, F32, INTEGERS, OUT, X, Y, bounded, check

# Bits that the operands of a sum are shifted left by, by the bytes that they have.
_ROOM = {1: 20, 2: 15}
_POWERS = Attr("powers", "bool", default=False)


def infer_pair(name: str, takes: Sequence[str] = INTEGERS) -> Infer:
    """Shape rule: the inputs have one dtype, and broadcast."""
    def infer(ins: Specs, _attrs: Attrs) -> list[Spec]:
        check(name, ins, takes)
        return [Spec(broadcast(*(s.known_shape for s in ins)), ins[0].dtype)]

    return infer


def _two(dtype: str, *shapes: tuple[int, ...]) -> tuple[T, ...]:
    lo, hi = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}[dtype]
    return tuple(T(s, dtype, lo=lo, hi=hi) for s in shapes)


_SCALES = {"x_scale": 0.5, "x_zero": 10, "y_scale": 0.25, "y_zero": -2, "out_scale": 1.0, "out_zero": 3}
_SHORT = {**_SCALES, "x_zero": 0, "y_zero": 0, "out_zero": 0}


def _cases(written: list[int]) -> tuple[Case, ...]:
    x, y = T((2,), "int8", values=[14, 20]), T((2,), "int8", values=[6, 2])  # 2, 5 and 2, 1
    return (
        Case((x, y), _SCALES, expect=written), Case(_two("int8", (2, 3, 4), (4,)), {**_SCALES, "lowest": 3}),
        Case(_two("uint8", (3, 1), (2, 1, 5)), {**_SCALES, "x_scale": 0.031, "highest": 100}),
        Case(_two("int16", (40,), (40,)), {**_SHORT, "y_scale": 0.37}), Case(_two("int8", (0, 3), (3,)), _SCALES),
    )


def _sum_cases(written: list[int], halves: list[int]) -> tuple[Case, ...]:
    """Those with scales that are powers of two as well: 1 with a half of 3, and with one of -3."""
    powers = {**_SHORT, "y_scale": 0.25, "out_scale": 0.5, "powers": True}
    x, y = T((2,), "int16", values=[1, 1]), T((2,), "int16", values=[3, -3])
    return (*_cases(written), Case((x, y), powers, expect=halves),
            Case(_two("int16", (40,), (40,)), {**powers, "x_scale": 2.0**-9, "y_scale": 0.5, "highest": 30000}))


def room(dtype: Any, attrs: Attrs) -> int:
    """Bits that the operands of a sum are shifted left by.

    Where scales are ``powers`` of two, the operand of the smaller scale is only shifted right, and rounded by that: one
    bit does the same, since what it is multiplied by begins with a half.
    """
    return 1 if attrs.get("powers") else _ROOM[np.dtype(dtype).itemsize]


def twice(attrs: Attrs) -> Any:
    """The scale that both operands of a sum are brought to."""
    return np.float64(2 * max(F32(attrs["x_scale"]), F32(attrs["y_scale"])))


def terms(name: str, stored: Array, attrs: Attrs, side: str) -> Array:
    """What stored integers of a side, x or y, are in the sum or product of the op ``name``."""
    moved = stored.astype(np.int64) - attrs[f"{side}_zero"]
    if name == "TflMul":
        return np.asarray(moved)
    return multiply(moved << room(stored.dtype, attrs), *side_multiplier(name, attrs, side))


def side_multiplier(name: str, attrs: Attrs, side: str) -> tuple[int, ...]:
    """What the operand of a side of a sum is multiplied by, and the shift; of a product there is none."""
    if name == "TflMul":
        return ()
    multiplier, shift = quantize_multiplier(np.float64(F32(attrs[f"{side}_scale"])) / twice(attrs))
    return int(multiplier), int(shift)


def multiplier_of(name: str, dtype: Any, attrs: Attrs) -> tuple[Array, Array]:
    """What the sum or product of the op ``name`` is multiplied by; of a product it is made in float32."""
    if name == "TflMul":
        real = F32(F32(attrs["x_scale"]) * F32(attrs["y_scale"])) / F32(attrs["out_scale"])
        return quantize_multiplier(np.float64(real))
    raised = np.float64(1 << room(dtype, attrs))
    return quantize_multiplier(twice(attrs) / (raised * np.float64(F32(attrs["out_scale"]))))


def _combined(name: str, x: Array, y: Array, attrs: Attrs, combine: Callable[[Array, Array], Array]) -> Array:
    both = combine(terms(name, x, attrs, "x"), terms(name, y, attrs, "y"))
    out = multiply(both, *multiplier_of(name, x.dtype, attrs))
    return bounded(out + attrs["out_zero"], x.dtype, attrs["lowest"], attrs["highest"])


@op("TflAdd", "x y", infer=infer_pair("TflAdd"), attrs=(*X, *Y, *OUT, *BOUNDS, _POWERS),
    cases=_sum_cases([7, 9], [3, -1]))
def add(x: Array, y: Array, **attrs: Any) -> Array:
    """ADD in integers: both are brought to twice the larger scale, see ``room``."""
    return _combined("TflAdd", x, y, attrs, np.add)


@op("TflSub", "x y", infer=infer_pair("TflSub"), attrs=(*X, *Y, *OUT, *BOUNDS, _POWERS),
    cases=_sum_cases([3, 7], [-1, 3]))
def sub(x: Array, y: Array, **attrs: Any) -> Array:
    """SUB in integers, as TflAdd."""
    return _combined("TflSub", x, y, attrs, np.subtract)


@op("TflMul", "x y", infer=infer_pair("TflMul"), attrs=(*X, *Y, *OUT, *BOUNDS), cases=_cases([7, 8]))
def mul(x: Array, y: Array, **attrs: Any) -> Array:
    """MUL in integers; the real multiplier is made in float32."""
    return _combined("TflMul", x, y, attrs, np.multiply)


@op("TflMaximum", "x y", infer=infer_pair("TflMaximum"), cases=(
    Case((T((2,), "int8", values=[-3, 9]), T((2,), "int8", values=[-4, 10])), expect=[-3, 10]),
    Case(_two("uint8", (2, 3), (3,))), Case(_two("int16", (4,), (4,))),
))
def maximum(x: Array, y: Array) -> Array:
    """MAXIMUM of stored integers; both inputs and the output have one scale."""
    return np.maximum(x, y)


@op("TflMinimum", "x y", infer=infer_pair("TflMinimum"), cases=(
    Case((T((2,), "int8", values=[-3, 9]), T((2,), "int8", values=[-4, 10])), expect=[-4, 9]),
    Case(_two("uint8", (2, 3), (3,))), Case(_two("int16", (4,), (4,))),
))
def minimum(x: Array, y: Array) -> Array:
    """MINIMUM of stored integers; both inputs and the output have one scale."""
    return np.minimum(x, y)
