"""Integer arithmetic against real arithmetic: the scheme adds less than one step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfjslab.ops import registry
from tfjslab.ops.quantized import SHORT_LIMIT, short_sums
from tfjslab.quantization.scheme import (
    activation_scale,
    add_parameters,
    mean_parameters,
    quantize_weights,
)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 64), st.integers(1, 12), st.floats(-3, 3), st.floats(0, 2))
def test_a_dense_layer_is_within_a_step_of_the_real_product(seed, k, n, spread, low):
    """Of the dequantized weights and activations: what is left is requantization, and it rounds, it does not drift."""
    rng = np.random.default_rng(seed)
    weights = (rng.normal(size=(k, n)) * 10 ** (spread * rng.uniform(-0.5, 0.5, n))).astype(np.float32)
    bias = rng.normal(size=n).astype(np.float32)
    source = activation_scale(-low, 1.0)
    x = rng.integers(0, 128, (5, k)).astype(np.int8)
    real = source.decode(x).astype(np.float64)
    wide = real @ weights + bias
    target = activation_scale(float(wide.min()), float(wide.max()))
    w = quantize_weights(weights, bias, source, target)
    assert 0 < w.multiplier.min() <= w.multiplier.max() < 1 << 15
    attrs = {"zero": source.zero, "out_zero": target.zero, "shift": w.shift}
    out = registry.get("QuantizedDense").run([x, w.filter, w.bias, w.multiplier], attrs)[0]
    wanted = real @ (w.filter * w.scales) + w.bias * (w.scales * source.scale)
    steps = np.clip(wanted / target.scale + target.zero, 0, 127)
    assert np.abs(out - steps).max() <= 1.01


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 100), st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_a_sum_is_within_a_step(first, second, seed):
    rng = np.random.default_rng(seed)
    a, b = activation_scale(-first, first / 2), activation_scale(-second / 3, second)
    out = activation_scale(-first - second / 3, first / 2 + second)
    x, y = (rng.integers(0, 128, 50).astype(np.int8) for _ in range(2))
    found = registry.get("QuantizedAdd").run([x, y], add_parameters(a, b, out))[0]
    wanted = np.clip((a.decode(x) + b.decode(y)) / out.scale + out.zero, 0, 127)
    assert np.abs(found - wanted).max() <= 0.6


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 15), st.floats(0.05, 1), st.integers(0, 2**32 - 1))
def test_a_mean_is_within_a_step(size, shrunk, seed):
    source = activation_scale(-1, 2)
    out = activation_scale(-shrunk, 2 * shrunk)
    x = np.random.default_rng(seed).integers(0, 128, (1, size, size, 3)).astype(np.int8)
    attrs = {"mode": "sum", "ksize": [size], **mean_parameters(source, out, size * size)}
    op = registry.get("QuantizedPool")
    found = op.run([x], op.resolve_attrs(attrs, "test"))[0].reshape(3)
    wanted = np.clip(source.decode(x).mean(axis=(0, 1, 2)) / out.scale + out.zero, 0, 127)
    assert np.abs(found - wanted).max() <= 0.6


def test_channels_without_weights_are_zero():
    """All zeros have no scale of their own; their output is the bias."""
    s = activation_scale(0, 1)
    w = quantize_weights(np.zeros((4, 2), np.float32), np.array([0.5, -1], np.float32), s, activation_scale(-1, 1))
    assert not w.filter.any()
    out = registry.get("QuantizedDense").run(
        [np.zeros((1, 4), np.int8), w.filter, w.bias, w.multiplier], {"zero": 0, "out_zero": 64, "shift": w.shift})[0]
    np.testing.assert_allclose(activation_scale(-1, 1).decode(out)[0], [0.5, -1], atol=0.02)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_short_weights_fit_sixteen_bit_sums_and_are_off_by_half_a_step(k, n, seed):
    """Uniform weights are the worst: many neighbours are large together."""
    weights = np.random.default_rng(seed).uniform(-1, 1, (k, n)).astype(np.float32)
    w = quantize_weights(weights, None, activation_scale(0, 1), activation_scale(-1, 1), short=True)
    assert short_sums(w.filter).max() <= SHORT_LIMIT
    assert np.all(np.abs(w.filter * w.scales - weights) <= 0.501 * w.scales)
    plain = quantize_weights(weights, None, activation_scale(0, 1), activation_scale(-1, 1))
    assert np.all(w.scales <= 2.05 * plain.scales)


def test_what_fits_sixteen_bits_is_kept_in_sixteen():
    """Multipliers always do; a bias that is far beyond the products keeps 32."""
    s, t = activation_scale(0, 1), activation_scale(-1, 1)
    weights = np.ones((4, 2), np.float32)
    near, far = (quantize_weights(weights, np.float32([b, 0]), s, t) for b in (0.5, 50.0))
    assert (near.multiplier.dtype, near.bias.dtype, far.bias.dtype) == (np.int16, np.int16, np.int32)
    assert far.bias[0] == pytest.approx(50 / (far.scales[0] * s.scale), abs=1)


def test_the_bias_takes_in_what_rounding_the_weights_does_on_average():
    """Of an input whose mean is not 0: the mean of the output is nearer to the real one."""
    rng = np.random.default_rng(2)
    weights, mean = rng.normal(size=(64, 8)).astype(np.float32), rng.uniform(0.4, 1, 64)
    x = rng.normal(mean, 0.05, (500, 64)).clip(0, 1.2)
    real = (x @ weights).mean(axis=0)
    s, t = activation_scale(0, 1.2), activation_scale(float(real.min()) - 2, float(real.max()) + 2)
    far = []
    for known in (None, mean[:, None]):
        w = quantize_weights(weights, None, s, t, mean=known)
        sums = (x @ (w.filter * w.scales)) + w.bias * w.scales * s.scale
        far.append(np.abs(sums.mean(axis=0) - real).max())
    assert far[1] < far[0] / 4
