"""Elementwise chains, casts, choices and tensors of one value: loops on rows or on channel planes."""

from __future__ import annotations

from tfjslab.backends.kernels.elementwise import register_elementwise
from tfjslab.backends.kernels.operands import Operand
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.loops import can_walk_planes, on_planes, on_rows
from tfjslab.backends.wasm.lower.registry import TABLE
from tfjslab.backends.wasm.text.emit import NATIVE
from tfjslab.ops.expr import Expr


def _loop(b: WasmBuilder, output: str, expr: Expr, operands: list[Operand]) -> None:
    """Where an operand lies as planes already, on planes."""
    loop = on_planes if can_walk_planes(b, output, operands) else on_rows
    loop(b, output, expr, operands)


register_elementwise(TABLE, NATIVE, _loop, WasmBuilder.alias)
