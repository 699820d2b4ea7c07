"""Quantized recurrent operators of .tflite files, call by call against the bytes of LiteRT 2.3's reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.tflite import ran

import tfjslab as tf
from tfjslab.ops.tflite.transcendental import SHORT, WIDE

BATCH, STEPS, INPUTS, UNITS = 2, 3, 4, 3
HIDDEN_SCALE, OUT_ZERO = 0.0075, -7
UNUSED = -1


def numbers(count, shape, dtype, largest):
    """The same numbers on every machine."""
    made = (np.arange(count, count + int(np.prod(shape)), dtype=np.int64) * 7919 + count * count) % (2 * largest + 1)
    return (made - largest).reshape(shape).astype(dtype)


def scaled(name, shape, dtype, scale, zero_point=0, buffer=0):
    return tensor(name, shape, dtype, buffer, scale=scale, zero_point=zero_point)


def state(*args):
    return {**scaled(*args), 5: ("<?", True)}


def one_operator(name, kind, tensors, inputs, options, buffers, intermediates=()):
    """A file; the last tensor is the output."""
    told = operator(0, inputs, [len(tensors) - 1], options)
    told[3] = ("<B", kind)
    if intermediates:
        told[8] = np.array(intermediates, np.int32)
    return tflite([name], [subgraph(tensors, [told], [0], [len(tensors) - 1])], buffers)


def lstm(*, cell=2.0**-11, clip=0.0, time_major=False, activation=4, peephole=False, gates=4, between=5, zero=0):
    lengths = (STEPS, BATCH) if time_major else (BATCH, STEPS)
    tensors, buffers = [scaled("x", (*lengths, INPUTS), "int8", 0.02, 9)], []
    order = [0] + [UNUSED] * 23

    def constant(place, array, scale):
        buffers.append(array)
        order[place] = len(tensors)
        tensors.append(scaled(f"c{place}", array.shape, str(array.dtype), scale, zero, len(buffers)))

    for g in range(4 - gates, 4):
        constant(1 + g, numbers(g, (UNITS, INPUTS), np.int8, 127), 0.004 * (g + 1))
        constant(5 + g, numbers(10 + g, (UNITS, UNITS), np.int8, 127), 0.02 / (g + 1))
        constant(12 + g, numbers(20 + g, (UNITS,), np.int32, 9000), 0.00008 * (g + 1))
    if peephole:
        constant(9, numbers(30, (UNITS,), np.int16, 99), 0.001)
    order[18], order[19] = len(tensors), len(tensors) + 1
    tensors += [state("h", (BATCH, UNITS), "int8", HIDDEN_SCALE, OUT_ZERO), state("c", (BATCH, UNITS), "int16", cell)]
    first = len(tensors)
    tensors += [scaled(f"gate{i}", (), "int16", 2.0**-12) for i in range(4)]
    tensors += [scaled("hidden", (), "int8", HIDDEN_SCALE, OUT_ZERO),
                scaled("y", (*lengths, UNITS), "int8", HIDDEN_SCALE, OUT_ZERO)]
    options = {0: ("<b", activation), 1: ("<f", clip), 2: ("<f", 0.0), 3: ("<?", time_major)}
    return one_operator("UNIDIRECTIONAL_SEQUENCE_LSTM", 71, tensors, order, options, buffers,
                        range(first, first + between))


def svdf(*, rank=2, memory=3, bias=True, activation=1, state_zero=0):
    filters = 6
    features, over_time = numbers(1, (filters, INPUTS), np.int8, 127), numbers(2, (filters, memory), np.int16, 32767)
    added = numbers(3, (filters // rank,), np.int32, 9000)
    tensors = [
        scaled("x", (BATCH, INPUTS), "int8", 0.02, 5), scaled("f", features.shape, "int8", 0.01, 0, 1),
        scaled("t", over_time.shape, "int16", 0.0001, 0, 2), scaled("b", added.shape, "int32", 2e-7, 0, 3),
        state("s", (BATCH, filters * memory), "int16", 0.002, state_zero),
        scaled("y", (BATCH, filters // rank), "int8", 0.05, -9),
    ]
    order = [0, 1, 2, 3 if bias else UNUSED, 4]
    return one_operator("SVDF", 6, tensors, order, {0: ("<i", rank), 1: ("<b", activation)},
                        [features, over_time, added])


SEQUENCES = [numbers(50 + i, (BATCH, STEPS, INPUTS), np.int8, 127) for i in range(2)]
FRAMES = [numbers(70 + i, (BATCH, INPUTS), np.int8, 127) for i in range(3)]
# What LiteRT 2.3.0 answers with its reference kernels, all bytes of all calls in turn.
LITERT = {
    "usual": [-8, -36, 17, -7, -33, 89, 25, -27, -7, 84, -20, -7, 14, -31, -7, -7, -39, 49, 111, -12, -7, 111, -21,
        -7, 11, -27, -6, -7, -39, 71, -7, -16, 17, 89, -8, -7],
    "clipped": [-8, -36, 11, -7, -34, 42, 23, -21, -7, 40, -20, -7, 3, -41, -6, -7, -43, 32, 44, -1, -7, 39, -16, -7,
        2, -37, -6, -7, -43, 34, -7, -19, 9, 43, -14, -7],
    "wide": [-8, -36, 17, -7, -33, 89, 25, -27, -7, 84, -20, -7, 14, -31, -7, -7, -39, 49, 111, -13, -7, 111, -22, -7,
        11, -27, -6, -7, -39, 71, -7, -16, 17, 89, -8, -7],
    "svdf": [106, -8, -128, 44, -12, -128, -110, 95, -128, -121, 53, 127, -128, -60, -128, -92, -8, 108],
    "svdf of rank 3": [-128, 103, -128, 23, 127, -118, 127, -10, -128, 22, 30, -58],
}


def flat(answers):
    return np.concatenate([a.ravel() for (a,) in answers]).tolist()


@pytest.mark.parametrize(("name", "options"), [
    ("usual", {}), ("clipped", {"clip": 0.4, "cell": 2.0**-13}), ("wide", {"cell": 2.0**-9}),
])
def test_lstm(tmp_path, name, options):
    assert flat(ran(tmp_path, lstm(**options), *([x] for x in SEQUENCES))) == LITERT[name]


def test_lstm_with_steps_first(tmp_path):
    answers = ran(tmp_path, lstm(time_major=True), *([x.transpose(1, 0, 2).copy()] for x in SEQUENCES))
    assert flat([(a.transpose(1, 0, 2),) for (a,) in answers]) == LITERT["usual"]


@pytest.mark.parametrize(("name", "options"), [
    ("svdf", {}), ("svdf of rank 3", {"rank": 3, "memory": 1, "bias": False}),
])
def test_svdf(tmp_path, name, options):
    assert flat(ran(tmp_path, svdf(**options), *([x] for x in FRAMES))) == LITERT[name]


@pytest.mark.parametrize(("data", "said"), [
    (lstm(peephole=True), "peepholes is not supported on integers"),
    (lstm(gates=3), "no weights of gate 0 is not supported on integers"),
    (lstm(activation=1), "activation RELU is not supported on integers"),
    (lstm(clip=-1.0), "cell_clip -1.0 is not supported on integers"),
    (lstm(cell=0.001), "expected a power of two"),
    (lstm(between=4), "4 intermediate tensors; expected 5"),
    (lstm(zero=3), "has the zero point 3; expected 0"),
    (svdf(state_zero=1), "expected int16, 0 and NONE or RELU"),
    (svdf(activation=4), "expected int16, 0 and NONE or RELU"),
    (svdf(rank=4), "rank 4"),
])
def test_what_is_not_supported_is_named(tmp_path, data, said):
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    with pytest.raises(tf.TfjslabError, match=said):
        tf.load_model(path, backend="cpu").dispose()


@pytest.mark.parametrize("integer_bits", range(7))
def test_sigmoid_and_tanh_of_16_bits(integer_bits):
    x = np.arange(-32768, 32768)
    real = x / 2.0 ** (15 - integer_bits)
    # gemmlowp's own bound for 16 bits is about 2**-11.
    assert np.abs(SHORT.tanh(x, integer_bits) / 2**15 - np.tanh(real)).max() < 2**-11
    assert np.abs(SHORT.sigmoid(x, integer_bits) / 2**15 - 1 / (1 + np.exp(-real))).max() < 2**-11


def test_exp_of_32_bits():
    x = -np.geomspace(1, 2**31 - 1, 5000).astype(np.int64)
    rest_of_series = (1 / 8) ** 5 / 120
    assert np.abs(WIDE.exp(x, 5) / 2**31 - np.exp(x / 2.0**26)).max() < rest_of_series
