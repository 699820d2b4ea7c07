"""The reader of .tflite files: what operators compute, and that no bytes do harm."""

from __future__ import annotations

import contextlib
import random
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite

import tfjslab as tf
from tfjslab.base.errors import ModelError, TfjslabError, UnknownOpError
from tfjslab.formats.tflite.file import parse

SHARED = Path(__file__).parents[2].parent / "shared" / "tflite"
RNG = np.random.default_rng(5)


def numbers(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


@pytest.fixture
def run(tmp_path):
    """Writes a file and runs it on cpu and wasm-simd, which must agree; gives all outputs of cpu."""
    def ran(data, *inputs):
        path = tmp_path / "model.tflite"
        path.write_bytes(data)
        answers = []
        for backend in ("cpu", "wasm-simd"):
            with tf.load_model(path, backend=backend) as model:
                feeds = dict(zip((p.name for p in model.inputs), inputs, strict=True))
                answers.append(model.execute(feeds, [p.name for p in model.outputs]))
        for a, b in zip(*answers, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        return answers[0]

    return ran


def single(name, inputs, outputs, options=None, constants=()):
    """A file of one operator: shapes (and dtypes) of what is fed, then constants, then outputs."""
    tensors = [tensor(f"in{i}", s) for i, s in enumerate(inputs)]
    tensors += [tensor(f"c{i}", c.shape, str(c.dtype), i + 1) for i, c in enumerate(constants)]
    count = len(tensors)
    tensors += [tensor(f"out{i}", s) for i, s in enumerate(outputs)]
    made = range(count, len(tensors))
    ops = [operator(0, range(count), made, options)]
    return tflite([name], [subgraph(tensors, ops, range(len(inputs)), made)], constants)


def test_a_convolution_with_bias_and_activation(run):
    x, w, b = numbers(1, 5, 5, 2), numbers(3, 3, 3, 2), numbers(3)  # filters are [out, height, width, in]
    options = {0: ("<b", 1), 1: ("<i", 2), 2: ("<i", 1), 3: ("<b", 1)}  # VALID, stride_w 2, stride_h 1, RELU
    (found,) = run(single("CONV_2D", [(1, 5, 5, 2)], [(1, 3, 2, 3)], options, [w, b]), x)
    expected = np.zeros((1, 3, 2, 3))
    for i in range(3):
        for j in range(2):
            patch = x[0, i : i + 3, 2 * j : 2 * j + 3]
            expected[0, i, j] = np.einsum("hwc,ohwc->o", patch.astype(np.float64), w) + b
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-5, atol=1e-6)


def test_a_depthwise_convolution_with_a_multiplier(run):
    x, w = numbers(1, 4, 4, 2), numbers(1, 2, 2, 4)
    options = {0: ("<b", 1), 1: ("<i", 1), 2: ("<i", 1), 3: ("<i", 2), 4: ("<b", 0)}
    (found,) = run(single("DEPTHWISE_CONV_2D", [(1, 4, 4, 2)], [(1, 3, 3, 4)], options, [w]), x)
    for k in range(4):
        image = x[0, ..., k // 2].astype(np.float64)
        patch = sum(image[h : h + 3, v : v + 3] * w[0, h, v, k] for h in (0, 1) for v in (0, 1))
        np.testing.assert_allclose(found[0, ..., k], patch, rtol=1e-5, atol=1e-6)


def test_a_dense_layer_takes_rows_of_any_shape(run):
    x, w, b = numbers(2, 3, 4), numbers(5, 4), numbers(5)
    wanted = x.reshape(6, 4).astype(np.float64) @ w.T + b
    (found,) = run(single("FULLY_CONNECTED", [(2, 3, 4)], [(6, 5)], {0: ("<b", 0)}, [w, b]), x)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    (kept,) = run(single("FULLY_CONNECTED", [(2, 3, 4)], [(2, 3, 5)], {0: ("<b", 3), 2: ("<?", True)}, [w, b]), x)
    np.testing.assert_allclose(kept, np.clip(wanted, 0, 6).reshape(2, 3, 5), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "options", "reference"), [
    ("HARD_SWISH", None, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    ("L2_NORMALIZATION", {0: ("<b", 0)}, lambda x: x / np.sqrt((x**2).sum(-1, keepdims=True))),
    ("SOFTMAX", {0: ("<f", 2.0)}, lambda x: np.exp(2 * x) / np.exp(2 * x).sum(-1, keepdims=True)),
    ("LEAKY_RELU", {0: ("<f", 0.25)}, lambda x: np.where(x < 0, x / 4, x)),
    ("RELU_N1_TO_1", None, lambda x: np.clip(x, -1, 1)), ("RELU_0_TO_1", None, lambda x: np.clip(x, 0, 1)),
    ("GELU", {0: ("<?", True)}, lambda x: x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))) / 2),
])
def test_what_is_composed(run, name, options, reference):
    x = 4 * numbers(3, 4)
    (found,) = run(single(name, [(3, 4)], [(3, 4)], options), x)
    np.testing.assert_allclose(found, reference(x.astype(np.float64)), rtol=1e-5, atol=1e-6)


