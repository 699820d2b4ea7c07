"""Ops that only move words: aliases where the bytes stay, one strided copy elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.backends.kernels.reads import READS, Read, reads
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.webgpu.builder import GpuBuilder, GpuPlace
from tfjslab.backends.webgpu.lower.operands import element_type, refuses_words, stored_dtype
from tfjslab.backends.webgpu.lower.registry import lowering
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.base.shapes import Shape, normalize_axis, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.array_padding import fill_value
from tfjslab.ops.registry import having
from tfjslab.passes.fusion import Group

_GROUP = 64
_VECTOR = 4
_BYTES, _REPEATED = 4, 0x01010101  # of a word; a byte times the other is a word of it


@dataclass(frozen=True)
class Copy:
    """A box of ``dims`` elements, read with ``strides`` from ``first`` on, into a tensor of shape ``out``.

    The box begins ``before`` elements into the tensor along each axis. With ``fill`` (the bits of a word) what lies
    outside of the box is set to it, else it is left alone.
    """

    dims: Shape
    strides: tuple[int, ...]
    out: Shape
    before: Shape = ()
    first: int = 0
    fill: int | None = 0


def copy(b: GpuBuilder, source: GpuPlace, target: GpuPlace, c: Copy) -> None:
    """Add the copy: an invocation for each element that is written, four at once where whole vectors move."""
    c = _merged(c)
    before = c.before
    inside = c.fill is None or c.dims == c.out
    fits = all(n % _VECTOR == 0 for n in (c.dims[-1], c.out[-1], before[-1], c.first, *c.strides[:-1])) if c.dims else 0
    lanes = _VECTOR if fits and c.strides[-1] == 1 else 1
    dims, out = _in_vectors(c.dims, lanes), _in_vectors(c.out, lanes)
    starts = before and (*before[:-1], before[-1] // lanes)
    reads = tuple(s // lanes for s in c.strides[:-1]) + c.strides[-1:]
    walk = dims if inside else out
    sizes = {"count": size_of(walk), "first": c.first // lanes, "fill": c.fill or 0}
    steps = row_strides(out)
    sizes["start"] = sum(p * s for p, s in zip(starts, steps, strict=True)) if inside else 0
    for i in range(len(walk)):
        sizes |= {f"d{i}": walk[i], f"n{i}": dims[i], f"p{i}": starts[i], f"r{i}": reads[i], f"o{i}": steps[i]}
    # Float16 are moved as the floats that they stand for, everything else as the words that it is.
    floats = b.storage.float16 and target.dtype == "float32"
    element = "f32" if floats else "u32"
    word = f"vec4<{element}>" if lanes > 1 else element
    k = kernel(
        "copy", (Binding("a", word, constant=source.constant), Binding("c", word)), tuple(sizes), lanes=lanes,
        group=_GROUP, rank=len(walk), inside=inside, floats=floats,
    )
    b.call(k, (source, target), sizes, grid(-(-sizes["count"] // _GROUP)))


def _merged(c: Copy) -> Copy:
    """Neighbouring axes as one where the box fills the inner one and is walked in order: coordinates are divisions."""
    axes: list[tuple[int, int, int, int]] = []
    for n, stride, out, before in zip(c.dims, c.strides, c.out, c.before or (0,) * len(c.dims), strict=True):
        if axes and (n, before) == (out, 0) and axes[-1][1] == stride * n:
            outer = axes.pop()
            axes.append((outer[0] * n, stride, outer[2] * n, outer[3] * n))
        elif n != 1 or out != 1 or not axes:
            axes.append((n, stride, out, before))
    dims, strides, outs, befores = zip(*axes, strict=True) if axes else ((),) * 4
    return Copy(dims, strides, outs, befores, c.first, c.fill)


def _in_vectors(shape: Shape, lanes: int) -> Shape:
    return (*shape[:-1], shape[-1] // lanes) if shape else shape


def moved(b: GpuBuilder, value: str, read: Read) -> GpuPlace:
    """A walk over a value as a temporary, row-major."""
    out = b.temporary(size_of(read.dims), b.spec(value).dtype)
    copy(b, b.place(value), out, Copy(read.dims, read.strides, read.dims, first=read.first))
    return out


def _anything(_node: Node, _specs: Specs) -> str:
    return ""


@lowering("EnsureShape", *having(lambda facts: facts.shares_bytes or facts.passes_on), refuses=_anything)
def lower_alias(b: GpuBuilder, group: Group) -> None:
    """The same bytes, perhaps under another shape."""
    core = group.core_node
    for value, source in zip(core.outputs, core.inputs, strict=False):
        b.alias(value, source)


@lowering(*READS, refuses=refuses_words)
def lower_reads(b: GpuBuilder, group: Group) -> None:
    """A copy for each output."""
    core = group.core_node
    source, shape = b.place(core.inputs[0]), b.shape(core.inputs[0])
    for value, read in reads(core, shape, b.shape(core.outputs[0])):
        copy(b, source, b.new(value), Copy(read.dims, read.strides, read.dims, first=read.first))


@lowering("MatrixBandPart", refuses=refuses_words)
def lower_band(b: GpuBuilder, group: Group) -> None:
    """Matrices with zeros outside of some diagonals; a number below 0 keeps all."""
    core = group.core_node
    x, source, attrs = b.spec(core.inputs[0]), b.place(core.inputs[0]), core.attrs
    rows, columns = x.known_shape[-2:]
    most = max(rows, columns)
    lower, upper = (most if attrs[n] < 0 else min(attrs[n], most) for n in ("num_lower", "num_upper"))
    sizes = {"count": x.size, "rows": rows, "columns": columns, "lower": lower, "upper": upper}
    element = element_type(x.dtype, 1)
    bindings = Binding("a", element, source.constant), Binding("c", element)
    k = kernel("band", bindings, tuple(sizes), lanes=1, group=_GROUP, zero=element)
    b.call(k, (source, b.new(group.output)), sizes, grid(-(-x.size // _GROUP)))


def _rows(b: GpuBuilder, value: str) -> Shape:
    """A value's shape in what is moved: bytes four at a time."""
    shape = b.shape(value)
    return (*shape[:-1], shape[-1] // _BYTES) if b.spec(value).dtype == "int8" else shape


def _refuses_rows(node: Node, specs: Specs) -> str:
    """Words, and bytes in rows of whole words."""
    named = [specs[v] for v in (*node.inputs, *node.outputs)]
    if any(s.dtype != "int8" for s in named):
        return refuses_words(node, specs)
    whole = all(s.known_shape and s.known_shape[-1] % _BYTES == 0 for s in named)
    return "" if whole and node.op != "Pack" else "no GPU kernel for moving rows of int8 that are no whole words"


@lowering("Concat", "Pack", refuses=_refuses_rows)
def lower_concat(b: GpuBuilder, group: Group) -> None:
    """Each input goes to its place."""
    core = group.core_node
    out = _rows(b, group.output)
    axis = normalize_axis(core.attrs["axis"], len(out))
    place, at = b.new(group.output), 0
    for v in core.inputs:
        shape = _rows(b, v) if core.op == "Concat" else (*out[:axis], 1, *out[axis + 1 :])
        before = tuple(at if i == axis else 0 for i in range(len(out)))
        copy(b, b.place(v), place, Copy(shape, row_strides(shape), out, before, fill=None))
        at += shape[axis]


def _refuses_pad(node: Node, specs: Specs) -> str:
    if specs[node.inputs[0]].dtype == "int8" and node.attrs["paddings"][-1:] and node.attrs["paddings"][-1][0] % _BYTES:
        return "no GPU kernel for moving rows of int8 that are no whole words"
    return _refuses_rows(node, specs)


@lowering("PadV2", refuses=_refuses_pad)
def lower_pad(b: GpuBuilder, group: Group) -> None:
    """A box inside of the output, and the value around it."""
    core = group.core_node
    x = core.inputs[0]
    value = fill_value(core.attrs["constant_value"], numpy_dtype(b.spec(x).dtype))
    before = tuple(p[0] for p in core.attrs["paddings"])
    if b.spec(x).dtype == "int8":
        fill = int(np.uint8(value)) * _REPEATED
        before = (*before[:-1], before[-1] // _BYTES)
    else:
        dtype = b.spec(x).dtype
        fill = int(np.array(value, numpy_dtype(dtype)).astype(stored_dtype(dtype)).view(np.uint32))
    shape, out = _rows(b, x), _rows(b, group.output)
    copy(b, b.place(x), b.new(group.output), Copy(shape, row_strides(shape), out, before, fill=fill))
