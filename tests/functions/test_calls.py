"""Eager ops are called as in TensorFlow.js: order, defaults, one image, lists of paddings, named outputs."""

from __future__ import annotations

import asyncio
import inspect

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import ShapeError, UsageError

IMAGE = np.arange(60, dtype=np.float32).reshape(5, 4, 3)
FILTER = np.linspace(-1, 1, 2 * 3 * 3 * 2, dtype=np.float32).reshape(2, 3, 3, 2)


@pytest.fixture(autouse=True)
def _tidy():
    with tf.tidy():
        yield


@pytest.mark.parametrize(("name", "order"), [
    ("one_hot", ["indices", "depth", "on_value", "off_value", "dtype"]),
    ("sparse_to_dense", ["indices", "values", "output_shape", "default"]),
    ("einsum", ["equation", "xs"]),
    ("batch_norm", ["x", "mean", "variance", "offset", "scale", "epsilon"]),
    ("conv2d", ["x", "filter", "strides", "padding", "data_format", "dilations"]),
    ("max_pool", ["x", "ksize", "strides", "padding"]),
    ("split", ["x", "num_split", "axis"]),
    ("eye", ["num_rows", "num_columns", "batch_shape", "dtype"]),
])
def test_arguments_come_in_the_order_of_tensorflow_js(name, order):
    assert list(inspect.signature(getattr(tf, name)).parameters)[: len(order)] == order


@pytest.mark.parametrize("run", [
    lambda x: tf.conv2d(x, FILTER, 1, "same"),
    lambda x: tf.depthwise_conv2d(x, FILTER, 1, 1),
    lambda x: tf.max_pool(x, 2, 1, "same"),
    lambda x: tf.avg_pool(x, [2, 3], 2, "valid"),
    lambda x: tf.local_response_normalization(x, 2),
    lambda x: tf.image.resize_bilinear(x, [3, 7]),
    lambda x: tf.image.resize_nearest_neighbor(x, [3, 7]),
    lambda x: tf.pool(x, 2, "max", "same", 2),
    lambda x: tf.separable_conv2d(x, FILTER, np.ones((1, 1, 6, 2), np.float32), 1, "same"),
    lambda x: tf.fused.conv2d(x, FILTER, activation="relu", bias=[1.0, 2.0]),
])
def test_an_image_without_a_batch_is_a_batch_of_one(run):
    alone, batch = run(IMAGE), run(IMAGE[None])
    assert [1, *alone.shape] == batch.shape
    np.testing.assert_array_equal(alone.numpy(), batch.numpy()[0])


def test_a_transposed_convolution_of_one_image_takes_the_shape_of_one_image():
    kernel = np.ones((2, 2, 1, 3), np.float32)
    alone = tf.conv2d_transpose(IMAGE, kernel, [10, 8, 1], 2, "same")
    np.testing.assert_array_equal(alone.numpy(), IMAGE.sum(2, keepdims=True).repeat(2, 0).repeat(2, 1))


def test_paddings_are_a_number_or_a_list_with_a_pair_for_each_axis():
    around = [[0, 0], [1, 0], [2, 1], [0, 0]]
    padded = np.pad(IMAGE, around[1:])
    np.testing.assert_array_equal(tf.conv2d(IMAGE, FILTER, 1, around).numpy(), tf.conv2d(padded, FILTER).numpy())
    np.testing.assert_array_equal(
        tf.conv2d(IMAGE, FILTER, 1, 1).numpy(), tf.conv2d(np.pad(IMAGE, [[1, 1], [1, 1], [0, 0]]), FILTER).numpy())
    assert tf.max_pool(IMAGE.transpose(2, 0, 1), 2, 1, [[0, 0], [0, 0], [1, 0], [0, 2]], "NCHW").shape == [3, 5, 5]


