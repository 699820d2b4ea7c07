"""complex64 and what is made of it: tensors, ops, namespaces and models, on every kind of backend."""

from __future__ import annotations

import numpy as np
import pytest
from support.available import need

import tfjslab as tf
from tfjslab.backends import registry as backends
from tfjslab.base.errors import DTypeError, InputError, LimitError, ShapeError
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.profiling.collect import profile_model

BACKENDS = ("cpu", "wasm-simd", "webgpu")
WAVE = np.sin(np.arange(12)).astype(np.float32)


@pytest.fixture(name="backend", params=BACKENDS)
def _backend(request):
    """The current backend, and afterwards what was current before."""
    need(request.param)
    before = backends.get_backend()
    tf.set_backend(request.param)
    with tf.tidy():
        yield request.param
    tf.set_backend(before)


def test_tensors_of_complex_numbers_take_8_bytes_an_element_and_give_them_back(backend):
    def held():
        return tf.memory().num_tensors, tf.memory().num_data_buffers, tf.memory().num_bytes

    before = held()
    made = tf.complex([1.0, 2.0], [3.0, -4.0])
    assert (made.dtype, made.shape) == ("complex64", [2])
    assert held()[2] - before[2] == 16
    shared = made.reshape([2, 1])
    assert shared.num_bytes == 16
    np.testing.assert_array_equal(shared.numpy(), [[1 + 3j], [2 - 4j]])
    shared.dispose()
    made.dispose()
    assert held() == before, backend


def test_ops_take_complex_numbers(backend):
    z = tf.tensor(np.array([3 + 4j, -1j]))
    np.testing.assert_array_equal(tf.abs(z).numpy(), [5, 1])
    np.testing.assert_array_equal(tf.real(z).numpy(), [3, 0])
    np.testing.assert_array_equal(z.imag().numpy(), [4, -1])
    np.testing.assert_array_equal((z + 1).numpy(), [4 + 4j, 1 - 1j])
    np.testing.assert_array_equal((z * z).numpy(), np.array([3 + 4j, -1j]) ** 2)
    np.testing.assert_array_equal(tf.concat([z, z]).numpy(), [3 + 4j, -1j, 3 + 4j, -1j])
    np.testing.assert_array_equal(tf.cast(z, "int32").numpy(), [3, 0])
    np.testing.assert_array_equal(tf.cast([1.5], "complex64").numpy(), [1.5])
    np.testing.assert_allclose(tf.spectral.ifft(tf.fft(z)).numpy(), z.numpy(), rtol=1e-6, err_msg=backend)


def test_transforms_of_signals(backend):
    spectrum = tf.spectral.rfft(WAVE)
    np.testing.assert_allclose(spectrum.numpy(), np.fft.rfft(WAVE), atol=1e-5)
    np.testing.assert_allclose(tf.spectral.irfft(spectrum).numpy(), WAVE, atol=1e-6)
    frames = np.stack([WAVE[i : i + 5] for i in (0, 3, 6)])
    np.testing.assert_array_equal(tf.signal.frame(WAVE, 5, 3).numpy(), frames)
    window = tf.signal.hann_window(5).numpy()
    found = tf.signal.stft(tf.tensor(WAVE), 5, 3)
    np.testing.assert_allclose(found.numpy(), np.fft.rfft(frames * window, 8), atol=1e-5, err_msg=backend)


def test_windows_are_those_of_tensorflow_js():
    with tf.tidy():
        np.testing.assert_allclose(tf.signal.hann_window(4).numpy(), [0, 0.5, 1, 0.5], atol=1e-7)
        np.testing.assert_allclose(tf.signal.hamming_window(5).numpy(), [0.08, 0.54, 1, 0.54, 0.08], atol=1e-6)
        np.testing.assert_array_equal(tf.signal.hann_window(1).numpy(), [np.nan])
        assert tf.signal.hann_window(0).shape == [0]


