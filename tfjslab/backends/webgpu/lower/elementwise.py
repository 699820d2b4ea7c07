"""Loops that compute an elementwise expression: an invocation for four elements, or for one if broadcast oddly."""

from __future__ import annotations

from tfjslab.backends.kernels.elementwise import register_elementwise
from tfjslab.backends.kernels.operands import Operand, kind_of
from tfjslab.backends.kernels.strides import broadcast_strides, collapse, row_strides
from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.operands import element_type, place_operand
from tfjslab.backends.webgpu.lower.registry import TABLE
from tfjslab.backends.webgpu.text.emit import NATIVE, Function
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.shapes import size_of
from tfjslab.ops.expr import Expr

_GROUP = 64


def _loop(b: GpuBuilder, output: str, expr: Expr, operands: list[Operand]) -> None:
    """Add the dispatch of a typed expression."""
    out, place = b.shape(output), b.new(output)
    if size_of(out) == 0:
        return
    kinds = tuple(kind_of(o.shape, out) or "" for o in operands)
    vector = all(kinds) and not ("channel" in kinds and (out[-1] if out else 1) % 4)
    lanes = 4 if vector else 1
    result, dtypes = b.spec(output).dtype, tuple(o.dtype for o in operands)
    places = [place_operand(b, o) for o in operands]
    bindings = [Binding("c", element_type(result, lanes))]
    bindings += [
        Binding(f"x{i}", element_type(d, lanes), p.constant)
        for i, (d, p) in enumerate(zip(dtypes, places, strict=True))
    ]
    strides = [broadcast_strides(o.shape, out) for o in operands]
    dims, _, *steps = collapse(out, (row_strides(out), *strides)) if not vector else ((), ())
    names = [f"d{i}" for i in range(len(dims))] + [f"s{j}_{i}" for j in range(len(steps)) for i in range(len(dims))]
    sizes = dict(zip(names, (*dims, *(n for s in steps for n in s)), strict=True))
    count = -(-size_of(out) // lanes)
    sizes |= {"count": count, "columns": max(1, (out[-1] if out else 1) // lanes)}
    k = kernel(
        "elementwise", bindings, tuple(sizes), functions=(Function(expr, dtypes, result, lanes),), lanes=lanes,
        group=_GROUP, kinds=kinds, dtypes=dtypes, boolean=result == "bool", dims=len(dims),
    )
    b.call(k, (place, *places), sizes, grid(-(-count // _GROUP)))


register_elementwise(TABLE, NATIVE, _loop, GpuBuilder.alias)
