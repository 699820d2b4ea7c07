"""Kernels of TensorFlow Lite's integers for convolutions of any kind, resizes, places and 16 bits, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.wasm import assert_runs

from tfjslab.backends.wasm.backend import create

fixed = settings(deadline=None, derandomize=True, max_examples=12)
SCALES = {"x_scale": 0.02, "x_zero": 3, "out_scale": 0.4, "out_zero": -5}
SHORT = {"x_scale": 0.0002, "x_zero": 0, "out_scale": 0.001, "out_zero": 0}


@pytest.fixture(name="sessions", scope="module")
def _sessions():
    backends = [create("simd", 1), create("plain", 1)]
    yield [b.open_session() for b in backends]
    for b in backends:
        b.dispose()


def whole(rng, dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def weighted(sessions, name, x, filters, channels, **attrs):
    """With scales far apart and a bias; all of it constant but x."""
    rng = np.random.default_rng(channels)
    kernel = rng.integers(-127, 127, filters, np.int8, endpoint=True)
    scale = (0.004 * 2.0 ** rng.uniform(-9, 5, channels)).astype(np.float32)
    feeds = {"x": x, "w": kernel, "s": scale, "b": rng.integers(-5000, 5000, channels, np.int32)}
    numbers = SHORT if x.dtype == np.int16 else SCALES
    assert_runs(sessions, name, {**numbers, **attrs}, feeds, ("w", "s", "b"))


@fixed
@given(st.integers(0, 99), st.sampled_from(["int8", "int16"]), st.sampled_from([1, 2, 4]), st.integers(1, 5),
       st.sampled_from([[1], [2]]), st.sampled_from(["SAME", "VALID"]), st.booleans())
def test_convolutions_in_groups(sessions, seed, dtype, groups, per, strides, padding, wide):
    x = whole(np.random.default_rng(seed), dtype, 2, 6, 7, groups * per)
    attrs = {"strides": strides, "padding": padding, "wide": wide and dtype == "int16", "lowest": -90}
    weighted(sessions, "TflConv2D", x, (3, 2, per, 3 * groups), 3 * groups, **attrs)
    weighted(sessions, "TflDepthwiseConv2D", x, (2, 3, groups * per, 2), 2 * groups * per, **attrs)


@pytest.mark.parametrize(("dtype", "scale"), [("int16", 0.004), ("int8", 40.0)])
@pytest.mark.parametrize("depth", [8, 24, 12])
def test_whole_vectors_of_channels(sessions, dtype, scale, depth):
    """Of 16 bits, and of bytes with multipliers that other kernels do not hold."""
    rng = np.random.default_rng(depth)
    x, kernel = whole(rng, dtype, 1, 5, 6, depth), rng.integers(-127, 127, (3, 2, depth, 5), np.int8, endpoint=True)
    feeds = {"x": x, "w": kernel, "s": np.full(5, scale, np.float32), "b": rng.integers(-5000, 5000, 5, np.int32)}
    attrs = {**(SHORT if dtype == "int16" else SCALES), "padding": "SAME", "wide": dtype == "int16"}
    assert_runs(sessions, "TflConv2D", attrs, feeds, ("w", "s", "b"))


@fixed
@given(st.integers(0, 99), st.sampled_from([1, 2, 3]), st.integers(1, 5), st.integers(1, 9),
       st.sampled_from(["SAME", "VALID"]), st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_transposed_convolutions(sessions, seed, stride, depth, channels, padding, size):
    x = whole(np.random.default_rng(seed), "int8", 2, 3, 4, depth)
    out = [2, 3 * stride, 4 * stride, channels]
    if padding == "VALID":
        out[1:3] = [(n - 1) * stride + k for n, k in zip((3, 4), size, strict=True)]
    weighted(sessions, "TflTransposeConv", x, (*size, channels, depth), channels, output_shape=out, padding=padding,
             strides=[stride])


@fixed
@given(st.integers(0, 99), st.sampled_from(["int8", "uint8"]), st.integers(1, 9),
       st.tuples(st.integers(1, 12), st.integers(1, 12)), st.sampled_from(["", "align_corners", "half_pixel_centers"]))
def test_resizes(sessions, seed, dtype, channels, size, flag):
    x = whole(np.random.default_rng(seed), dtype, 2, 5, 4, channels)
    attrs = {"size": list(size), **({flag: True} if flag else {})}
    for name in ("TflResizeBilinear", "TflResizeNearestNeighbor"):
        assert_runs(sessions, name, attrs, {"x": x})


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_places(sessions, dtype, axis):
    x = whole(np.random.default_rng(1), dtype, 3, 5, 40) // 20 * 20  # with equals
    for smallest in (False, True):
        assert_runs(sessions, "TflArgMax", {"axis": axis, "smallest": smallest}, {"x": x})


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("shapes", [((3, 40), (3, 40)), ((3, 1, 5), (1, 4, 5)), ((2, 3, 1), (2, 3, 7)), ((7,), (1,))])
def test_two_inputs_of_any_shapes(sessions, dtype, shapes):
    rng = np.random.default_rng(2)
    x, y = (whole(rng, dtype, *s) for s in shapes)
    zeros = (0, 0, 0) if dtype == "int16" else (7, 3, 9)
    attrs = {"x_scale": 0.021, "y_scale": 0.013, "out_scale": 0.03,
             **dict(zip(("x_zero", "y_zero", "out_zero"), zeros, strict=True))}
    for name in ("TflMaximum", "TflMinimum"):
        assert_runs(sessions, name, {}, {"x": x, "y": y})
    for name in ("TflAdd", "TflSub", "TflMul"):
        assert_runs(sessions, name, attrs, {"x": x, "y": y})


def test_sixteen_bits_are_looked_up(sessions):
    every = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    assert_runs(sessions, "TflLeakyRelu", {**SHORT, "alpha": 0.3}, {"x": every})
    assert_runs(sessions, "TflDequantize", {"x_scale": 0.01, "x_zero": 0}, {"x": every})
    for dtype in ("int8", "int16", "int32"):
        assert_runs(sessions, "TflRequantize", {**SHORT, "dtype": dtype}, {"x": every})
