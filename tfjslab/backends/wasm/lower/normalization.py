"""Softmax and its logarithm along the last axis."""

from __future__ import annotations

from tfjslab.backends.kernels.table import not_last_axis
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.ops.expr import X, Y, prim
from tfjslab.passes.fusion import Group


@lowering("Softmax", "LogSoftmax", refuses=TABLE.unless(not_last_axis, TABLE.floats))
def lower_softmax(b: WasmBuilder, group: Group) -> None:
    """Three passes over each row: maximum, exponentials and their sum, result."""
    core = group.core_node
    x = core.inputs[0]
    shape = b.shape(x)
    n = shape[-1] if shape else 1
    source, out = b.rows(x), b.new(group.output)
    size = b.spec(x).size
    if size:
        k = kernel(
            "softmax", ("x", "c"), expressions=(prim("exp", X - Y), prim("log", X)), n=n, log=core.op == "LogSoftmax",
        )
        b.call(k, (source, out), size // n, flops=12 * size)
