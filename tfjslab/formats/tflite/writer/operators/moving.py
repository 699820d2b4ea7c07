"""Ops that move elements: what they are told by attributes, operators are told by constants or options."""

from __future__ import annotations

from functools import partial

import numpy as np

from tfjslab.formats.tflite.writer.node import NodeWriter, writes

_INT32 = np.iinfo(np.int32)


@writes("Reshape")
def _reshape(w: NodeWriter) -> int:
    return w.reshaped(w.x(), w.out.known_shape)


@writes("Squeeze")
def _squeeze(w: NodeWriter) -> int:
    axes = [w.axis(a, w.rank()) for a in w.attr("axis")] or [i for i, n in enumerate(w.shape()) if n == 1]
    return w.op("SQUEEZE", [w.x()], squeeze_dims=axes) if axes else w.x()


@writes("ExpandDims")
def _expand_dims(w: NodeWriter) -> int:
    return w.op("EXPAND_DIMS", [w.x(), w.ints("axis", w.attr("axis"))])


@writes("Transpose")
def _transpose(w: NodeWriter) -> int:
    perm = w.attr("perm")
    return w.op("TRANSPOSE", [w.x(), w.ints("perm", range(w.rank())[::-1] if perm is None else perm)])


@writes("PadV2")
def _pad(w: NodeWriter) -> int:
    value, paddings = w.attr("constant_value"), w.ints("paddings", w.attr("paddings"))
    if w.rank() == 0:
        return w.x()
    if value == 0:
        return w.op("PAD", [w.x(), paddings])
    if w.dtype() == "int32":
        value = min(max(value, _INT32.min), _INT32.max)
    return w.op("PADV2", [w.x(), paddings, w.number("value", value, w.dtype())])


@writes("MirrorPad")
def _mirror_pad(w: NodeWriter) -> int:
    return w.op("MIRROR_PAD", [w.x(), w.ints("paddings", w.attr("paddings"))], mode=w.attr("mode"))


@writes("Concat")
def _concat(w: NodeWriter) -> int:
    return w.op("CONCATENATION", w.all_inputs, axis=w.axis(w.attr("axis"), len(w.out.known_shape)))


@writes("Pack")
def _pack(w: NodeWriter) -> int:
    return w.op("PACK", w.all_inputs, values_count=w.count, axis=w.axis(w.attr("axis"), len(w.out.known_shape)))


@writes("Unpack")
def _unpack(w: NodeWriter) -> list[int]:
    return w.several("UNPACK", [w.x()], num=w.node.num_outputs, axis=w.axis(w.attr("axis"), w.rank()))


@writes("SplitV")
def _split(w: NodeWriter) -> list[int]:
    axis = w.axis(w.attr("axis"), w.rank())
    sizes = [w.specs[v].known_shape[axis] for v in w.node.outputs]
    place = w.ints("axis", axis)
    if len(set(sizes)) == 1:
        return w.several("SPLIT", [place, w.x()], num_splits=len(sizes))
    return w.several("SPLIT_V", [w.x(), w.ints("sizes", sizes), place], num_splits=len(sizes))


@writes("Slice")
def _slice(w: NodeWriter) -> int:
    return w.op("SLICE", [w.x(), w.ints("begin", w.attr("begin")), w.ints("size", w.attr("size"))])


@writes("StridedSlice")
def _strided_slice(w: NodeWriter) -> int:
    ends = [w.ints(name, w.attr(name)) for name in ("begin", "end", "strides")]
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return w.op("STRIDED_SLICE", [w.x(), *ends], **{name: w.attr(name) for name in masks})


@writes("GatherV2")
def _gather(w: NodeWriter) -> int:
    batch = w.attr("batch_dims")
    return w.op("GATHER", w.all_inputs, axis=w.axis(w.attr("axis"), w.rank()),
                batch_dims=w.axis(batch, w.rank(1)) if batch else 0)


def _plain(operator: str, attr: str, w: NodeWriter) -> int:
    """An attribute as the second input."""
    return w.op(operator, [w.x(), w.ints(attr, w.attr(attr))])


for _op, _name, _attr in (("Tile", "TILE", "reps"), ("BroadcastTo", "BROADCAST_TO", "shape")):
    writes(_op)(partial(_plain, _name, _attr))


@writes("GatherNd")
def _gather_nd(w: NodeWriter) -> int:
    return w.op("GATHER_ND", w.all_inputs)


@writes("ScatterNd")
def _scatter_nd(w: NodeWriter) -> int:
    return w.op("SCATTER_ND", [*w.all_inputs, w.ints("shape", w.attr("shape"))])


@writes("Reverse")
def _reverse(w: NodeWriter) -> int:
    """One axis after the other: kernels take several only where they are neighbours."""
    axis, dims = w.attr("axis"), w.attr("dims")
    axes = [i for i, d in enumerate(dims) if d] if dims is not None else range(w.rank()) if axis is None else axis
    found = w.x()
    for a in axes:
        found = w.op("REVERSE_V2", [found, w.ints("axis", [w.axis(a, w.rank())])])
    return found


def _blocks(operator: str, w: NodeWriter) -> int:
    return w.op(operator, [w.x()], block_size=w.attr("block_size"))


for _op, _name in {"SpaceToDepth": "SPACE_TO_DEPTH", "DepthToSpace": "DEPTH_TO_SPACE"}.items():
    writes(_op)(partial(_blocks, _name))


def _batches(operator: str, edges: str, w: NodeWriter) -> int:
    return w.op(operator, [w.x(), w.ints("block_shape", w.attr("block_shape")), w.ints(edges, w.attr(edges))])


for _op, _name, _edges in (("SpaceToBatchND", "SPACE_TO_BATCH_ND", "paddings"),
                           ("BatchToSpaceND", "BATCH_TO_SPACE_ND", "crops")):
    writes(_op)(partial(_batches, _name, _edges))


@writes("Fill")
def _fill(w: NodeWriter) -> int:
    value = w.reshaped(w.x(), ()) if w.rank() else w.x()
    return w.op("FILL", [w.ints("dims", w.out.known_shape), value]) if w.out.known_shape else value


@writes("OneHot")
def _one_hot(w: NodeWriter) -> int:
    depth = w.ints("depth", w.attr("depth"))
    ends = [w.number(name, w.attr(name), w.out.dtype) for name in ("on_value", "off_value")]
    return w.op("ONE_HOT", [w.x(), depth, *ends], axis=w.attr("axis"))


@writes("Cumsum")
def _cumsum(w: NodeWriter) -> int:
    if w.rank() == 0:
        raise w.fail("it goes along an axis of a scalar")
    return w.op("CUMSUM", [w.x(), w.ints("axis", w.axis(w.attr("axis"), w.rank()))],
                exclusive=w.attr("exclusive"), reverse=w.attr("reverse"))


@writes("TopK")
def _top_k(w: NodeWriter) -> list[int]:
    return w.several("TOPK_V2", [w.x(), w.ints("k", w.attr("k"))])


@writes("Range")
def _range(w: NodeWriter) -> int:
    """Its ends are known: a constant."""
    return w.add("values", np.asarray(w.node.definition.run([], w.node.attrs)[0]))
