"""Ops that read or write by coordinates: these become flat indices, checked, and the rest is slices by one index."""

from __future__ import annotations

import numpy as np

from tfjslab.backends.kernels.elementwise import spread
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.kernels.typed import leaf, typed
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.faults import number_of
from tfjslab.backends.wasm.lower.indexing import slices
from tfjslab.backends.wasm.lower.loops import on_rows
from tfjslab.backends.wasm.lower.registry import TABLE, lowering, only_elements
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.expr import Expr, X, Y, prim
from tfjslab.passes.fusion import Group


@lowering("GatherNd", refuses=only_elements, checks=True)
def lower_gather_nd(b: WasmBuilder, group: Group) -> None:
    """A gather along the axes that are pointed into, as one."""
    core = group.core_node
    x, indices = core.inputs
    pointed, run = _parts(b.shape(x), b.shape(indices))
    flat, source, out = _flat(b, core, indices, pointed), b.rows(x), b.new(group.output)
    count = size_of(b.shape(indices)[:-1])
    slices(b, (source, flat, out), (1, 1, count, size_of(pointed), size_of(run)), b.item(x))


@lowering("ScatterNd", refuses=only_elements, checks=True)
def lower_scatter_nd(b: WasmBuilder, group: Group) -> None:
    """Values are added to zeros; a truth value is set where one of those that meet is."""
    core = group.core_node
    indices, updates = core.inputs
    dtype = b.spec(group.output).dtype
    pointed, run = _parts(b.shape(group.output), b.shape(indices))
    flat, source, out = _flat(b, core, indices, pointed), b.rows(updates), b.new(group.output)
    b.fill(out, b.spec(group.output).size, 0, dtype)
    combined = prim("or", X, Y) if dtype == "bool" else X + Y
    combined = typed(combined, [leaf(0, dtype), leaf(1, dtype)], dtype).expr
    _scatter(b, (source, flat, out), size_of(b.shape(indices)[:-1]), size_of(run), dtype, combined)


def _refuses_update(node: Node, specs: Specs) -> str:
    x, updates = (specs[node.inputs[i]].dtype for i in (0, 2))
    return TABLE.none_for("" if x == updates else f"{updates} among {x}") or only_elements(node, specs)


@lowering("TensorScatterUpdate", refuses=_refuses_update, checks=True)
def lower_update(b: WasmBuilder, group: Group) -> None:
    """A copy, and slices that are put over it; the last of equal indices stays."""
    core = group.core_node
    x, indices, updates = core.inputs
    shape, item = b.shape(x), b.item(x)
    pointed, run = _parts(shape, b.shape(indices))
    flat, source, values, out = _flat(b, core, indices, pointed), b.rows(x), b.rows(updates), b.new(group.output)
    b.copy(source, out, shape, row_strides(shape), row_strides(shape), item)
    _scatter(b, (values, flat, out), size_of(b.shape(indices)[:-1]), size_of(run), b.spec(x).dtype)


def _refuses_sparse(node: Node, specs: Specs) -> str:
    indices, values, default = (specs[v] for v in node.inputs)
    shape = node.attrs["output_shape"]
    if not shape or indices.size % len(shape):
        return TABLE.none_for(f"indices of shape {list(indices.known_shape)} into shape {list(shape)}")
    if values.size != 1 and values.known_shape != (indices.size // len(shape),):
        return TABLE.none_for(f"values of shape {list(values.known_shape)} at {indices.size // len(shape)} indices")
    if default.dtype != values.dtype or default.size != 1:
        return TABLE.none_for(f"{values.dtype} among {default.dtype} of shape {list(default.known_shape)}")
    return only_elements(node, specs)


@lowering("SparseToDense", refuses=_refuses_sparse, checks=True)
def lower_sparse_to_dense(b: WasmBuilder, group: Group) -> None:
    """The default everywhere, and values that are put over it, or one for all indices."""
    core = group.core_node
    indices, values, default = core.inputs
    shape, dtype = b.shape(group.output), b.spec(group.output).dtype
    count = b.spec(indices).size // len(shape)
    flat, source = _flat(b, core, indices, shape), b.rows(values)
    spread(b, group.output, default, on_rows)
    out = b.rows(group.output)
    _scatter(b, (source, flat, out), count, 1, dtype, one=b.spec(values).size == 1)


def _parts(shape: Shape, indices: Shape) -> tuple[Shape, Shape]:
    """The axes that coordinates point into, and those of the slice that each stands for."""
    return shape[: indices[-1]], shape[indices[-1] :]


def _flat(b: WasmBuilder, node: Node, indices: str, pointed: Shape) -> WasmPlace:
    """One index for each coordinate, checked: while planning where they are constant and right, else when it runs."""
    depth, strides = len(pointed), row_strides(pointed)
    known = b.constant_array(indices)
    if known is not None and known.size:
        rows = known.reshape(-1, depth)
        if bool(np.all((rows >= 0) & (rows < pointed))):
            table = (rows @ np.array(strides)).astype(np.int32)
            return b.constant(("flat indices", table.tobytes()), lambda: table)
    count = b.spec(indices).size // depth if depth else size_of(b.shape(indices)[:-1])
    source, out = b.rows(indices), b.temporary(4 * count)
    if not depth:
        b.fill(out, count, 0, "int32")
    elif count:
        k = kernel(
            "coordinates", ("indices", "c"), count=count, lengths=pointed, strides=strides, check=number_of(node.op),
        )
        b.call(k, (source, out), 1)
    return out


def _scatter(
    b: WasmBuilder, places: tuple[WasmPlace, WasmPlace, WasmPlace], count: int, run: int, dtype: str,
    combined: Expr | None = None, *, one: bool = False,
) -> None:
    """Put runs from the first place to where the indices of the second point in the third."""
    expressions = () if combined is None else (combined,)
    item = numpy_dtype(dtype).itemsize
    k = kernel(
        "scatter", ("updates", "indices", "c"), expressions=expressions, count=count, n=run, dtype=dtype, item=item,
        combines=bool(expressions), one=one,
    )
    b.call(k, places, 1 if count * run else 0)
