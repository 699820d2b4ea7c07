"""Sums, means and extremes."""

from __future__ import annotations

import math

from tfjslab.backends.kernels.reductions import reduced, reduced_axes
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import pitch
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.expr import X
from tfjslab.passes.fusion import Group

# Vector instruction and the value that changes nothing, by op.
_FOLDS = {
    "Sum": ("add", 0.0), "Mean": ("add", 0.0), "Prod": ("mul", 1.0),
    "Max": ("max", -math.inf), "Min": ("min", math.inf),
}
_SPATIAL = (1, 2)


@lowering(*_FOLDS, refuses=TABLE.filled_floats)
def lower_reduction(b: WasmBuilder, group: Group) -> None:
    """[outer][n][inner]; over the pixels of channel planes without changing the layout."""
    core = group.core_node
    x = core.inputs[0]
    shape = b.shape(x)
    axes = reduced_axes(shape, core.attrs)
    n = size_of([shape[a] for a in axes])
    if axes == _SPATIAL and b.has_planes(x):
        outer, inner, step = shape[0] * shape[3], 1, pitch(n, shape[2])
        source = b.planes(x)
    else:
        source, outer, inner = _together(b, x, axes)
        step = n * inner
    combine, start = _FOLDS[core.op]
    finish = X * (1.0 / n) if core.op == "Mean" else X
    k = kernel(
        "reduce", ("x", "c"), expressions=(finish,), n=n, inner=inner, step=inner, pitch=step, combine=combine,
        start=str(start), start_value=start,
    )
    b.call(k, (source, b.new(group.output)), outer, flops=outer * n * inner)


def _together(b: WasmBuilder, x: str, axes: Shape) -> tuple[WasmPlace, int, int]:
    """The value as [outer][what is reduced][inner], with outer and inner."""
    shape = reduced(b.shape(x), axes)
    source = b.rows(x)
    if shape.moved is not None:
        rows, source = source, b.temporary(4 * size_of(shape.moved.dims))
        b.copy(rows, source, shape.moved.dims, shape.moved.strides, row_strides(shape.moved.dims))
    return source, shape.outer, shape.inner
