"""Tensors out of nothing but a shape or a range."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype, of_array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape, checked_shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op, same_shape


def _infer_fill(ins: Specs, attrs: Attrs) -> list[Spec]:
    if ins[0].size != 1:
        raise ShapeError(f"Fill: the value has shape {list(ins[0].known_shape)}; expected a scalar")
    return [Spec(checked_shape(attrs["dims"], "Fill"), attrs["dtype"] or ins[0].dtype)]


@op("Fill", "value", infer=_infer_fill, attrs=[Attr("dims", "ints"), Attr("dtype", "dtype", None)], flops=no_flops,
    tf=[Tf("Fill", "@dims value", rename={"dtype": "T"})], cases=(
        Case((T((), values=2.5),), {"dims": [2, 2]}, expect=[2.5] * 4),
        Case((T((), "int32", -9, 9),), {"dims": [3], "dtype": "int32"}),
        Case((T((), "bool"),), {"dims": [], "dtype": "bool"}), Case((T(()),), {"dims": [0, 3]}),
        Case((T((1,), values=[3]),), {"dims": [2]}, expect=[3, 3]),
    ))
def fill(value: Array, dims: Shape, dtype: str | None) -> Array:
    """One value everywhere, in its own dtype or another."""
    own = dtype is None or dtype == of_array(value)
    return np.full(dims, value.reshape(()), value.dtype if own else numpy_dtype(dtype or ""))


_LIKE = (Case((T((2, 3)),)), Case((T((), "int32", -9, 9),)), Case((T((3,), "bool"),)), Case((T((0, 2)),)))


@op("ZerosLike", "x", infer=same_shape, flops=no_flops, api="zeros_like", tf=[Tf("ZerosLike", "x")], cases=_LIKE)
def zeros_like(x: Array) -> Array:
    """Zeros in the shape and dtype of x."""
    return np.zeros_like(x)


@op("OnesLike", "x", infer=same_shape, flops=no_flops, api="ones_like", tf=[Tf("OnesLike", "x")], cases=_LIKE)
def ones_like(x: Array) -> Array:
    """Ones in the shape and dtype of x."""
    return np.ones_like(x)


def _constant_op(name: str, value: int) -> None:
    """Register Zeros or Ones."""

    def run(shape: Shape, dtype: str) -> Array:
        return np.full(shape, value, numpy_dtype(dtype))

    run.__doc__ = f"{name} in a shape."
    op(name, "", infer=lambda _ins, attrs: [Spec(checked_shape(attrs["shape"], name), attrs["dtype"])], flops=no_flops,
       attrs=[Attr("shape", "ints"), Attr("dtype", "dtype", "float32")], tf=[Tf(name, "@shape", rename={"dtype": "T"})],
       cases=[Case((), {"shape": [2, 3]}, expect=[value] * 6), Case((), {"shape": [2], "dtype": "int32"})])(run)


_constant_op("Zeros", 0)
_constant_op("Ones", 1)


def _range_length(attrs: Attrs) -> int:
    start, limit, delta = (float(attrs[name]) for name in ("start", "limit", "delta"))
    if delta == 0 or not all(map(math.isfinite, (start, limit, delta))):
        raise ShapeError(f"Range: from {start} to {limit} in steps of {delta} has no end")
    # A step that points away from the limit gives an empty range, where TensorFlow fails.
    return max(math.ceil((limit - start) / delta), 0)


@op("Range", "", flops=no_flops, tf=[Tf("Range", "@start @limit @delta", rename={"dtype": "Tidx"})],
    infer=lambda _ins, attrs: [Spec(checked_shape((_range_length(attrs),), "Range"), attrs["dtype"])],
    attrs=[Attr("start", "float"), Attr("limit", "float"), Attr("delta", "float", 1), Attr("dtype", "dtype", "int32")],
    cases=(
        Case((), {"start": 2, "limit": 9, "delta": 3}, expect=[2, 5, 8]),
        Case((), {"start": 3, "limit": 0, "delta": -1}),
        Case((), {"start": 0, "limit": 1, "delta": 0.3, "dtype": "float32"}, expect=[0, 0.3, 0.6, 0.9]),
        Case((), {"start": 5, "limit": 1}, expect=[]),
    ))
def range_(start: float, dtype: str, **attrs: Any) -> Array:
    """Numbers from ``start`` up to, without, ``limit``."""
    steps = np.arange(_range_length({"start": start, **attrs}), dtype=np.float64)
    return np.asarray(start + steps * attrs["delta"]).astype(numpy_dtype(dtype))


@op("LinSpace", "", flops=no_flops, api=None, tf=[Tf("LinSpace", "@start @stop @num")],
    infer=lambda _ins, attrs: [Spec(checked_shape((attrs["num"],), "LinSpace"), "float32")],
    attrs=[Attr("start", "float"), Attr("stop", "float"), Attr("num", "int")], cases=(
        Case((), {"start": 0, "stop": 1, "num": 5}, expect=[0, 0.25, 0.5, 0.75, 1]),
        Case((), {"start": 3, "stop": 1, "num": 1}),
    ))
def lin_space(start: float, stop: float, num: int) -> Array:
    """``num`` numbers evenly from ``start`` to ``stop``."""
    return np.linspace(start, stop, num, dtype=np.float32)
