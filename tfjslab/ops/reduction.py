"""Reductions and running sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape, normalize_axes, normalize_axis
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import ANY, BOOL, NUMBER, check_dtypes
from tfjslab.ops.facts import FIRST, Facts
from tfjslab.ops.promotion import Promotion
from tfjslab.ops.registry import Case, Infer, OpDef, Spec, Specs, T, Tf, op, register

_AXES = (Attr("axis", "ints", None), Attr("keep_dims", "bool", default=False))


def reduced_shape(shape: Shape, axes: Shape, *, keep: bool) -> Shape:
    """The shape without ``axes``, or with 1 in their place."""
    return tuple(1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes)


def _infer(name: str, takes: tuple[str, ...], result: str | None) -> Infer:
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins, takes)
        shape = ins[0].known_shape
        axes = normalize_axes(attrs["axis"], len(shape))
        # Sums and products of truth values are counts, as in TF.js.
        dtype = result or ("int32" if ins[0].dtype == "bool" else ins[0].dtype)
        return [Spec(reduced_shape(shape, axes, keep=attrs["keep_dims"]), dtype)]

    return infer


def _flops(ins: Specs, _outs: Specs, _attrs: Attrs) -> int:
    return ins[0].size


def _shape_cases(dtype: str) -> list[Case]:
    t = T((2, 3, 4, 5), dtype, -2, 2)
    attrs: list[dict[str, Any]] = [
        {}, {"axis": [-1]}, {"axis": [1, 2]}, {"axis": [0]}, {"axis": [1, 2], "keep_dims": True}, {"axis": []},
        {"axis": [0, 1, 2, 3]},
    ]
    return [*(Case((t,), a) for a in attrs), Case((T((), dtype),)), Case((T((0, 3), dtype),), {"axis": [0]})]


def reduction(
    name: str, function: Callable[..., Any], doc: str, *, takes: tuple[str, ...] = ANY, result: str | None = None,
    api: str = "", written: tuple[Case, ...] = (), tf: bool = True, quantized: str = "",
    promotes: Promotion | None = None,
) -> OpDef:
    """Register a reduction: ``function(x, axis=axes, keepdims=...)`` reduces over some axes, by default all."""

    def run(x: Array, axis: Any, *, keep_dims: bool) -> Array:
        out = np.asarray(function(x, axis=normalize_axes(axis, x.ndim), keepdims=keep_dims))
        if result == "bool":
            return out.astype(bool)
        like_x = x.dtype if x.dtype.kind == "f" or (x.dtype.kind == "i" and result is None) else None
        return out.astype(like_x or (np.int32 if result is None else np.float32), copy=False)

    cases = [c for dtype in takes for c in _shape_cases(dtype)]
    forms = (Tf(name, "x @axis"),) if tf else ()
    return register(OpDef(
        name, ("x",), _AXES, _infer(name, takes, result), run, _flops, forms, api or name.lower(), (*written, *cases),
        doc, facts=Facts(result or (FIRST if "bool" not in takes else None), quantized=quantized, promotes=promotes),
    ))


def _mean(x: Array, *, axis: Shape, keepdims: bool) -> Any:
    count = int(np.prod([x.shape[a] for a in axis], dtype=np.int64))
    with np.errstate(all="ignore"):
        return np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype if x.dtype.kind == "f" else np.float64) / count


def _largest(x: Array, *, axis: Shape, keepdims: bool) -> Any:
    return np.max(x, axis=axis, keepdims=keepdims, initial=_bound(x, -1))


def _smallest(x: Array, *, axis: Shape, keepdims: bool) -> Any:
    return np.min(x, axis=axis, keepdims=keepdims, initial=_bound(x, 1))


def _bound(x: Array, sign: int) -> Any:
    """What the maximum (-1) or minimum (1) of nothing is."""
    if x.dtype.kind == "f":
        return sign * np.inf
    return np.iinfo(x.dtype).min if sign < 0 else np.iinfo(x.dtype).max


def _euclidean(x: Array, *, axis: Shape, keepdims: bool) -> Any:
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


_NUMBERS = Promotion(NUMBER, back=True)
_GIVEN = T((2, 2), values=[1, 2, 3, 5])
_FLAGS = T((2, 2), "bool", values=[1, 0, 1, 1])
reduction("Sum", np.sum, "The sum over axes.", written=(
    Case((_GIVEN,), {"axis": [0]}, [4, 7]), Case((_FLAGS,), {}, 3), Case((T((0,)),), {}, 0)))
reduction("Prod", np.prod, "The product over axes.", written=(Case((_GIVEN,), {"axis": [1]}, [2, 15]),))
reduction("Mean", _mean, "The mean over axes, also of integers a float, as in TF.js.", result="float32",
          quantized="mean", written=(Case((_GIVEN,), {}, 2.75), Case((T((1, 7, 7, 33)),), {"axis": [1, 2]})))
reduction("Max", _largest, "The maximum over axes.", takes=NUMBER, promotes=_NUMBERS,
          written=(Case((_GIVEN,), {"axis": [0]}, [3, 5]),))
reduction("Min", _smallest, "The minimum over axes.", takes=NUMBER, promotes=_NUMBERS,
          written=(Case((_GIVEN,), {"axis": [0]}, [1, 2]),))
reduction("All", np.all, "Whether all are true.", takes=BOOL, result="bool",
          written=(Case((_FLAGS,), {"axis": [1]}, [0, 1]),))
reduction("Any", np.any, "Whether one is true.", takes=BOOL, result="bool",
          written=(Case((_FLAGS,), {"axis": [1]}, [1, 1]),))
reduction("EuclideanNorm", _euclidean, "The root of the sum of squares over axes.", takes=("float32",),
          api="euclidean_norm", written=(Case((T((2,), values=[3, 4]),), {}, 5),))


def _infer_add_n(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check_dtypes("AddN", ins, NUMBER)
    shapes = {s.known_shape for s in ins}
    if len(shapes) != 1:
        raise ShapeError(f"AddN: shapes {' and '.join(str(list(s.known_shape)) for s in ins)}; expected equal ones")
    return [Spec(ins[0].shape, ins[0].dtype)]


@op("AddN", "*xs", infer=_infer_add_n, api="add_n", tf=[Tf("AddN", "*xs")],
    facts=Facts(dtype=FIRST, promotes=_NUMBERS),
    flops=lambda ins, _outs, _attrs: (len(ins) - 1) * ins[0].size, cases=(
        Case((T((2,), values=[1, 2]), T((2,), values=[3, 4]), T((2,), values=[5, 6])), expect=[9, 12]),
        Case((T((2, 3)),)), Case((T((), "int32", -9, 9), T((), "int32", -9, 9))),
    ))
def add_n(*xs: Array) -> Array:
    """The sum of tensors of one shape."""
    return np.asarray(sum(xs[1:], start=xs[0].copy()))


def _infer_arg(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("ArgMax", ins, NUMBER)
    shape = ins[0].known_shape
    axis = normalize_axis(attrs["axis"], len(shape))
    if shape and shape[axis] == 0:
        raise ShapeError(f"ArgMax: axis {axis} of shape {list(shape)} is empty; the index of nothing is not defined")
    return [Spec(reduced_shape(shape, (axis,), keep=False), "int32")]


_INDEX = Facts(dtype="int32", promotes=Promotion(NUMBER))
_ARG_CASES = (
    Case((T((3, 7)),), {"axis": 1}), Case((T((3, 7)),), {"axis": -2}),
    Case((T((2, 3, 4), "int32", -2, 2),), {"axis": 1}), Case((T((5,)),), {}), Case((T(()),), {}),
    *(Case((T((4, 3), values=[1, 1, 0, math.nan, 2, 3, 2, math.nan, 3, -math.inf, math.inf, math.inf]),), {"axis": a})
      for a in (0, 1)),
    Case((T((2, 2), values=[-math.inf, math.nan, math.inf, math.nan]),), {"axis": 1}),
)


def _ranked(x: Array, axis: int, sign: int) -> Array:
    """Values whose first maximum is that of ``sign * x``, by comparisons: a NaN is never larger, nor exceeded."""
    if x.dtype.kind != "f":
        return x if sign > 0 else ~x  # the lowest integer has no negative
    ranked = np.where(np.isnan(x), -np.inf, sign * x)
    first = (slice(None),) * (axis % max(x.ndim, 1)) + (slice(1),)
    if x.ndim:
        ranked[first] = np.where(np.isnan(x[first]), np.inf, ranked[first])
    return np.asarray(ranked)


@op("ArgMax", "x", infer=_infer_arg, attrs=[Attr("axis", "int", 0)], flops=_flops, api="arg_max", facts=_INDEX,
    tf=[Tf("ArgMax", "x @axis")], cases=(*_ARG_CASES, Case((T((4,), values=[1, 5, 5, 0]),), {}, 1)))
def arg_max(x: Array, axis: int) -> Array:
    """The index of the maximum along an axis; the first one wins, as does a NaN in the first place."""
    return np.asarray(np.argmax(_ranked(x, axis, 1), axis=axis), np.int32)


@op("ArgMin", "x", infer=_infer_arg, attrs=[Attr("axis", "int", 0)], flops=_flops, api="arg_min", facts=_INDEX,
    tf=[Tf("ArgMin", "x @axis")], cases=(*_ARG_CASES, Case((T((4,), values=[1, 0, 5, 0]),), {}, 1)))
def arg_min(x: Array, axis: int) -> Array:
    """The index of the minimum along an axis; the first one wins, as does a NaN in the first place."""
    return np.asarray(np.argmax(_ranked(x, axis, -1), axis=axis), np.int32)


def _infer_running(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("Cumsum", ins, NUMBER)
    normalize_axis(attrs["axis"], len(ins[0].known_shape))
    return [Spec(ins[0].shape, ins[0].dtype)]


_RUNS = Facts(dtype=FIRST, rank=FIRST, promotes=Promotion(NUMBER))
_RUNNING = (
    Attr("axis", "int", 0), Attr("exclusive", "bool", default=False), Attr("reverse", "bool", default=False),
)
_RUNNING_CASES = (
    *(Case((T((3, 4, 5), d, -2, 2),), {"axis": axis, "exclusive": e, "reverse": r})
      for d in NUMBER for axis, e, r in ((0, False, False), (1, True, False), (-1, False, True), (2, True, True))),
    Case((T((0, 3)),), {"axis": 0}), Case((T(()),), {"axis": 0}), Case((T(()),), {"exclusive": True}),
)


def _running(function: Callable[..., Any], neutral: int, x: Array, attrs: Attrs) -> Array:
    if not x.ndim:  # a sum of one
        return _running(function, neutral, x[None], {**attrs, "axis": 0}).reshape(())
    axis = normalize_axis(attrs["axis"], x.ndim)
    view = np.flip(x, axis) if attrs["reverse"] else x
    if attrs["exclusive"]:
        first = np.full_like(np.take(view, [0][: view.shape[axis]], axis), neutral)
        view = np.concatenate([first, np.take(view, range(max(view.shape[axis] - 1, 0)), axis)], axis)
    out = function(view, axis=axis, dtype=x.dtype)
    return np.asarray(np.flip(out, axis) if attrs["reverse"] else out)


@op("Cumsum", "x", infer=_infer_running, attrs=_RUNNING, flops=_flops, tf=[Tf("Cumsum", "x @axis")],
    facts=_RUNS, api="cumsum",
    cases=(*_RUNNING_CASES, Case((T((3,), values=[1, 2, 3]),), {"exclusive": True}, [0, 1, 3])))
def cumsum(x: Array, **attrs: Any) -> Array:
    """Running sum along an axis; ``exclusive`` leaves the element itself out."""
    return _running(np.cumsum, 0, x, attrs)


@op("Cumprod", "x", infer=_infer_running, attrs=_RUNNING, flops=_flops, tf=[Tf("Cumprod", "x @axis")],
    facts=_RUNS, api="cumprod",
    cases=(*_RUNNING_CASES, Case((T((3,), values=[2, 3, 4]),), {"reverse": True}, [24, 12, 4])))
def cumprod(x: Array, **attrs: Any) -> Array:
    """Running product along an axis; ``exclusive`` leaves the element itself out."""
    return _running(np.cumprod, 1, x, attrs)
