"""Cutting tensors apart and putting them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, ShapeError
from tfjslab.base.shapes import Shape, checked_shape, normalize_axes, normalize_axis, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.facts import FIRST, LIKE_FIRST, Facts
from tfjslab.ops.promotion import WIDTHS, Promotion
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op

_AXIS = Attr("axis", "int", 0)


@dataclass(frozen=True)
class Cut:
    """A strided part of a tensor: for each axis the first index, the step (never 0) and the length.

    ``out_shape`` is the result's shape, which may lack axes that were asked for one index and have new ones.
    """

    begin: Shape
    step: Shape
    length: Shape
    out_shape: Shape


# ---- Slice and StridedSlice ------------------------------------------------------------------------------------------


def slice_of(shape: Shape, attrs: Attrs) -> Cut:
    """What Slice cuts out; ShapeError when it is not inside."""
    begin, size = attrs["begin"], attrs["size"]
    if not len(begin) == len(size) == len(shape):
        wanted = f"expected {len(shape)} numbers each for shape {list(shape)}"
        raise ShapeError(f"Slice: begin {list(begin)} and size {list(size)}; {wanted}")
    lengths = tuple(d - b if n == -1 else n for b, n, d in zip(begin, size, shape, strict=True))
    if any(b < 0 or n < 0 or b + n > d for b, n, d in zip(begin, lengths, shape, strict=True)):
        raise ShapeError(f"Slice: begin {list(begin)} with size {list(size)} is not inside shape {list(shape)}")
    return Cut(begin, (1,) * len(shape), lengths, lengths)


def _infer_slice(ins: Specs, attrs: Attrs) -> list[Spec]:
    return [Spec(slice_of(ins[0].known_shape, attrs).out_shape, ins[0].dtype)]


@op("Slice", "x", infer=_infer_slice, attrs=[Attr("begin", "ints"), Attr("size", "ints")], flops=no_flops, api="slice",
    facts=LIKE_FIRST, tf=[Tf("Slice", "x @begin @size")], cases=(
        Case((T((3, 3), values=range(9)),), {"begin": [1, 0], "size": [2, 2]}, expect=[3, 4, 6, 7]),
        Case((T((4, 5, 6)),), {"begin": [1, 2, 3], "size": [-1, 1, -1]}),
        Case((T((5,), "bool"),), {"begin": [2], "size": [3]}),
        Case((T((3,)),), {"begin": [3], "size": [-1]}), Case((T(()),), {"begin": [], "size": []}),
    ))
def slice_(x: Array, **attrs: Any) -> Array:
    """The part from ``begin`` with ``size`` elements along each axis; -1 means to the end."""
    cut = slice_of(x.shape, attrs)
    return x[tuple(slice(b, b + n) for b, n in zip(cut.begin, cut.length, strict=True))].copy()


_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def _entries(rank: int, attrs: Attrs) -> list[int | None]:
    """For each result of the slicing, before one-index axes go: the entry it comes from, None to take an axis whole.

    New axes are kept as entries. What the ellipsis (by default one at the end) stands for is spelt out.
    """
    count = len(attrs["strides"])
    if not len(attrs["begin"]) == len(attrs["end"]) == count:
        raise ShapeError("StridedSlice: begin, end and strides have different lengths")
    bits = [i for i in range(count) if attrs["ellipsis_mask"] >> i & 1]
    if len(bits) > 1:
        raise ShapeError("StridedSlice: ellipsis_mask has more than one bit set")
    at = bits[0] if bits else count
    used = [i for i in range(count) if i != at]
    missing = rank - sum(not attrs["new_axis_mask"] >> i & 1 for i in used)
    if missing < 0:
        raise ShapeError(f"StridedSlice: {count} indices for rank {rank}")
    return [*(i for i in used if i < at), *([None] * missing), *(i for i in used if i > at)]


def strided_of(shape: Shape, attrs: Attrs) -> Cut:
    """What StridedSlice cuts out, all masks applied; ShapeError when an index or stride makes no sense."""
    begin: list[int] = []
    step: list[int] = []
    length: list[int] = []
    out: list[int] = []
    for entry in _entries(len(shape), attrs):
        if entry is not None and attrs["new_axis_mask"] >> entry & 1:
            out.append(1)
            continue
        dim = shape[len(begin)]
        single = entry is not None and bool(attrs["shrink_axis_mask"] >> entry & 1)
        first, stride, count = (0, 1, dim) if entry is None else _range(dim, entry, attrs, len(begin), single=single)
        begin.append(first)
        step.append(stride)
        length.append(count)
        if not single:
            out.append(count)
    return Cut(tuple(begin), tuple(step), tuple(length), tuple(out))


def _range(dim: int, entry: int, attrs: Attrs, axis: int, *, single: bool) -> tuple[int, int, int]:
    """First index, step and length along one axis."""
    b, e, stride = attrs["begin"][entry], attrs["end"][entry], attrs["strides"][entry]
    if stride == 0 or (single and stride < 0):
        raise ShapeError(f"StridedSlice: stride {stride} for axis {axis}; expected {'> 0' if single else 'not 0'}")
    if single:
        if not -dim <= b < dim:
            raise ShapeError(f"StridedSlice: index {b} is out of range for axis {axis} of length {dim}")
        return b % dim, 1, 1
    # Clamping and negative indices are what Python's own slices do.
    first = None if attrs["begin_mask"] >> entry & 1 else b
    last = None if attrs["end_mask"] >> entry & 1 else e
    indices = range(*slice(first, last, stride).indices(dim))
    return (indices.start if indices else 0), stride, len(indices)


def _infer_strided(ins: Specs, attrs: Attrs) -> list[Spec]:
    return [Spec(strided_of(ins[0].known_shape, attrs).out_shape, ins[0].dtype)]


def _strided_case(
    shape: Shape, begin: list[int], end: list[int], strides: list[int], *, expect: Any = None, **masks: int,
) -> Case:
    values = range(size_of(shape))
    return Case((T(shape, values=values),), {"begin": begin, "end": end, "strides": strides, **masks}, expect)


@op("StridedSlice", "x", infer=_infer_strided, flops=no_flops, api="strided_slice", facts=LIKE_FIRST,
    attrs=[Attr("begin", "ints"), Attr("end", "ints"), Attr("strides", "ints"), *(Attr(m, "int", 0) for m in _MASKS)],
    tf=[Tf("StridedSlice", "x @begin @end @strides")], cases=(
        _strided_case((3, 4), [0, 1], [3, 4], [2, 2], expect=[1, 3, 9, 11]),
        _strided_case((3, 4), [-1, 0], [0, 4], [-1, 1]), _strided_case((5,), [0], [0], [-1], begin_mask=1, end_mask=1),
        _strided_case((3, 4), [1], [2], [1], shrink_axis_mask=1, expect=[4, 5, 6, 7]),
        _strided_case((3, 4), [0, -1], [0, 0], [1, 1], shrink_axis_mask=2, end_mask=1, expect=[3, 7, 11]),
        _strided_case((2, 3, 4), [0, 1], [0, 2], [1, 1], ellipsis_mask=1),
        _strided_case((2, 3), [0], [0], [1], new_axis_mask=1),
        _strided_case((2, 3, 4), [1, 0, 0, 2], [2, 0, 0, 3], [1, 1, 1, 1], ellipsis_mask=2, new_axis_mask=4,
                      shrink_axis_mask=8),
        _strided_case((3, 4), [2], [1], [1]), _strided_case((4,), [-100], [100], [3]), _strided_case((), [], [], []),
    ))
def strided_slice(x: Array, **attrs: Any) -> Array:
    """A part with steps along each axis, by TensorFlow's five masks."""
    cut = strided_of(x.shape, attrs)
    # A range that counts down to 0 has no end that a slice could name, so the last index is found by the length.
    index = tuple(
        slice(b, e if (e := b + s * n) >= 0 else None, s) if n else slice(0, 0)
        for b, s, n in zip(cut.begin, cut.step, cut.length, strict=True)
    )
    return x[index].reshape(cut.out_shape).copy()


