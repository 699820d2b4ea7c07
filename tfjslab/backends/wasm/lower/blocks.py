"""Mirrors at the edges, and blocks of pixels that move between space and batch: a few strided copies each."""

from __future__ import annotations

from tfjslab.backends.kernels.blocks import batch_to_space, cropped, mirrored, padded_for_batch, space_to_batch
from tfjslab.backends.kernels.reads import Read
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.movement import copy_inside, plane_strides, refuses_moves
from tfjslab.backends.wasm.lower.registry import lowering
from tfjslab.backends.wasm.text.layouts import Layout
from tfjslab.base.shapes import Shape, size_of
from tfjslab.passes.fusion import Group

_IMAGE_RANK = 4
_PLANE_AXES: Shape = (0, 3, 1, 2)


@lowering("MirrorPad", refuses=refuses_moves)
def lower_mirror_pad(b: WasmBuilder, group: Group) -> None:
    """On rows or planes."""
    core = group.core_node
    x = core.inputs[0]
    shape, out, item = b.shape(x), b.shape(group.output), b.item(x)
    if len(shape) == _IMAGE_RANK and b.has_planes(x):
        source, place = b.planes(x), b.new(group.output, Layout.PLANES)
        axes, steps, steps_out = _PLANE_AXES, plane_strides(shape), plane_strides(out)
    else:
        source, place = b.rows(x), b.new(group.output)
        axes, steps, steps_out = tuple(range(len(shape))), row_strides(shape), row_strides(out)
    for box in mirrored(shape, core.attrs, axes):
        from_, to = source + item * box.first(steps), place + item * box.start(steps_out)
        b.copy(from_, to, box.dims, box.walk(steps), steps_out, item)


@lowering("SpaceToBatchND", refuses=refuses_moves)
def lower_space_to_batch(b: WasmBuilder, group: Group) -> None:
    """Padded first, where it is to be."""
    core = group.core_node
    x = core.inputs[0]
    shape, source, item = b.shape(x), b.rows(x), b.item(x)
    if padded := padded_for_batch(shape, core.attrs):
        inside, image, shape = shape, source, padded.shape
        source = b.temporary(item * size_of(shape))
        b.fill(source, size_of(shape), 0.0, b.spec(x).dtype)
        copy_inside(b, (image, source), inside, row_strides(inside), row_strides(shape), padded.before, item)
    _copy(b, source, b.new(group.output), space_to_batch(shape, core.attrs), item)


@lowering("BatchToSpaceND", refuses=refuses_moves)
def lower_batch_to_space(b: WasmBuilder, group: Group) -> None:
    """Cropped afterwards, where it is to be."""
    core = group.core_node
    shape, out, item = b.shape(core.inputs[0]), b.shape(group.output), b.item(group.output)
    source, place = b.rows(core.inputs[0]), b.new(group.output)
    left = cropped(shape, out, core.attrs)
    whole = b.temporary(item * size_of(shape)) if left else place
    _copy(b, source, whole, batch_to_space(shape, out[0], core.attrs), item)
    if left:
        _copy(b, whole, place, left, item)


def _copy(b: WasmBuilder, source: WasmPlace, place: WasmPlace, read: Read, item: int) -> None:
    b.copy(source + item * read.first, place, read.dims, read.strides, row_strides(read.dims), item)
