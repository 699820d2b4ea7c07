"""Spectra and convolutions of volumes in .tflite files, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.tflite import ran, single

from tfjslab.base.errors import ModelError

RNG = np.random.default_rng(23)


def numbers(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def spectrum(x, size, then):
    """A transform, then an operator that gives real numbers."""
    shape = (*x.shape[:-1], size[1] // 2 + 1)
    tensors = [tensor("x", x.shape), tensor("n", (2,), "int32", 1), tensor("c", shape, "complex64"), tensor("y", shape)]
    ops = [operator(0, [0, 1], [2]), operator(1, [2], [3])]
    return tflite(["RFFT2D", then], [subgraph(tensors, ops, [0], [3])], [np.array(size, np.int32)])


@pytest.mark.parametrize(("shape", "size"), [((3, 1, 16), (1, 16)), ((2, 4, 8), (4, 8)), ((3, 1, 12), (1, 16))])
def test_spectra(tmp_path, shape, size):
    x = numbers(*shape)
    expected = np.fft.rfft2(x.astype(float), size)
    for name, part in (("COMPLEX_ABS", np.abs), ("REAL", np.real), ("IMAG", np.imag)):
        ((found,),) = ran(tmp_path, spectrum(x, size, name), [x])
        np.testing.assert_allclose(found, part(expected), atol=1e-5)


def test_rows_of_another_number_than_the_transform_has(tmp_path):
    x = numbers(3, 2, 8)
    with pytest.raises(ModelError, match="for a transform of 4 x 8 is not supported"):
        ran(tmp_path, spectrum(x, (4, 8), "REAL"), [x])


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_of_volumes_and_back(tmp_path, stride):
    """The transposed one is the adjoint: both give the same product of a volume and an answer."""
    x, filters, bias = numbers(1, 4, 5, 6, 2), numbers(2, 3, 2, 2, 3), numbers(3)
    shape = [(n - k) // stride + 1 for n, k in zip(x.shape[1:4], filters.shape[:3], strict=True)]
    options = {0: ("<b", 1), **dict.fromkeys((1, 2, 3), ("<i", stride))}
    forward = single("CONV_3D", [x], [filters, bias], [(1, *shape, 3)], options)
    ((found,),) = ran(tmp_path, forward, [x])
    expected = np.zeros((*shape, 3))
    for at in np.ndindex(*shape):
        begin = [a * stride for a in at]
        part = x[0][tuple(slice(b, b + k) for b, k in zip(begin, filters.shape[:3], strict=True))]
        expected[at] = np.einsum("dhwi,dhwio->o", part.astype(float), filters) + bias
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
    answer = numbers(1, *shape, 3)
    back = single("CONV_3D_TRANSPOSE", [answer], [np.array(x.shape, np.int32), filters], [x.shape], options,
                  order=[1, 2, 0])
    ((turned,),) = ran(tmp_path, back, [answer])
    np.testing.assert_allclose((turned * x).sum(), ((found - bias) * answer).sum(), rtol=1e-4)
