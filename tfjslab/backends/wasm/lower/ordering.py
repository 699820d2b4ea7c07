"""Ops that compare elements with each other: the largest, and where values belong in sorted rows."""

from __future__ import annotations

from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import NUMBERS, TABLE, lowering, only_numbers
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.passes.fusion import Group

_FLOPS_OF_A_KEY = 8
_KEY_BYTES = 8


def _refuses(node: Node, specs: Specs) -> str:
    """Floats or integers; the reference compares a mixture as doubles."""
    mixed = "floats among integers" if len({specs[v].dtype for v in node.inputs}) > 1 else ""
    return TABLE.none_for(mixed) or only_numbers(node, specs)


@lowering("TopK", refuses=_refuses)
def lower_top_k(b: WasmBuilder, group: Group) -> None:
    """A heap of k for each row, sorted at its end."""
    core = group.core_node
    x, n = core.inputs[0], b.shape(core.inputs[0])[-1]
    rows, k = size_of(b.shape(x)[:-1]), core.attrs["k"]
    source, values, places = b.rows(x), *map(b.new, core.outputs)
    made = kernel("top_k", ("x", "c", "places"), n=n, k=k, type=NUMBERS[b.spec(x).dtype])
    b.call(made, (source, values, places), rows, flops=_FLOPS_OF_A_KEY * rows * n, scratch_bytes=_KEY_BYTES * k)


@lowering("LowerBound", "UpperBound", refuses=_refuses)
def lower_bound(b: WasmBuilder, group: Group) -> None:
    """Each value is looked for by halving its row."""
    core = group.core_node
    x, values = core.inputs
    n, (rows, count) = b.shape(x)[1], b.shape(values)
    source, wanted, out = b.rows(x), b.rows(values), b.new(group.output)
    k = kernel(
        "bound", ("x", "values", "c"), n=n, count=count, upper=core.op == "UpperBound", type=NUMBERS[b.spec(x).dtype],
    )
    b.call(k, (source, wanted, out), rows * count, flops=_FLOPS_OF_A_KEY * rows * count * n.bit_length())
