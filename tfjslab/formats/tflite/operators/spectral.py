"""Spectra, which are complex numbers, and convolutions of volumes."""

from __future__ import annotations

from functools import partial
from typing import Any

from tfjslab.formats.tflite.operator import Operator, operator


def _plain(tf_op: str, op: Operator) -> str:
    return op.add(tf_op, op.value(0))


for _name, _tf in {"COMPLEX_ABS": "ComplexAbs", "REAL": "Real", "IMAG": "Imag"}.items():
    operator(_name)(partial(_plain, _tf))


@operator("RFFT2D")
def _rfft_2d(op: Operator) -> str:
    """Along the last axis, then along the one before it, which has to have its length already."""
    dims, (height, width) = op.tensor(0).dims, op.weights(1).tolist()
    if dims[-2] != height:
        raise op.fail(f"an input {list(dims)} for a transform of {height} x {width} is not supported")
    found = op.add("RFFT", op.value(0), fft_length=[width])
    if height == 1:
        return found
    swapped = [*range(len(dims) - 2), len(dims) - 1, len(dims) - 2]
    return op.add("Transpose", op.add("FFT", op.add("Transpose", found, perm=swapped)), perm=swapped)


def _window(op: Operator) -> dict[str, Any]:
    return {
        "padding": op.option("padding"),
        "strides": [1, *(op.option(f"stride_{axis}") for axis in "dhw"), 1],
        "dilations": [1, *(op.option(f"dilation_{axis}") for axis in "dhw"), 1],
    }


def _finished(op: Operator, value: str, bias: int) -> str:
    return op.activated(op.add("BiasAdd", value, op.value(bias)) if op.has(bias) else value)


@operator("CONV_3D")
def _conv_3d(op: Operator) -> str:
    """Filters are [depth, height, width, in, out]."""
    return _finished(op, op.add("Conv3D", op.value(0), op.value(1), **_window(op)), 2)


@operator("CONV_3D_TRANSPOSE")
def _transposed(op: Operator) -> str:
    """The output's shape, filters [depth, height, width, out, in], the volume, and perhaps a bias."""
    made = op.add("Conv3DBackpropInputV2", op.value(1), op.value(2), output_shape=op.attr(0), **_window(op))
    return _finished(op, made, 3)