# ---- splitting -------------------------------------------------------------------------------------------------------


def split_sizes(shape: Shape, attrs: Attrs) -> tuple[int, Shape]:
    """The axis and the lengths of the parts; one of ``size_splits`` may be -1."""
    axis = normalize_axis(attrs["axis"], len(shape))
    if not shape:
        raise ShapeError("SplitV: a scalar cannot be split")
    total, sizes = shape[axis], attrs["size_splits"]
    if sizes is None:
        parts = attrs["num_split"]
        if parts < 1 or total % parts:
            raise ShapeError(f"SplitV: axis {axis} of length {total} cannot be cut into {parts} equal parts")
        return axis, (total // parts,) * parts
    rest = total - sum(n for n in sizes if n != -1)
    found = tuple(rest if n == -1 else n for n in sizes)
    if not sizes or sizes.count(-1) > 1 or min(found, default=0) < 0 or sum(found) != total:
        raise ShapeError(f"SplitV: parts {list(sizes)} do not add up to axis {axis} of length {total}")
    return axis, found


def _infer_split(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = ins[0].known_shape
    axis, sizes = split_sizes(shape, attrs)
    return [Spec((*shape[:axis], n, *shape[axis + 1 :]), ins[0].dtype) for n in sizes]


def _count_splits(attrs: Attrs, _inputs: int) -> int:
    sizes = attrs.get("size_splits")
    return int(attrs.get("num_split", 0)) if sizes is None else len(sizes)


@op("SplitV", "x", infer=_infer_split, flops=no_flops, api="split", facts=LIKE_FIRST, count_outputs=_count_splits,
    attrs=[Attr("num_split", "int", 0), _AXIS, Attr("size_splits", "ints", None)],
    tf=[Tf("SplitV", "x @size_splits @axis"), Tf("Split", "@axis x", write=False)], cases=(
        Case((T((2, 4), values=range(8)),), {"num_split": 2, "axis": 1}, expect=[0, 1, 4, 5]),
        Case((T((3, 5)),), {"size_splits": [1, -1, 2], "axis": -1}), Case((T((6,), "int32", -9, 9),), {"num_split": 3}),
        Case((T((2, 3)),), {"size_splits": [0, 3], "axis": 1}),
    ))
def split(x: Array, **attrs: Any) -> list[Array]:
    """Cut along an axis: into ``num_split`` equal parts, or parts of ``size_splits``."""
    axis, sizes = split_sizes(x.shape, attrs)
    return [p.copy() for p in np.split(x, np.cumsum(sizes)[:-1], axis)]


def _infer_unpack(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = ins[0].known_shape
    if not shape:
        raise ShapeError("Unpack: a scalar cannot be unpacked")
    axis = normalize_axis(attrs["axis"], len(shape))
    if attrs["num"] not in (None, shape[axis]):
        raise ShapeError(f"Unpack: num {attrs['num']}; axis {axis} of shape {list(shape)} has length {shape[axis]}")
    return [Spec((*shape[:axis], *shape[axis + 1 :]), ins[0].dtype)] * shape[axis]


@op("Unpack", "x", infer=_infer_unpack, attrs=[_AXIS, Attr("num", "int", None)], flops=no_flops, api="unstack",
    facts=LIKE_FIRST, tf=[Tf("Unpack", "x")], count_outputs=lambda attrs, _n: int(attrs["num"] or 0), cases=(
        Case((T((2, 3), values=range(6)),), {"num": 2}, expect=[0, 1, 2]),
        Case((T((2, 3, 4)),), {"axis": -1, "num": 4}),
        Case((T((3,), "int32", -9, 9),), {"num": 3}),
    ))
def unstack(x: Array, axis: int, num: int | None) -> list[Array]:  # noqa: ARG001 - checked by the shape rule
    """Each slice along an axis, without the axis."""
    return [np.asarray(part).copy() for part in np.moveaxis(x, axis, 0)]


# ---- joining ---------------------------------------------------------------------------------------------------------


def _one_dtype(name: str, ins: Specs) -> None:
    if not ins:
        raise ShapeError(f"{name}: no inputs; expected at least one")
    if len({s.dtype for s in ins}) > 1:
        raise DTypeError(f"{name}: dtypes {', '.join(s.dtype for s in ins)} differ; cast them to one")


def _infer_concat(ins: Specs, attrs: Attrs) -> list[Spec]:
    _one_dtype("Concat", ins)
    shapes = [s.known_shape for s in ins]
    axis = normalize_axis(attrs["axis"], len(shapes[0]))
    rest = {(*s[:axis], *s[axis + 1 :]) if len(s) == len(shapes[0]) else None for s in shapes}
    if len(rest) > 1 or not shapes[0]:
        raise ShapeError(f"Concat: shapes {' and '.join(str(list(s)) for s in shapes)} differ outside axis {axis}")
    total = sum(s[axis] for s in shapes)
    return [Spec(checked_shape((*shapes[0][:axis], total, *shapes[0][axis + 1 :]), "Concat"), ins[0].dtype)]


@op("Concat", "*xs", infer=_infer_concat, attrs=[_AXIS], flops=no_flops, api="concat",
    facts=Facts(dtype=FIRST, rank=FIRST, quantized="concat", promotes=Promotion(WIDTHS)),
    tf=[Tf("ConcatV2", "*xs @axis"), Tf("Concat", "@axis *xs", write=False)], cases=(
        Case((T((1, 2), values=[1, 2]), T((1, 1), values=[3])), {"axis": 1}, expect=[1, 2, 3]),
        Case((T((2, 3, 4)), T((2, 1, 4)), T((2, 0, 4))), {"axis": 1}), Case((T((2, 3)), T((5, 3))), {"axis": 0}),
        Case((T((2, 3, 4)), T((2, 3, 7))), {"axis": -1}), Case((T((3,), "int32", -5, 5), T((2,), "int32", -5, 5))),
        Case((T((2, 2), "bool"),)),
        Case((T((2, 3, 5), "int8", 0, 127), T((2, 1, 5), "int8", 0, 127), T((2, 0, 5), "int8", 0, 127)), {"axis": 1}),
        Case((T((1, 4, 150), "int8", 0, 127), T((1, 4, 33), "int8", 0, 127)), {"axis": -1}),
    ))
def concat(*xs: Array, axis: int) -> Array:
    """Join along an axis."""
    return np.concatenate(xs, axis)


def _infer_pack(ins: Specs, attrs: Attrs) -> list[Spec]:
    _one_dtype("Pack", ins)
    shapes = {s.known_shape for s in ins}
    if len(shapes) > 1:
        raise ShapeError(f"Pack: shapes {' and '.join(str(list(s.known_shape)) for s in ins)} differ")
    shape = ins[0].known_shape
    axis = normalize_axis(attrs["axis"], len(shape) + 1)
    return [Spec(checked_shape((*shape[:axis], len(ins), *shape[axis:]), "Pack"), ins[0].dtype)]


@op("Pack", "*xs", infer=_infer_pack, attrs=[_AXIS], flops=no_flops, api="stack", tf=[Tf("Pack", "*xs")],
    facts=LIKE_FIRST, cases=(
    Case((T((2,), values=[1, 2]), T((2,), values=[3, 4])), {"axis": 1}, expect=[1, 3, 2, 4]),
    Case((T(()), T(()), T(()))), Case((T((2, 3)),), {"axis": -1}), Case((T((0,), "int32"), T((0,), "int32"))),
))
def pack(*xs: Array, axis: int) -> Array:
    """Join along a new axis."""
    return np.stack(xs, axis)


def _infer_tile(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape, reps = ins[0].known_shape, attrs["reps"]
    if len(reps) != len(shape) or min(reps, default=0) < 0:
        raise ShapeError(f"Tile: reps {list(reps)}; expected {len(shape)} numbers >= 0 for shape {list(shape)}")
    return [Spec(checked_shape([d * r for d, r in zip(shape, reps, strict=True)], "Tile"), ins[0].dtype)]


@op("Tile", "x", infer=_infer_tile, attrs=[Attr("reps", "ints")], flops=no_flops, api="tile",
    facts=LIKE_FIRST, tf=[Tf("Tile", "x @reps")], cases=(
        Case((T((2,), values=[1, 2]),), {"reps": [2]}, expect=[1, 2, 1, 2]), Case((T((2, 3)),), {"reps": [3, 1]}),
        Case((T((2, 3)),), {"reps": [0, 2]}), Case((T(()),), {"reps": []}),
    ))
def tile(x: Array, reps: Shape) -> Array:
    """Repeat the whole along each axis."""
    return np.tile(x, reps)


def reversed_axes(shape: Shape, attrs: Attrs) -> Shape:
    """The axes that Reverse turns round: ``axis``, or those whose flag in ``dims`` is set."""
    flags = attrs["dims"]
    return normalize_axes(attrs["axis"] if flags is None else [i for i, f in enumerate(flags) if f], len(shape))


def _infer_reverse(ins: Specs, attrs: Attrs) -> list[Spec]:
    reversed_axes(ins[0].known_shape, attrs)
    return [Spec(ins[0].shape, ins[0].dtype)]


@op("Reverse", "x", infer=_infer_reverse, flops=no_flops, api="reverse", facts=LIKE_FIRST,
    attrs=[Attr("axis", "ints", None), Attr("dims", "bools", None)],
    tf=[Tf("ReverseV2", "x @axis"), Tf("Reverse", "x @dims", write=False)], cases=(
        Case((T((3,), values=[1, 2, 3]),), expect=[3, 2, 1]), Case((T((2, 3, 4)),), {"axis": [-1]}),
        Case((T((2, 3, 4)),), {"dims": [True, False, True]}), Case((T((2, 3)),), {"axis": []}),
    ))
def reverse(x: Array, **attrs: Any) -> Array:
    """Turn axes round, by default all of them."""
    return np.flip(x, reversed_axes(x.shape, attrs)).copy()


