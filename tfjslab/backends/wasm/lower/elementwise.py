"""Elementwise chains without a core: one loop over all operands, on rows or on channel planes."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.backends.kernels.operands import Operand, prepare
from tfjslab.backends.kernels.strides import broadcast_strides, collapse, row_strides
from tfjslab.backends.kernels.table import CHAIN
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.operands import place_planes, place_rows
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import Layout, pitch
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.expr import Expr, flops
from tfjslab.passes.fusion import Group

_BLOCK = 1024  # elements a share of a one-dimensional loop is counted in
_IMAGE_RANK = 4


@lowering(CHAIN, refuses=TABLE.floats)
def lower_chain(b: WasmBuilder, group: Group) -> None:
    """Add the loop for ``group``, which has no core."""
    expr, operands = prepare(b, group)
    out = b.shape(group.output)
    if size_of(out) == 0:
        b.new(group.output)
        return
    if _suits_planes(b, operands, out):
        _on_planes(b, group.output, expr, operands)
    else:
        places = [place_rows(b, o) for o in operands]
        strides = [broadcast_strides(o.shape, out) for o in operands]
        _emit(b, b.new(group.output), out, row_strides(out), expr, places, strides)


def _suits_planes(b: WasmBuilder, operands: list[Operand], out: Shape) -> bool:
    """Whether some operand lies as planes already and the others can be read beside it."""
    if len(out) != _IMAGE_RANK or not any(b.has_planes(o.name) and o.shape == out for o in operands):
        return False
    return all(_fits_planes(o, out) for o in operands)


def _fits_planes(o: Operand, out: Shape) -> bool:
    """Whether an operand has one value for all pixels, or one for each that can be brought into planes."""
    pixels = _padded(o.shape)[1:3]
    return pixels == (1, 1) or (pixels == out[1:3] and (len(o.shape) == _IMAGE_RANK or o.array is not None))


def _on_planes(b: WasmBuilder, output: str, expr: Expr, operands: list[Operand]) -> None:
    out = b.shape(output)
    n, h, w, c = out
    step = pitch(h * w, w)
    places, strides = [], []
    for o in operands:
        on, oh, ow, oc = shape = _padded(o.shape)
        if (oh, ow) == (h, w) and h * w > 1:
            places.append(place_planes(b, o, shape))
            strides.append((oc * step if on > 1 else 0, step if oc > 1 else 0, 1))
        else:
            places.append(place_rows(b, o))
            strides.append((oc if on > 1 else 0, 1 if oc > 1 else 0, 0))
    if all(o.shape == out for o in operands):
        # Planes lie one after the other: padding is computed along, and the loop is one long run.
        dims: Shape = (1, 1, n * c * step)
    else:
        dims = (n, c, -(-h * w // 4) * 4)
    _emit(b, b.new(output, Layout.PLANES), dims, (c * step, step, 1), expr, places, strides)


def _padded(shape: Shape) -> tuple[int, int, int, int]:
    n, h, w, c = (1,) * (_IMAGE_RANK - len(shape)) + shape
    return n, h, w, c


def _emit(
    b: WasmBuilder, place: WasmPlace, dims: Shape, out_strides: tuple[int, ...], expr: Expr, places: list[WasmPlace],
    strides: Sequence[tuple[int, ...]],
) -> None:
    merged, *steps = collapse(dims, (out_strides, *strides))
    pointers = tuple(f"p{i}" for i in range(len(places)))
    work = size_of(dims) * flops(expr)
    if merged[0] == 1 and len(merged) == 2:  # noqa: PLR2004 - one long run
        merged, steps = merged[1:], [s[1:] for s in steps]
    units = merged[0] if len(merged) > 1 else -(-merged[0] // _BLOCK)
    k = kernel(
        "elementwise", ("c", *pointers), expressions=(expr,), dims=merged, strides=tuple(steps),
        inner=tuple(s[-1] for s in steps[1:]), block=_BLOCK,
    )
    b.call(k, (place, *places), units, flops=work)
