"""Operators of .tflite that are composed of several ops, against numpy written out."""

from __future__ import annotations

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.tflite import ran, single

from tfjslab.base.errors import ModelError

RNG = np.random.default_rng(11)
WINDOW = {0: ("<b", 1), 1: ("<i", 1), 2: ("<i", 1)}  # VALID, strides of 1


def numbers(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def whole(*values):
    return np.array(values, np.int32)


def scalar(value):
    return np.array(value, np.int32)


def convolved(x, filters, groups):
    """[out, h, w, in / groups] filters over an image, stride 1, no padding, in float64."""
    out, h, w, per = filters.shape
    made = np.zeros((1, x.shape[1] - h + 1, x.shape[2] - w + 1, out))
    for o in range(out):
        first = o // (out // groups) * per
        for i, j in np.ndindex(*made.shape[1:3]):
            made[0, i, j, o] = (x[0, i : i + h, j : j + w, first : first + per].astype(float) * filters[o]).sum()
    return made


@pytest.mark.parametrize(("per_group", "out"), [(2, 6), (1, 8), (4, 3)])
def test_convolutions_with_groups(tmp_path, per_group, out):
    x, filters, bias = numbers(1, 4, 5, 4), numbers(out, 2, 3, per_group), numbers(out)
    ((found,),) = ran(tmp_path, single("CONV_2D", [x], [filters, bias], [(1, 3, 3, out)], WINDOW), [x])
    np.testing.assert_allclose(found, convolved(x, filters, 4 // per_group) + bias, rtol=1e-4, atol=1e-5)
    if per_group < 4:
        with pytest.raises(ModelError, match=r"operator 0 \(CONV_2D\): 4 channels, filters of"):
            ran(tmp_path, single("CONV_2D", [x], [numbers(5, 2, 3, 3)], [(1, 3, 3, 5)], WINDOW), [x])


def test_weights_that_are_computed(tmp_path):
    x, w = numbers(2, 4), numbers(3, 4)
    dense = single("FULLY_CONNECTED", [x, w], [], [(2, 3)], {0: ("<b", 1)}, order=[0, 1, -1])
    ((found,),) = ran(tmp_path, dense, [x, w])
    np.testing.assert_allclose(found, np.maximum(x @ w.T, 0), rtol=1e-5, atol=1e-6)
    image, filters = numbers(1, 4, 5, 2), numbers(1, 2, 3, 2)
    depthwise = single("DEPTHWISE_CONV_2D", [image, filters], [], [(1, 3, 3, 2)], {**WINDOW, 3: ("<i", 1)})
    ((found,),) = ran(tmp_path, depthwise, [image, filters])
    np.testing.assert_allclose(found, convolved(image, filters.transpose(3, 1, 2, 0), 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["SUM", "PROD", "MAX", "MIN"])
def test_segments_in_any_order(tmp_path, kind):
    x, ids = numbers(2, 2, 3), whole(0, 2, 0, -1).reshape(2, 2)
    ((found,),) = ran(tmp_path, single(f"UNSORTED_SEGMENT_{kind}", [x, ids], [scalar(4)], [(4, 3)]), [x, ids])
    reduced = getattr(np, kind.lower())
    limit = np.finfo(np.float32)
    empty = {"SUM": 0, "PROD": 1, "MAX": limit.min, "MIN": limit.max}[kind]
    rows = x.reshape(4, 3)
    expected = [reduced(rows[[0, 2]], axis=0), np.full(3, empty), rows[1], np.full(3, empty)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_segments_in_order(tmp_path):
    x = numbers(4, 3)
    ((found,),) = ran(tmp_path, single("SEGMENT_SUM", [x], [whole(0, 0, 2, 2)], [(3, 3)]), [x])
    np.testing.assert_allclose(found, [x[0] + x[1], np.zeros(3), x[2] + x[3]], rtol=1e-6)
    with pytest.raises(ModelError, match="ids of segments that are not in order"):
        ran(tmp_path, single("SEGMENT_SUM", [x], [whole(0, 2, 1, 2)], [(3, 3)]), [x])
    many = single("UNSORTED_SEGMENT_SUM", [x, whole(0, 1, 2, 3)], [scalar(2**31 - 1)], [(4, 3)])
    with pytest.raises(ModelError, match="elements to look at"):
        ran(tmp_path, many, [x, whole(0, 1, 2, 3)])


@pytest.mark.parametrize(("start", "at"), [((1, 1), (1, 1)), ((9, -3), (2, 0))])
def test_a_slice_is_put_where_it_fits(tmp_path, start, at):
    x, part = numbers(4, 5), numbers(2, 3)
    feeds = [x, part, whole(*start)]
    ((found,),) = ran(tmp_path, single("DYNAMIC_UPDATE_SLICE", feeds, [], [(4, 5)]), feeds)
    expected = x.copy()
    expected[at[0] : at[0] + 2, at[1] : at[1] + 3] = part
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 4), (4, 2)])
def test_diagonals(tmp_path, shape):
    x, length = numbers(*shape), min(shape[-2:])
    diagonal = numbers(*shape[:-2], length)
    ((found,),) = ran(tmp_path, single("MATRIX_SET_DIAG", [x, diagonal], [], [shape]), [x, diagonal])
    expected = x.copy()
    expected[..., range(length), range(length)] = diagonal
    np.testing.assert_array_equal(found, expected)
    made = single("MATRIX_DIAG", [diagonal], [], [(*diagonal.shape, length)])
    ((found,),) = ran(tmp_path, made, [diagonal])
    np.testing.assert_array_equal(found, diagonal[..., None] * np.eye(length, dtype=np.float32))


@pytest.mark.parametrize(("along", "batch"), [(1, 0), (0, 2)])
def test_sequences_of_several_lengths_are_reversed(tmp_path, along, batch):
    x = numbers(3, 4, 3)
    lengths = RNG.integers(0, x.shape[along] + 1, x.shape[batch]).astype(np.int32)
    data = single("REVERSE_SEQUENCE", [x, lengths], [], [x.shape], {0: ("<i", along), 1: ("<i", batch)})
    ((found,),) = ran(tmp_path, data, [x, lengths])
    turned, expected = np.moveaxis(x, (batch, along), (0, 1)), np.moveaxis(x.copy(), (batch, along), (0, 1))
    for row, n in enumerate(lengths):
        expected[row, :n] = turned[row, :n][::-1]
    np.testing.assert_array_equal(np.moveaxis(found, (batch, along), (0, 1)), expected)


def test_sparse_coordinates(tmp_path):
    at, values = whole(0, 1, 2, 0).reshape(2, 2), numbers(2)
    data = single("SPARSE_TO_DENSE", [at, values], [whole(3, 2), np.float32(7)], [(3, 2)], order=[0, 2, 1, 3])
    ((found,),) = ran(tmp_path, data, [at, values])
    np.testing.assert_array_equal(found, np.array([[7, values[0]], [7, 7], [values[1], 7]], np.float32))


def test_whole_numbers_bit_by_bit(tmp_path):
    a, b = RNG.integers(-2**31, 2**31 - 1, (2, 32)).astype(np.int32)
    int_out = [((32,), "int32")]
    ((found,),) = ran(tmp_path, single("BITWISE_XOR", [a, b], [], int_out), [a, b])
    np.testing.assert_array_equal(found, a ^ b)
    by = np.arange(32, dtype=np.int32)
    ((found,),) = ran(tmp_path, single("RIGHT_SHIFT", [a, by], [], int_out), [a, by])
    np.testing.assert_array_equal(found, a >> by)


def test_whole_numbers_are_divided_towards_zero(tmp_path):
    a, b = RNG.integers(-9, 9, 20).astype(np.int32), RNG.choice([-3, -2, 2, 5], 20).astype(np.int32)
    ((found,),) = ran(tmp_path, single("DIV", [a, b], [], [((20,), "int32")], {0: ("<b", 0)}), [a, b])
    np.testing.assert_array_equal(found, np.trunc(a / b))


def test_one_number_may_stand_in_a_vector(tmp_path):
    x = numbers(2, 4)
    ((found,),) = ran(tmp_path, single("EXPAND_DIMS", [x], [whole(-1)], [(2, 4, 1)]), [x])
    np.testing.assert_array_equal(found, x[..., None])
    ((found,),) = ran(tmp_path, single("ARG_MAX", [x], [whole(1)], [((2,), "int32")]), [x])
    np.testing.assert_array_equal(found, x.argmax(1))
    halves = single("SPLIT", [x], [whole(1)], [(2, 2)] * 2, {0: ("<i", 2)}, order=[1, 0])
    (found,) = ran(tmp_path, halves, [x])
    np.testing.assert_array_equal(np.concatenate(found, 1), x)
    fed = single("CUMSUM", [x, whole(1)], [], [(2, 4)])
    ((found,),) = ran(tmp_path, fed, [x, whole(1)])
    np.testing.assert_allclose(found, x.cumsum(1), rtol=1e-6)
    with pytest.raises(ModelError, match="input 1 has 2 numbers; expected one"):
        ran(tmp_path, single("EXPAND_DIMS", [x], [whole(0, 1)], [(2, 4, 1)]), [x])


def test_buckets_and_few_bits(tmp_path):
    x = np.float32([-3, -1, 0, 0.4, 0.5, 9])
    bounds = np.float32([-1, 0, 0.5])
    ((found,),) = ran(tmp_path, single("BUCKETIZE", [x], [], [((6,), "int32")], {0: bounds}), [x])
    np.testing.assert_array_equal(found, np.searchsorted(bounds, x, side="right"))
    options = {0: ("<f", -1.0), 1: ("<f", 2.0), 2: ("<i", 4)}
    ((found,),) = ran(tmp_path, single("FAKE_QUANT", [x], [], [(6,)], options), [x])
    np.testing.assert_allclose(found, np.floor(np.clip(x, -1, 2) * 5 + 0.5) / 5, atol=1e-6)


@pytest.mark.parametrize("offset", [False, True])
def test_ends_of_slices_may_count_from_their_beginnings(tmp_path, offset):
    x = numbers(6, 5)
    options = {**dict.fromkeys(range(4), ("<i", 0)), 4: ("<i", 2), 5: ("<?", offset)}
    data = single("STRIDED_SLICE", [x], [whole(1, 2), whole(3, 3), whole(1, 1)], [(3 if offset else 2,)], options)
    ((found,),) = ran(tmp_path, data, [x])
    np.testing.assert_array_equal(found, x[1 : 4 if offset else 3, 2])


def test_random_numbers(tmp_path):
    uniform = single("RANDOM_UNIFORM", [], [whole(500)], [(500,)], {0: ("<q", 7), 1: ("<q", 0)})
    ((found,),) = ran(tmp_path, uniform, [])
    assert 0 <= found.min() < 0.1
    assert 0.9 < found.max() < 1
    normal = single("RANDOM_STANDARD_NORMAL", [], [whole(5000)], [(5000,)], {0: ("<q", 7), 1: ("<q", 0)})
    ((found,),) = ran(tmp_path, normal, [])
    assert abs(found.mean()) < 0.1
    assert 0.9 < found.std() < 1.1


def test_a_call(tmp_path):
    inner = subgraph([tensor("x", (2,)), tensor("y", (2,))], [operator(1, [0], [1])], [0], [1])
    main = subgraph([tensor("x", (2,)), tensor("y", (2,))], [operator(0, [0], [1], {0: ("<I", 1)})], [0], [1])
    x = numbers(2)
    ((found,),) = ran(tmp_path, tflite(["CALL", "ABS"], [main, inner]), [x])
    np.testing.assert_array_equal(found, np.abs(x))