@pytest.mark.parametrize(("run", "expected"), [
    (lambda: tf.one_hot([1, -1], 2, 5, 7), [[7, 5], [7, 7]]),
    (lambda: tf.sparse_to_dense([1, 3], [5.0, 6.0], [4]), [0, 5, 0, 6]),
    (lambda: tf.sparse_to_dense([1], [5.0], [3], 9), [9, 5, 9]),
    (lambda: tf.einsum("ij,jk->ik", [[1, 2]], [[3], [4]]), [[11]]),
    (lambda: tf.batch_norm([[1.0, 4.0]], [0.0, 2.0], [1.0, 4.0], epsilon=0), [[1, 1]]),
    (lambda: tf.batch_norm([[1.0, 4.0]], [0.0, 2.0], [1.0, 4.0], None, [2.0, 3.0], 0), [[2, 3]]),
    (lambda: tf.slice([1, 2, 3, 4], 1), [2, 3, 4]),
    (lambda: tf.slice([1, 2, 3, 4], 1, 2), [2, 3]),
    (lambda: tf.slice([[1, 2], [3, 4]], [1]), [[3, 4]]),
    (lambda: tf.slice([[1, 2], [3, 4]], [0, 1], [1]), [[2]]),
    (lambda: tf.split([1, 2, 3], [1, 2])[1], [2, 3]),
    (lambda: tf.split([[1, 2, 3]], [1, -1], 1)[1], [[2, 3]]),
    (lambda: tf.softmax([[1.0, 1.0]], dim=1), [[0.5, 0.5]]),
    (lambda: tf.split([1, 2], num_or_size_splits=2)[1], [2]),
    (lambda: tf.concat(tensors=[[1], [2]]), [1, 2]),
    (lambda: tf.max_pool(np.ones((2, 2, 1), np.float32), filter_size=2, strides=2, pad="same"), [[[1]]]),
    (lambda: tf.eye(1, 2, [2]), [[[1, 0]], [[1, 0]]]),
    (lambda: tf.lower_bound([1, 2, 2, 5], [2, 6]), [1, 4]),
    (lambda: tf.upper_bound([1, 2, 2, 5], [2, 6]), [3, 4]),
    (lambda: tf.exp(tf.tensor([0, 1], dtype="int32")), np.exp([0, 1])),
    (lambda: tf.is_nan(tf.tensor([1], dtype="int32")), [False]),
    (lambda: tf.maximum(tf.tensor([True, False]), tf.tensor([False, False])), [1, 0]),
    (lambda: tf.prelu(tf.tensor([-2, 2], dtype="int32"), [0.5]), [-1, 2]),
])
def test_values_of_calls_as_in_tensorflow_js(run, expected):
    np.testing.assert_allclose(run().numpy(), expected, rtol=1e-6)


def test_multinomial_takes_one_row_and_probabilities():
    assert tf.multinomial([0.0, 50.0], 4, 1).numpy().tolist() == [1, 1, 1, 1]
    assert tf.multinomial([[1.0, 0.0], [0.0, 1.0]], 2, 1, normalized=True).numpy().tolist() == [[0, 0], [1, 1]]


def test_several_outputs_have_names_and_stay_a_list():
    values, indices = found = tf.topk([3, 9, 4], 2)
    assert isinstance(found, list)
    assert (found.values.numpy().tolist(), found.indices.numpy().tolist()) == ([9, 4], [1, 2])
    assert (values is found.values, indices is found.indices) == (True, True)
    with pytest.raises(AttributeError, match=r"^these outputs have no 'value'; they are values, indices$"):
        _ = found.value
    assert tf.unique([2, 2, 1]).values.numpy().tolist() == [2, 1]


def test_named_outputs_can_be_awaited():
    async def run():
        return (await tf.setdiff1d_async([1, 2, 3], [2])).values.numpy().tolist()

    assert asyncio.run(run()) == [1, 3]


@pytest.mark.parametrize(("run", "error", "message"), [
    (lambda: tf.conv2d(np.ones((2, 2), np.float32), FILTER), ShapeError,
     "conv2d: input: shape [2, 2]; expected rank 4 (NHWC)"),
    (lambda: tf.split([1, 2, 3], [1, 1]), ShapeError, "split"),
    (lambda: tf.einsum([[1.0]], "ij->ji"), UsageError, "einsum: Einsum: attribute 'equation' is [[1.0]]"),
])
def test_what_does_not_fit_is_refused_with_the_name_of_the_function(run, error, message):
    before = tf.memory().num_tensors
    with pytest.raises(error) as caught:
        run()
    assert str(caught.value).startswith(message)
    assert tf.memory().num_tensors == before
