"""Elementwise chains without a core: one invocation for four elements, or for one where shapes are broadcast oddly."""

from __future__ import annotations

from tfjslab.backends.kernels.operands import Operand, kind_of, prepare
from tfjslab.backends.kernels.strides import broadcast_strides, collapse, row_strides
from tfjslab.backends.kernels.table import CHAIN, Specs
from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.operands import place_operand
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.emit import Function
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.expr import Expr, X, is_boolean, prim
from tfjslab.passes.fusion import Group

_GROUP = 64
_MAX_DIMS = 6


def _refuses_chain(node: Node, specs: Specs) -> str:
    """Floats and truth values have kernels; wrapping and dividing integers is left to the host."""
    chooses = node.op == "SelectV2" and specs[node.outputs[0]].dtype == "bool"
    return f"no GPU kernel for {node.op} of truth values" if chooses else TABLE.only(node, specs, "float32", "bool")


@lowering(CHAIN, refuses=_refuses_chain)
def lower_chain(b: GpuBuilder, group: Group) -> None:
    """Add the dispatch for ``group``, which has no core."""
    expr, operands = prepare(b, group)
    _emit(b, group.output, expr, operands)


def _emit(b: GpuBuilder, output: str, expr: Expr, operands: list[Operand], source: str = "") -> None:
    """``source`` is the dtype of the operands where it is neither float nor bool."""
    out, place = b.shape(output), b.new(output)
    if size_of(out) == 0:
        return
    kinds = tuple(kind_of(o.shape, out) or "" for o in operands)
    vector = all(kinds) and not ("channel" in kinds and (out[-1] if out else 1) % 4)
    lanes = 4 if vector else 1
    dtypes = [source or ("bool" if _is_bool(b, o) else "float32") for o in operands]
    function = Function(expr, tuple(d == "bool" for d in dtypes), lanes)
    places = [place_operand(b, o) for o in operands]
    result = "bool" if is_boolean(expr) else b.spec(output).dtype
    bindings = [Binding("c", _type(result, lanes))]
    bindings += [
        Binding(f"x{i}", _type(d, lanes), p.constant) for i, (d, p) in enumerate(zip(dtypes, places, strict=True))
    ]
    strides = [broadcast_strides(o.shape, out) for o in operands]
    dims, _, *steps = collapse(out, (row_strides(out), *strides)) if not vector else ((), ())
    names = [f"d{i}" for i in range(len(dims))] + [f"s{j}_{i}" for j in range(len(steps)) for i in range(len(dims))]
    sizes = dict(zip(names, (*dims, *(n for s in steps for n in s)), strict=True))
    count = -(-size_of(out) // lanes)
    sizes |= {"count": count, "columns": max(1, (out[-1] if out else 1) // lanes)}
    k = kernel(
        "elementwise", bindings, tuple(sizes), functions=(function,), lanes=lanes, group=_GROUP, kinds=kinds,
        dtypes=tuple(dtypes), boolean=result == "bool", dims=len(dims),
    )
    b.call(k, (place, *places), sizes, grid(-(-count // _GROUP)))


def _is_bool(b: GpuBuilder, o: Operand) -> bool:
    return (o.array is None and b.spec(o.name).dtype == "bool") or (o.array is not None and o.array.dtype == bool)


def _type(dtype: str, lanes: int) -> str:
    plain = {"float32": "f32", "int32": "i32", "bool": "u32"}[dtype]
    return plain if lanes == 1 else f"vec4<{plain}>"


def _refuses_cast(node: Node, specs: Specs) -> str:
    source, target = specs[node.inputs[0]].dtype, specs[node.outputs[0]].dtype
    if target == "int32" and source != "int32":
        return f"no GPU kernel for Cast from {source} to int32"
    return TABLE.only(node, specs, "float32", "int32", "bool")


@lowering("Cast", refuses=_refuses_cast)
def lower_cast(b: GpuBuilder, group: Group) -> None:
    """To float; to bool everything but 0 is true; to the same dtype nothing happens."""
    x = group.core_node.inputs[0]
    spec, target = b.spec(x), b.spec(group.output).dtype
    if spec.dtype == target:
        b.alias(group.output, x)
        return
    expr = prim("select", X, 1, 0) if spec.dtype == "bool" else X
    expr = prim("ne", expr, 0) if target == "bool" else expr
    _emit(b, group.output, expr, [Operand(x, spec.known_shape)], spec.dtype)
