"""Softmax and its logarithm."""

from __future__ import annotations

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import normalize_axis, size_of
from tfjslab.ops.expr import X, Y, prim
from tfjslab.ops.expr_math import exp_of_share
from tfjslab.passes.fusion import Group


@lowering("Softmax", "LogSoftmax", refuses=TABLE.floats)
def lower_softmax(b: WasmBuilder, group: Group) -> None:
    """Along the last axis; another one is moved there and back."""
    core = group.core_node
    x = core.inputs[0]
    shape = b.shape(x) or (1,)
    axis = normalize_axis(core.attrs["axis"], len(shape))
    n, inner, size = shape[axis], size_of(shape[axis + 1 :]), size_of(shape)
    source, out = b.rows(x), b.new(group.output)
    if inner == 1 or size == 0:
        _rows(b, core.op, source, out, n, size)
        return
    dims, along, across = (size // (n * inner), inner, n), (n * inner, 1, inner), (n * inner, n, 1)
    moved, result = b.temporary(4 * size), b.temporary(4 * size)
    b.copy(source, moved, dims, along, across)
    _rows(b, core.op, moved, result, n, size)
    b.copy(result, out, dims, across, along)


def _rows(b: WasmBuilder, op: str, source: WasmPlace, out: WasmPlace, n: int, size: int) -> None:
    """Three passes over each row of n: maximum, exponentials and their sum, result."""
    if size:
        k = kernel(
            "softmax", ("x", "c"), expressions=(exp_of_share(X - Y), prim("log", X)), n=n, log=op == "LogSoftmax",
        )
        b.call(k, (source, out), size // n, flops=12 * size)
