"""``tf.losses``: how far predictions are from labels, weighted and reduced. Plain functions, without gradients."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from tfjslab.base.errors import ShapeError, UsageError
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Axis, Value, as_floats, composed, op
from tfjslab.functions.statistics import log_sum_exp


class Reduction(IntEnum):
    """How the losses of all elements become one number, with the numbers of TensorFlow.js."""

    NONE = 0
    MEAN = 1
    SUM = 2
    SUM_BY_NONZERO_WEIGHTS = 3


_DEFAULT = Reduction.SUM_BY_NONZERO_WEIGHTS


@composed
def compute_weighted_loss(losses: Value, weights: Value | None = None, reduction: Reduction = _DEFAULT) -> Tensor:
    """Losses times weights (numbers, or of a shape that is broadcast to that of the losses), reduced."""
    given = as_floats(losses)
    factors = op.ones_like(given) if weights is None else op.broadcast_to(as_floats(weights), given.shape)
    weighted = op.mul(given, factors)
    if reduction not in _REDUCTIONS:
        raise UsageError(f"losses: reduction is {reduction!r}; expected a tf.Reduction")
    return _REDUCTIONS[reduction](weighted, factors)


_REDUCTIONS: dict[int, Callable[[Tensor, Tensor], Tensor]] = {
    Reduction.NONE: lambda weighted, _factors: weighted,
    Reduction.SUM: lambda weighted, _factors: op.sum(weighted),
    Reduction.MEAN: lambda weighted, factors: op.div(op.sum(weighted), op.sum(factors)),
    Reduction.SUM_BY_NONZERO_WEIGHTS: lambda weighted, factors: op.div(
        op.sum(weighted), op.sum(op.cast(op.not_equal(factors, 0), "float32"))),
}


def _both(where: str, labels: Value, predictions: Value) -> tuple[Tensor, Tensor]:
    """Labels and predictions of one shape."""
    expected, found = as_floats(labels), as_floats(predictions)
    if expected.shape != found.shape:
        raise ShapeError(f"losses.{where}: labels {expected.shape} and predictions {found.shape}; expected one shape")
    return expected, found


@composed
def absolute_difference(
    labels: Value, predictions: Value, weights: Value | None = None, reduction: Reduction = _DEFAULT,
) -> Tensor:
    """The distance of each prediction from its label."""
    expected, found = _both("absolute_difference", labels, predictions)
    return compute_weighted_loss(op.abs(op.sub(expected, found)), weights, reduction)


@composed
def mean_squared_error(
    labels: Value, predictions: Value, weights: Value | None = None, reduction: Reduction = _DEFAULT,
) -> Tensor:
    """The square of the distance of each prediction from its label."""
    expected, found = _both("mean_squared_error", labels, predictions)
    return compute_weighted_loss(op.squared_difference(expected, found), weights, reduction)


@composed
def cosine_distance(
    labels: Value, predictions: Value, axis: Axis, weights: Value | None = None, reduction: Reduction = _DEFAULT,
) -> Tensor:
    """One minus the product of vectors of length 1 along an axis."""
    expected, found = _both("cosine_distance", labels, predictions)
    return compute_weighted_loss(op.sub(1, op.sum(op.mul(expected, found), axis, keep_dims=True)), weights, reduction)


@composed
def hinge_loss(
    labels: Value, predictions: Value, weights: Value | None = None, reduction: Reduction = _DEFAULT,
) -> Tensor:
    """How much a prediction misses of 1 on the side of its label, 0 or 1."""
    expected, found = _both("hinge_loss", labels, predictions)
    sides = op.sub(op.mul(expected, 2), 1)
    return compute_weighted_loss(op.relu(op.sub(1, op.mul(sides, found))), weights, reduction)


@composed
def huber_loss(
    labels: Value, predictions: Value, weights: Value | None = None, delta: float = 1, reduction: Reduction = _DEFAULT,
) -> Tensor:
    """Half the square of the distance up to ``delta``, and a straight line from there."""
    expected, found = _both("huber_loss", labels, predictions)
    error = op.abs(op.sub(found, expected))
    quadratic = op.minimum(error, delta)
    linear = op.sub(error, quadratic)
    return compute_weighted_loss(op.add(op.mul(op.square(quadratic), 0.5), op.mul(linear, delta)), weights, reduction)


@composed
def log_loss(
    labels: Value, predictions: Value, weights: Value | None = None, epsilon: float = 1e-7,
    reduction: Reduction = _DEFAULT,
) -> Tensor:
    """The cross entropy of probabilities with labels from 0 to 1."""
    expected, found = _both("log_loss", labels, predictions)
    yes = op.mul(expected, op.log(op.add(found, epsilon)))
    no = op.mul(op.sub(1, expected), op.log(op.add(op.sub(1, found), epsilon)))
    return compute_weighted_loss(op.neg(op.add(yes, no)), weights, reduction)


@composed
def sigmoid_cross_entropy(
    multi_class_labels: Value, logits: Value, weights: Value | None = None, label_smoothing: float = 0,
    reduction: Reduction = _DEFAULT,
) -> Tensor:
    """The cross entropy of the sigmoid of logits with labels from 0 to 1."""
    expected, found = _both("sigmoid_cross_entropy", multi_class_labels, logits)
    smoothed = op.add(op.mul(expected, 1 - label_smoothing), 0.5 * label_smoothing)
    rest = op.log1p(op.exp(op.neg(op.abs(found))))
    return compute_weighted_loss(op.add(op.sub(op.relu(found), op.mul(found, smoothed)), rest), weights, reduction)


@composed
def softmax_cross_entropy(
    onehot_labels: Value, logits: Value, weights: Value | None = None, label_smoothing: float = 0,
    reduction: Reduction = _DEFAULT,
) -> Tensor:
    """The cross entropy of the softmax of logits (along the last axis) with one-hot labels."""
    expected, found = _both("softmax_cross_entropy", onehot_labels, logits)
    smoothed = op.add(op.mul(expected, 1 - label_smoothing), label_smoothing / expected.shape[-1])
    chances = op.sub(found, log_sum_exp(found, -1, keep_dims=True))
    return compute_weighted_loss(op.neg(op.sum(op.mul(chances, smoothed), -1)), weights, reduction)
