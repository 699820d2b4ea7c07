"""Softmax and its logarithm along any axis, and local response."""

from __future__ import annotations

from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.emit import function
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.shapes import normalize_axis, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.expr import X, Y, prim
from tfjslab.passes.fusion import Group

_GROUP, _ELEMENTS = 32, 64
_FLOAT = "float32"


@lowering("Softmax", "LogSoftmax", refuses=TABLE.floats)
def lower_softmax(b: GpuBuilder, group: Group) -> None:
    """Maximum, sum of exponentials, result: by an invocation, or by a workgroup where a row lies together."""
    core = group.core_node
    x, shape = core.inputs[0], b.shape(core.inputs[0]) or (1,)
    axis = normalize_axis(core.attrs["axis"], len(shape))
    n, inner = shape[axis], size_of(shape[axis + 1 :])
    count, together = size_of(shape) // max(n, 1), inner == 1
    functions = (
        function(prim("max", X, Y), _FLOAT, _FLOAT, lanes=1), function(prim("exp", X - Y), _FLOAT, _FLOAT, lanes=1),
        function(prim("log", X), _FLOAT, lanes=1),
    )
    sizes = {"n": n, "inner": inner, "count": count}
    k = kernel(
        "softmax", (Binding("a", "f32", b.place(x).constant), Binding("c", "f32")), tuple(sizes),
        functions=functions, lanes=1, group=_GROUP, together=together, logarithm=core.op == "LogSoftmax",
    )
    b.call(k, (b.place(x), b.new(group.output)), sizes, grid(count if together else -(-count // _GROUP)))


def _negative_radius(node: Node, _specs: Specs) -> str:
    radius = node.attrs["depth_radius"]
    return f"a depth_radius of {radius}" if radius < 0 else ""


@lowering("LRN", refuses=TABLE.unless(_negative_radius, TABLE.filled_floats))
def lower_local_response(b: GpuBuilder, group: Group) -> None:
    """An invocation for each element."""
    core = group.core_node
    attrs, source = core.attrs, b.place(core.inputs[0])
    channels, count = b.shape(core.inputs[0])[-1], b.spec(group.output).size
    response = X / prim("pow", Y * attrs["alpha"] + attrs["bias"], attrs["beta"])
    sizes = {"count": count, "channels": channels, "radius": min(attrs["depth_radius"], channels)}
    k = kernel(
        "lrn", (Binding("a", "f32", source.constant), Binding("c", "f32")), tuple(sizes),
        functions=(function(response, _FLOAT, _FLOAT, lanes=1),), lanes=1, group=_ELEMENTS,
    )
    b.call(k, (source, b.new(group.output)), sizes, grid(-(-count // _ELEMENTS)))