def test_weights_are_what_they_mean(run):
    """Quantized by channel or as float16; they are floats once they are read."""
    stored = RNG.integers(-100, 100, (5, 4)).astype(np.int8)
    scale = np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32)
    half = numbers(5).astype(np.float16)
    tensors = [
        tensor("x", (1, 4)), tensor("w", (5, 4), "int8", 1, scale=scale, zero_point=[0] * 5),
        tensor("half", (5,), "float16", 2), tensor("b", (5,)), tensor("y", (1, 5)),
    ]
    ops = [operator(0, [2], [3]), operator(1, [0, 1, 3], [4], {0: ("<b", 0)})]
    data = tflite(["DEQUANTIZE", "FULLY_CONNECTED"], [subgraph(tensors, ops, [0], [4])], [stored, half])
    x = numbers(1, 4)
    (found,) = run(data, x)
    wanted = x.astype(np.float64) @ (stored * scale.astype(np.float64)[:, None]).T + half
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_loop_and_a_shape_that_is_known_only_when_it_runs(run):
    """Doubles until three times are done; then the result takes the shape that is fed."""
    main = subgraph(
        [tensor("n", (), "int32"), tensor("x", (4,)), tensor("n1", (), "int32"), tensor("x1", (4,)),
         tensor("shape", (2,), "int32"), tensor("y", (2, 2))],
        [operator(0, [0, 1], [2, 3], {0: ("<i", 1), 1: ("<i", 2)}), operator(3, [3, 4], [5])],
        [0, 1, 4], [5],
    )
    cond = subgraph(
        [tensor("n", (), "int32"), tensor("x", (4,)), tensor("limit", (), "int32", 1), tensor("go", (), "bool")],
        [operator(1, [0, 2], [3])], [0, 1], [3],
    )
    body = subgraph(
        [tensor("n", (), "int32"), tensor("x", (4,)), tensor("one", (), "int32", 2), tensor("n1", (), "int32"),
         tensor("x1", (4,))],
        [operator(2, [0, 2], [3], {0: ("<b", 0)}), operator(2, [1, 1], [4], {0: ("<b", 0)})], [0, 1], [3, 4],
    )
    data = tflite(["WHILE", "LESS", "ADD", "RESHAPE"], [main, cond, body], [np.int32(3), np.int32(1)])
    x = numbers(4)
    (found,) = run(data, np.int32(0), x, np.array([2, 2], np.int32))
    np.testing.assert_allclose(found, 8 * x.reshape(2, 2), rtol=1e-6)


def test_what_cannot_be_read_is_all_told_at_once(run):
    ops = [operator(0, [0], [1]), operator(1, [1], [2])]
    tensors = [tensor(n, (2,)) for n in "abc"]
    data = tflite(["SKIP_GRAM", "NoSuchThing"], [subgraph(tensors, ops, [0], [2])])
    with pytest.raises(UnknownOpError, match=r"2 operator\(s\).*NoSuchThing \(1x\), SKIP_GRAM \(1x\)"):
        run(data, numbers(2))
    tensors = [tensor("a", (2,), "int8", scale=0.5), tensor("b", (2,), "int8", scale=0.5)]
    data = tflite(["SIN", "COS"], [subgraph(tensors, [operator(0, [0], [1]), operator(1, [0], [1])], [0], [1])])
    with pytest.raises(ModelError, match=r"0 \(SIN\): tensor 'a' is computed in int8.*; operator 1 \(COS\): tensor"):
        run(data, numbers(2))


@pytest.mark.parametrize(("change", "message"), [
    (lambda d: d[:40], "would be at bytes"), (lambda d: b"\xff" * 4 + d[4:], "would be at bytes"),
    (lambda d: d[:0], "would be at bytes"), (lambda d: d[:8], "would be at bytes"),
])
def test_damaged_files(tmp_path, change, message):
    path = tmp_path / "m.tflite"
    path.write_bytes(change(single("ABS", [(2,)], [(2,)])))
    with pytest.raises(ModelError, match=message):
        tf.load_model(path)


def test_a_constant_of_another_size_than_its_shape(tmp_path):
    data = tflite(["ADD"], [subgraph([tensor("a", (2,)), tensor("c", (9,), buffer=1), tensor("y", (2,))],
                                     [operator(0, [0, 1], [2])], [0], [2])], [numbers(2)])
    with pytest.raises(ModelError, match=r"tensor 1: 8 bytes of data; float32 \[9\] takes 36"):
        parse(data, "m")


def test_a_zero_point_beyond_the_integers_of_its_tensor():
    tensors = [tensor(n, (2,), "int8", scale=0.5, zero_point=zero) for n, zero in (("a", 127), ("y", 128))]
    data = tflite(["RELU"], [subgraph(tensors, [operator(0, [0], [1])], [0], [1])])
    with pytest.raises(ModelError, match=r"tensor 1.*: zero points from 128 to 128; int8 holds -128 to 127"):
        parse(data, "m")


def _files():
    yield single("CONV_2D", [(1, 5, 5, 2)], [(1, 3, 2, 3)], {0: ("<b", 1), 1: ("<i", 2), 2: ("<i", 1)},
                 [numbers(3, 3, 3, 2), numbers(3)])
    yield single("FULLY_CONNECTED", [(2, 4)], [(2, 5)], {0: ("<b", 0)}, [numbers(5, 4), numbers(5)])
    if SHARED.is_dir():
        for name in ("tflm_mnist_lstm_int8", "tflm_micro_speech_int8"):
            yield (SHARED / "models" / f"{name}.tflite").read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_any_bytes_give_a_model_or_a_typed_error(tmp_path, seed):
    """Numbers of the file are set to extremes, moved and swapped; each is read within a second."""
    rng, path = random.Random(seed), tmp_path / "m.tflite"  # noqa: S311 - no secret
    for data in _files():
        for _ in range(100):
            made = bytearray(data)
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(0, len(made) - 4) & ~3
                value = rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, rng.getrandbits(32), rng.randrange(64)))
                struct.pack_into("<I", made, at, value)
            path.write_bytes(made)
            began = time.monotonic()
            with contextlib.suppress(TfjslabError):
                tf.load_model(path, backend="cpu").dispose()
            assert time.monotonic() - began < 5
