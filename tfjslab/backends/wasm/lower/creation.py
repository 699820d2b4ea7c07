"""Tensors made of attributes alone: sequences of numbers."""

from __future__ import annotations

from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import NUMBERS, lowering, only_numbers
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.passes.fusion import Group

_FLOPS_OF_A_NUMBER = 4


@lowering("Range", refuses=only_numbers)
def lower_range(b: WasmBuilder, group: Group) -> None:
    """From the start, in steps."""
    attrs = group.core_node.attrs
    _sequence(b, group.output, float(attrs["start"]), float(attrs["delta"]))


@lowering("LinSpace", refuses=only_numbers)
def lower_lin_space(b: WasmBuilder, group: Group) -> None:
    """As many steps as there are numbers, less one; the last number is exactly the stop, as in NumPy."""
    attrs = group.core_node.attrs
    start, stop, gaps = float(attrs["start"]), float(attrs["stop"]), attrs["num"] - 1
    delta = (stop - start) / gaps if gaps else 0.0
    _sequence(b, group.output, start, delta, stop.hex() if gaps else "")


def _sequence(b: WasmBuilder, output: str, start: float, delta: float, stop: str = "") -> None:
    n, dtype = b.spec(output).size, b.spec(output).dtype
    k = kernel("sequence", ("c",), n=n, start=start.hex(), delta=delta.hex(), stop=stop, type=NUMBERS[dtype])
    b.call(k, (b.new(output),), n, flops=_FLOPS_OF_A_NUMBER * n)
