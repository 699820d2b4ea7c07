"""The reader of .tflite files whose tensors are quantized: which integer op an operator becomes, and with what."""

from __future__ import annotations

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite

import tfjslab as tf
from tfjslab.base.errors import DTypeError, ModelError
from tfjslab.model.sample import sample_inputs

RNG = np.random.default_rng(7)
RELU6, NONE = ("<b", 3), ("<b", 0)


def bytes_of(*shape, dtype=np.int8):
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max, shape, dtype, endpoint=True)


def quantized(name, shape, dtype="int8", scale=0.5, zero_point=3, **more):
    return tensor(name, shape, dtype, scale=scale, zero_point=zero_point, **more)


@pytest.fixture
def load(tmp_path):
    """Writes a file of one subgraph and loads it; closes the models at the end."""
    models = []

    def loaded(names, tensors, operators, inputs, outputs, buffers=(), backend="cpu"):
        path = tmp_path / f"m{len(models)}.tflite"
        path.write_bytes(tflite(names, [subgraph(tensors, operators, inputs, outputs)], buffers))
        models.append(tf.load_model(path, backend=backend))
        return models[-1]

    yield loaded
    for m in models:
        m.dispose()


def single(load, name, inputs, output, options=None, constants=(), buffers=(), backend="cpu"):
    """A model of one operator: tensors that are fed, constants, and the output."""
    tensors = [*inputs, *constants, output]
    count = len(tensors) - 1
    return load([name], tensors, [operator(0, range(count), [count], options)], range(len(inputs)), [count], buffers,
                backend)


def one(model, *inputs):
    (found,) = model.execute(dict(zip((p.name for p in model.inputs), inputs, strict=True)),
                             [p.name for p in model.outputs])
    return found


def node(model, op):
    (found,) = [n for n in model.graph.nodes if n.op == op]
    return found


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_a_convolution_has_scales_zero_points_and_the_ends_of_its_activation(load, backend):
    w, bias = bytes_of(2, 1, 1, 3), np.array([5, -400], np.int32)
    options = {0: ("<b", 0), 1: ("<i", 1), 2: ("<i", 1), 3: RELU6}
    constants = [quantized("w", w.shape, buffer=1, scale=[0.25, 0.125], zero_point=[0, 0]),
                 quantized("b", (2,), "int32", 1.0, 0, buffer=2)]
    model = single(load, "CONV_2D", [quantized("x", (1, 2, 2, 3))], quantized("y", (1, 2, 2, 2), zero_point=-9),
                   options, constants, [w, bias], backend)
    attrs = node(model, "TflConv2D").attrs
    assert [attrs[n] for n in ("x_scale", "x_zero", "out_scale", "out_zero", "lowest", "highest", "wide")] == [
        0.5, 3, 0.5, -9, -9, 3, False]
    x = bytes_of(1, 2, 2, 3)
    sums = (x.astype(int) - 3) @ w.reshape(2, 3).astype(int).T + bias
    real = sums * np.array([0.25, 0.125])
    expected = np.clip(np.copysign(np.floor(np.abs(real) + 0.5), real) - 9, -9, 3)
    found = one(model, x)
    assert found.dtype == np.int8
    np.testing.assert_allclose(found, expected, atol=1)  # two roundings may part from one by 1
    assert model.graph.metadata["quantization"] == {
        "x": {"scale": 0.5, "zero_point": 3}, "y": {"scale": 0.5, "zero_point": -9}}


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_what_only_moves_keeps_the_bytes_and_padding_is_the_zero_point(load, backend, dtype):
    tensors = [
        quantized("x", (2, 3), dtype), tensor("perm", (2,), "int32", 1), quantized("t", (3, 2), dtype),
        tensor("pads", (2, 2), "int32", 2), quantized("y", (4, 2), dtype),
    ]
    perm, pads = np.array([1, 0], np.int32), np.array([[1, 0], [0, 0]], np.int32)
    model = load(["TRANSPOSE", "PAD"], tensors, [operator(0, [0, 1], [2]), operator(1, [2, 3], [4])], [0], [4],
                 [perm, pads], backend)
    x = bytes_of(2, 3, dtype=np.dtype(dtype))
    found = one(model, x)
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, np.vstack([np.full((1, 2), 3, dtype), x.T]))


def test_a_constant_is_stored_where_integers_are_read_and_real_where_floats_are(load):
    table, ids = bytes_of(4, 2), np.array([2, 0], np.int32)
    tensors = [
        tensor("ids", (2,), "int32"), quantized("table", (4, 2), buffer=1), quantized("rows", (2, 2)),
        tensor("x", (2, 2)), tensor("y", (2, 4)),
    ]
    gather, dense = operator(0, [1, 0], [2]), operator(1, [3, 1], [4], {0: NONE})
    model = load(["GATHER", "FULLY_CONNECTED"], tensors, [gather, dense], [0, 3], [2, 4], [table])
    x = RNG.uniform(-1, 1, (2, 2)).astype(np.float32)
    rows, y = model.execute({"ids": ids, "x": x}, [p.name for p in model.outputs])
    np.testing.assert_array_equal(rows, table[ids])
    np.testing.assert_allclose(y, x @ ((table.astype(np.float32) - 3) / 2).T, rtol=1e-5)


