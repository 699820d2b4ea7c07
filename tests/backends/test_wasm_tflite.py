"""Kernels of TensorFlow Lite's integers: bit-equal to the definitions at any shape and scale, and not on the host."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.wasm import assert_runs

from tfjslab.backends.wasm.backend import create
from tfjslab.backends.wasm.lower.tflite_floats import in_floats
from tfjslab.backends.wasm.lower.tflite_scaling import by_multipliers
from tfjslab.ops.tflite.fixed_point import multiply, quantize_multiplier

fixed = settings(deadline=None, derandomize=True, max_examples=25)


@pytest.fixture(name="sessions", scope="module")
def _sessions():
    backend = create("simd", 1)
    yield [backend.open_session()]
    backend.dispose()


def whole(rng, dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def weights_of(rng, dtype, shape, channels, spread):
    """A filter, its scales within 2**``spread`` of each other, and a bias; the zero point of the filter."""
    if dtype == "uint8":
        return whole(rng, dtype, *shape), np.array([0.004], np.float32), 131
    scales = 0.004 * 2.0 ** rng.uniform(-spread, 0, channels)
    return rng.integers(-127, 127, shape, np.int8, endpoint=True), scales.astype(np.float32), 0


def convolved(sessions, seed, name, dtype, shape, channels, spread, **attrs):
    rng = np.random.default_rng(seed)
    x, (h, w) = whole(rng, dtype, 2, shape[0], shape[1], shape[2]), attrs.pop("window")
    size = (h, w, shape[2], 1 if name == "TflDepthwiseConv2D" else channels)
    kernel, scale, zero = weights_of(rng, dtype, size, channels, spread)
    bias = rng.integers(-5000, 5000, channels, np.int32)
    out = 0.02 * 0.004 * 127 * np.sqrt(h * w * shape[2])
    scales = {"x_scale": 0.02, "x_zero": int(whole(rng, dtype)), "filter_zero": zero, "out_scale": float(out),
              "out_zero": int(whole(rng, dtype))}
    feeds = {"x": x, "w": kernel, "s": scale, "b": bias}
    assert_runs(sessions, name, {**scales, **attrs}, feeds, ("w", "s", "b"))


windows = st.fixed_dictionaries({
    "window": st.tuples(st.integers(1, 3), st.integers(1, 4)), "strides": st.sampled_from([[1], [2]]),
    "padding": st.sampled_from(["SAME", "VALID"]), "dilations": st.sampled_from([[1], [1, 2]]),
    "lowest": st.sampled_from([None, 3]), "highest": st.sampled_from([None, 90]),
})


@fixed
@given(st.integers(0, 99), st.sampled_from(["int8", "uint8"]), st.integers(1, 19), st.integers(1, 35),
       st.sampled_from([1, 6, 14]), windows)
def test_convolutions(sessions, seed, dtype, depth, channels, spread, attrs):
    convolved(sessions, seed, "TflConv2D", dtype, (8, 9, depth), channels, spread, **attrs)


@fixed
@given(st.integers(0, 99), st.sampled_from(["int8", "uint8"]), st.integers(1, 35), st.sampled_from([1, 6, 14]), windows)
def test_depthwise_convolutions(sessions, seed, dtype, channels, spread, attrs):
    convolved(sessions, seed, "TflDepthwiseConv2D", dtype, (8, 9, channels), channels, spread, **attrs)


@fixed
@given(st.integers(0, 99), st.sampled_from(["int8", "uint8"]), st.integers(1, 9), st.integers(1, 20),
       st.sampled_from([1, 6, 14, 25]), st.sampled_from(["lowest", "middle"]))
def test_convolutions_that_keep_nothing_below_zero(sessions, seed, dtype, depth, channels, spread, where):
    """Their roundings are those of floats."""
    zero = int(np.iinfo(dtype).min) + (0 if where == "lowest" else 40)
    for name, filters in (("TflConv2D", channels), ("TflDepthwiseConv2D", depth)):
        convolved(sessions, seed, name, dtype, (6, 7, depth), filters, spread, window=(3, 2), lowest=zero,
                  out_zero=zero, highest=zero + 180 if where == "middle" else None)


def rounded_by(found, sums):
    """As kernels do it: in float64 the whole part is in the upper word."""
    kind = np.dtype(found.kind)
    values = (sums.astype(kind) * found.factors).astype(kind) + found.offsets
    if kind == np.float32:
        return np.trunc(values).astype(np.int64)
    words = (values.view(np.int64) >> 32) - 0x41380000 + (found.shift << 20)
    return words >> found.shift


@fixed
@given(st.floats(2.0**-24, 4), st.integers(-1000, 1 << 22), st.integers(0, 200))
def test_roundings_in_floats_are_those_of_integers(real, highest, zero):
    """For all sums around every place where a value begins, also where float64 has to do."""
    multiplier, shift = quantize_multiplier(np.array([real]))
    farthest = np.array([max(abs(highest), 1 << 22)])
    found = in_floats(multiplier, -shift, np.array([highest]), farthest, zero)
    if found is None:  # sums of so many digits that float64 does not hold them beside the whole part
        assert real * farthest >= 1 << 19
        return
    places = ((np.arange(256) - 0.5) / real).astype(np.int64)[:, None] + np.arange(-3, 4)
    sums = np.minimum(np.concatenate([places.ravel(), [-(1 << 22), -1, 0, 1, highest]]), highest)
    wanted = np.clip(multiply(sums, multiplier, shift) + zero, zero, 255)
    assert np.array_equal(np.clip(rounded_by(found, sums), zero, 255), wanted)


def test_few_products_are_rounded_in_float32_and_many_in_float64():
    most = np.full(4, 1 << 20)
    found = [in_floats(np.array([0x5A827999] * 4), np.full(4, n), most, most, 0) for n in (5, 14)]
    assert [f.kind for f in found] == ["float32", "float64"]
    assert in_floats(np.array([0x5A827999]), np.array([-3]), np.array([1 << 30]), np.array([1 << 30]), 0) is None


def test_sums_of_many_digits_take_a_shift_of_the_upper_word():
    """Between so small steps of a value 2**20 leaves no room for an offset; a smaller number does."""
    real = np.geomspace(1e-7, 1e-6, 400)
    multiplier, shift = quantize_multiplier(real)
    most = np.full(400, 1 << 30)
    found = in_floats(multiplier, -shift, most, most, 0)
    assert (found.kind, found.shift > 0) == ("float64", True)
    sums = ((np.arange(256) - 0.5)[:, None] / real).astype(np.int64) + np.arange(-2, 3)[:, None, None]
    sums = np.clip(sums, -(1 << 30), 1 << 30)
    wanted = multiply(sums, multiplier, shift)
    assert np.array_equal(np.clip(rounded_by(found, sums), 0, 255), np.clip(wanted, 0, 255))


@fixed
@given(st.integers(0, 99), st.sampled_from(["int8", "uint8"]), st.integers(1, 5), st.integers(1, 40),
       st.integers(1, 35))
def test_dense_layers(sessions, seed, dtype, rows, depth, units):
    rng = np.random.default_rng(seed)
    kernel, scale, zero = weights_of(rng, dtype, (depth, units), units, 6)
    attrs = {"x_scale": 0.02, "x_zero": 3, "filter_zero": zero, "out_scale": 0.01 * depth**0.5, "out_zero": 5}
    feeds = {"x": whole(rng, dtype, rows, depth), "w": kernel, "s": scale}
    assert_runs(sessions, "TflFullyConnected", attrs, feeds, ("w", "s"))


@pytest.mark.parametrize(("reals", "how"), [
    ([0.01, 0.02, 0.004], "alike"), ([0.7, 1.5, 0.3], "alike"),  # more than 1 is a shift to the left
    ([0.3, 2.0**-20, 0.01], "alike"),  # nothing is left of the second channel
    ([0.3, 2.0**-12], "channel"), ([2.0**-13, 2.0**-2], "channel"), ([2.0**5, 2.0**-12], ""),
])
def test_how_sums_become_values_depends_on_how_far_scales_are_apart(sessions, reals, how):
    """Weights of 127 take powers of two up to the eighth."""
    count = len(reals)
    found = by_multipliers(np.array(reals), np.full(count, 300000), np.full(count, 127), 0)
    assert (found.how if found else "") == how
    rng = np.random.default_rng(count)
    kernel = np.where(rng.normal(size=(1, 1, 18, count)) < 0, -127, 127).astype(np.int8)
    feeds = {"x": whole(rng, "int8", 1, 5, 4, 18), "w": kernel,
             "s": np.array(reals, np.float32), "b": rng.integers(-20000, 20000, count, np.int32)}
    attrs = {"x_scale": 1.0, "x_zero": -7, "out_scale": 1.0, "out_zero": 4}
    if how:
        assert_runs(sessions, "TflConv2D", attrs, feeds, ("w", "s", "b"))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_every_pair_of_bytes_is_added_and_multiplied(sessions, dtype):
    every = np.arange(256, dtype=np.uint8).view(dtype)
    x, y = np.repeat(every, 256), np.tile(every, 256)
    attrs = {"x_scale": 0.021, "x_zero": 7, "y_scale": 0.013, "y_zero": 3, "out_scale": 0.03, "out_zero": 9}
    for name in ("TflAdd", "TflSub"):
        assert_runs(sessions, name, attrs, {"x": x, "y": y})
    assert_runs(sessions, "TflMul", {**attrs, "out_scale": 0.0021, "highest": 100}, {"x": x, "y": y})
    assert_runs(sessions, "TflMul", {**attrs, "out_scale": 0.0001}, {"x": x, "y": y})


@pytest.mark.parametrize("axis", [[1, 2], [0], [-1], [0, 1, 2, 3]])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_means(sessions, dtype, axis):
    x = whole(np.random.default_rng(2), dtype, 2, 7, 7, 20)
    for scale in (0.02, 0.3, 1e-5):
        attrs = {"x_scale": scale, "x_zero": 7, "out_scale": 0.01, "out_zero": 3, "axis": axis}
        assert_runs(sessions, "TflMean", attrs, {"x": x})


@pytest.mark.parametrize("shapes", [((2, 3, 5), (5,)), ((1, 1, 7), (2, 3, 7)), ((4, 4), (1, 1)), ((3, 1, 2), (1, 2))])
def test_an_input_is_repeated(sessions, shapes):
    rng = np.random.default_rng(1)
    attrs = {"x_scale": 0.02, "x_zero": 7, "y_scale": 0.01, "y_zero": 3, "out_scale": 0.003, "out_zero": 9}
    x, y = (whole(rng, "int8", *s) for s in shapes)
    assert_runs(sessions, "TflMul", attrs, {"x": x, "y": y})


@fixed
@given(st.integers(0, 99), st.sampled_from(["int8", "uint8"]), st.integers(1, 300), st.floats(0.001, 0.5),
       st.sampled_from(["int8", "uint8", "int16"]))
def test_softmax(sessions, seed, dtype, length, scale, out):
    x = whole(np.random.default_rng(seed), dtype, 3, length)
    assert_runs(sessions, "TflSoftmax", {"x_scale": scale, "dtype": out}, {"x": x})


@fixed
@given(st.integers(0, 99), st.sampled_from(["int8", "uint8"]), st.sampled_from(["TflMaxPool2D", "TflAveragePool2D"]),
       windows)
def test_pools(sessions, seed, dtype, name, attrs):
    x = whole(np.random.default_rng(seed), dtype, 2, 6, 7, 5)
    size = attrs.pop("window")
    attrs.pop("dilations")
    assert_runs(sessions, name, {**attrs, "ksize": size}, {"x": x})


def lstm(rng, x, units, h, c, scales):
    """Feeds of a sequence, and which of them are constant."""
    depth, wide = x.shape[2], 4 * units
    return {
        "x": x, "w": rng.integers(-127, 127, (depth, wide), np.int8), "s": scales[0],
        "r": rng.integers(-127, 127, (units, wide), np.int8), "t": scales[1],
        "b": rng.integers(-9000, 9000, wide, np.int32), "h": h, "c": c,
    }, ("w", "s", "r", "t", "b")


@settings(fixed, max_examples=12)
@given(st.integers(0, 99), st.integers(1, 3), st.integers(1, 4), st.integers(1, 19), st.integers(1, 21),
       st.integers(0, 8), st.sampled_from([0, 9000]))
def test_long_short_term_memories(sessions, seed, batch, steps, depth, units, bits, clip):
    rng = np.random.default_rng(seed)
    scales = [rng.uniform(0.004, 0.02, 4).astype(np.float32) for _ in range(2)]
    feeds, constant = lstm(rng, whole(rng, "int8", batch, steps, depth), units, whole(rng, "int8", batch, units),
                           whole(rng, "int16", batch, units), scales)
    zero = int(whole(rng, "int8"))
    attrs = {"x_scale": 0.02, "x_zero": int(whole(rng, "int8")), "out_scale": 0.0075, "out_zero": zero,
             "hidden_scale": 0.0075, "hidden_zero": zero, "cell_bits": bits, "cell_clip": clip}
    assert_runs(sessions, "TflUnidirectionalSequenceLstm", attrs, feeds, constant)


def test_the_gates_of_long_short_term_memories_at_all_their_numbers(sessions):
    """An input that makes steps of 256 and a state that makes steps of 1 give every gate each number of 16 bits."""
    pairs = np.arange(65536, dtype=np.uint16)
    x, h = ((pairs >> shift).astype(np.uint8).view(np.int8)[:, None] for shift in (8, 0))
    feeds, constant = lstm(np.random.default_rng(0), x[:, None], 1, h, pairs[:, None].view(np.int16)[::-1].copy(),
                           [np.full(4, 2.0**-4, np.float32), np.full(4, 2.0**-12, np.float32)])
    feeds |= {"w": np.ones((1, 4), np.int8), "r": np.ones((1, 4), np.int8), "b": np.zeros(4, np.int32)}
    attrs = {"x_scale": 1.0, "x_zero": 0, "out_scale": 1.0, "out_zero": 0, "hidden_scale": 0.0075, "hidden_zero": 0,
             "cell_bits": 3}
    assert_runs(sessions, "TflUnidirectionalSequenceLstm", attrs, feeds, constant)


@fixed
@given(st.integers(0, 99), st.integers(1, 3), st.integers(1, 40), st.integers(1, 9), st.integers(1, 4),
       st.integers(1, 6), st.booleans())
def test_filters_over_time(sessions, seed, batch, depth, units, rank, memory, biased):
    rng, count = np.random.default_rng(seed), units * rank
    feeds = {"x": whole(rng, "int8", batch, depth), "f": rng.integers(-127, 127, (depth, count), np.int8),
             "t": whole(rng, "int16", count, memory), "s": whole(rng, "int16", batch, count * memory)}
    if biased:
        feeds["b"] = rng.integers(-9000, 9000, units, np.int32)
    attrs = {"x_scale": 0.02, "x_zero": int(whole(rng, "int8")), "out_scale": 0.05, "out_zero": int(whole(rng, "int8")),
             "features_scale": 0.01, "filters_scale": 0.0001, "state_scale": 0.002, "rank": rank}
    assert_runs(sessions, "TflSvdf", attrs, feeds, ("f", "t", "b") if biased else ("f", "t"))
