"""How well predictions fit labels: accuracy, accuracy of each class, confusion matrix. Pure numbers, no drawing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, ShapeError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.vis.data import numbers


def accuracy(labels: Any, predictions: Any) -> float:
    """The part of predictions that equal their label, from 0 to 1.

    Args:
        labels: Tensor or array of any shape.
        predictions: the same shape.

    Example:
        >>> accuracy([0, 0, 1, 2, 2, 2], [0, 0, 0, 2, 1, 1])
        0.5

    """
    truth, found = numbers(labels, "labels"), numbers(predictions, "predictions")
    if truth.shape != found.shape:
        shapes = f"{list(truth.shape)} and predictions {list(found.shape)}"
        raise ShapeError(f"labels have shape {shapes}; expected the same")
    if not truth.size:
        raise InputError("labels and predictions are empty; the accuracy of nothing is unknown")
    return float((truth == found).mean())


def per_class_accuracy(labels: Any, predictions: Any, num_classes: int | None = None) -> list[dict[str, Any]]:
    """For each class ``{"accuracy", "count"}``: how many of its ``count`` examples were predicted right.

    The accuracy of a class without examples is None; tfjs-vis says 0 there, as if all of them were wrong.

    Args:
        labels: Tensor or array of classes from 0, shape [n].
        predictions: the same shape.
        num_classes: None for the highest class in either, plus 1.

    Example:
        >>> per_class_accuracy([0, 0, 1], [0, 1, 1])
        [{'accuracy': 0.5, 'count': 2}, {'accuracy': 1.0, 'count': 1}]

    """
    matrix = confusion_matrix(labels, predictions, num_classes)
    counts = matrix.sum(axis=1)
    return [
        {"accuracy": float(matrix[c, c] / counts[c]) if counts[c] else None, "count": int(counts[c])}
        for c in range(len(matrix))
    ]


def confusion_matrix(labels: Any, predictions: Any, num_classes: int | None = None, weights: Any = None) -> Array:
    """``matrix[label, prediction]``: how many examples, or with ``weights`` how much weight, shape [classes, classes].

    Whole numbers without weights, float64 with them.

    Args:
        labels: Tensor or array of classes from 0, shape [n].
        predictions: the same shape.
        num_classes: None for the highest class in either, plus 1.
        weights: what each example counts, shape [n]; None for 1.

    Example:
        >>> confusion_matrix([0, 0, 1], [0, 1, 1]).tolist()
        [[1, 1], [0, 1]]

    """
    truth, found = _classes(labels, "labels"), _classes(predictions, "predictions")
    if truth.size != found.size:
        raise ShapeError(f"there are {truth.size} labels and {found.size} predictions; expected the same number")
    count = _class_count(num_classes, truth, found)
    flat = truth * count + found
    if weights is None:
        return np.bincount(flat, minlength=count * count).reshape(count, count)
    weight = numbers(weights, "weights", 1)
    if weight.size != truth.size:
        raise ShapeError(f"there are {truth.size} labels and {weight.size} weights; expected the same number")
    return np.bincount(flat, weight.astype(np.float64), count * count).reshape(count, count)


def _classes(given: Any, what: str) -> Array:
    """Classes as int64; InputError for what is no whole number from 0."""
    array = numbers(given, what, 1)
    wrong = array[~(np.isfinite(array) & (array >= 0) & (array == np.floor(array)))]
    if wrong.size:
        raise InputError(f"{what} contain {wrong[0]}; expected classes, whole numbers from 0")
    check_limit(f"the highest class in {what}", int(array.max(initial=0)), LIMITS.tensor_bytes)
    return array.astype(np.int64)


def _class_count(given: int | None, truth: Array, found: Array) -> int:
    highest = int(max(truth.max(initial=-1), found.max(initial=-1)))
    if given is None:
        if highest < 0:
            raise InputError("there are no labels; expected at least one, or num_classes")
        given = highest + 1
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InputError(f"num_classes is {given!r}; expected a whole number from 1")
    if highest >= given:
        raise InputError(f"class {highest} occurs, but num_classes is {given}; expected classes below that")
    check_limit(f"bytes of a confusion matrix of {given} classes", 8 * given * given, LIMITS.tensor_bytes)
    return given