@pytest.mark.parametrize(("step", "padded", "expected"), [
    (2, False, [[0, 1, 2], [2, 3, 4]]), (2, True, [[0, 1, 2], [2, 3, 4], [4, 9, 9]]),
    (5, True, [[0, 1, 2]]), (4, True, [[0, 1, 2], [4, 9, 9]]), (1, False, [[0, 1, 2], [1, 2, 3], [2, 3, 4]]),
])
def test_frames_at_the_end_are_dropped_or_filled_up(step, padded, expected):
    with tf.tidy():
        found = tf.signal.frame([0.0, 1, 2, 3, 4], 3, step, padded, 9)
        np.testing.assert_array_equal(found.numpy(), expected)
        assert tf.signal.frame([1.0], 3, step).shape == [0, 3]


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: tf.signal.frame([1.0], 0, 1), InputError, "frame: frame_length is 0; expected an integer of at least 1"),
    (lambda: tf.signal.frame([1.0], 1, 0), InputError, "frame: frame_step is 0; expected an integer of at least 1"),
    (lambda: tf.signal.frame([[1.0]], 1, 1), ShapeError, "frame: signal of shape [1, 1]; expected rank 1"),
    (lambda: tf.signal.hann_window(-1), InputError,
     "hann_window: window_length is -1; expected an integer of at least 0"),
    (lambda: tf.signal.hann_window(2**40), LimitError,
     "hann_window: number of elements is 1099511627776, above the limit of 2147483648"),
    (lambda: tf.fft([1.0]), DTypeError, "fft: dtype float32; expected complex64"),
    (lambda: tf.rfft([1.0], 0), ShapeError, "rfft: fft_length [0] for shape [1]; expected one number >= 1"),
    (lambda: tf.rfft([1.0], 2**40), LimitError,
     "rfft: number of elements is 549755813889, above the limit of 268435456"),
    (lambda: tf.cast(["1"], "int32"), DTypeError, "cast: from string to int32; only strings can be cast to strings"),
    (lambda: tf.real([1.0]), DTypeError, "real: dtype float32; expected complex64"),
    (lambda: tf.exp(np.array([1j])), DTypeError, "exp: dtype complex64; expected float32"),
    (lambda: tf.spectral.fftt, AttributeError, "namespace 'tf.spectral' has no 'fftt'; did you mean 'fft'?"),
])
def test_what_makes_no_sense_is_told(call, error, text):
    with tf.tidy(), pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_namespaces_list_their_functions():
    assert repr(tf.spectral) == "<tf.spectral: fft, ifft, irfft, rfft>"
    assert {"signal", "sparse", "spectral", "string"} <= set(dir(tf))
    for name in ("signal", "sparse", "spectral", "string"):
        space = getattr(tf, name)
        assert all(callable(getattr(space, n)) for n in dir(space))


def model():
    """A filter: the spectrum of a signal times a constant one, and the sum of its own with an input that is complex."""
    b = GraphBuilder()
    x, z = b.input("x", (None, 8)), b.input("z", (None, 5), "complex64")
    weights = b.constant("w", np.arange(5).astype(np.complex64) * 1j)
    spectrum = b.value("spectrum", "RFFT", x, fft_length=[8])
    product = b.value("product", "Mul", spectrum, weights)
    whole = b.value("whole", "AddV2", product, z)
    y = b.value("doubled", "Mul", b.value("y", "IRFFT", whole, fft_length=[8]), b.constant("two", np.float32(2)))
    return b.build([Port("y", y, None, "float32"), Port("whole", whole, None, "complex64")], {})


@pytest.mark.parametrize("backend", BACKENDS)
def test_models_hold_complex_values_on_the_host_and_the_rest_in_plans(backend, tmp_path):
    need(backend)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 8)).astype(np.float32)
    z = (rng.normal(size=(2, 5)) + 1j * rng.normal(size=(2, 5))).astype(np.complex64)
    whole = np.fft.rfft(x) * (np.arange(5) * 1j) + z
    expected = 2 * np.fft.irfft(whole, 8), whole
    with tf.Model(model(), backend) as made:
        made.save(tmp_path)
        for found, right in zip(made.predict({"x": x, "z": z}), expected, strict=True):
            np.testing.assert_allclose(found.numpy() if hasattr(found, "numpy") else found, right, atol=1e-5)
        kernels = {k.name: k.fallback for k in profile_model(made, {"x": x, "z": z}).kernels}
        assert kernels["RFFT"] == (backend != "cpu")
    with tf.load_model(tmp_path, backend=backend) as again:
        for found, right in zip(again.execute({"x": x, "z": z}), expected, strict=True):
            np.testing.assert_allclose(found, right, atol=1e-5)
