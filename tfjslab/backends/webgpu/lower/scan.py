"""Running sums and products."""

from __future__ import annotations

from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.operands import element_type
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.emit import function
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.shapes import normalize_axis, size_of
from tfjslab.ops.expr import Expr, X, Y
from tfjslab.passes.fusion import Group

_GROUP = 64
_FOLDS = {"Cumsum": (X + Y, 0.0), "Cumprod": (X * Y, 1.0)}


@lowering(*_FOLDS, refuses=lambda node, specs: TABLE.only(node, specs, "float32", "int32"))
def lower_running(b: GpuBuilder, group: Group) -> None:
    """An invocation for each row of [outer][n][inner], or a workgroup where rows lie together."""
    core = group.core_node
    x, attrs, shape = core.inputs[0], core.attrs, b.shape(core.inputs[0]) or (1,)
    dtype, axis = b.spec(x).dtype, normalize_axis(core.attrs["axis"], len(shape))
    n, inner = shape[axis], size_of(shape[axis + 1 :])
    together, lanes = inner == 1, 4 if inner % 4 == 0 else 1
    count = size_of(shape) // n // lanes
    fold, start = _FOLDS[core.op]
    functions = (
        function(fold, dtype, dtype, result=dtype, lanes=lanes),
        function(Expr("const", leaf=start), result=dtype, lanes=lanes),
    )
    sizes = {"n": n, "inner": inner // lanes, "count": count, "part": -(-n // _GROUP)}
    element = element_type(dtype, lanes)
    k = kernel(
        "running", (Binding("a", element, b.place(x).constant), Binding("c", element)), tuple(sizes),
        functions=functions, lanes=lanes, group=_GROUP, whole=dtype == "int32", together=together,
        reverse=attrs["reverse"], exclusive=attrs["exclusive"],
    )
    b.call(k, (b.place(x), b.new(group.output)), sizes, grid(count if together else -(-count // _GROUP)))
