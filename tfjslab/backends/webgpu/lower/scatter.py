"""Writing and counting by index."""

from __future__ import annotations

from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.webgpu.builder import GpuBuilder, GpuPlace
from tfjslab.backends.webgpu.lower.indices import checks_counted, checks_indices, index_sizes
from tfjslab.backends.webgpu.lower.operands import element_type, refuses_words
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.templates import Binding, GpuKernel, grid, kernel
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.counting import check_counted
from tfjslab.passes.fusion import Group

_GROUP = 64


def _refuses(node: Node, specs: Specs) -> str:
    """Indices have coordinates, and one dtype is written."""
    if specs[node.inputs[0 if node.op == "ScatterNd" else 1]].known_shape[-1:] == (0,):
        return TABLE.none_for("indices without coordinates")
    return refuses_words(node, specs)


@lowering("ScatterNd", refuses=_refuses, checks=True)
def lower_scatter_nd(b: GpuBuilder, group: Group) -> None:
    """Updates are added up in words of their own, whatever is stored."""
    core = group.core_node
    indices, updates = core.inputs
    depth = b.shape(indices)[-1]
    shape = b.shape(group.output)
    if not checks_indices(b, core, indices, shape[:depth]):
        return
    inner = size_of(shape[depth:])
    sizes = {"count": b.spec(updates).size, "inner": max(inner, 1), **index_sizes(shape[:depth])}
    combine = "max" if b.spec(updates).dtype == "bool" else "sum"
    _add(b, group.output, indices, updates, sizes, combine=combine, depth=depth)


@lowering("Bincount", "DenseBincount", refuses=refuses_words, checks=True)
def lower_bincount(b: GpuBuilder, group: Group) -> None:
    """Numbers that are too large are left out, as what is out of range is."""
    core = group.core_node
    x, weights = core.inputs
    size, rows = core.attrs["size"], b.shape(x)
    checks_counted(b, core, x, check_counted)
    binary = core.attrs.get("binary_output", False)
    weighted = bool(b.spec(weights).size) and not binary
    sizes = {
        "count": b.spec(x).size, "inner": 1, "slices": max(rows[-1], 1), "length": size, **index_sizes((size,)),
    }
    _add(b, group.output, x, weights if weighted else "", sizes, combine="max" if binary else "sum", rows=True)


def _add(
    b: GpuBuilder, output: str, indices: str, updates: str, sizes: dict[str, int], *, combine: str, depth: int = 1,
    rows: bool = False,
) -> None:
    """Zeros, what is added to them, and the result in the form in which it is stored."""
    out = b.spec(output)
    element, place = element_type(out.dtype, 1), b.new(output)
    words = b.temporary(out.size, "int32")
    _zero(b, words, out.size)
    source, added = b.place(indices), b.place(updates) if updates else None
    bindings = [Binding("indices", "i32", source.constant), Binding("c", "atomic<u32>")]
    bindings += [Binding("updates", element, added.constant)] if added else []
    k = kernel(
        "scatter", bindings, tuple(sizes), lanes=1, group=_GROUP, mode="add", element=element, combine=combine,
        depth=depth, rows=rows, weighted=added is not None,
    )
    _call(b, k, (source, words, *((added,) if added else ())), sizes)
    read = kernel(
        "scatter", (Binding("a", "u32"), Binding("c", element)), ("count",), lanes=1, group=_GROUP, mode="words",
        element=element,
    )
    _call(b, read, (words, place), {"count": out.size})


def _zero(b: GpuBuilder, place: GpuPlace, count: int) -> None:
    k = kernel("scatter", (Binding("c", "u32"),), ("count",), lanes=1, group=_GROUP, mode="zero")
    _call(b, k, (place,), {"count": count})


def _call(b: GpuBuilder, k: GpuKernel, places: tuple[GpuPlace, ...], sizes: dict[str, int]) -> None:
    b.call(k, places, sizes, grid(-(-sizes["count"] // _GROUP)))


@lowering("TensorScatterUpdate", refuses=_refuses, checks=True)
def lower_update(b: GpuBuilder, group: Group) -> None:
    """Slices of one tensor, or of another."""
    core = group.core_node
    base, indices, updates = core.inputs
    depth = b.shape(indices)[-1]
    if checks_indices(b, core, indices, b.shape(base)[:depth]):
        _put(b, group.output, (base, indices, updates), depth, size_of(b.shape(indices)[:-1]))


def _refuses_sparse(node: Node, specs: Specs) -> str:
    """One value for each index, or for all of them, and one for what no index points at."""
    indices, values, default = (specs[v] for v in node.inputs)
    rank = len(node.attrs["output_shape"])
    if not rank or indices.size % rank or values.size not in (1, indices.size // rank) or default.size != 1:
        return TABLE.none_for(f"values of shape {list(values.known_shape)} and {list(default.known_shape)}")
    mixed = "" if values.dtype == default.dtype else f"a default of {default.dtype} among {values.dtype}"
    return TABLE.none_for(mixed) or refuses_words(node, specs)


@lowering("SparseToDense", refuses=_refuses_sparse, checks=True)
def lower_sparse_to_dense(b: GpuBuilder, group: Group) -> None:
    """Values, or the default."""
    core = group.core_node
    indices, values, default = core.inputs
    shape = b.shape(group.output)
    if checks_indices(b, core, indices, shape):
        _put(b, group.output, (default, indices, values), len(shape), b.spec(indices).size // len(shape))


def _put(b: GpuBuilder, output: str, inputs: tuple[str, str, str], depth: int, count: int) -> None:
    """The last update of each slice is looked for first, so that repeated indices give what they give in order."""
    base, indices, updates = (b.place(v) for v in inputs)
    out, place = b.spec(output), b.new(output)
    shape: Shape = out.known_shape
    slices, inner = size_of(shape[:depth]), size_of(shape[depth:])
    marks = b.temporary(slices, "int32")
    _zero(b, marks, slices)
    sizes = {"count": count, "inner": 1, **index_sizes(shape[:depth])}
    bindings = Binding("indices", "i32", indices.constant), Binding("c", "atomic<u32>")
    mark = kernel("scatter", bindings, tuple(sizes), lanes=1, group=_GROUP, mode="mark", depth=depth, rows=False)
    _call(b, mark, (indices, marks), sizes)
    element = element_type(out.dtype, 1)
    put = kernel(
        "scatter", (
            Binding("marks", "u32"), Binding("base", element, base.constant),
            Binding("updates", element, updates.constant), Binding("c", element),
        ), ("count", "inner"), lanes=1, group=_GROUP, mode="put", scalar_base=b.spec(inputs[0]).size == 1,
        scalar_updates=b.spec(inputs[2]).size == 1,
    )
    _call(b, put, (marks, base, updates, place), {"count": out.size, "inner": max(inner, 1)})
