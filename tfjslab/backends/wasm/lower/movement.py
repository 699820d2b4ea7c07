"""Ops that only move data: aliases where the bytes stay, strided copies elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfjslab.backends.kernels.reads import READS, reads
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.byte_moves import concat_bytes, pad_bytes
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import Layout, pitch, plane_floats
from tfjslab.base.shapes import Shape, normalize_axis, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.registry import having
from tfjslab.passes.fusion import Group

_IMAGE_RANK = 4
_WORD_DTYPES = ("float32", "int32")
_BYTE_DTYPES = ("int8", "bool")
_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def refuses_words(node: Node, specs: Specs) -> str:
    """Copies move 4-byte words."""
    return TABLE.only(node, specs, *_WORD_DTYPES)


def _refuses_but_bytes(node: Node, specs: Specs) -> str:
    """As ``refuses_words``, but activations of one byte and truth values are moved as well."""
    (dtype, *others) = {specs[v].dtype for v in (*node.inputs, *node.outputs)}
    return "" if dtype in _BYTE_DTYPES and not others else refuses_words(node, specs)


@lowering(*having(lambda facts: facts.shares_bytes), refuses=_refuses_but_bytes)
def lower_alias(b: WasmBuilder, group: Group) -> None:
    """The same bytes under another shape. Planes stay planes when the shape stays."""
    source = group.core_node.inputs[0]
    if b.shape(source) == b.shape(group.output) and b.has_planes(source) and group.output not in b.outputs:
        b.alias_planes(group.output, source)
    else:
        b.alias(group.output, source)


@lowering(*READS, refuses=refuses_words)
def lower_reads(b: WasmBuilder, group: Group) -> None:
    """A strided copy for each output; none where the output is all of the input in its order."""
    core = group.core_node
    if core.op == "Transpose" and _moves_planes(b, core):
        return
    x, shape = core.inputs[0], b.shape(core.inputs[0])
    for value, read in reads(core, shape, b.shape(core.outputs[0])):
        if read.is_all_of(shape):
            b.alias(value, x)
        else:
            b.copy(b.rows(x) + 4 * read.first, b.new(value), read.dims, read.strides, row_strides(read.dims))


def _moves_planes(b: WasmBuilder, node: Node) -> bool:
    """Images with channels first are planes that lie without gaps: from there and to there whole planes are copied."""
    (x,), perm = node.inputs, node.attrs["perm"]
    if b.spec(x).dtype != "float32" or perm not in (_TO_LAST, _TO_FIRST):
        return False
    to_planes = perm == _TO_LAST and node.name not in b.outputs and any(
        node.name in n.inputs and "data_format" in n.attrs for n in b.graph.nodes
    )
    if not to_planes and not (perm == _TO_FIRST and b.has_planes(x)):
        return False
    n, h, w, c = b.shape(node.name if to_planes else x)
    strides = (h * w, 1), (pitch(h * w, w), 1)
    if to_planes:
        b.copy(b.rows(x), b.new(node.name, Layout.PLANES), (n * c, h * w), *strides)
    else:
        b.copy(b.planes(x), b.new(node.name), (n * c, h * w), *reversed(strides))
    return True


@lowering("Concat", refuses=_refuses_but_bytes)
@lowering("Pack", refuses=refuses_words)
def lower_concat(b: WasmBuilder, group: Group) -> None:
    """Each input goes to its place; along channels of planes that is whole planes. For Pack no input has the axis."""
    core = group.core_node
    out = b.shape(group.output)
    axis = normalize_axis(core.attrs["axis"], len(out))
    if len(core.inputs) == 1:
        b.alias(group.output, core.inputs[0])
        return
    if b.spec(group.output).dtype in _BYTE_DTYPES:
        concat_bytes(b, core.inputs, group.output, axis)
        return
    if len(out) == _IMAGE_RANK and axis == _IMAGE_RANK - 1 and all(map(b.has_planes, core.inputs)):
        n, h, w, c = out
        step = pitch(h * w, w)
        place = b.new(group.output, Layout.PLANES)
        for v in core.inputs:
            own = b.shape(v)[3]
            b.copy(b.planes(v), place, (n, own * step), (own * step, 1), (c * step, 1))
            place += 4 * own * step
        return
    place = b.new(group.output)
    outer, inner = size_of(out[:axis]), size_of(out[axis:])
    for v in core.inputs:
        own = size_of(b.shape(v)[axis:])
        b.copy(b.rows(v), place, (outer, own), (own, 1), (inner, 1))
        place += 4 * own


def _refuses_pad(node: Node, specs: Specs) -> str:
    value, dtype = node.attrs["constant_value"], specs[node.inputs[0]].dtype
    if dtype in _BYTE_DTYPES:
        return ""
    if dtype != "float32" and value:
        return "no WebAssembly kernel for padding integers with other than 0"
    if math.isnan(value):
        return "no WebAssembly kernel for padding with NaN"
    return refuses_words(node, specs)


def reserve_channels(b: WasmBuilder, nodes: Sequence[Node]) -> None:
    """Where a value's only padding adds channels behind its own, make room for them, so that nothing need be copied.

    Residual blocks whose number of channels grows do that.
    """
    pads = [n for n in nodes if n.op == "PadV2"]
    for n in pads:
        x = n.inputs[0]
        if _adds_channels(n, b.shape(x)) and sum(p.inputs[0] == x for p in pads) == 1:
            b.reserve(x, n.outputs[0])


def _adds_channels(pad: Node, shape: Shape) -> bool:
    """Whether zeros or other values only follow the channels of one image."""
    before = [p for pair in pad.attrs["paddings"] for p in pair][:-1]
    return len(shape) == _IMAGE_RANK and shape[0] == 1 and not any(before)


@lowering("PadV2", refuses=_refuses_pad)
def lower_pad(b: WasmBuilder, group: Group) -> None:
    """Fill, then copy the inside, on rows or planes; or only fill, where room was made behind the inside."""
    core = group.core_node
    x, value = core.inputs[0], core.attrs["constant_value"]
    shape, out = b.shape(x), b.shape(group.output)
    before = tuple(p[0] for p in core.attrs["paddings"])
    if b.spec(x).dtype in _BYTE_DTYPES:
        pad_bytes(b, x, group.output, before, int(bool(value) if b.spec(x).dtype == "bool" else value))
        return
    room = b.grow_planes(x, group.output) if _adds_channels(core, shape) else None
    if room:
        b.fill(room, plane_floats(out) - plane_floats(shape), value)
        return
    if len(shape) == _IMAGE_RANK and b.has_planes(x):
        source, place = b.planes(x), b.new(group.output, Layout.PLANES)
        b.fill(place, size_of((out[0], out[3])) * pitch(out[1] * out[2], out[2]), value)
        copy_inside(b, (source, place), tuple(shape[i] for i in (0, 3, 1, 2)), plane_strides(shape),
                     plane_strides(out), tuple(before[i] for i in (0, 3, 1, 2)))
    else:
        source, place = b.rows(x), b.new(group.output)
        b.fill(place, size_of(out), value)
        copy_inside(b, (source, place), shape, row_strides(shape), row_strides(out), before)


def plane_strides(shape: Shape) -> tuple[int, ...]:
    """Strides along (image, channel, row, column) of channel planes."""
    _, h, w, c = shape
    step = pitch(h * w, w)
    return c * step, step, w, 1


def copy_inside(
    b: WasmBuilder, places: tuple[WasmPlace, WasmPlace], dims: Shape, source: tuple[int, ...], out: tuple[int, ...],
    before: Shape,
) -> None:
    """Copy a box to its place behind the padding."""
    start = sum(p * s for p, s in zip(before, out, strict=True))
    b.copy(places[0], places[1] + 4 * start, dims, source, out)
