"""How often numbers occur."""

from __future__ import annotations

from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.faults import number_of
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.passes.fusion import Group

_TYPES = {"float32": "f32", "int32": "i32"}


def _refuses(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, *_TYPES)


@lowering("Bincount", "DenseBincount", refuses=_refuses, checks=True)
def lower_bincount(b: WasmBuilder, group: Group) -> None:
    """Zeros, and one or a weight more for each number."""
    core = group.core_node
    x, weights = core.inputs
    *rows, n = b.shape(x)
    out, dtype = b.spec(group.output), b.spec(group.output).dtype
    places = b.rows(x), b.rows(weights), b.new(group.output)
    b.fill(places[-1], out.size, 0, dtype)
    binary = core.attrs.get("binary_output", False)
    k = kernel(
        "bincount", ("x", "weights", "c"), rows=size_of(rows), n=n, size=core.attrs["size"], type=_TYPES[dtype],
        weighted=b.spec(weights).size > 0 and not binary, binary=binary, check=number_of("Bincount"),
    )
    b.call(k, places, 1 if size_of(rows) * n else 0)
