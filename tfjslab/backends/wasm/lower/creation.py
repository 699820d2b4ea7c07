"""Tensors made of attributes alone: sequences of numbers."""

from __future__ import annotations

from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.graph.ir import Node
from tfjslab.passes.fusion import Group

_TYPES = {"float32": "f32", "int32": "i32"}
_FLOPS_OF_A_NUMBER = 4


def _refuses(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, *_TYPES)


@lowering("Range", refuses=_refuses)
def lower_range(b: WasmBuilder, group: Group) -> None:
    """From the start, in steps."""
    attrs = group.core_node.attrs
    _sequence(b, group.output, float(attrs["start"]), float(attrs["delta"]))


@lowering("LinSpace", refuses=_refuses)
def lower_lin_space(b: WasmBuilder, group: Group) -> None:
    """As many steps as there are numbers, less one; the last number is exactly the stop, as in NumPy."""
    attrs = group.core_node.attrs
    start, stop, gaps = float(attrs["start"]), float(attrs["stop"]), attrs["num"] - 1
    delta = (stop - start) / gaps if gaps else 0.0
    _sequence(b, group.output, start, delta, stop.hex() if gaps else "")


def _sequence(b: WasmBuilder, output: str, start: float, delta: float, stop: str = "") -> None:
    n, dtype = b.spec(output).size, b.spec(output).dtype
    k = kernel("sequence", ("c",), n=n, start=start.hex(), delta=delta.hex(), stop=stop, type=_TYPES[dtype])
    b.call(k, (b.new(output),), n, flops=_FLOPS_OF_A_NUMBER * n)
