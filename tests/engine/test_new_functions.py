"""Functions of ops that came with strings, sparse and ragged tensors and volumes: called as in TensorFlow.js."""

from __future__ import annotations

import numpy as np
import pytest
from support.available import need

import tfjslab as tf
from tfjslab.backends import registry as backends


@pytest.fixture(autouse=True, params=["cpu", "wasm-simd", "webgpu"])
def _backend(request):
    need(request.param)
    before = backends.get_backend()
    tf.set_backend(request.param)
    with tf.tidy():
        yield
    tf.set_backend(before)


def lists(outputs):
    return [v.numpy().tolist() for v in outputs]


def test_strings():
    words = tf.string.string_split(["a b", "c"], " ")
    assert lists(words) == [[[0, 0], [0, 1], [1, 0]], ["a", "b", "c"], [2, 2]]
    assert tf.string.static_regex_replace(["cat hat"], "[ch]at", r"<\0>").numpy().tolist() == ["<cat> <hat>"]
    assert tf.string.static_regex_replace(["aa"], "a", "b", False).numpy().tolist() == ["ba"]  # noqa: FBT003 - as in TF.js
    assert tf.string.string_to_hash_bucket_fast(["Hello", "TensorFlow", "2.x"], 3).numpy().tolist() == [0, 2, 2]
    grams = tf.string.string_n_grams(["a", "b", "c", "d"], [0, 2, 4], "|", [2], "", "", 0, False)  # noqa: FBT003
    assert lists(grams) == [["a|b", "c|d"], [0, 1, 2]]


def test_sparse_tensors():
    filled = tf.sparse.sparse_fill_empty_rows([[0, 0], [2, 1]], np.int32([5, 6]), [4, 2], -1)
    assert lists(filled) == [[[0, 0], [1, 0], [2, 1], [3, 0]], [5, -1, 6, -1], [False, True, False, True], [0, 2]]
    assert lists(tf.sparse.sparse_reshape([[1, 2]], [2, 3], [-1])) == [[[5]], [6]]
    rows = tf.tensor([[1.0, 2], [3, 4], [5, 6]])
    assert tf.sparse.sparse_segment_sum(rows, [0, 2, 1], [0, 0, 1]).numpy().tolist() == [[6, 8], [3, 4]]
    assert tf.sparse.sparse_segment_mean(rows, [0, 2, 1], [0, 0, 1]).numpy().tolist() == [[3, 4], [3, 4]]


def test_several_outputs_have_the_names_of_tensorflow_js():
    assert tf.string.string_split(["a"], " ").values.numpy().tolist() == ["a"]
    assert tf.sparse.sparse_reshape([[1, 2]], [2, 3], [-1]).output_shape.numpy().tolist() == [6]
    assert tf.ragged_range([2], [4], [1]).rt_nested_splits.numpy().tolist() == [0, 2]


def test_ragged_tensors():
    gathered = tf.ragged_gather([[0, 2, 3]], [1.0, 2, 3], [1, 0], 1)
    assert lists(gathered) == [[0, 1, 3], [3, 1, 2]]
    assert lists(tf.ragged_range([2, 5], [4, 6], [1, 1])) == [[0, 2, 3], [2, 3, 5]]
    dense = tf.ragged_tensor_to_tensor([-1, -1], [1.0, 2, 3], 0, [[0, 2, 3]], ["ROW_SPLITS"])
    assert dense.numpy().tolist() == [[1, 2], [3, 0]]


def test_windows_over_sequences_and_volumes():
    x = np.arange(8, dtype=np.float32)
    assert tf.conv1d(x.reshape(1, 8, 1), np.ones((2, 1, 1)), 2, "valid").numpy().ravel().tolist() == [1, 5, 9, 13]
    assert tf.conv1d(x.reshape(8, 1), np.ones((2, 1, 1)), 2, "valid").shape == [4, 1]
    cube = x.reshape(1, 2, 2, 2, 1)
    assert tf.conv3d(cube, np.ones((2, 2, 2, 1, 1)), 1, "valid").numpy().ravel().tolist() == [28]
    assert tf.conv3d(cube[0], np.ones((1, 1, 1, 1, 3)), 1, "same").shape == [2, 2, 2, 3]
    assert tf.conv3d_transpose(cube, np.ones((1, 1, 1, 2, 1)), [1, 4, 4, 4, 2], 2, "same").shape == [1, 4, 4, 4, 2]
    assert tf.max_pool3d(cube, 2, 2, "same").numpy().ravel().tolist() == [7]
    assert tf.avg_pool3d(cube, [1, 2, 2], 1, "valid").numpy().ravel().tolist() == [1.5, 5.5]
    assert tf.conv1d(x.reshape(1, 8, 1), np.ones((2, 1, 1)), 2, 1).shape == [1, 5, 1]
    assert tf.max_pool3d(cube, 2, 1, 1).shape == [1, 3, 3, 3, 1]
    image = x.reshape(1, 2, 4, 1)
    assert tf.dilation2d(image, np.zeros((2, 2, 1)), 1, "valid").numpy().ravel().tolist() == [5, 6, 7]
    moved = tf.transform(image, [[1, 0, 1, 0, 1, 0, 0, 0]], "nearest", "constant", 9)
    assert moved.numpy().ravel().tolist() == [1, 2, 3, 9, 5, 6, 7, 9]
