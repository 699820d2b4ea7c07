"""Choosing by size: the largest of rows, and places in sorted ones."""

from __future__ import annotations

from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.operands import element_type, refuses_words
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.graph.ir import Node
from tfjslab.passes.fusion import Group

_GROUP = 64
_LONGEST_ROW = 1 << 15  # each element is compared with its whole row: beyond this sorting on the host is faster


def _refuses_rows(node: Node, specs: Specs) -> str:
    n = specs[node.inputs[0]].known_shape[-1]
    return TABLE.none_for(f"the largest of rows of {n}" if n > _LONGEST_ROW else "") or refuses_words(node, specs)


@lowering("TopK", refuses=_refuses_rows)
def lower_top_k(b: GpuBuilder, group: Group) -> None:
    """Sorted always, which is what unsorted may be too."""
    core = group.core_node
    x = b.spec(core.inputs[0])
    element, source = element_type(x.dtype, 1), b.place(core.inputs[0])
    sizes = {"count": x.size, "n": x.known_shape[-1], "k": core.attrs["k"]}
    bindings = Binding("a", element, source.constant), Binding("values", element), Binding("places", "i32")
    k = kernel("top_k", bindings, tuple(sizes), lanes=1, group=_GROUP, element=element)
    b.call(k, (source, *map(b.new, core.outputs)), sizes, grid(-(-x.size // _GROUP)))


@lowering("LowerBound", "UpperBound", refuses=refuses_words)
def lower_bound(b: GpuBuilder, group: Group) -> None:
    """A binary search for each value."""
    core = group.core_node
    (rows, values), count = (b.spec(v) for v in core.inputs), b.spec(group.output).size
    source, wanted = (b.place(v) for v in core.inputs)
    element = element_type(rows.dtype, 1)
    sizes = {"count": count, "n": rows.known_shape[-1], "columns": values.known_shape[-1]}
    bindings = (
        Binding("a", element, source.constant), Binding("values", element, wanted.constant), Binding("c", "i32"),
    )
    k = kernel(
        "search", bindings, tuple(sizes), lanes=1, group=_GROUP, element=element, upper=core.op == "UpperBound",
    )
    b.call(k, (source, wanted, b.new(group.output)), sizes, grid(-(-count // _GROUP)))
