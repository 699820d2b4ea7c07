"""Ops that read an index or give one: gathers, one-hot rows, where the largest stands."""

from __future__ import annotations

import numpy as np

from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.indices import checks_indices, index_sizes
from tfjslab.backends.webgpu.lower.movement import Copy, copy
from tfjslab.backends.webgpu.lower.operands import element_type, refuses_words, stored_dtype
from tfjslab.backends.webgpu.lower.registry import lowering
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.shapes import Shape, normalize_axis, size_of
from tfjslab.ops.gathering import gather_axes
from tfjslab.passes.fusion import Group

_GROUP = 64
_ROW = 32  # invocations that look at a row together
_ALIASES = {"float32": "F", "int32": "I", "bool": "U"}


@lowering("ArgMax", "ArgMin", refuses=refuses_words)
def lower_index_of(b: GpuBuilder, group: Group) -> None:
    """[outer][n][inner]."""
    core = group.core_node
    x, shape = core.inputs[0], b.shape(core.inputs[0]) or (1,)
    axis = normalize_axis(core.attrs["axis"], len(shape))
    inner, count = size_of(shape[axis + 1 :]), b.spec(group.output).size
    element, together = element_type(b.spec(x).dtype, 1), inner == 1
    group_size = _ROW if together else _GROUP
    sizes = {"n": shape[axis], "inner": inner, "count": count}
    k = kernel(
        "index_of", (Binding("a", element, b.place(x).constant), Binding("c", "i32")), tuple(sizes), lanes=1,
        group=group_size, element=element, sign=">" if core.op == "ArgMax" else "<", together=together,
    )
    b.call(k, (b.place(x), b.new(group.output)), sizes, grid(count if together else -(-count // group_size)))


@lowering("OneHot", refuses=refuses_words)
def lower_one_hot(b: GpuBuilder, group: Group) -> None:
    """Each index is compared with all places along the new axis."""
    core = group.core_node
    indices, attrs, out = core.inputs[0], core.attrs, b.spec(group.output)
    axis, shape = normalize_axis(attrs["axis"], len(out.known_shape)), b.shape(indices)
    # The bits of the values, as they are stored where floats have four bytes.
    on, off = (
        int(np.array(attrs[v]).astype(out.dtype).astype(stored_dtype(out.dtype)).view(np.uint32))
        for v in ("on_value", "off_value")
    )
    sizes = {"count": out.size, "inner": size_of(shape[axis:]), "depth": attrs["depth"], "on": on, "off": off}
    element = element_type(out.dtype, 1)
    bindings = Binding("a", "i32", b.place(indices).constant), Binding("c", element)
    k = kernel("one_hot", bindings, tuple(sizes), lanes=1, group=_GROUP, element=element)
    b.call(k, (b.place(indices), b.new(group.output)), sizes, grid(-(-out.size // _GROUP)))


@lowering("GatherV2", refuses=refuses_words, checks=True)
def lower_gather(b: GpuBuilder, group: Group) -> None:
    """Slices along an axis, which batches of both go along with."""
    core = group.core_node
    shape, indices = (b.shape(v) for v in core.inputs)
    axis, batch = gather_axes(shape, indices, core.attrs)
    if checks_indices(b, core, core.inputs[1], (shape[axis],)):
        extent = size_of(indices[batch:]), size_of(shape[batch:axis])
        _gather(b, group, shape[axis : axis + 1], size_of(shape[axis + 1 :]), extent)


@lowering("GatherNd", refuses=refuses_words, checks=True)
def lower_gather_nd(b: GpuBuilder, group: Group) -> None:
    """Slices by coordinates; without any, each index stands for all of the tensor."""
    core = group.core_node
    x, (shape, indices) = core.inputs[0], (b.shape(v) for v in core.inputs)
    target, inner, count = shape[: indices[-1]], size_of(shape[indices[-1] :]), size_of(indices[:-1])
    if not target:
        copy(b, b.place(x), b.new(group.output), Copy((count, inner), (0, 1), (count, inner)))
    elif checks_indices(b, core, core.inputs[1], target):
        _gather(b, group, target, inner, (count, 1))


def _gather(b: GpuBuilder, group: Group, target: Shape, inner: int, extent: tuple[int, int]) -> None:
    """Slices of ``inner`` elements by coordinates in ``target``: so many of each block, of which so many share them."""
    x, indices = (b.place(v) for v in group.core_node.inputs)
    out, place = b.spec(group.output), b.new(group.output)
    lanes = 4 if inner % 4 == 0 else 1
    count = out.size // lanes
    sizes = {
        "count": count, "inner": max(inner // lanes, 1), "slices": max(extent[0], 1), "outer": max(extent[1], 1),
        "length": size_of(target), **index_sizes(target),
    }
    element = element_type(out.dtype, lanes)
    bindings = (
        Binding("a", element, x.constant), Binding("indices", "i32", indices.constant), Binding("c", element),
    )
    k = kernel(
        "gather", bindings, tuple(sizes), lanes=lanes, group=_GROUP, depth=len(target), zero=_ALIASES[out.dtype],
    )
    b.call(k, (x, indices, place), sizes, grid(-(-count // _GROUP)))
