"""Softmax and its logarithm along the last axis."""

from __future__ import annotations

from tfjslab.backends.kernels.table import not_last_axis
from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.emit import Function
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.ops.expr import X, Y, prim
from tfjslab.passes.fusion import Group

_GROUP = 32


@lowering("Softmax", "LogSoftmax", refuses=TABLE.unless(not_last_axis, TABLE.filled_floats))
def lower_softmax(b: GpuBuilder, group: Group) -> None:
    """A workgroup for each row: maximum, sum of exponentials, result."""
    core = group.core_node
    x = core.inputs[0]
    shape = b.shape(x)
    n = shape[-1] if shape else 1
    logarithm = core.op == "LogSoftmax"
    functions = (
        Function(prim("max", X, Y), (False, False), 1), Function(prim("exp", X - Y), (False, False), 1),
        Function(prim("log", X), (False,), 1),
    )
    sizes = {"n": n, "count": b.spec(x).size // n}
    k = kernel(
        "softmax", (Binding("a", "f32", b.place(x).constant), Binding("c", "f32")), tuple(sizes),
        functions=functions, lanes=1, group=_GROUP, logarithm=logarithm,
    )
    b.call(k, (b.place(x), b.new(group.output)), sizes, grid(sizes["count"]))
