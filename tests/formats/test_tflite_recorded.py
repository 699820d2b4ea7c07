"""Operators on integers against what LiteRT's reference kernels computed, byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from support.flat import ints, operator, subgraph, tensor, tflite
from support.litert_cases import CASES, recorded

import tfjslab as tf
from tfjslab.base.errors import ModelError, UnknownOpError


@pytest.fixture(name="run")
def _run(tmp_path):
    def ran(data, *fed, backend="cpu"):
        path = tmp_path / "m.tflite"
        path.write_bytes(data)
        with tf.load_model(path, backend=backend) as model:
            return model.execute(list(fed), [p.name for p in model.outputs])

    return ran


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_each_byte_is_litert_s(run, backend):
    for label, case in CASES.items():
        (found,) = run(case.model(), *case.fed(), backend=backend)
        wanted = recorded(case)
        assert found.dtype == wanted.dtype, label
        np.testing.assert_array_equal(found, wanted, label)


def test_choices_and_sorted_numbers_keep_their_bytes(run):
    x = np.random.default_rng(1).integers(-128, 127, (2, 6), np.int8)
    q = {"scale": 0.5, "zero_point": 3}
    tensors = [tensor("x", (2, 6), "int8", **q), tensor("k", (), "int32", 1), tensor("y", (2, 3), "int8", **q),
               tensor("at", (2, 3), "int32"), tensor("c", (2, 3), "bool"), tensor("z", (2, 3), "int8", **q)]
    data = tflite(["TOPK_V2", "SELECT_V2"], [subgraph(
        tensors, [operator(0, [0, 1], [2, 3]), operator(1, [4, 2, 2], [5])], [0, 4], [2, 3, 5])], [np.int32(3)])
    values, places, chosen = run(data, x, np.zeros((2, 3), np.bool_))
    order = np.argsort(-x.astype(int), axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, 1))
    np.testing.assert_array_equal(chosen, values)
    assert values.dtype == chosen.dtype == np.int8


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_branches_give_bytes(run, backend, holds):
    q = {"scale": 0.5, "zero_point": 3}
    ends = [tensor("x", (3,), "int8", **q), tensor("y", (3,), "int8", **q)]
    main = subgraph([tensor("c", (), "bool"), *ends], [operator(0, [0, 1], [2], {0: ("<i", 1), 1: ("<i", 2)})], [0, 1],
                    [2])
    branches = [subgraph(ends, [operator(code, [0], [1])], [0], [1]) for code in (1, 2)]
    x = np.array([-9, 3, 50], np.int8)
    (found,) = run(tflite(["IF", "NEG", "RELU"], [main, *branches]), np.array(holds), x, backend=backend)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, -x if holds else np.maximum(x, 3))


@pytest.mark.parametrize(("shape", "data", "error"), [
    ((2, 3), np.uint8([0x1F, 0x80, 0x27]), ""), ((1, 3), np.uint8([0x1F, 0x08]), ""),
    ((2, 3), np.uint8([0x1F, 0x80]), r"2 bytes of data; int4 \[2, 3\] takes 3"),
])
def test_weights_of_half_a_byte(run, shape, data, error):
    tensors = [tensor("x", (1, 3)), tensor("w", shape, "int4", 1, scale=0.5), tensor("y", (1, shape[0]))]
    model = tflite(["FULLY_CONNECTED"], [subgraph(tensors, [operator(0, [0, 1, -1], [2], {0: ("<b", 0)})], [0], [2])],
                   [data])
    x = np.float32([[1, 10, 100]])
    if error:
        with pytest.raises(ModelError, match=error):
            run(model, x)
        return
    weights = np.array([-1, 1, 0, -8, 7, 2] if shape[0] == 2 else [-1, 1, -8]).reshape(shape)
    np.testing.assert_allclose(run(model, x)[0], x @ weights.T * 0.5)


def test_means_of_integers_have_no_fraction(run):
    tensors = [tensor("x", (2, 3), "int32"), tensor("axis", (1,), "int32", 1), tensor("y", (2,), "int32")]
    data = tflite(["MEAN"], [subgraph(tensors, [operator(0, [0, 1], [2], {0: ("<?", False)})], [0], [2])], [ints(1)])
    (found,) = run(data, np.int32([[1, 2, 5], [-1, -2, -5]]))
    np.testing.assert_array_equal(found, [2, -2])


def test_bits_of_floats(run):
    tensors = [tensor("x", (2,)), tensor("y", (2,), "int32")]
    data = tflite(["BITCAST"], [subgraph(tensors, [operator(0, [0], [1])], [0], [1])])
    np.testing.assert_array_equal(run(data, np.float32([1, -2]))[0], np.float32([1, -2]).view(np.int32))
    tensors[1] = tensor("y", (1,), "int64")
    data = tflite(["BITCAST"], [subgraph(tensors, [operator(0, [0], [1])], [0], [1])])
    with pytest.raises(ModelError, match=r"operator 0 \(BITCAST\): bits of int64 are not supported"):
        run(data, np.float32([1, -2]))


def texts(*values):
    """The bytes of a constant of strings."""
    ends = np.cumsum([4 * (len(values) + 2), *map(len, values)])
    return np.frombuffer(np.int32([len(values), *ends]).tobytes() + "".join(values).encode(), np.uint8)


def table(keys, *, words=None):
    """A file that looks two numbers up among words, and counts these; ``keys`` are imported when it is loaded."""
    words = texts("one", "", "three") if words is None else words
    handle = {0: ("<i", 7), 1: ("<b", 4), 2: ("<b", 5)}  # int64 to string
    main = subgraph([
        tensor("h", (1,), "resource"), tensor("q", (2,), "int64"), tensor("none", (1,), "string", 3),
        tensor("found", (2,), "string"), tensor("size", (1,), "int64"),
    ], [operator(0, [], [], {0: ("<i", 1)}), operator(1, [], [0], handle), operator(2, [0, 1, 2], [3]),
        operator(4, [0], [4])], [1], [3, 4])
    init = subgraph([tensor("h", (1,), "resource"), tensor("k", (3,), "int64", 1), tensor("v", (3,), "string", 2)],
                    [operator(1, [], [0], handle), operator(3, [0, 1, 2], [])], [], [])
    return tflite(["CALL_ONCE", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE"], [main, init],
                  [np.array(keys, np.int64), words, texts("?")])


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_words_are_looked_up_by_number(run, backend):
    found, size = run(table([5, 2, 9]), np.int32([9, 4]), backend=backend)
    assert found.tolist() == ["three", "?"]
    assert size.tolist() == [3]


@pytest.mark.parametrize("words", [
    texts("one", "two"), np.uint8([3, 0, 0, 0]), texts("a", "b", "c")[:-1], np.frombuffer(
        np.int32([3, 20, 30, 25, 31]).tobytes() + b"x" * 11, np.uint8),
])
def test_damaged_texts(run, words):
    with pytest.raises(ModelError, match=r"bytes of data; they are no string \[3\]"):
        run(table([5, 2, 9], words=words), np.int32([9, 4]))


def test_a_composite_is_what_it_is_composed_of(run):
    told = {0: ("<I", 0), 1: ints(0), 2: ints(1), 11: ("<B", 21), 12: {0: "of.a.framework", 1: ("<i", 1)}}
    main = subgraph([tensor("x", (2,)), tensor("y", (2,))], [told], [0], [1])
    inner = subgraph([tensor("x", (2,)), tensor("y", (2,))], [operator(1, [0], [1])], [0], [1])
    x = np.float32([-1, 2])
    np.testing.assert_array_equal(run(tflite(["STABLEHLO_COMPOSITE", "ABS"], [main, inner]), x)[0], [1, 2])


def test_operators_of_no_kernel_are_refused_by_name(run):
    data = tflite(["STABLEHLO_SORT"], [subgraph([tensor("x", (2,)), tensor("y", (2,))], [operator(0, [0], [1])], [0],
                                                 [1])])
    with pytest.raises(UnknownOpError, match=r"that are not supported: STABLEHLO_SORT \(1x"):
        run(data, np.float32([1, 2]))


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
@pytest.mark.parametrize("axis", [0, 2])
def test_scales_along_an_axis_are_those_of_its_slices(run, backend, axis):
    """From floats to integers and back, as LiteRT's reference kernels do it."""
    x, shape = np.random.default_rng(3).uniform(-3, 3, (3, 4, 5)).astype(np.float32), [1, 1, 1]
    shape[axis] = -1
    scale = np.linspace(0.01, 0.09, x.shape[axis], dtype=np.float32)
    told = {"scale": scale, "zero_point": [3] * scale.size, "axis": axis}
    data = tflite(["QUANTIZE", "DEQUANTIZE"], [subgraph(
        [tensor("x", x.shape), tensor("q", x.shape, "int8", **told), tensor("y", x.shape)],
        [operator(0, [0], [1]), operator(1, [1], [2])], [0], [1, 2])])
    stored, real = run(data, x, backend=backend)
    parts = (x / scale.reshape(shape)).astype(np.float64)
    wanted = np.clip(np.copysign(np.floor(np.abs(parts) + 0.5), parts) + 3, -128, 127).astype(np.int8)
    np.testing.assert_array_equal(stored, wanted)
    np.testing.assert_array_equal(real, (wanted.astype(np.float32) - 3) * scale.reshape(shape))


