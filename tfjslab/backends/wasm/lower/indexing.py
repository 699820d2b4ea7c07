"""Ops that read an index or give one: gathers, one-hot rows, where the largest stands."""

from __future__ import annotations

import numpy as np

from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.base.shapes import normalize_axis, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.gathering import gather_axes
from tfjslab.passes.fusion import Group

_FLOPS_OF_A_STEP = 4  # of a loop that compares


def _refuses(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, "float32", "int32", "bool")


@lowering("ArgMax", "ArgMin", refuses=_refuses)
def lower_index_of(b: WasmBuilder, group: Group) -> None:
    """[outer][n][inner]."""
    core = group.core_node
    x = core.inputs[0]
    shape = b.shape(x) or (1,)
    axis = normalize_axis(core.attrs["axis"], len(shape))
    n, inner, units = shape[axis], size_of(shape[axis + 1 :]), b.spec(group.output).size
    source, out = b.rows(x), b.new(group.output)
    k = kernel(
        "index_of", ("x", "c"), n=n, inner=inner, type="f32" if b.spec(x).dtype == "float32" else "i32",
        better="gt" if core.op == "ArgMax" else "lt",
    )
    b.call(k, (source, out), units, flops=_FLOPS_OF_A_STEP * units * n)


@lowering("OneHot", refuses=_refuses)
def lower_one_hot(b: WasmBuilder, group: Group) -> None:
    """Each index is compared with all places along the new axis."""
    core = group.core_node
    indices, attrs = core.inputs[0], core.attrs
    shape, dtype = b.shape(indices), numpy_dtype(attrs["dtype"])
    axis = normalize_axis(attrs["axis"], len(shape) + 1)
    # The bits of the values, as the integer that is stored.
    whole = np.dtype(f"i{dtype.itemsize}")
    on, off = (int(np.array(attrs[v]).astype(dtype).view(whole)) for v in ("on_value", "off_value"))
    source, out = b.rows(indices), b.new(group.output)
    k = kernel(
        "one_hot", ("x", "c"), depth=attrs["depth"], inner=size_of(shape[axis:]), item=dtype.itemsize, on=on, off=off,
        eight=int(np.full(8 // dtype.itemsize, off, whole).view(np.int64)[0]),
    )
    size = b.spec(group.output).size
    b.call(k, (source, out), size_of(shape) if size else 0, flops=_FLOPS_OF_A_STEP * size)


@lowering("GatherV2", refuses=_refuses)
def lower_gather(b: WasmBuilder, group: Group) -> None:
    """Slices are runs of memory. Constant indices are checked here, others when it runs."""
    core = group.core_node
    x, indices = core.inputs
    shape = b.shape(x)
    axis, batch = gather_axes(shape, b.shape(indices), core.attrs)
    known = b.constant_array(indices)
    if known is not None and known.size and not 0 <= known.min() <= known.max() < shape[axis]:
        b.refuse(core, "an index that is out of range")
        return
    out, item = b.spec(group.output), numpy_dtype(b.spec(x).dtype).itemsize
    rows, outer, inner = size_of(shape[:batch]), size_of(shape[batch:axis]), size_of(shape[axis + 1 :])
    count = size_of(b.shape(indices)[batch:])
    places = b.rows(x), b.rows(indices), b.new(group.output)
    k = kernel(
        "gather", ("x", "indices", "c"), outer=outer, count=count, length=shape[axis], inner=inner, item=item,
        checked=known is not None,
    )
    b.call(k, places, rows * outer * count if out.size else 0, flops=_FLOPS_OF_A_STEP * out.size)
