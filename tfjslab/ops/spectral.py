"""Complex numbers and Fourier transforms. numpy computes them on every backend: no kernel knows complex numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape, broadcast, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, check_dtypes
from tfjslab.ops.facts import FIRST, Facts
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, Tf, op
from tfjslab.ops.sparse import check_size

COMPLEX = ("complex64",)


def _parts_rule(name: str) -> Infer:
    """One real number for each complex one."""

    def infer(ins: Specs, _attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins, COMPLEX)
        return [Spec(ins[0].shape, "float32")]

    return infer


def _infer_complex(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check_dtypes("Complex", ins, FLOAT)
    return [Spec(broadcast(*(s.known_shape for s in ins)), "complex64")]


def _c(*values: complex) -> T:
    return T((len(values),), "complex64", values=values)


_PLANE = (Case((T((2, 3), "complex64"),)), Case((T((), "complex64"),)), Case((T((0, 2), "complex64"),)))
_REAL = Facts(dtype="float32", rank=FIRST)


@op("Complex", "real imag", infer=_infer_complex, api="complex", tf=[Tf("Complex", "real imag")],
    facts=Facts(dtype="complex64"), cases=(
        Case((T((2,), values=[1, 2]), T((2,), values=[3, -4])), expect=[1 + 3j, 2 - 4j]),
        Case((T((2, 3)), T((2, 3)))), Case((T(()), T(()))), Case((T((0,)), T((0,)))),
        Case((T((2,), values=[math.inf, math.nan]), T((2,), values=[1, -math.inf]))),
    ))
def make_complex(real: Array, imag: Array) -> Array:
    """Complex numbers of two tensors, the real and the imaginary parts."""
    out = np.empty(broadcast(real.shape, imag.shape), np.result_type(real.dtype, np.complex64))
    out.real, out.imag = real, imag
    return out


@op("Real", "x", infer=_parts_rule("Real"), api="real", tf=[Tf("Real", "x")], facts=_REAL,
    cases=(*_PLANE, Case((_c(1 + 2j, -3j),), expect=[1, 0])))
def real_part(x: Array) -> Array:
    """The real parts."""
    return x.real.copy()


@op("Imag", "x", infer=_parts_rule("Imag"), api="imag", tf=[Tf("Imag", "x")], facts=_REAL,
    cases=(*_PLANE, Case((_c(1 + 2j, -3j),), expect=[2, -3])))
def imaginary_part(x: Array) -> Array:
    """The imaginary parts."""
    return x.imag.copy()


@op("ComplexAbs", "x", infer=_parts_rule("ComplexAbs"), tf=[Tf("ComplexAbs", "x")], facts=_REAL,
    cases=(*_PLANE, Case((_c(3 - 4j, 0, 3e30j),), expect=[5, 0, 3e30])))
def complex_abs(x: Array) -> Array:
    """The distance of complex numbers from 0."""
    return np.abs(x)


# ---- transforms ------------------------------------------------------------------------------------------------------

_LENGTH = Attr("fft_length", "ints", ())


def _length(name: str, shape: Shape, attrs: Attrs, default: int) -> int:
    """How many numbers the real side of a transform has; ShapeError when that makes no sense."""
    given = attrs["fft_length"]
    if len(given) > 1 or (given and given[0] < 1):
        raise ShapeError(f"{name}: fft_length {list(given)} for shape {list(shape)}; expected one number >= 1")
    return given[0] if given else default


def _needs_axis(name: str, shape: Shape) -> None:
    if not shape:
        raise ShapeError(f"{name}: a scalar; expected rank 1 or more")


def _infer_same(name: str) -> Infer:
    def infer(ins: Specs, _attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins, COMPLEX)
        _needs_axis(name, ins[0].known_shape)
        return [Spec(ins[0].shape, "complex64")]

    return infer


def _infer_rfft(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("RFFT", ins, FLOAT)
    shape = ins[0].known_shape
    _needs_axis("RFFT", shape)
    length = _length("RFFT", shape, attrs, shape[-1])
    return [Spec(check_size("RFFT", (*shape[:-1], length // 2 + 1 if length else 0)), "complex64")]


def _inverse_length(shape: Shape, attrs: Attrs) -> int:
    """By default the even length whose transform is so long; of a single number it is 1, as in TensorFlow.js."""
    return _length("IRFFT", shape, attrs, max(2 * shape[-1] - 2, min(shape[-1], 1)))


def _infer_irfft(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("IRFFT", ins, COMPLEX)
    shape = ins[0].known_shape
    _needs_axis("IRFFT", shape)
    return [Spec(check_size("IRFFT", (*shape[:-1], _inverse_length(shape, attrs))), "float32")]


def _flops(ins: Specs, outs: Specs, _attrs: Attrs) -> int:
    """Of the fast transform, 5 n log2(n) for complex numbers, by its usual count."""
    longest = max(ins[0].known_shape[-1], outs[0].known_shape[-1], 1)
    return 5 * max(ins[0].size, outs[0].size) * max(math.ceil(math.log2(longest)), 1)


def _transformed(x: Array, transform: Any, shape: Shape, **how: Any) -> Array:
    """A transform along the last axis, computed in double precision; nothing of nothing."""
    if 0 in (size_of(shape), x.shape[-1]):
        return np.zeros(shape, x.dtype)
    return np.asarray(transform(x.astype(np.result_type(x.dtype, np.float64)), **how)).reshape(shape)


_SIGNALS = (
    *(Case((T((n,), "complex64"),)) for n in (1, 2, 5, 8, 12)), Case((T((2, 3, 4), "complex64"),)),
    Case((T((2, 0), "complex64"),)), Case((T((0, 4), "complex64"),)),
)
_EXACT = Facts(dtype="complex64", rank=FIRST)


@op("FFT", "x", infer=_infer_same("FFT"), flops=_flops, api="fft", tf=[Tf("FFT", "x")], facts=_EXACT,
    cases=(*_SIGNALS, Case((_c(1, 2j, 0, 0),), expect=[1 + 2j, 3, 1 - 2j, -1])))
def fft(x: Array) -> Array:
    """Fourier transform of complex numbers along the last axis."""
    return _transformed(x, np.fft.fft, x.shape).astype(x.dtype)


@op("IFFT", "x", infer=_infer_same("IFFT"), flops=_flops, api="ifft", tf=[Tf("IFFT", "x")], facts=_EXACT,
    cases=(*_SIGNALS, Case((_c(1 + 2j, 3, 1 - 2j, -1),), expect=[1, 2j, 0, 0])))
def ifft(x: Array) -> Array:
    """The inverse of FFT."""
    return _transformed(x, np.fft.ifft, x.shape).astype(x.dtype)


@op("RFFT", "x", infer=_infer_rfft, attrs=[_LENGTH], flops=_flops, api="rfft", tf=[Tf("RFFT", "x @fft_length")],
    facts=_EXACT, cases=(
        *(Case((T((n,)),)) for n in (1, 2, 5, 8)), Case((T((4,), values=[1, 2, 0, 0]),), expect=[3, 1 - 2j, -1]),
        Case((T((2, 3, 6)),), {"fft_length": [4]}), Case((T((2, 5)),), {"fft_length": [8]}),
        Case((T((2, 0)),)), Case((T((0, 4)),)), Case((T((2, 0)),), {"fft_length": [4]}),
    ))
def rfft(x: Array, **attrs: Any) -> Array:
    """Fourier transform of real numbers along the last axis: the first half, and the middle of an even length.

    ``fft_length`` cuts the axis off or fills it up with zeros first.
    """
    length = _length("RFFT", x.shape, attrs, x.shape[-1])
    shape = (*x.shape[:-1], length // 2 + 1 if length else 0)
    return _transformed(x, np.fft.rfft, shape, n=length).astype(np.result_type(x.dtype, np.complex64))


@op("IRFFT", "x", infer=_infer_irfft, attrs=[_LENGTH], flops=_flops, api="irfft", tf=[Tf("IRFFT", "x @fft_length")],
    facts=_REAL, cases=(
        *(Case((T((n,), "complex64"),)) for n in (1, 2, 3, 5)), Case((_c(3, 1 - 2j, -1),), expect=[1, 2, 0, 0]),
        Case((T((2, 3, 4), "complex64"),), {"fft_length": [5]}), Case((T((2, 3), "complex64"),), {"fft_length": [9]}),
        Case((T((2, 0), "complex64"),)), Case((T((0, 4), "complex64"),)),
    ))
def irfft(x: Array, **attrs: Any) -> Array:
    """The inverse of RFFT. ``fft_length`` is how many real numbers come out, by default the even length."""
    length = _inverse_length(x.shape, attrs)
    return _transformed(x, np.fft.irfft, (*x.shape[:-1], length), n=length).real.astype(x.real.dtype)
