"""Methods of tensors, buffers, and the small functions around them."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import DTypeError, ShapeError, UsageError


@pytest.fixture(autouse=True)
def _tidy():
    with tf.tidy():
        yield


@pytest.mark.parametrize(("run", "expected"), [
    (lambda x: x.concat(x), [1, 2, 3, 4] * 2), (lambda x: x.concat([x, x]).size, 12),
    (lambda x: x.stack(x, 1).shape, [4, 2]), (lambda x: x.as2d(2, 2), [[1, 2], [3, 4]]),
    (lambda x: x.as2d(2, 2).flatten(), [1, 2, 3, 4]), (lambda x: x.as2d(2, 2).as1d().shape, [4]),
    (lambda x: x.slice(1, 1).as_scalar().shape, []), (lambda x: x.as3d(1, 2, 2).shape, [1, 2, 2]),
    (lambda x: x.as_type("int32").dtype, "int32"), (lambda x: x.to_bool().dtype, "bool"),
    (lambda x: x.to_int().to_float().dtype, "float32"), (lambda x: x.reshape_as(tf.ones([2, 2])).shape, [2, 2]),
    (lambda x: x.where([True, False, True, False], [0.0, 9.0, 9.0, 8.0]), [1, 9, 3, 8]),
    (lambda x: x.norm(1), 10), (lambda x: x.dot(x), 30), (lambda x: x.topk(2).values, [4, 3]),
    (lambda x: x.add(1).mean(), 3.5), (lambda x: x.unsorted_segment_sum([0, 1, 1, 0], 2), [5, 5]),
    (lambda x: x.moments().variance, 1.25), (lambda x: x.split(2)[1], [3, 4]),
])
def test_functions_are_methods(run, expected):
    found = run(tf.tensor([1.0, 2, 3, 4]))
    if isinstance(found, tf.Tensor):
        np.testing.assert_allclose(found.numpy(), expected)
    else:
        assert found == expected


def test_the_bytes_of_a_tensor_and_a_buffer_of_it():
    x = tf.tensor([[1, 2]], dtype="int32")
    assert x.bytes_sync() == asyncio.run(x.bytes()) == np.array([1, 2], np.int32).tobytes()
    assert tf.tensor(["ab", "é"]).bytes_sync() == [b"ab", "é".encode()]
    buffer = x.buffer_sync()
    buffer.set(7, 0, 1)
    assert (buffer.get(0, 1), buffer.to_tensor().numpy().tolist()) == (7, [[1, 7]])
    assert asyncio.run(x.buffer()).get(0, 1) == 2


def test_a_buffer_is_filled_and_becomes_a_tensor():
    buffer = tf.buffer([2, 3])
    buffer.set(5, 1, 2)
    buffer.values[0] = 3
    assert (buffer.size, buffer.rank, buffer.strides, repr(buffer)) == (
        6, 2, [3], "TensorBuffer(shape=[2, 3], dtype=float32)")
    assert (buffer.loc_to_index([1, 2]), buffer.index_to_loc(5)) == (5, [1, 2])
    assert buffer.to_tensor().numpy().tolist() == [[3, 0, 0], [0, 0, 5]]
    texts = tf.buffer([2], "string", ["a", "b"])
    texts.set("c", 0)
    assert texts.to_tensor().numpy().tolist() == ["c", "b"]
    assert tf.buffer([], "int32", [4]).get() == 4


@pytest.mark.parametrize(("run", "error", "message"), [
    (lambda: tf.buffer([2], values=[1]), ShapeError, "buffer: 1 values; expected 2 for shape [2]"),
    (lambda: tf.buffer([2, 2]).get(1), ShapeError, "buffer: location [1]; expected one inside of shape [2, 2]"),
    (lambda: tf.buffer([2]).set(1, 2), ShapeError, "buffer: location [2]; expected one inside of shape [2]"),
    (lambda: tf.buffer([2]).index_to_loc(2), ShapeError, "buffer: index 2; expected 0 to 1"),
    (lambda: tf.ones([2]).as_scalar(), ShapeError, "as_scalar: shape [2]; expected one element"),
    (lambda: tf.ones([2]).as2d(2), ShapeError, "as2d: 1 lengths; expected 2"),
    (lambda: tf.ones([2]).nrom(), AttributeError, "Tensor has no attribute or op 'nrom'; did you mean 'norm'?"),
    (lambda: tf.image.flip_left, AttributeError,
     "namespace 'tf.image' has no 'flip_left'; did you mean 'flip_left_right'?"),
    (lambda: tf.util.squeeze_shape([2, 1], [0]), ShapeError,
     "cannot squeeze axis 0 of shape [2, 1]: its length is not 1"),
    (lambda: tf.util.infer_from_implicit_shape([-1, -1], 4), ShapeError,
     "shape [-1, -1] for 4 elements; expected at most one -1, and sizes that fit"),
    (lambda: tf.util.assert_shapes_match([1], [2], "here:"), ShapeError, "here: shapes [1] and [2] must match"),
    (lambda: tf.util.shuffle_combo([1], [1, 2]), UsageError,
     "util.shuffle_combo: lists of 1 and 2 elements; expected one length"),
    (lambda: tf.util.bytes_per_element("float23"), DTypeError, "dtype 'float23' is not one of float32, int32"),
])
def test_what_does_not_fit_is_refused(run, error, message):
    with pytest.raises(error) as caught:
        run()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("run", "expected"), [
    (lambda u: u.size_from_shape([2, 3]), 6), (lambda u: u.is_scalar_shape([]), True),
    (lambda u: u.infer_from_implicit_shape([2, -1], 6), [2, 3]), (lambda u: u.parse_axis_param(-1, [2, 3]), [1]),
    (lambda u: u.parse_axis_param(None, [2, 3]), [0, 1]),
    (lambda u: u.squeeze_shape([1, 2, 1]), {"new_shape": [2], "kept_dims": [1]}),
    (lambda u: u.squeeze_shape([1, 2, 1], [0]), {"new_shape": [2, 1], "kept_dims": [1, 2]}),
    (lambda u: u.compute_strides([2, 3, 4]), [12, 4]), (lambda u: u.loc_to_index([1, 0, 1], 3, [6, 2]), 7),
    (lambda u: u.index_to_loc(7, 3, [6, 2]), [1, 0, 1]), (lambda u: u.size_to_squarish_shape(7), [3, 3]),
    (lambda u: u.flatten([[1], [2, [np.array([3])]]]), [1, 2, 3]), (lambda u: u.flatten(tf.ones([2])), [1, 1]),
    (lambda u: u.to_nested_array([2, 2], [1, 2, 3, 4]), [[1, 2], [3, 4]]),
    (lambda u: u.to_typed_array([1.7], "int32").tolist(), [1]),
    (lambda u: u.make_zeros_typed_array(2, "int32").tolist(), [0, 0]),
    (lambda u: u.make_ones_typed_array(2, "bool").tolist(), [True, True]),
    (lambda u: u.arrays_equal([1, 2], [1, 2]), True), (lambda u: u.is_typed_array([1]), False),
    (lambda u: [u.infer_dtype(v) for v in ([1], [True], ["a"], np.arange(2))], ["float32", "bool", "string", "int32"]),
    (lambda u: (u.is_valid_dtype("int32"), u.is_valid_dtype("int33")), (True, False)),
    (lambda u: u.bytes_per_element("bool"), 1), (lambda u: u.has_encoding_loss("float32", "int32"), True),
    (lambda u: u.decode_string(u.encode_string("é")), "é"),
    (lambda u: sorted(u.create_shuffled_indices(4)), [0, 1, 2, 3]),
    (lambda u: u.clamp(0, 5, 3), 3), (lambda u: u.dist_squared([1, 2], [3, 4]), 8),
    (lambda u: u.nearest_divisor(12, 5), 6), (lambda u: u.nearest_larger_even(3), 4),
    (lambda u: (u.is_int(2.0), u.is_int(2.5)), (True, False)), (lambda u: u.right_pad("a", 3), "a  "),
    (lambda u: 1 <= u.rand_uniform(1, 2) <= 2, True), (lambda u: u.now() <= u.now(), True),
    (lambda u: u.assert_non_negative_integer_dimensions([1, 2]), None),
])
def test_small_helpers(run, expected):
    assert run(tf.util) == expected


def test_lists_are_shuffled_in_place_and_together():
    numbers, letters = list(range(20)), [chr(97 + i) for i in range(20)]
    tf.util.shuffle_combo(numbers, letters)
    assert [ord(c) - 97 for c in letters] == numbers
    tf.util.shuffle(numbers)
    assert sorted(numbers) == list(range(20))


def test_printing_tells_dtype_and_shape_when_asked(capsys):
    tf.print([1, 2], verbose=True)
    assert capsys.readouterr().out == (
        "dtype: float32\nrank: 1\nshape: [2]\nTensor(shape=[2], dtype=float32)\n[1., 2.]\n")


def test_the_current_backend_and_others_by_name():
    assert tf.backend().name == "cpu"
    assert tf.find_backend("cpu") is tf.backend()
    assert tf.find_backend("nothing") is None
    assert asyncio.run(tf.next_frame()) is None
