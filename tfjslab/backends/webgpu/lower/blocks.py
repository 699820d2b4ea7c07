"""Mirrors at the edges, and blocks of pixels that move between space and batch: a few strided copies each."""

from __future__ import annotations

from tfjslab.backends.kernels.blocks import batch_to_space, cropped, mirrored, padded_for_batch, space_to_batch
from tfjslab.backends.kernels.reads import Read
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.webgpu.builder import GpuBuilder, GpuPlace
from tfjslab.backends.webgpu.lower.movement import Copy, copy
from tfjslab.backends.webgpu.lower.operands import refuses_words
from tfjslab.backends.webgpu.lower.registry import lowering
from tfjslab.base.shapes import size_of
from tfjslab.passes.fusion import Group


@lowering("MirrorPad", refuses=refuses_words)
def lower_mirror_pad(b: GpuBuilder, group: Group) -> None:
    """A copy for each box."""
    core = group.core_node
    x, shape, out = core.inputs[0], b.shape(core.inputs[0]), b.shape(group.output)
    place, strides = b.new(group.output), row_strides(shape)
    for box in mirrored(shape, core.attrs, tuple(range(len(shape)))):
        inside = Copy(box.dims, box.walk(strides), out, box.before, box.first(strides), fill=None)
        copy(b, b.place(x), place, inside)


@lowering("SpaceToBatchND", refuses=refuses_words)
def lower_space_to_batch(b: GpuBuilder, group: Group) -> None:
    """Padded first, where it is to be."""
    core = group.core_node
    spec, source = b.spec(core.inputs[0]), b.place(core.inputs[0])
    shape = spec.known_shape
    if padded := padded_for_batch(shape, core.attrs):
        image, source = source, b.temporary(size_of(padded.shape), spec.dtype)
        copy(b, image, source, Copy(shape, row_strides(shape), padded.shape, padded.before))
        shape = padded.shape
    _copy(b, source, b.new(group.output), space_to_batch(shape, core.attrs))


@lowering("BatchToSpaceND", refuses=refuses_words)
def lower_batch_to_space(b: GpuBuilder, group: Group) -> None:
    """Cropped afterwards, where it is to be."""
    core = group.core_node
    spec, out = b.spec(core.inputs[0]), b.shape(group.output)
    shape, source, place = spec.known_shape, b.place(core.inputs[0]), b.new(group.output)
    left = cropped(shape, out, core.attrs)
    whole = b.temporary(spec.size, spec.dtype) if left else place
    _copy(b, source, whole, batch_to_space(shape, out[0], core.attrs))
    if left:
        _copy(b, whole, place, left)


def _copy(b: GpuBuilder, source: GpuPlace, place: GpuPlace, read: Read) -> None:
    copy(b, source, place, Copy(read.dims, read.strides, read.dims, first=read.first))
