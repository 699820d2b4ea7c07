"""Metrics against numpy's own definitions, over random labels; and the errors they raise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfjslab as tf
from tfjslab.base.errors import DisposedError, DTypeError, InputError, LimitError, ShapeError
from tfjslab.vis import metrics
from tfjslab.vis.stats import stats_of

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.floats(0, 10)), min_size=1, max_size=60)


@given(PAIRS, st.sampled_from([list, np.array, lambda v: np.array(v, np.float32), lambda v: np.array(v, np.uint8)]))
def test_metrics_are_what_they_are_defined_as(pairs, kind):
    labels, predictions, weights = (np.array(v) for v in zip(*pairs, strict=True))
    given_labels, given_predictions = kind(labels.tolist()), kind(predictions.tolist())
    count = int(max(labels.max(), predictions.max())) + 1
    matrix = metrics.confusion_matrix(given_labels, given_predictions)
    expected = [[np.sum((labels == i) & (predictions == j)) for j in range(count)] for i in range(count)]
    assert matrix.tolist() == expected
    assert metrics.accuracy(given_labels, given_predictions) == pytest.approx(np.mean(labels == predictions))
    assert np.trace(matrix) / len(pairs) == pytest.approx(metrics.accuracy(given_labels, given_predictions))
    for c, found in enumerate(metrics.per_class_accuracy(given_labels, given_predictions)):
        of_class = labels == c
        assert found["count"] == of_class.sum()
        right = np.mean(predictions[of_class] == c) if of_class.any() else None
        assert found["accuracy"] == (None if right is None else pytest.approx(right))
    weighed = metrics.confusion_matrix(given_labels, given_predictions, weights=weights)
    assert weighed.sum() == pytest.approx(weights.sum())
    assert weighed[labels[0], predictions[0]] >= weights[0] - 1e-9


@given(st.lists(st.floats(width=32), max_size=50))
def test_statistics_agree_with_numpy(values):
    array = np.array(values, np.float32)
    found = stats_of(array)
    finite = array[np.isfinite(array)].astype(np.float64)
    assert (found.num_vals, found.num_nans) == (array.size, np.isnan(array).sum())
    assert found.num_infs == np.isinf(array).sum()
    assert found.num_zeros == (array == 0).sum()
    assert (found.mean is None) == (finite.size == 0)
    if finite.size:
        assert found.mean == pytest.approx(finite.mean())
        assert found.stddev == pytest.approx(finite.std())
        assert (found.min, found.max) == (np.nanmin(array), np.nanmax(array))


def test_the_example_of_tfjs_vis():
    labels, predictions = [0, 0, 1, 2, 2, 2], [0, 0, 0, 2, 1, 1]
    assert metrics.accuracy(labels, predictions) == 0.5
    assert metrics.confusion_matrix(labels, predictions).tolist() == [[2, 0, 0], [1, 0, 0], [0, 2, 1]]
    assert metrics.per_class_accuracy(labels, predictions) == [
        {"accuracy": 1.0, "count": 2}, {"accuracy": 0.0, "count": 1}, {"accuracy": pytest.approx(1 / 3), "count": 3},
    ]


def test_tensors_are_read_and_memory_stays_as_it_was():
    with tf.tensor1d([0, 1, 1]) as labels, tf.tensor1d([0, 1, 0]) as predictions:
        before = tf.memory()
        assert metrics.accuracy(labels, predictions) == pytest.approx(2 / 3)
        assert metrics.confusion_matrix(labels, predictions, 3).shape == (3, 3)
        assert metrics.per_class_accuracy(labels, predictions)[1] == {"accuracy": 0.5, "count": 2}
        assert tf.memory() == before


def test_accuracy_takes_any_shape():
    assert metrics.accuracy(np.eye(2), np.ones((2, 2))) == 0.5


@pytest.mark.parametrize(("call", "kind", "message"), [
    (lambda: metrics.accuracy([1], [1, 2]), ShapeError, "labels have shape [1] and predictions [2]; expected the same"),
    (lambda: metrics.accuracy([], []), InputError, "labels and predictions are empty"),
    (lambda: metrics.accuracy(["a"], ["a"]), DTypeError, "labels has numpy dtype <U1; expected numbers"),
    (lambda: metrics.confusion_matrix([[1]], [[1]]), ShapeError, "labels has shape [1, 1]; expected rank 1"),
    (lambda: metrics.confusion_matrix([1, 2], [1]), ShapeError, "there are 2 labels and 1 predictions; expected"),
    (lambda: metrics.confusion_matrix([-1], [0]), InputError, "labels contain -1; expected classes"),
    (lambda: metrics.confusion_matrix([0.5], [0]), InputError, "labels contain 0.5; expected classes"),
    (lambda: metrics.confusion_matrix([0], [np.nan]), InputError, "predictions contain nan; expected classes"),
    (lambda: metrics.confusion_matrix([3], [0], 3), InputError, "class 3 occurs, but num_classes is 3"),
    (lambda: metrics.confusion_matrix([0], [0], 0), InputError, "num_classes is 0; expected a whole number from 1"),
    (lambda: metrics.confusion_matrix([], []), InputError, "there are no labels; expected at least one, or"),
    (lambda: metrics.confusion_matrix([0], [0], weights=[1, 2]), ShapeError, "there are 1 labels and 2 weights"),
    (lambda: metrics.confusion_matrix([10**6], [0]), LimitError, "bytes of a confusion matrix of 1000001 classes is"),
    (lambda: metrics.per_class_accuracy([0], [5], 2), InputError, "class 5 occurs, but num_classes is 2"),
])
def test_what_are_no_classes_is_refused_with_a_reason(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith(message)
    assert type(caught.value) is kind


def test_a_disposed_tensor_is_refused():
    with tf.tensor1d([1]) as tensor:
        pass
    with pytest.raises(DisposedError):
        metrics.accuracy(tensor, tensor)
