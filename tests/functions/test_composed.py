"""Functions made of ops, against numpy."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import DTypeError, InputError, ShapeError, UsageError
from tfjslab.ops.activations import ACTIVATIONS

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(3, 4)).astype(np.float32), RNG.normal(size=(4, 2)).astype(np.float32)
CUBE = RNG.normal(size=(2, 3, 4)).astype(np.float32)
V, W = A[0], A[1]
FUSED = ", ".join(n for n in ACTIVATIONS if n.isalnum() and n.islower())
AXES = (None, 0, -1, [0, 1])


def given(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def close(found, expected):
    """Compare and free."""
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-5, atol=2e-6)
    assert found.shape == list(np.shape(expected))
    found.dispose()


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keep", [False, True])
def test_reductions_of_more_than_one_op(axis, keep):
    mean, variance = tf.moments(A, axis, keep)
    close(mean, A.mean(given(axis), keepdims=keep))
    close(variance, A.var(given(axis), keepdims=keep))
    close(tf.log_sum_exp(A, axis, keep), np.log(np.exp(A).sum(given(axis), keepdims=keep)))


@pytest.mark.parametrize("order", ["euclidean", 1, math.inf, -math.inf])
def test_norms_of_vectors_are_those_of_numpy(order):
    known = 2 if order == "euclidean" else order
    for axis in (0, 1):
        close(tf.norm(A, order, axis), np.linalg.norm(A, known, axis))
        close(tf.norm(A, order, axis, keep_dims=True), np.linalg.norm(A, known, axis, keepdims=True))
    close(tf.norm(A, order), np.linalg.norm(A.ravel(), known))


@pytest.mark.parametrize("order", ["fro", 1, math.inf, -math.inf])
def test_norms_of_matrices_are_those_of_numpy(order):
    close(tf.norm(CUBE, order, [1, 2]), np.linalg.norm(CUBE, order, (1, 2)))
    close(tf.norm(CUBE, order, [1, 2], keep_dims=True), np.linalg.norm(CUBE, order, (1, 2), keepdims=True))


@pytest.mark.parametrize(("run", "expected"), [
    (lambda: tf.dot(V, W), V @ W), (lambda: tf.dot(A, V), A @ V), (lambda: tf.dot(V, B), V @ B),
    (lambda: tf.dot(A, B), A @ B), (lambda: tf.outer_product(V, W), np.outer(V, W)),
    (lambda: tf.diag(V), np.diag(V)),
    (lambda: tf.diag([[1, 2], [3, 4]]), np.diag([1, 2, 3, 4]).reshape(2, 2, 2, 2)),
    (lambda: tf.log_sigmoid([-100.0, 0.0, 5.0]), [-100, -math.log(2), -np.log1p(np.exp(-5))]),
    (lambda: tf.math.confusion_matrix([0, 1, 1, 2, 5], [0, 2, 1, 2, 0], 3), [[1, 0, 0], [0, 1, 1], [0, 0, 1]]),
    (lambda: tf.unsorted_segment_sum(A, [1, 7, 1], 3), [np.zeros(4), A[0] + A[2], np.zeros(4)]),
    (lambda: tf.broadcast_args([2, 1], [3]), [2, 3]),
    (lambda: tf.search_sorted([[1, 2, 2, 3]], [[2, 0, 9]], "right"), [[3, 0, 4]]),
    (lambda: tf.search_sorted([[1, 2, 2, 3]], [[2, 0, 9]]), [[1, 0, 4]]),
    (lambda: tf.linalg.band_part(A, 0, -1), np.triu(A)),
    (lambda: tf.pad1d(V, [1, 2], 7), np.pad(V, [1, 2], constant_values=7)),
    (lambda: tf.slice2d(A, [1, 0], [1, -1]), A[1:2]), (lambda: tf.reverse1d(V), V[::-1]),
    (lambda: tf.concat2d([A, A], 1), np.hstack([A, A])),
    (lambda: tf.batch_norm2d(A, A.mean(0), A.var(0), None, None, 0.5),
     (A - A.mean(0)) / np.sqrt(A.var(0) + 0.5)),
])
def test_one_result(run, expected):
    close(run(), expected)


def test_grids_are_those_of_numpy():
    for indexing in ("xy", "ij"):
        found = tf.meshgrid([1, 2], [3, 4, 5], indexing)
        for ours, theirs in zip(found, np.meshgrid([1, 2], [3, 4, 5], indexing=indexing), strict=True):
            close(ours, theirs)
    assert tf.meshgrid() == []


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 4, 3)])
@pytest.mark.parametrize("full", [False, True])
def test_qr_gives_an_orthogonal_and_a_triangular_factor(shape, full):
    x = RNG.normal(size=shape).astype(np.float32)
    with tf.tidy():
        q, r = (t.numpy() for t in tf.linalg.qr(x, full))
    np.testing.assert_allclose(q @ r, x, atol=1e-5)
    unit = np.swapaxes(q, -1, -2) @ q
    np.testing.assert_allclose(unit, np.broadcast_to(np.eye(q.shape[-1]), unit.shape), atol=1e-5)
    np.testing.assert_allclose(np.tril(r, -1), 0, atol=1e-5)
    assert q.shape[-1] == (shape[-2] if full else min(shape[-2:]))


def test_gram_schmidt_makes_rows_orthonormal():
    with tf.tidy():
        rows = tf.linalg.gram_schmidt(A[:, :3]).numpy()
        first, second = (t.numpy() for t in tf.linalg.gram_schmidt([tf.tensor(V), tf.tensor(W)]))
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose([first @ second, first @ first, second @ second], [0, 1, 1], atol=1e-6)


def test_an_lstm_step_and_a_stack_of_them():
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(5, 8)).astype(np.float32), rng.normal(size=8).astype(np.float32)
    x, c, h = (rng.normal(size=(2, n)).astype(np.float32) for n in (3, 2, 2))
    i, j, f, o = np.split(np.hstack([x, h]) @ kernel + bias, 4, 1)

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    new_c = sigmoid(i) * np.tanh(j) + c * sigmoid(f + 0.5)
    new_h = np.tanh(new_c) * sigmoid(o)
    with tf.tidy():
        found = tf.basic_lstm_cell(0.5, kernel, bias, x, c, h)
        np.testing.assert_allclose(found[0].numpy(), new_c, rtol=1e-5)
        np.testing.assert_allclose(found[1].numpy(), new_h, rtol=1e-5)
        cs, hs = tf.multi_rnn_cell([lambda *given: tf.basic_lstm_cell(0.5, kernel, bias, *given)], x, [c], [h])
        np.testing.assert_allclose([cs[0].numpy(), hs[0].numpy()], [new_c, new_h], rtol=1e-5)


@pytest.mark.parametrize(("run", "expected"), [
    (lambda: tf.where_async([[False, True], [True, False]]), [[0, 1], [1, 0]]),
    (lambda: tf.boolean_mask_async(A, [True, False, True]), A[[0, 2]]),
    (lambda: tf.boolean_mask_async(A, A > 0), A[A > 0]),
    (lambda: tf.boolean_mask_async(CUBE, [True, False, True], 1), CUBE[:, [0, 2]]),
    (lambda: tf.in_top_k_async([[1.0, 5.0, 3.0], [9.0, 1.0, 2.0]], [2, 2], 2), [True, True]),
    (lambda: tf.in_top_k_async([[1.0, 5.0, 3.0], [9.0, 1.0, 2.0]], [2, 0]), [False, True]),
])
def test_what_is_awaited(run, expected):
    close(asyncio.run(run()), expected)


def test_random_numbers_have_the_distribution_that_was_asked_for():
    with tf.tidy():
        cut = tf.truncated_normal([4000], 5, 2, seed=1).numpy()
        assert (abs(cut.mean() - 5) < 0.1, cut.min() >= 1, cut.max() <= 9) == (True, True, True)
        gamma = tf.random_gamma([4000], 3, 2, seed=1).numpy()
        assert (abs(gamma.mean() - 1.5) < 0.1, gamma.min() > 0) == (True, True)
        assert {*tf.random_uniform_int([400], -1, 3, 1).numpy().tolist()} == {-1, 0, 1, 2}
        assert abs(tf.random_standard_normal([4000], seed=2).numpy().std() - 1) < 0.05
        assert tf.rand([2, 2], lambda: 7, "int32").numpy().tolist() == [[7, 7], [7, 7]]
        kept = tf.dropout(np.ones(1000, np.float32), 0.25, seed=3).numpy()
        assert sorted({*kept.tolist()}) == [0, pytest.approx(4 / 3)]
        assert abs((kept > 0).mean() - 0.75) < 0.05
        same = [tf.truncated_normal([3], seed=9).numpy().tolist() for _ in range(2)]
        assert same[0] == same[1]


@pytest.mark.parametrize(("run", "error", "message"), [
    (lambda: tf.norm(V, 3), InputError, "norm: ord is 3 for vectors; expected 'euclidean', 1, 2, inf or -inf"),
    (lambda: tf.norm(CUBE, axis=[0, 1, 2]), ShapeError,
     "norm: axis [0, 1, 2]; expected one axis for vectors or two for matrices"),
    (lambda: tf.dot(CUBE, V), ShapeError, "dot: t1 has shape [2, 3, 4]; expected rank 1 or 2"),
    (lambda: tf.dot(A, A), ShapeError, "dot: shapes [3, 4] and [3, 4]; expected inner dimensions that match"),
    (lambda: tf.meshgrid([1], [2], "yx"), UsageError, "meshgrid: indexing is 'yx'; expected one of xy, ij"),
    (lambda: tf.math.confusion_matrix([1], [1, 2], 3), ShapeError,
     "confusion_matrix: 1 labels and 2 predictions; expected as many"),
    (lambda: tf.math.confusion_matrix([1], [1], 0), InputError,
     "confusion_matrix: num_classes is 0; expected an integer of at least 1"),
    (lambda: tf.linalg.qr(V), ShapeError, "qr: shape [4]; expected rank 2 or more"),
    (lambda: tf.linalg.gram_schmidt(B), ShapeError,
     "gram_schmidt: 4 vectors of 2 elements; expected at most as many"),
    (lambda: tf.pad2d(V, [[1, 1]]), ShapeError, "pad2d: x has shape [4]; expected rank 2"),
    (lambda: tf.concat1d([A]), ShapeError, "concat1d: xs has shape [3, 4]; expected rank 1"),
    (lambda: asyncio.run(tf.boolean_mask_async(A, [True])), ShapeError,
     "boolean_mask_async: mask [1]; expected [3], as from axis 0 on"),
    (lambda: asyncio.run(tf.in_top_k_async(A, [0, 1, 2], 5)), InputError, "in_top_k_async: k is 5; expected 1 to 4"),
    (lambda: tf.search_sorted([[1]], [[1]], "up"), UsageError,
     "search_sorted: side is 'up'; expected one of left, right"),
    (lambda: tf.pool(CUBE, 2, "sum"), UsageError, "pool: pooling_type is 'sum'; expected one of avg, max"),
    (lambda: tf.pool(CUBE, 2, "max", "same", 2, 2), UsageError,
     "pool: strides [2, 2] and dilations [2, 2]; expected one of them to be 1"),
    (lambda: tf.fused.mat_mul(A, B, activation="rleu"), UsageError,
     f"activation 'rleu' is unknown; known: {FUSED}; did you mean 'relu'?"),
    (lambda: tf.random_gamma([2], 0), InputError, "random_gamma: alpha is 0 and beta 1; expected numbers above 0"),
    (lambda: tf.random_uniform_int([2], 3, 3), InputError,
     "random_uniform_int: minval is 3 and maxval 3; expected them in order"),
    (lambda: tf.dropout(V, 1), InputError, "dropout: rate is 1; expected 0 to below 1"),
    (lambda: tf.upcast_type("string", "int32"), DTypeError,
     "upcast_type: string and int32; expected two of bool, int32, float32, complex64, or string twice"),
])
def test_what_does_not_fit_is_refused_and_leaves_nothing_behind(run, error, message):
    with pytest.raises(error) as caught:
        run()
    assert str(caught.value) == message


def test_dilated_pools_take_every_second_element():
    x = RNG.normal(size=(1, 6, 7, 2)).astype(np.float32)
    with tf.tidy():
        found = tf.pool(x, 2, "max", "valid", 2).numpy()
        mean = tf.pool(x, 2, "avg", "valid", [1, 2]).numpy()
    corners = [x[:, r : r + 4, c : c + 5] for r in (0, 2) for c in (0, 2)]
    np.testing.assert_array_equal(found, np.max(corners, 0))
    pairs = [x[:, r : r + 5, c : c + 5] for r in (0, 1) for c in (0, 2)]
    np.testing.assert_allclose(mean, np.mean(pairs, 0), rtol=1e-5, atol=1e-6)


def test_results_of_other_backends_are_the_same():
    """Composed functions run where the ops they are made of run."""
    with tf.tidy():
        expected = [tf.norm(A).numpy(), tf.moments(A, 0).variance.numpy(), tf.log_sum_exp(A, 1).numpy()]
        tf.set_backend("wasm-simd")
        found = [tf.norm(A).numpy(), tf.moments(A, 0).variance.numpy(), tf.log_sum_exp(A, 1).numpy()]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_types_of_results():
    assert (tf.upcast_type("bool", "int32"), tf.upcast_type("string", "string")) == ("int32", "string")
    assert (tf.sum_out_type("bool"), tf.sum_out_type("float32")) == ("int32", "float32")
