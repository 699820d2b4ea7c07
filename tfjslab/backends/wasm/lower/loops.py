"""Loops that compute an elementwise expression from operands that are broadcast.

Floats are walked on rows or on channel planes; as soon as integers or truth values take part, on rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.backends.kernels.operands import Operand
from tfjslab.backends.kernels.strides import broadcast_strides, collapse, row_strides
from tfjslab.backends.kernels.typed import work
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.operands import place_planes, place_rows
from tfjslab.backends.wasm.text.layouts import Layout, pitch
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.expr import Expr

_BLOCK = 1024  # elements a share of a one-dimensional loop is counted in
_UNROLL, _CHEAP = 4, 8  # vectors in one round of the loop of an expression of up to so many operations
_IMAGE_RANK = 4
_FLOAT = "float32"


def on_rows(b: WasmBuilder, output: str, expr: Expr, operands: list[Operand]) -> None:
    """Add the loop of a typed expression that makes ``output`` row-major."""
    out = b.shape(output)
    if size_of(out) == 0:
        b.new(output)
        return
    places = [place_rows(b, o) for o in operands]
    strides = [broadcast_strides(o.shape, out) for o in operands]
    dtypes = (b.spec(output).dtype, *(o.dtype for o in operands))
    _emit(b, expr, out, dtypes, (b.new(output), *places), (row_strides(out), *strides))


def can_walk_planes(b: WasmBuilder, output: str, operands: list[Operand]) -> bool:
    """Whether all are floats, some operand lies as planes already and the others can be read beside it."""
    out = b.spec(output)
    shape = out.known_shape
    if len(shape) != _IMAGE_RANK or not any(b.has_planes(o.name) and o.shape == shape for o in operands):
        return False
    return {out.dtype, *(o.dtype for o in operands)} == {_FLOAT} and all(_fits_planes(o, shape) for o in operands)


def _fits_planes(o: Operand, out: Shape) -> bool:
    """Whether an operand has one value for all pixels, or one for each that can be brought into planes."""
    pixels = _padded(o.shape)[1:3]
    return pixels == (1, 1) or (pixels == out[1:3] and (len(o.shape) == _IMAGE_RANK or o.array is not None))


def on_planes(b: WasmBuilder, output: str, expr: Expr, operands: list[Operand]) -> None:
    """Add the loop that makes ``output`` as channel planes."""
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
    place, along = b.new(output, Layout.PLANES), (c * step, step, 1)
    _emit(b, expr, dims, (_FLOAT,) * (1 + len(places)), (place, *places), (along, *strides))


def _padded(shape: Shape) -> tuple[int, int, int, int]:
    n, h, w, c = (1,) * (_IMAGE_RANK - len(shape)) + shape
    return n, h, w, c


def _emit(
    b: WasmBuilder, expr: Expr, dims: Shape, dtypes: Sequence[str], places: tuple[WasmPlace, ...],
    strides: tuple[tuple[int, ...], ...],
) -> None:
    """Add the loop; the output comes first in ``dtypes``, ``places`` and ``strides``."""
    merged, *steps = collapse(dims, strides)
    pointers = tuple(f"p{i}" for i in range(len(places) - 1))
    if merged[0] == 1 and len(merged) == 2:  # noqa: PLR2004 - one long run
        merged, steps = merged[1:], [s[1:] for s in steps]
    units = merged[0] if len(merged) > 1 else -(-merged[0] // _BLOCK)
    k = kernel(
        "elementwise", ("c", *pointers), expressions=(expr,), dims=merged, strides=tuple(steps),
        inner=tuple(s[-1] for s in steps[1:]), block=_BLOCK, dtypes=tuple(dtypes), unroll=_unroll(expr, dtypes),
        sizes=tuple(numpy_dtype(d).itemsize for d in dtypes),
    )
    b.call(k, places, units, flops=size_of(dims) * work(expr))


def _unroll(expr: Expr, dtypes: Sequence[str]) -> int:
    """Where little is computed, counting and moving pointers are most of the work. Truth values go one by one."""
    return _UNROLL if work(expr) <= _CHEAP and "bool" not in dtypes else 1
