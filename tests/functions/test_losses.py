"""``tf.losses`` and ``tf.metrics``, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import ShapeError, UsageError

RNG = np.random.default_rng(5)
LABELS = RNG.integers(0, 2, (3, 4)).astype(np.float32)
CHANCES = RNG.uniform(0.1, 0.9, (3, 4)).astype(np.float32)
WEIGHTS = np.array([[0.0], [1.0], [2.5]], np.float32)
ONE_HOT = np.eye(4, dtype=np.float32)[[2, 0, 3]]


@pytest.fixture(autouse=True)
def _tidy():
    with tf.tidy():
        yield


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def _huber(error, delta):
    return np.where(error <= delta, error**2 / 2, delta * (error - delta / 2))


LOG = -(LABELS * np.log(CHANCES) + (1 - LABELS) * np.log(1 - CHANCES))
SIGMOID = -(LABELS * np.log(_sigmoid(CHANCES)) + (1 - LABELS) * np.log(1 - _sigmoid(CHANCES)))
ELEMENTS = {
    "absolute_difference": np.abs(LABELS - CHANCES),
    "mean_squared_error": (LABELS - CHANCES) ** 2,
    "hinge_loss": np.maximum(1 - (2 * LABELS - 1) * CHANCES, 0),
    "huber_loss": _huber(np.abs(LABELS - CHANCES), 1),
    "log_loss": LOG,
    "sigmoid_cross_entropy": SIGMOID,
}


@pytest.mark.parametrize(("name", "elements"), ELEMENTS.items())
def test_losses_are_weighted_and_reduced(name, elements):
    loss, weighted = getattr(tf.losses, name), elements * WEIGHTS
    expected = {
        tf.Reduction.NONE: weighted, tf.Reduction.SUM: weighted.sum(),
        tf.Reduction.MEAN: weighted.sum() / (4 * WEIGHTS.sum()),
        tf.Reduction.SUM_BY_NONZERO_WEIGHTS: weighted.sum() / 8,
    }
    for reduction, wanted in expected.items():
        found = loss(LABELS, CHANCES, WEIGHTS, reduction=reduction).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-4, err_msg=reduction.name)
    np.testing.assert_allclose(loss(LABELS, CHANCES).numpy(), elements.mean(), rtol=1e-4)


def test_losses_with_something_of_their_own():
    smoothed = 0.8 * ONE_HOT + 0.05
    cross = -(smoothed * np.log(_softmax(CHANCES))).sum(-1).mean()
    np.testing.assert_allclose(
        tf.losses.softmax_cross_entropy(ONE_HOT, CHANCES, label_smoothing=0.2).numpy(), cross, rtol=1e-5)
    np.testing.assert_allclose(
        tf.losses.huber_loss(LABELS, CHANCES, None, 0.2).numpy(), _huber(np.abs(LABELS - CHANCES), 0.2).mean(),
        rtol=1e-5)
    np.testing.assert_allclose(
        tf.losses.cosine_distance(LABELS, CHANCES, 1).numpy(), (1 - (LABELS * CHANCES).sum(1)).mean(), rtol=1e-5)


HARD = (CHANCES > 0.5).astype(np.float32)
UNIT = [v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (LABELS, CHANCES)]
METRICS = {
    "binary_accuracy": (LABELS, CHANCES, (LABELS == HARD).mean(-1)),
    "binary_crossentropy": (LABELS, CHANCES, LOG.mean(-1)),
    "categorical_accuracy": (ONE_HOT, CHANCES, ONE_HOT.argmax(-1) == CHANCES.argmax(-1)),
    "categorical_crossentropy": (
        ONE_HOT, CHANCES, -np.log((CHANCES / CHANCES.sum(-1, keepdims=True))[range(3), [2, 0, 3]])),
    "cosine_proximity": (LABELS, CHANCES, -(UNIT[0] * UNIT[1]).sum(-1)),
    "mape": (CHANCES, LABELS, 100 * np.abs((CHANCES - LABELS) / CHANCES).mean(-1)),
    "mean_absolute_error": (LABELS, CHANCES, np.abs(LABELS - CHANCES).mean(-1)),
    "mse": (LABELS, CHANCES, ((LABELS - CHANCES) ** 2).mean(-1)),
    "precision": (LABELS, HARD, (LABELS * HARD).sum() / HARD.sum()),
    "r2_score": (LABELS, CHANCES, 1 - ((LABELS - CHANCES) ** 2).sum() / ((LABELS - LABELS.mean()) ** 2).sum()),
    "recall": (LABELS, HARD, (LABELS * HARD).sum() / LABELS.sum()),
    "sparse_categorical_accuracy": ([[2], [0], [3]], CHANCES, ONE_HOT.argmax(-1) == CHANCES.argmax(-1)),
}


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    labels, predictions, expected = METRICS[name]
    found = getattr(tf.metrics, name)(labels, predictions)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_where_nothing_was_predicted_precision_is_zero():
    assert tf.metrics.precision(LABELS, np.zeros_like(LABELS)).numpy() == 0


@pytest.mark.parametrize(("run", "error", "message"), [
    (lambda: tf.losses.log_loss(LABELS, CHANCES[:2]), ShapeError,
     "losses.log_loss: labels [3, 4] and predictions [2, 4]; expected one shape"),
    (lambda: tf.losses.log_loss(LABELS, CHANCES, reduction=7), UsageError,
     "losses: reduction is 7; expected a tf.Reduction"),
    (lambda: tf.metrics.mse(LABELS, CHANCES[:2]), ShapeError,
     "metrics.mean_squared_error: y_true [3, 4] and y_pred [2, 4]; expected one shape"),
    (lambda: tf.metrics.sparse_categorical_accuracy([1, 2], CHANCES), ShapeError,
     "metrics.sparse_categorical_accuracy: y_true [2] and y_pred [3, 4]; expected an index for each row"),
])
def test_what_does_not_fit_is_refused(run, error, message):
    with pytest.raises(error) as caught:
        run()
    assert str(caught.value) == message