def test_concatenation_brings_uint8_to_the_output_s_scale(load):
    inputs = [quantized("a", (2,), "uint8", 0.5, 3), quantized("b", (2,), "uint8", 1.0, 3)]
    model = single(load, "CONCATENATION", inputs, quantized("y", (4,), "uint8"), {0: ("<i", 0), 1: NONE})
    found = one(model, np.array([1, 2], np.uint8), np.array([4, 200], np.uint8))
    np.testing.assert_array_equal(found, [1, 2, 5, 255])


def test_floats_come_in_and_go_out_through_quantize_and_dequantize(load):
    tensors = [tensor("x", (3,)), quantized("q", (3,)), quantized("r", (3,), "uint8", 0.5, 131), tensor("y", (3,))]
    ops = [operator(0, [0], [1]), operator(0, [1], [2]), operator(1, [2], [3])]
    model = load(["QUANTIZE", "DEQUANTIZE"], tensors, ops, [0], [3])
    np.testing.assert_array_equal(one(model, np.array([0.25, -0.75, 99], np.float32)), [0.5, -1.0, 62])


def test_places_of_the_largest_are_int32_also_where_the_file_says_int64(load):
    model = single(load, "ARG_MAX", [quantized("x", (2, 3))], tensor("y", (2,), "int64"), {0: ("<b", 4)},
                   [tensor("axis", (), "int32", 1)], [np.int32(1)])
    found = one(model, np.array([[1, 5, 5], [-3, -9, -4]], np.int8))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [1, 0])


@pytest.mark.parametrize(("name", "inputs", "output", "options", "text"), [
    ("SIN", [quantized("x", (2,))], quantized("y", (2,)), None,
     r"operator 0 \(SIN\): tensor 'x' is computed in int8, which this operator is not supported on"),
    ("CONCATENATION", [quantized("x", (2,)), quantized("z", (2,), scale=1.0)], quantized("y", (4,)),
     {0: ("<i", 0), 1: NONE}, r"operator 0 \(CONCATENATION\): input 1 \('z'\) has another scale than the output"),
    ("LOGISTIC", [tensor("x", (2,), "int8")], quantized("y", (2,)), None,
     "tensor 'x' of int8 needs one positive scale"),
    ("SOFTMAX", [quantized("x", (1, 2))], quantized("y", (1, 2)), {0: ("<f", 1.0)}, "an output of int8 with scale 0.5"),
    ("CONCATENATION", [quantized("x", (2,)), quantized("z", (2,))], quantized("y", (4,)),
     {0: ("<i", 0), 1: ("<b", 4)}, "activation TANH is not supported on integers"),
    ("TANH", [quantized("x", (2,), "int16")], quantized("y", (2,), "int16"), None,
     r"operator 0 \(TANH\): zero points 3 and 3 and an output with scale 0.5; expected 0, 0 and"),
    ("HARD_SWISH", [quantized("x", (2,), "int16")], quantized("y", (2,), "int16"), None,
     r"operator 0 \(HARD_SWISH\): tensor 'x' is int16; only int8 and uint8 are supported"),
])
def test_what_is_not_supported_names_operator_and_tensor(load, name, inputs, output, options, text):
    with pytest.raises((ModelError, DTypeError), match=text):
        one(single(load, name, inputs, output, options), *(np.zeros(2, np.int16) for _ in inputs))


@pytest.mark.parametrize(("scale", "zero", "text"), [
    (np.nan, 0, "filter 'w' has a scale that is negative or not finite"),
    ([0.5, 0.25], [0, 1], "filter 'w' needs to be constant, with scales and one zero point"),
    ([0.5, 0.25], [1, 1], "filter 'w' of int8 is not supported"),
])
def test_filters_whose_scales_mean_nothing(load, scale, zero, text):
    x, y = quantized("x", (1, 2)), quantized("y", (1, 2))
    w = quantized("w", (2, 2), buffer=1, scale=scale, zero_point=zero)
    with pytest.raises(ModelError, match=text):
        single(load, "FULLY_CONNECTED", [x], y, {0: NONE}, [w], [bytes_of(2, 2)])


def test_feeds_are_the_stored_integers(load):
    model = single(load, "LOGISTIC", [quantized("x", (2,))], quantized("y", (2,)))
    x = np.array([-128, 127], np.int8)
    np.testing.assert_array_equal(model.predict(x), model.predict([-128, 127]))
    with tf.tensor([-128, 127], dtype="int32") as given, model.predict(given) as made:
        assert made.dtype == "int32"  # tensors of users have no int8
        np.testing.assert_array_equal(made.numpy(), model.predict(x))
    for wrong in (x.astype(np.float32), x.astype(np.int32), x.view(np.uint8)):
        text = f"input 'x': dtype {wrong.dtype}; expected int8, the integers that the file stores"
        with pytest.raises(DTypeError, match=text):
            model.predict(wrong)
    with pytest.raises(DTypeError, match="input 'x': values 0 to 128; expected numbers within int8, -128 to 127"):
        model.predict([0, 128])
    sampled = sample_inputs(model.inputs)["x"]
    assert sampled.dtype == np.int8
    assert model.predict(sampled).dtype == np.int8
