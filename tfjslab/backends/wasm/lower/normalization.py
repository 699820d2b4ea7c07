"""Softmax and its logarithm along the last axis."""

from __future__ import annotations

from tfjslab.backends.wasm.builder import Builder
from tfjslab.backends.wasm.lower.registry import Specs, float_only, lowering
from tfjslab.backends.wasm.templates import kernel
from tfjslab.graph.ir import Node
from tfjslab.ops.expr import X, Y, prim
from tfjslab.passes.fusion import Group


def _refuses(node: Node, specs: Specs) -> str:
    rank = len(specs[node.inputs[0]].known_shape)
    if node.attrs["axis"] not in (-1, rank - 1):
        return f"no WebAssembly kernel for softmax along axis {node.attrs['axis']} of rank {rank}"
    return float_only(node, specs)


@lowering("Softmax", "LogSoftmax", refuses=_refuses)
def lower_softmax(b: Builder, group: Group) -> None:
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
