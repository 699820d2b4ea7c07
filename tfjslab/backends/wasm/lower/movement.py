"""Ops that only move data: aliases where the bytes stay, strided copies of words or bytes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.backends.kernels.reads import READS, reads
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import Layout, pitch, plane_floats
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.base.shapes import Shape, normalize_axis, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.array_padding import fill_value
from tfjslab.ops.registry import having
from tfjslab.passes.fusion import Group

_IMAGE_RANK = 4
_FLOPS_OF_A_CHOICE = 4
_MOVED = ("float32", "int32", "bool", "int8", "uint8")
_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def refuses_moves(node: Node, specs: Specs) -> str:
    """Copies move words and bytes; what comes out is what went in."""
    return TABLE.only(node, specs, *_MOVED)


@lowering(*having(lambda facts: facts.shares_bytes), refuses=refuses_moves)
def lower_alias(b: WasmBuilder, group: Group) -> None:
    """The same bytes under another shape. Planes stay planes when the shape stays."""
    _pass_on(b, group.output, group.core_node.inputs[0])


@lowering("EnsureShape", *having(lambda facts: facts.passes_on and not facts.shares_bytes), refuses=refuses_moves)
def lower_passing(b: WasmBuilder, group: Group) -> None:
    """Each output is the input of the same place; further inputs are not read. Shapes were checked by the op's rule."""
    core = group.core_node
    for value, source in zip(core.outputs, core.inputs, strict=False):
        _pass_on(b, value, source)


def _pass_on(b: WasmBuilder, value: str, source: str) -> None:
    if b.shape(source) == b.shape(value) and b.has_planes(source) and value not in b.outputs:
        b.alias_planes(value, source)
    else:
        b.alias(value, source)


@lowering(*READS, refuses=refuses_moves)
def lower_reads(b: WasmBuilder, group: Group) -> None:
    """A strided copy for each output; none where the output is all of the input in its order."""
    core = group.core_node
    if core.op == "Transpose" and _moves_planes(b, core):
        return
    x = core.inputs[0]
    shape, item = b.shape(x), b.item(x)
    for value, read in reads(core, shape, b.shape(core.outputs[0])):
        if read.is_all_of(shape):
            b.alias(value, x)
        else:
            source, steps = b.rows(x) + item * read.first, row_strides(read.dims)
            b.copy(source, b.new(value), read.dims, read.strides, steps, item)


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
    packed, padded = (h * w, 1), (pitch(h * w, w), 1)
    if to_planes:
        b.copy(b.rows(x), b.new(node.name, Layout.PLANES), (n * c, h * w), packed, padded)
    else:
        b.copy(b.planes(x), b.new(node.name), (n * c, h * w), padded, packed)
    return True


@lowering("Concat", refuses=refuses_moves)
@lowering("Pack", refuses=refuses_moves)
def lower_concat(b: WasmBuilder, group: Group) -> None:
    """Each input goes to its place; along channels of planes that is whole planes. For Pack no input has the axis."""
    core = group.core_node
    out = b.shape(group.output)
    axis = normalize_axis(core.attrs["axis"], len(out))
    if len(core.inputs) == 1:
        b.alias(group.output, core.inputs[0])
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
    place, item = b.new(group.output), b.item(group.output)
    outer, inner = size_of(out[:axis]), size_of(out[axis:])
    for v in core.inputs:
        own = size_of(b.shape(v)[axis:])
        b.copy(b.rows(v), place, (outer, own), (own, 1), (inner, 1), item)
        place += item * own


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


@lowering("PadV2", refuses=refuses_moves)
def lower_pad(b: WasmBuilder, group: Group) -> None:
    """Fill, then copy the inside, on rows or planes; or only fill, where room was made behind the inside."""
    core = group.core_node
    x = core.inputs[0]
    value = fill_value(core.attrs["constant_value"], numpy_dtype(b.spec(x).dtype)).item()
    shape, out, item = b.shape(x), b.shape(group.output), b.item(x)
    before = tuple(p[0] for p in core.attrs["paddings"])
    room = b.grow_planes(x, group.output) if _adds_channels(core, shape) else None
    if room:
        b.fill(room, plane_floats(out) - plane_floats(shape), value, b.spec(x).dtype)
        return
    if len(shape) == _IMAGE_RANK and b.has_planes(x):
        source, place = b.planes(x), b.new(group.output, Layout.PLANES)
        b.fill(place, size_of((out[0], out[3])) * pitch(out[1] * out[2], out[2]), value, b.spec(x).dtype)
        copy_inside(b, (source, place), tuple(shape[i] for i in (0, 3, 1, 2)), plane_strides(shape),
                     plane_strides(out), tuple(before[i] for i in (0, 3, 1, 2)), item)
    else:
        source, place = b.rows(x), b.new(group.output)
        b.fill(place, size_of(out), value, b.spec(x).dtype)
        copy_inside(b, (source, place), shape, row_strides(shape), row_strides(out), before, item)


@lowering("MatrixBandPart", refuses=refuses_moves)
def lower_band(b: WasmBuilder, group: Group) -> None:
    """A row after the other; a number of diagonals below 0 keeps all."""
    core = group.core_node
    x, attrs = core.inputs[0], core.attrs
    *outer, height, width = b.shape(x)
    lower, upper = (
        n if 0 <= n < most else most for n, most in ((attrs["num_lower"], height), (attrs["num_upper"], width))
    )
    places = b.rows(x), b.new(group.output)
    k = kernel("band", ("x", "c"), height=height, width=width, lower=lower, upper=upper, item=b.item(x))
    b.call(k, places, size_of(outer) * height, flops=_FLOPS_OF_A_CHOICE * b.spec(x).size)


def plane_strides(shape: Shape) -> tuple[int, ...]:
    """Strides along (image, channel, row, column) of channel planes."""
    _, h, w, c = shape
    step = pitch(h * w, w)
    return c * step, step, w, 1


def copy_inside(
    b: WasmBuilder, places: tuple[WasmPlace, WasmPlace], dims: Shape, source: tuple[int, ...], out: tuple[int, ...],
    before: Shape, item: int,
) -> None:
    """Copy a box to its place behind the padding."""
    start = sum(p * s for p, s in zip(before, out, strict=True))
    b.copy(places[0], places[1] + item * start, dims, source, out, item)