def test_several_zero_points_are_refused_where_something_is_quantized(run):
    told = {"scale": [0.1, 0.2], "zero_point": [0, 1], "axis": 0}
    data = tflite(["QUANTIZE"], [subgraph([tensor("x", (2,)), tensor("q", (2,), "int8", **told)],
                                          [operator(0, [0], [1])], [0], [1])])
    with pytest.raises(ModelError, match=r"operator 0 \(QUANTIZE\): tensor 'q' has several zero points along an axis"):
        run(data, np.float32([1, 2]))


@pytest.mark.parametrize(("name", "wanted"), [("SUM", [True, True]), ("REDUCE_PROD", [False, True])])
def test_sums_and_products_of_truth_values_are_truth_values(run, name, wanted):
    data = tflite([name], [subgraph([tensor("x", (2, 2), "bool"), tensor("axis", (1,), "int32", 1),
                                     tensor("y", (2,), "bool")], [operator(0, [0, 1], [2])], [0], [2])], [ints(1)])
    (found,) = run(data, np.array([[True, False], [True, True]]))
    assert found.tolist() == wanted


@pytest.mark.parametrize("activation", [4, 5])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_activations_that_no_kernel_of_litert_computes_are_left_out(run, activation, dtype):
    """Sums, convolutions and pools that name tanh, or a sign bit, are computed without by all of its kernels."""
    q = {"scale": 0.5, "zero_point": 0} if dtype == "int8" else {}
    ends = [tensor("x", (2,), dtype, **q), tensor("y", (2,), dtype, **q)]
    data = tflite(["ADD"], [subgraph(ends, [operator(0, [0, 0], [1], {0: ("<b", activation)})], [0], [1])])
    (found,) = run(data, np.array([-3, 40], dtype))
    assert found.tolist() == [-6, 80]
