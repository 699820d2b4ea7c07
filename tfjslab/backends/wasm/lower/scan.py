"""Running sums and products."""

from __future__ import annotations

from tfjslab.backends.kernels.typed import leaf, typed
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import lowering, only_numbers
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import normalize_axis, size_of
from tfjslab.ops.expr import Expr, X, Y
from tfjslab.passes.fusion import Group

# What takes an element in, and the value that changes nothing.
_RUNS = {"Cumsum": (X + Y, 0.0), "Cumprod": (X * Y, 1.0)}


@lowering(*_RUNS, refuses=only_numbers)
def lower_running(b: WasmBuilder, group: Group) -> None:
    """[outer][n][inner]; the reference adds in the same order, so sums of floats are the same to the bit."""
    core = group.core_node
    x, attrs = core.inputs[0], core.attrs
    shape, dtype = b.shape(x) or (1,), b.spec(x).dtype
    axis = normalize_axis(attrs["axis"], len(shape))
    outer, n, inner = size_of(shape[:axis]), shape[axis], size_of(shape[axis + 1 :])
    combined, neutral = _RUNS[core.op]
    combines = typed(combined, [leaf(0, dtype), leaf(1, dtype)], dtype).expr
    first = typed(Expr("const", leaf=neutral), (), dtype).expr
    k = kernel(
        "scan", ("x", "c"), expressions=(combines, first), dtype=dtype, n=n, inner=inner, exclusive=attrs["exclusive"],
        reverse=attrs["reverse"],
    )
    b.call(k, (b.rows(x), b.new(group.output)), outer, flops=size_of(shape))
