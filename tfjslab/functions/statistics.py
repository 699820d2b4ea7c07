"""Moments, norms and other figures of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from tfjslab.base.errors import InputError, ShapeError
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Axis, Value, as_floats, as_tensor, axes_of, check_rank, composed, kept_shape, op

_MATRIX = 2


class Moments(NamedTuple):
    """What ``moments`` gives."""

    mean: Tensor
    variance: Tensor


@composed
def moments(x: Value, axis: Axis = None, keep_dims: bool = False) -> Moments:
    """Mean and variance (of all values, not of a sample) along axes, or of everything."""
    values = as_floats(x)
    axes = axes_of(axis, values)
    middle = op.mean(values, axes, keep_dims=True)
    variance = op.mean(op.square(op.sub(values, middle)), axes, keep_dims=keep_dims)
    return Moments(middle if keep_dims else op.mean(values, axes), variance)


@composed
def log_sum_exp(x: Value, axis: Axis = None, keep_dims: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials, which does not overflow."""
    values = as_floats(x)
    axes = axes_of(axis, values)
    top = op.max(values, axes, keep_dims=True)
    found = op.add(op.log(op.sum(op.exp(op.sub(values, top)), axes, keep_dims=True)), top)
    return found if keep_dims else op.reshape(found, [n for i, n in enumerate(values.shape) if i not in axes])


@composed
def norm(
    x: Value, ord: float | str = "euclidean", axis: Axis = None, keep_dims: bool = False,
) -> Tensor:
    """The norm of vectors (along one axis, or of everything) or of matrices (two axes).

    ``ord`` is ``"euclidean"``, 1, 2 (vectors only), ``"fro"`` (matrices only), inf or -inf.
    """
    values = as_floats(x)
    if values.rank == 0:
        return op.abs(values)
    axes = axes_of(axis, values)
    if axis is not None and len(axes) > _MATRIX:
        raise ShapeError(f"norm: axis {axis}; expected one axis for vectors or two for matrices")
    is_matrix = axis is not None and len(axes) == _MATRIX
    found = _of_matrices(values, ord, axes) if is_matrix else _of_vectors(values, ord, axes)
    return op.reshape(found, kept_shape(values, axes)) if keep_dims else found


def _root(x: Tensor, axes: list[int]) -> Tensor:
    return op.sqrt(op.sum(op.square(x), axes))


def _of_vectors(x: Tensor, order: float | str, axes: list[int]) -> Tensor:
    if order in ("euclidean", 2):
        return _root(x, axes)
    reductions: dict[float | str, Callable[..., Tensor]] = {1: op.sum, math.inf: op.max, -math.inf: op.min}
    if order not in reductions:
        raise InputError(f"norm: ord is {order!r} for vectors; expected 'euclidean', 1, 2, inf or -inf")
    return reductions[order](op.abs(x), axes)


def _of_matrices(x: Tensor, order: float | str, axes: list[int]) -> Tensor:
    if order in ("euclidean", "fro"):
        return _root(x, axes)
    rows, columns = axes
    size = op.abs(x)
    if order == 1:
        return op.max(op.sum(size, rows), columns - 1)
    if order not in (math.inf, -math.inf):
        raise InputError(f"norm: ord is {order!r} for matrices; expected 'euclidean', 'fro', 1, inf or -inf")
    reduce: Callable[..., Tensor] = op.max if order == math.inf else op.min
    return reduce(op.sum(size, columns), rows)


@composed
def log_sigmoid(x: Value) -> Tensor:
    """The logarithm of the sigmoid, which does not underflow: ``-softplus(-x)``."""
    return op.neg(op.softplus(op.neg(as_floats(x))))


@composed
def confusion_matrix(labels: Value, predictions: Value, num_classes: int) -> Tensor:
    """How often each label (row) was predicted as each class (column), as an int32 matrix."""
    actual, predicted = as_tensor(labels, "int32"), as_tensor(predictions, "int32")
    check_rank("confusion_matrix", "labels", actual, 1)
    check_rank("confusion_matrix", "predictions", predicted, 1)
    if actual.shape != predicted.shape:
        raise ShapeError(f"confusion_matrix: {actual.size} labels and {predicted.size} predictions; expected as many")
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise InputError(f"confusion_matrix: num_classes is {num_classes!r}; expected an integer of at least 1")
    rows, columns = (op.one_hot(t, num_classes, dtype="float32") for t in (actual, predicted))
    return op.cast(op.mat_mul(rows, columns, transpose_a=True), "int32")
