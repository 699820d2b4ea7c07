"""Ops that change or ask for the shape and leave the elements alone, and those that pass a value on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.base.shapes import Shape, broadcast, checked_shape, normalize_axes, normalize_axis, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.facts import FIRST, LIKE_FIRST, Facts
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op, same_shape


def _ints(values: Any) -> Array:
    return np.asarray(values, np.int32)


_RESHAPES = Facts(dtype=FIRST, shares_bytes=True, quantized="move")

# ---- new shapes ------------------------------------------------------------------------------------------------------


def reshaped(shape: Shape, wanted: Shape) -> Shape:
    """``wanted`` with its -1 (at most one) computed; ShapeError when the number of elements differs."""
    known = size_of([d for d in wanted if d != -1])
    holes = wanted.count(-1)
    out = tuple((size_of(shape) // known if known else 0) if d == -1 else d for d in wanted)
    if holes > 1 or min(wanted, default=0) < -1 or size_of(out) != size_of(shape):
        raise ShapeError(f"Reshape: shape {list(shape)} with {size_of(shape)} elements cannot become {list(wanted)}")
    return out


def _infer_reshape(ins: Specs, attrs: Attrs) -> list[Spec]:
    return [Spec(checked_shape(reshaped(ins[0].known_shape, attrs["shape"]), "Reshape"), ins[0].dtype)]


@op("Reshape", "x", infer=_infer_reshape, attrs=[Attr("shape", "ints")], flops=no_flops, api="reshape",
    facts=_RESHAPES, tf=[Tf("Reshape", "x @shape")], cases=(
        Case((T((2, 3), values=range(6)),), {"shape": [3, -1]}, expect=range(6)),
        Case((T((2, 3, 4)),), {"shape": [-1]}),
        Case((T((1,)),), {"shape": []}), Case((T((0, 3)),), {"shape": [3, 0]}),
        Case((T((4,), "bool"),), {"shape": [2, 2]}), Case((T((3, 7), "int8", 0, 127),), {"shape": [21, 1]}),
    ))
def reshape(x: Array, shape: Shape) -> Array:
    """The same elements in another shape; one length may be -1."""
    return x.reshape(reshaped(x.shape, shape))


def _infer_expand(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = ins[0].known_shape
    axis = normalize_axis(attrs["axis"], len(shape) + 1)
    return [Spec((*shape[:axis], 1, *shape[axis:]), ins[0].dtype)]


@op("ExpandDims", "x", infer=_infer_expand, attrs=[Attr("axis", "int", 0)], flops=no_flops, api="expand_dims",
    facts=_RESHAPES, tf=[Tf("ExpandDims", "x @axis")],
    cases=(*(Case((T((2, 3)),), {"axis": a}) for a in (0, 1, -1)), Case((T(()),), {"axis": 0})))
def expand_dims(x: Array, axis: int) -> Array:
    """Insert an axis of length 1."""
    return np.expand_dims(x, axis)


def _infer_squeeze(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = ins[0].known_shape
    axes = normalize_axes(attrs["axis"] or None, len(shape))
    wrong = [a for a in axes if shape[a] != 1] if attrs["axis"] else []
    if wrong:
        raise ShapeError(f"Squeeze: axis {wrong[0]} of shape {list(shape)} has length {shape[wrong[0]]}; expected 1")
    return [Spec(tuple(d for i, d in enumerate(shape) if i not in axes or d != 1), ins[0].dtype)]


@op("Squeeze", "x", infer=_infer_squeeze, attrs=[Attr("axis", "ints", ())], flops=no_flops, api="squeeze",
    facts=_RESHAPES, tf=[Tf("Squeeze", "x", rename={"axis": "squeeze_dims"}, also={"axis": "axis"})], cases=(
        Case((T((1, 3, 1, 2)),)), Case((T((1, 3, 1, 2)),), {"axis": [2]}), Case((T((1, 3, 1, 2)),), {"axis": [-4, -2]}),
        Case((T((1, 1)),)), Case((T((0, 1)),)),
    ))
def squeeze(x: Array, axis: Shape) -> Array:
    """Drop axes of length 1: those given, or all."""
    return x.reshape(_infer_squeeze([Spec(x.shape, "")], {"axis": axis})[0].known_shape)


def permutation(shape: Shape, perm: Shape | None) -> Shape:
    """The axes in their new order; by default reversed."""
    axes = tuple(reversed(range(len(shape)))) if perm is None else tuple(normalize_axis(a, len(shape)) for a in perm)
    if sorted(axes) != list(range(len(shape))):
        raise ShapeError(f"Transpose: perm {list(axes)} is not an order of the {len(shape)} axes of {list(shape)}")
    return axes


def _infer_transpose(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = ins[0].known_shape
    return [Spec(tuple(shape[a] for a in permutation(shape, attrs["perm"])), ins[0].dtype)]


@op("Transpose", "x", infer=_infer_transpose, attrs=[Attr("perm", "ints", None)], flops=no_flops, api="transpose",
    facts=Facts(dtype=FIRST, rank=FIRST), tf=[Tf("Transpose", "x @perm?")], cases=(
        Case((T((2, 3), values=range(6)),), expect=[0, 3, 1, 4, 2, 5]),
        Case((T((2, 3, 4, 5)),), {"perm": [0, 3, 1, 2]}),
        Case((T((2, 3, 4)),), {"perm": [1, 0, 2]}), Case((T((7,)),)), Case((T(()),)), Case((T((0, 3)),)),
        Case((T((2, 3, 2, 3, 2)),), {"perm": [4, 2, 0, 3, 1]}), Case((T((3, 4), "int32", -9, 9),)),
    ))
def transpose(x: Array, perm: Shape | None) -> Array:
    """Change the order of axes."""
    return x.transpose(permutation(x.shape, perm)).copy()


def _infer_broadcast_to(ins: Specs, attrs: Attrs) -> list[Spec]:
    wanted = checked_shape(attrs["shape"], "BroadcastTo")
    if broadcast(ins[0].known_shape, wanted) != wanted:
        raise ShapeError(f"BroadcastTo: shape {list(ins[0].known_shape)} cannot become {list(wanted)}")
    return [Spec(wanted, ins[0].dtype)]


@op("BroadcastTo", "x", infer=_infer_broadcast_to, attrs=[Attr("shape", "ints")], flops=no_flops, api="broadcast_to",
    facts=LIKE_FIRST, tf=[Tf("BroadcastTo", "x @shape")], cases=(
        Case((T((3, 1)),), {"shape": [2, 3, 4]}), Case((T(()),), {"shape": [2, 2]}),
        Case((T((1, 3)),), {"shape": [0, 3]}),
    ))
def broadcast_to(x: Array, shape: Shape) -> Array:
    """Repeat axes of length 1."""
    return np.broadcast_to(x, shape).copy()


# ---- shapes as values ------------------------------------------------------------------------------------------------


def _infer_shape(ins: Specs, _attrs: Attrs) -> list[Spec]:
    return [Spec((len(s.known_shape),), "int32", _ints(s.known_shape)) for s in ins]


_LENGTHS = Facts(dtype="int32")
_ANY_SHAPE = (Case((T((2, 3)),), expect=[2, 3]), Case((T(()),)), Case((T((0, 4), "bool"),), expect=[0, 4]))


@op("Shape", "x", infer=_infer_shape, flops=no_flops, facts=_LENGTHS, tf=[Tf("Shape", "x")], cases=_ANY_SHAPE)
def shape_of(x: Array) -> Array:
    """The lengths of the axes."""
    return _ints(x.shape)


@op("ShapeN", "*xs", infer=_infer_shape, flops=no_flops, facts=_LENGTHS, tf=[Tf("ShapeN", "*xs")],
    count_outputs=lambda _attrs, n: n, cases=[Case((T((2, 3)), T((4,))), expect=[2, 3])])
def shapes_of(*xs: Array) -> list[Array]:
    """The shape of each input."""
    return [_ints(x.shape) for x in xs]


@op("Size", "x", infer=lambda ins, _attrs: [Spec((), "int32", _ints(ins[0].size))], flops=no_flops,
    facts=_LENGTHS, tf=[Tf("Size", "x")],
    cases=[Case((T((2, 3)),), expect=6), Case((T(()),), expect=1), Case((T((0, 3)),), expect=0)])
def size(x: Array) -> Array:
    """The number of elements."""
    return _ints(x.size)


@op("Rank", "x", infer=lambda ins, _attrs: [Spec((), "int32", _ints(len(ins[0].known_shape)))], flops=no_flops,
    facts=_LENGTHS, tf=[Tf("Rank", "x")], cases=[Case((T((2, 3)),), expect=2), Case((T(()),), expect=0)])
def rank(x: Array) -> Array:
    """The number of axes."""
    return _ints(x.ndim)


def _infer_broadcast_args(ins: Specs, _attrs: Attrs) -> list[Spec]:
    if any(len(s.known_shape) != 1 or s.dtype != "int32" for s in ins):
        found = " and ".join(f"{s.dtype} {list(s.known_shape)}" for s in ins)
        raise ShapeError(f"BroadcastArgs: {found}; expected two shapes, vectors of int32")
    a, b = (s.value for s in ins)
    if a is None or b is None:
        return [Spec(None, "int32")]
    out = _ints(broadcast(tuple(a.tolist()), tuple(b.tolist())))
    return [Spec(out.shape, "int32", out)]


@op("BroadcastArgs", "s0 s1", infer=_infer_broadcast_args, flops=no_flops, tf=[Tf("BroadcastArgs", "s0 s1")],
    cases=[Case((T((2,), "int32", values=[3, 1]), T((1,), "int32", values=[4])), expect=[3, 4])])
def broadcast_args(s0: Array, s1: Array) -> Array:
    """The shape that two shapes, given as values, broadcast to."""
    return _ints(broadcast(tuple(s0.tolist()), tuple(s1.tolist())))


# ---- values passed on ------------------------------------------------------------------------------------------------

_PASSING = ("Snapshot", "StopGradient", "PreventGradient", "CheckNumerics", "PlaceholderWithDefault", "ReadVariableOp")


@op("Identity", "x", infer=same_shape, flops=no_flops, api="clone",
    facts=Facts(passes_on=True, shares_bytes=True), tf=[
    Tf("Identity", "x"), *(Tf(name, "x", write=False) for name in _PASSING),
], cases=(Case((T((2, 3)),)), Case((T((), "bool"),)), Case((T((1,), "string", values=["a"]),))))
def identity(x: Any) -> Any:
    """The value itself."""
    return x


@op("IdentityN", "*xs", infer=lambda ins, _attrs: [Spec(s.shape, s.dtype) for s in ins], flops=no_flops,
    facts=Facts(passes_on=True), tf=[Tf("IdentityN", "*xs")],
    count_outputs=lambda _attrs, n: n, cases=[Case((T((2, 3)), T((4,), "int32")))])
def identity_n(*xs: Any) -> list[Any]:
    """The values themselves."""
    return list(xs)


@op("FakeQuantWithMinMaxVars", "x min max", infer=same_shape, flops=no_flops, cases=[Case((T((3,)), T(()), T(())))],
    facts=Facts(passes_on=True), tf=[Tf("FakeQuantWithMinMaxVars", "x min max")])
def fake_quant(x: Array, _min: Array, _max: Array) -> Array:
    """The value itself, as in TF.js: what quantization would do was for training."""
    return x


@op("Print", "x *data", infer=same_shape, flops=no_flops, tf=[Tf("Print", "x *data")], cases=[Case((T((2,)), T((3,))))],
    facts=Facts(passes_on=True))
def print_nothing(x: Array, *_data: Array) -> Array:
    """The first value itself; nothing is printed."""
    return x


def _infer_ensure(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape, wanted = ins[0].known_shape, attrs["shape"]
    fits = len(wanted) == len(shape) and all(w in (-1, d) for w, d in zip(wanted, shape, strict=True))
    if wanted != (-1,) and not fits:
        raise ShapeError(f"EnsureShape: shape {list(shape)}; expected {list(wanted)}, where -1 is any length")
    return [Spec(shape, ins[0].dtype)]


@op("EnsureShape", "x", infer=_infer_ensure, attrs=[Attr("shape", "dims")], flops=no_flops, api="ensure_shape",
    facts=LIKE_FIRST, tf=[Tf("EnsureShape", "x")],
    cases=[Case((T((2, 3)),), {"shape": [-1, 3]}), Case((T((2, 3)),), {"shape": [-1]})])
def ensure_shape(x: Array, shape: Shape) -> Array:
    """The value itself when it has the shape, in which -1 is any length."""
    _infer_ensure([Spec(x.shape, "")], {"shape": shape})
    return x


@op("NoOp", "", infer=lambda _ins, _attrs: [], flops=no_flops, num_outputs=0, tf=[Tf("NoOp", "")], cases=[Case(())])
def no_op() -> list[Array]:
    """Do nothing."""
    return []


@op("Assert", "condition *data", infer=lambda _ins, _attrs: [], flops=no_flops, num_outputs=0, stateful=True,
    tf=[Tf("Assert", "condition *data")], cases=[Case((T((), "bool", values=True), T((2,))))])
def check(condition: Array, *data: Array) -> list[Array]:
    """Fail when a condition that the model checks does not hold."""
    if not np.all(condition):
        raise InputError(f"a condition that the model asserts is false; values: {[d.tolist() for d in data]}")
    return []


# ---- cast ------------------------------------------------------------------------------------------------------------


def _infer_cast(ins: Specs, attrs: Attrs) -> list[Spec]:
    if (ins[0].dtype == "string") != (attrs["dtype"] == "string"):
        raise DTypeError(f"Cast: from {ins[0].dtype} to {attrs['dtype']}; only strings can be cast to strings")
    return [Spec(ins[0].shape, attrs["dtype"])]


@op("Cast", "x", infer=_infer_cast, api="cast",
    attrs=[Attr("dtype", "dtype")], tf=[Tf("Cast", "x", rename={"dtype": "DstT"})], cases=(
        Case((T((5,), values=[-1.9, -0.5, 0, 0.5, 1.9]),), {"dtype": "int32"}, expect=[-1, 0, 0, 0, 1]),
        Case((T((3,), values=[-0.5, 0, 2]),), {"dtype": "bool"}, expect=[1, 0, 1]),
        Case((T((4,), values=[math.nan, -math.inf, -0.0, 1e-30]),), {"dtype": "bool"}, expect=[1, 1, 0, 1]),
        Case((T((3,), values=[math.nan, math.inf, 5e9]),), {"dtype": "int32"}, expect=[0, 0, 705032704]),
        Case((T((3,), "int32", values=[-3, 0, 7]),), {"dtype": "bool"}, expect=[1, 0, 1]),
        Case((T((3,), "int32", values=[-3, 0, 7]),), {"dtype": "float32"}, expect=[-3, 0, 7]),
        Case((T((4,), "bool"),), {"dtype": "float32"}), Case((T((4,), "bool"),), {"dtype": "int32"}),
        Case((T((2, 3)),), {"dtype": "float32"}), Case((T((0, 3)),), {"dtype": "int32"}),
        Case((T(()),), {"dtype": "bool"}), Case((T((3,), "bool"),), {"dtype": "complex64"}),
        Case((T((2,), "complex64", values=[1.5 - 2j, 3j]),), {"dtype": "float32"}, expect=[1.5, 0]),
        Case((T((2,), "complex64", values=[-1.5 - 2j, 3j]),), {"dtype": "int32"}, expect=[-1, 0]),
        Case((T((3,)),), {"dtype": "complex64"}), Case((T((2, 3), "complex64"),), {"dtype": "complex64"}),
    ))
def cast(x: Array, dtype: str) -> Array:
    """Change the dtype: to int32 the fraction is cut off (0 for NaN), to bool everything but 0 is true.

    Of complex numbers the real part is taken.
    """
    if x.dtype.kind == "c" and dtype != "complex64":
        x = x.real  # as in TensorFlow
    target = x.dtype if (dtype, x.dtype.kind) in (("float32", "f"), ("complex64", "c")) else numpy_dtype(dtype)
    if dtype == "int32" and x.dtype.kind == "f":
        # JavaScript's rule for numbers that int32 cannot hold: the low 32 bits, and 0 for what is not finite.
        low = np.mod(np.trunc(np.where(np.isfinite(x), x, 0).astype(np.float64)), 2.0**32)
        return np.asarray(low.astype(np.uint32)).astype(np.int32)
    return x.astype(target)
