"""Reading and writing by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.base.shapes import Shape, checked_shape, normalize_axis, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.facts import LIKE_FIRST, Facts, Like
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op


def _check_index_dtype(name: str, spec: Spec) -> None:
    if spec.dtype != "int32":
        raise DTypeError(f"{name}: indices are {spec.dtype}; expected int32")


OUT_OF_RANGE = "{name}: index {value} is out of range for a length of {limit}"


def check_indices(name: str, indices: Array, limit: int) -> None:
    """InputError when an index is negative or not below ``limit``."""
    wrong = indices[(indices < 0) | (indices >= limit)]
    if wrong.size:
        raise InputError(OUT_OF_RANGE.format(name=name, value=int(wrong.flat[0]), limit=limit))


# ---- GatherV2 --------------------------------------------------------------------------------------------------------


def gather_axes(x: Shape, indices: Shape, attrs: Attrs) -> tuple[int, int]:
    """The axis and the number of batch axes; ShapeError when they do not fit."""
    axis = normalize_axis(attrs["axis"], len(x))
    batch = attrs["batch_dims"] + (len(indices) if attrs["batch_dims"] < 0 else 0)
    if not x or not 0 <= batch <= min(axis, len(indices)) or x[:batch] != indices[:batch]:
        raise ShapeError(
            f"GatherV2: axis {attrs['axis']} with {attrs['batch_dims']} batch axes does not fit "
            f"shapes {list(x)} and {list(indices)}",
        )
    return axis, batch


def _infer_gather(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check_index_dtype("GatherV2", ins[1])
    x, indices = ins[0].known_shape, ins[1].known_shape
    axis, batch = gather_axes(x, indices, attrs)
    return [Spec(checked_shape((*x[:axis], *indices[batch:], *x[axis + 1 :]), "GatherV2"), ins[0].dtype)]


def _index(*values: int, shape: Shape | None = None) -> T:
    return T(shape or (len(values),), "int32", values=values)


@op("GatherV2", "x indices", infer=_infer_gather, attrs=[Attr("axis", "int", 0), Attr("batch_dims", "int", 0)],
    flops=no_flops, api="gather", facts=LIKE_FIRST, tf=[
        Tf("GatherV2", "x indices @axis"), Tf("Gather", "x indices", fixed={"axis": 0, "batch_dims": 0}, write=False),
    ], cases=(
        Case((T((3, 2), values=range(6)), _index(2, 0)), expect=[4, 5, 0, 1]),
        Case((T((3, 4, 5)), _index(3, 0, 0, 1, shape=(2, 2))), {"axis": 1}),
        Case((T((2, 3, 4)), _index(2, 0, 1, 1, shape=(2, 2))), {"axis": 1, "batch_dims": 1}),
        Case((T((2, 2, 5, 3)), _index(4, 0, 1, 1, shape=(2, 2))), {"axis": 2, "batch_dims": 1}),
        Case((T((5,)), _index(3, shape=())), {"axis": -1}), Case((T((5, 2)), T((0,), "int32"))),
        Case((T((5,), "bool"), _index(0, 4))),
    ))
def gather(x: Array, indices: Array, **attrs: Any) -> Array:
    """Slices of x along an axis, chosen by index; the first ``batch_dims`` axes of both go together."""
    axis, batch = gather_axes(x.shape, indices.shape, attrs)
    check_indices("GatherV2", indices, x.shape[axis])
    if batch == 0:
        return np.take(x, indices, axis)
    rows = size_of(x.shape[:batch])
    flat = x.reshape(rows, size_of(x.shape[batch:axis]), x.shape[axis], size_of(x.shape[axis + 1 :]))
    chosen = flat[np.arange(rows)[:, None], :, indices.reshape(rows, -1), :]  # [rows, index, outer, inner]
    shape = (*x.shape[:axis], *indices.shape[batch:], *x.shape[axis + 1 :])
    return chosen.swapaxes(1, 2).reshape(shape)


# ---- by coordinates --------------------------------------------------------------------------------------------------


def _depth(name: str, target: Shape, indices: Shape) -> int:
    """How many coordinates an index has; ShapeError when the target has fewer axes."""
    if not indices or indices[-1] > len(target):
        raise ShapeError(f"{name}: indices {list(indices)} do not point into shape {list(target)}")
    return indices[-1]


def _pointed(name: str, target: Array, indices: Array) -> tuple[Array, tuple[Array, ...]]:
    """A view of ``target`` and what to index it with, checked; without coordinates each index stands for all of it."""
    depth = indices.shape[-1]
    if depth == 0:
        return target[None], (np.zeros(indices.shape[:-1], np.intp),)
    for axis in range(depth):
        check_indices(name, indices[..., axis], target.shape[axis])
    return target, tuple(np.moveaxis(indices, -1, 0))


def _infer_gather_nd(ins: Specs, _attrs: Attrs) -> list[Spec]:
    _check_index_dtype("GatherNd", ins[1])
    x, indices = ins[0].known_shape, ins[1].known_shape
    depth = _depth("GatherNd", x, indices)
    return [Spec(checked_shape((*indices[:-1], *x[depth:]), "GatherNd"), ins[0].dtype)]


@op("GatherNd", "x indices", infer=_infer_gather_nd, flops=no_flops, api="gather_nd", tf=[Tf("GatherNd", "x indices")],
    facts=LIKE_FIRST,
    cases=(
        Case((T((2, 2), values=[1, 2, 3, 4]), _index(0, 1, 1, 0, shape=(2, 2))), expect=[2, 3]),
        Case((T((3, 4, 5)), _index(2, 1, 0, 3, shape=(2, 2)))), Case((T((3, 4)), _index(2, shape=(1, 1, 1)))),
        Case((T((3, 4)), T((0, 2), "int32"))), Case((T((2,), values=[5, 6]), T((2, 0), "int32")), expect=[5, 6, 5, 6]),
    ))
def gather_nd(x: Array, indices: Array) -> Array:
    """Slices of x by coordinates, which stand in the last axis of ``indices``."""
    source, at = _pointed("GatherNd", x, indices)
    return np.asarray(source[at])


def _check_updates(name: str, target: Shape, indices: Spec, updates: Spec) -> None:
    _check_index_dtype(name, indices)
    depth = _depth(name, target, indices.known_shape)
    wanted = (*indices.known_shape[:-1], *target[depth:])
    if updates.known_shape != wanted:
        raise ShapeError(f"{name}: updates have shape {list(updates.known_shape)}; expected {list(wanted)}")


def _infer_scatter(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = checked_shape(attrs["shape"], "ScatterNd")
    _check_updates("ScatterNd", shape, ins[0], ins[1])
    return [Spec(shape, ins[1].dtype)]


@op("ScatterNd", "indices updates", infer=_infer_scatter, attrs=[Attr("shape", "ints")], api="scatter_nd",
    facts=Facts(dtype=Like(1)),
    tf=[Tf("ScatterNd", "indices updates @shape")], cases=(
        Case((_index(1, 3, 1, shape=(3, 1)), T((3,), values=[1, 2, 4])), {"shape": [4]}, expect=[0, 5, 0, 2]),
        Case((_index(0, 2, shape=(2, 1)), T((2, 3))), {"shape": [4, 3]}),
        Case((_index(0, 1, 1, 0, shape=(2, 2)), T((2,), "int32", -9, 9)), {"shape": [2, 2]}),
        Case((T((2, 0), "int32"), T((2, 2), values=[1, 2, 4, 8])), {"shape": [2]}, expect=[5, 10]),
    ))
def scatter_nd(indices: Array, updates: Array, shape: Shape) -> Array:
    """A tensor of zeros with values added at coordinates; where they repeat, the values are summed."""
    out = np.zeros(shape, updates.dtype)
    np.add.at(*_pointed("ScatterNd", out, indices), updates)
    return out


def _infer_update(ins: Specs, _attrs: Attrs) -> list[Spec]:
    _check_updates("TensorScatterUpdate", ins[0].known_shape, ins[1], ins[2])
    return [Spec(ins[0].shape, ins[0].dtype)]


@op("TensorScatterUpdate", "x indices updates", infer=_infer_update, flops=no_flops, api="tensor_scatter_update",
    facts=LIKE_FIRST,
    tf=[Tf("TensorScatterUpdate", "x indices updates")], cases=(
        Case((T((3,), values=[1, 2, 3]), _index(2, shape=(1, 1)), T((1,), values=[9])), expect=[1, 2, 9]),
        Case((T((4, 3)), _index(0, 2, shape=(2, 1)), T((2, 3)))),
    ))
def tensor_scatter_update(x: Array, indices: Array, updates: Array) -> Array:
    """X with values put at coordinates."""
    out = x.copy()
    target, at = _pointed("TensorScatterUpdate", out, indices)
    target[at] = updates
    return out


def _infer_sparse_to_dense(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check_index_dtype("SparseToDense", ins[0])
    return [Spec(checked_shape(attrs["output_shape"], "SparseToDense"), ins[1].dtype)]


@op("SparseToDense", "indices values default", infer=_infer_sparse_to_dense, attrs=[Attr("output_shape", "ints")],
    flops=no_flops, api="sparse_to_dense", tf=[Tf("SparseToDense", "indices @output_shape values default")], cases=(
        Case((_index(1, 3), T((2,), values=[5, 6]), T((), values=-1)), {"output_shape": [4]}, expect=[-1, 5, -1, 6]),
        Case((_index(0, 1, 1, 0, shape=(2, 2)), T(()), T(())), {"output_shape": [2, 3]}),
    ))
def sparse_to_dense(indices: Array, values: Array, default: Array, output_shape: Shape) -> Array:
    """A tensor full of ``default`` with values put at coordinates."""
    out = np.full(output_shape, default, values.dtype)
    target, at = _pointed("SparseToDense", out, indices.reshape(-1, len(output_shape)))
    target[at] = values
    return out


# ---- OneHot ----------------------------------------------------------------------------------------------------------

_ONE_HOT = (
    Attr("depth", "int"), Attr("on_value", "value", 1), Attr("off_value", "value", 0), Attr("axis", "int", -1),
    Attr("dtype", "dtype", "float32"),
)


def _infer_one_hot(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check_index_dtype("OneHot", ins[0])
    shape = ins[0].known_shape
    axis = normalize_axis(attrs["axis"], len(shape) + 1)
    return [Spec(checked_shape((*shape[:axis], attrs["depth"], *shape[axis:]), "OneHot"), attrs["dtype"])]


@op("OneHot", "indices", infer=_infer_one_hot, attrs=_ONE_HOT, flops=no_flops, api="one_hot",
    tf=[Tf("OneHot", "indices @depth @on_value @off_value", rename={"dtype": "T"})], cases=(
        Case((_index(1, 0, -1, 3),), {"depth": 3}, expect=[0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        Case((T((2, 3), "int32", 0, 4),), {"depth": 4, "axis": 0, "on_value": 5, "off_value": -1, "dtype": "int32"}),
        Case((T((), "int32", values=2),), {"depth": 4, "dtype": "bool"}),
    ))
def one_hot(indices: Array, depth: int, on_value: float, off_value: float, axis: int, dtype: str) -> Array:
    """``on_value`` at each index along a new axis, ``off_value`` elsewhere."""
    hot = np.expand_dims(indices, -1) == np.arange(depth)
    return np.moveaxis(np.where(hot, on_value, off_value), -1, axis).astype(numpy_dtype(dtype))
