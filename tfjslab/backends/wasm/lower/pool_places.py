"""Pooling that also tells where the largest values stand."""

from __future__ import annotations

from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.graph.ir import Node
from tfjslab.ops.pool import pool_window
from tfjslab.passes.fusion import Group

_FLOPS_OF_A_STEP = 4  # of a loop that compares


def _refuses(node: Node, specs: Specs) -> str:
    """The second output is always integers."""
    return empty(node, specs) or TABLE.only(node, specs, "float32", "int32")


@lowering("MaxPoolWithArgmax", refuses=_refuses)
def lower_pool_with_places(b: WasmBuilder, group: Group) -> None:
    """Threads share the rows of the output."""
    core = group.core_node
    x, attrs = core.inputs[0], core.attrs
    win = pool_window(core.op, b.shape(x), {**attrs, "data_format": "NHWC"})
    k = kernel(
        "pool_places", ("x", "values", "places"), w=win, channels=b.shape(x)[3], whole=attrs["include_batch_in_index"],
    )
    steps = b.spec(core.outputs[0]).size * win.size[0] * win.size[1]
    places = (b.rows(x), *map(b.new, core.outputs))
    b.call(k, places, win.batch * win.out_size[0], flops=_FLOPS_OF_A_STEP * steps)
