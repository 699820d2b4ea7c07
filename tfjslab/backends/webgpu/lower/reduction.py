"""Sums, means and extremes over neighbouring axes."""

from __future__ import annotations

import math

from tfjslab.backends.kernels.table import reduced_axes, scattered_axes
from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.emit import Function
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.shapes import size_of
from tfjslab.ops.expr import Expr, X, Y, prim
from tfjslab.passes.fusion import Group

# How two values become one, and the value that changes nothing, by op.
_FOLDS: dict[str, tuple[Expr, float]] = {
    "Sum": (X + Y, 0.0), "Mean": (X + Y, 0.0), "Prod": (X * Y, 1.0),
    "Max": (prim("max", X, Y), -math.inf), "Min": (prim("min", X, Y), math.inf),
}
_GROUP = 32


@lowering(*_FOLDS, refuses=TABLE.unless(scattered_axes, TABLE.filled_floats))
def lower_reduction(b: GpuBuilder, group: Group) -> None:
    """[outer][n][inner]: an invocation for each result, or a workgroup where what is summed lies together."""
    core = group.core_node
    x = core.inputs[0]
    shape, axes = b.shape(x), reduced_axes(core, b.specs)
    n = size_of([shape[a] for a in axes])
    outer, inner = size_of(shape[: axes[0]]), size_of(shape[axes[-1] + 1 :])
    lanes = 4 if inner % 4 == 0 else 1
    fold, start = _FOLDS[core.op]
    finish = X * (1.0 / n) if core.op == "Mean" else X
    functions = (
        Function(fold, (False, False), lanes), Function(finish, (False,), lanes),
        Function(Expr("const", leaf=start), (), lanes),
    )
    kind = "vec4<f32>" if lanes > 1 else "f32"
    together = inner == 1
    count = outer * inner // lanes
    sizes = {"n": n, "inner": inner // lanes, "count": count}
    k = kernel(
        "reduce", (Binding("a", kind, b.place(x).constant), Binding("c", kind)), tuple(sizes), functions=functions,
        lanes=lanes, group=_GROUP, together=together,
    )
    b.call(k, (b.place(x), b.new(group.output)), sizes, grid(count if together else -(-count // _GROUP)))
