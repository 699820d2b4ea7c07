"""Labels and predictions, checked before anything is counted: shapes, kinds of numbers, ranges, NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfjslab.base.arrays import to_array
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, ShapeError
from tfjslab.base.text import counted

_ONE_HOT_RANK = 2


def label_indices(given: Any, samples: int) -> Array:
    """Labels as class numbers, int64 [samples]; InputError says which label is wrong and how.

    ``given`` are class numbers [n], or rows [n, classes] with one 1 and zeros. Floats that are whole numbers pass.
    """
    array = _array(given)
    if array.ndim == _ONE_HOT_RANK and array.shape[1] > 1:
        found = _of_rows(array)
    elif array.ndim == 1 or (array.ndim == _ONE_HOT_RANK and array.shape[1] == 1):
        found = _whole(array.reshape(-1))
    else:
        raise InputError(f"labels have shape {list(array.shape)}; expected [n] class numbers or [n, classes] with one "
                         "1 in each row", code="labels.shape")
    if found.shape[0] != samples:
        raise InputError(f"there are {counted(found.shape[0], 'label')} for {counted(samples, 'sample')}; expected as "
                         "many of both", code="labels.count")
    return found


def check_range(labels: Array, classes: int) -> None:
    """InputError for the first label that is not one of ``classes`` class numbers."""
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise InputError(f"label {int(bad[0])} is {int(labels[bad[0]])}; the model has {classes} classes, so expected "
                         f"0 to {classes - 1}", code="labels.range")


def check_scores(scores: Array, name: str, rows: int, first: int) -> Array:
    """A batch of predictions as [rows, classes]; InputError unless it has scores of classes for each sample.

    ``first`` is the number of the batch's first sample, for the message.
    """
    if scores.dtype.kind not in "fiu" or scores.ndim < _ONE_HOT_RANK or scores.shape[-1] < _ONE_HOT_RANK or (
        scores.size != rows * scores.shape[-1] or scores.shape[0] != rows
    ):
        raise InputError(f"output '{name}' is {scores.dtype} of shape {list(scores.shape)} for "
                         f"{counted(rows, 'sample')}; expected numbers [{rows}, classes] with at least 2 classes",
                         code="evaluate.scores")
    flat = scores.reshape(rows, scores.shape[-1])
    bad = np.flatnonzero(np.isnan(flat).any(axis=1)) if flat.dtype.kind == "f" else np.zeros(0, np.int64)
    if bad.size:
        raise InputError(f"output '{name}' has NaN for sample {first + int(bad[0])}; no answer can be right",
                         code="evaluate.nan")
    return flat


def check_top_k(top_k: Sequence[int], classes: int) -> None:
    """InputError for a rank that the model has no classes for."""
    if too_many := [k for k in top_k if k > classes]:
        raise InputError(f"top_k has {too_many[0]}; the model has {classes} classes", code="evaluate.top_k")


def ranks(scores: Array, labels: Array) -> Array:
    """At which place, from 0, the label of each row stands by its score.

    Equal scores stand in the order of their classes, as ``argmax`` has it: a model that gives the same to all classes
    is right by chance and not always.
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    before = np.arange(scores.shape[1])[None, :] < labels[:, None]
    found: Array = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    return found


def _array(given: Any) -> Array:
    try:
        array = to_array(given, "labels")
    except ShapeError:
        raise InputError("labels are a ragged list; expected [n] class numbers", code="labels.shape") from None
    if array.dtype.kind not in "iuf":
        raise InputError(f"labels are {array.dtype}; expected class numbers", code="labels.dtype")
    return array


def _whole(array: Array) -> Array:
    """Class numbers; a fraction or NaN is none."""
    if array.dtype.kind == "f":
        bad = np.flatnonzero(~(np.isfinite(array) & (array == np.floor(array))))
        if bad.size:
            raise InputError(f"label {int(bad[0])} is {float(array[bad[0]]):g}; expected a class number",
                             code="labels.whole")
    return array.astype(np.int64)


def _of_rows(array: Array) -> Array:
    right = ((array == 1).sum(axis=1) == 1) & ((array == 0).sum(axis=1) == array.shape[1] - 1)
    if not right.all():
        raise InputError(f"row {int(np.flatnonzero(~right)[0])} of the labels has not one 1 and zeros; expected [n] "
                         "class numbers, or such rows", code="labels.rows")
    return np.asarray(array.argmax(axis=1))
