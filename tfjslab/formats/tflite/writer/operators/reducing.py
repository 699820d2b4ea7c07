"""Reductions, softmax and what finds places."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from tfjslab.formats.tflite.operators.reducing import REDUCERS
from tfjslab.formats.tflite.writer.draft import NUMBERS
from tfjslab.formats.tflite.writer.node import NodeWriter, writes


def _axes(w: NodeWriter) -> Sequence[int]:
    axis = w.attr("axis")
    return range(w.rank()) if axis is None else [w.axis(a, w.rank()) for a in axis]


def _reduced(operator: str, w: NodeWriter) -> int:
    """Operators reduce what they are given, in its dtype; no axis at all leaves it as it is."""
    x, axes = w.cast(0, w.out.dtype), _axes(w)
    return w.op(operator, [x, w.ints("axis", axes)], keep_dims=w.attr("keep_dims")) if axes else x


for _name, _op in {"MEAN": "Mean", **REDUCERS}.items():
    writes(_op)(partial(_reduced, _name))


@writes("EuclideanNorm")
def _norm(w: NodeWriter) -> int:
    axes = _axes(w)
    if not axes:
        return w.op("ABS", [w.x()])
    squares = w.op("SQUARE", [w.x()], w.shape())
    return w.op("SQRT", [w.op("SUM", [squares, w.ints("axis", axes)], keep_dims=w.attr("keep_dims"))])


def _place_of(operator: str, w: NodeWriter) -> int:
    if w.rank() == 0:
        raise w.fail("it looks for a place in a scalar")
    return w.op(operator, [w.x(), w.ints("axis", w.axis(w.attr("axis"), w.rank()))], output_type=NUMBERS["int32"])


for _op, _name in {"ArgMax": "ARG_MAX", "ArgMin": "ARG_MIN"}.items():
    writes(_op)(partial(_place_of, _name))


@writes("Softmax")
def _softmax(w: NodeWriter) -> int:
    return _along_last(w, "SOFTMAX", beta=1.0)


@writes("LogSoftmax")
def _log_softmax(w: NodeWriter) -> int:
    return _along_last(w, "LOG_SOFTMAX")


def _along_last(w: NodeWriter, operator: str, **options: Any) -> int:
    """Operators work along the last axis: another one is brought there and back."""
    rank, axis = w.rank(), w.axis(w.attr("axis"), w.rank())
    if axis == rank - 1 or rank == 0:
        return w.op(operator, [w.x()], **options)
    perm = [*range(rank)]
    perm[axis], perm[-1] = perm[-1], perm[axis]
    order, shape = w.ints("perm", perm), tuple(w.shape()[p] for p in perm)
    turned = w.op(operator, [w.op("TRANSPOSE", [w.x(), order], shape)], shape, **options)
    return w.op("TRANSPOSE", [turned, order])


@writes("LRN")
def _lrn(w: NodeWriter) -> int:
    return w.op("LOCAL_RESPONSE_NORMALIZATION", [w.x()], radius=w.attr("depth_radius"),
                **{name: w.attr(name) for name in ("bias", "alpha", "beta")})
