"""``tf.metrics``: how good predictions are, along the last axis unless it says otherwise. All give float32."""

from __future__ import annotations

from tfjslab.base.errors import ShapeError
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_floats, as_tensor, composed, op
from tfjslab.functions.losses import Reduction, sigmoid_cross_entropy

_EPSILON = 1e-7  # what TensorFlow.js keeps probabilities away from 0 and 1
_HALF = 0.5


def _both(name: str, y_true: Value, y_pred: Value) -> tuple[Tensor, Tensor]:
    """Labels and predictions of one shape, as float32."""
    expected, found = as_floats(y_true), as_floats(y_pred)
    if expected.shape != found.shape:
        raise ShapeError(f"metrics.{name}: y_true {expected.shape} and y_pred {found.shape}; expected one shape")
    return expected, found


@composed
def mean_squared_error(y_true: Value, y_pred: Value) -> Tensor:
    """The mean of the squares of the differences."""
    return op.mean(op.squared_difference(*_both("mean_squared_error", y_true, y_pred)), -1)


@composed
def mean_absolute_error(y_true: Value, y_pred: Value) -> Tensor:
    """The mean of the absolute differences."""
    return op.mean(op.abs(op.sub(*_both("mean_absolute_error", y_true, y_pred))), -1)


@composed
def mean_absolute_percentage_error(y_true: Value, y_pred: Value) -> Tensor:
    """The mean of the absolute differences as parts of the labels, in percent."""
    expected, found = _both("mean_absolute_percentage_error", y_true, y_pred)
    part = op.div(op.abs(op.sub(expected, found)), op.maximum(op.abs(expected), _EPSILON))
    return op.mul(op.mean(part, -1), 100)


@composed
def cosine_proximity(y_true: Value, y_pred: Value) -> Tensor:
    """The negated cosine of the angle between vectors."""
    units = [
        op.div(v, op.sqrt(op.maximum(op.sum(op.square(v), -1, keep_dims=True), _EPSILON)))
        for v in _both("cosine_proximity", y_true, y_pred)
    ]
    return op.neg(op.sum(op.mul(*units), -1))


@composed
def r2_score(y_true: Value, y_pred: Value) -> Tensor:
    """One number, the part of the variance of all labels that the predictions explain."""
    expected, found = _both("r2_score", y_true, y_pred)
    unexplained = op.sum(op.squared_difference(expected, found))
    return op.sub(1, op.div(unexplained, op.sum(op.squared_difference(expected, op.mean(expected)))))


@composed
def binary_accuracy(y_true: Value, y_pred: Value) -> Tensor:
    """How many predictions are on their label's side of a half, as a part of all."""
    expected, found = _both("binary_accuracy", y_true, y_pred)
    return op.mean(op.equal(expected, op.cast(op.greater(found, _HALF), "float32")), -1)


@composed
def binary_crossentropy(y_true: Value, y_pred: Value) -> Tensor:
    """The mean cross entropy of probabilities with labels from 0 to 1."""
    expected, found = _both("binary_crossentropy", y_true, y_pred)
    chance = op.clip_by_value(found, _EPSILON, 1 - _EPSILON)
    logits = op.log(op.div(chance, op.sub(1, chance)))
    return op.mean(sigmoid_cross_entropy(expected, logits, reduction=Reduction.NONE), -1)


@composed
def categorical_accuracy(y_true: Value, y_pred: Value) -> Tensor:
    """1 where the highest prediction is that of the one-hot label, else 0."""
    best = (op.arg_max(v, -1) for v in _both("categorical_accuracy", y_true, y_pred))
    return op.cast(op.equal(*best), "float32")


@composed
def categorical_crossentropy(y_true: Value, y_pred: Value) -> Tensor:
    """The cross entropy of probabilities, which are scaled to a sum of 1, with one-hot labels."""
    expected, found = _both("categorical_crossentropy", y_true, y_pred)
    chance = op.clip_by_value(op.div(found, op.sum(found, -1, keep_dims=True)), _EPSILON, 1 - _EPSILON)
    return op.neg(op.sum(op.mul(expected, op.log(chance)), -1))


@composed
def sparse_categorical_accuracy(y_true: Value, y_pred: Value) -> Tensor:
    """1 where the highest prediction is at the index that is the label, else 0."""
    labels, found = as_floats(y_true), as_tensor(y_pred)
    labels = op.squeeze(labels, [labels.rank - 1]) if labels.rank == found.rank else labels
    if labels.shape != found.shape[:-1]:
        raise ShapeError(f"metrics.sparse_categorical_accuracy: y_true {labels.shape} and y_pred {found.shape}; "
                         "expected an index for each row")
    return op.cast(op.equal(labels, op.cast(op.arg_max(found, -1), "float32")), "float32")


@composed
def precision(y_true: Value, y_pred: Value) -> Tensor:
    """One number, the part of what was predicted as 1 that is 1; 0 where nothing was."""
    return _share("precision", y_true, y_pred, of_labels=False)


@composed
def recall(y_true: Value, y_pred: Value) -> Tensor:
    """One number, the part of what is 1 that was predicted as 1; 0 where nothing is."""
    return _share("recall", y_true, y_pred, of_labels=True)


def _share(name: str, y_true: Value, y_pred: Value, *, of_labels: bool) -> Tensor:
    ones = [op.cast(op.equal(v, 1), "float32") for v in _both(name, y_true, y_pred)]
    zeros = op.cast(op.equal(as_floats(y_pred if of_labels else y_true), 0), "float32")
    hits, misses = op.sum(op.mul(*ones)), op.sum(op.mul(ones[0 if of_labels else 1], zeros))
    return op.div_no_nan(hits, op.add(hits, misses))


mse, mape = mean_squared_error, mean_absolute_percentage_error
