"""Padding and joining of tensors of bytes: runs that stay together are moved as they are."""

from __future__ import annotations

from tfjslab.backends.kernels.strides import collapse, row_strides
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import Shape, size_of

# A run is worth as much as this much arithmetic, whatever its length, plus a sixteenth of its bytes.
_FLOPS_OF_A_RUN = 8


def pad_bytes(b: WasmBuilder, x: str, output: str, before: Shape, value: int) -> None:
    """Fill, then copy the inside."""
    source, place = b.rows(x), b.new(output)
    shape, out = b.shape(x), b.shape(output)
    if size_of(out):
        b.call(kernel("fill_int8", ("c",), n=size_of(out), value=value), (place,), 1)
    strides = row_strides(out)
    start = sum(p * s for p, s in zip(before, strides, strict=True))
    _move(b, source, place + start, (shape, row_strides(shape), strides))


def concat_bytes(b: WasmBuilder, inputs: tuple[str, ...], output: str, axis: int) -> None:
    """Each input to its place along the axis."""
    place, out = b.new(output), b.shape(output)
    outer, inner = size_of(out[:axis]), size_of(out[axis:])
    for v in inputs:
        own = size_of(b.shape(v)[axis:])
        _move(b, b.rows(v), place, ((outer, own), (own, 1), (inner, 1)))
        place += own


def _move(b: WasmBuilder, source: WasmPlace, out: WasmPlace, walk: tuple[Shape, Shape, Shape]) -> None:
    """Copy along (dims, source strides, out strides) in bytes."""
    if 0 in walk[0]:
        return
    dims, src, dst = collapse(walk[0], walk[1:])
    run = 1
    if src[-1] == dst[-1] == 1:
        dims, src, dst, run = dims[:-1], src[:-1], dst[:-1], dims[-1]
    made = kernel("copy_int8", ("x", "c"), dims=dims, src=src, dst=dst, n=run)
    b.call(made, (source, out), dims[0], flops=size_of(dims) * (_FLOPS_OF_A_RUN + run // 16))
