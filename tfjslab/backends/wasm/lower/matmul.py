"""Matrix products on row-major operands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from tfjslab.backends.kernels.strides import broadcast_strides
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.operands import WasmEpilogue, epilogue
from tfjslab.backends.wasm.lower.product import Pointwise, size_class
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import Layout, pitch
from tfjslab.backends.wasm.text.packing import Padded, Part, packer
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.passes.fusion import Group

_T = TypeVar("_T")
_SPLATS = 8  # values of few rows that are splat at once
_TILE_ROWS, _TILE_VECTORS = 2, 4  # measured: larger tiles spill, as each weight is in a register of its own
_ONE_ROW = 12  # vectors of a panel for one row, where nothing else needs a register
# From here on the work of laying the right operand out anew is small beside the product.
_WIDE_ROWS, _WIDE_COLUMNS = 8, 16
# Up to here it is not, and a matrix that is no constant is read where it lies.
_FEW_ROWS, _FEW_DOTS = 4, 3
_DOTS = 4  # results at once: a vector, or as many sums as scalars need to be independent
_STREAMED = 512  # columns whose sums stay in a first-level cache
_FEWEST_TOGETHER = 4  # products of a batch that threads share; fewer are each shared among them


@dataclass(frozen=True)
class _Product:
    """One product of matrices: a kernel of two operands in this order, and where the first matrix of each lies.

    ``steps`` are the bytes from one matrix of a batch to the next: of the left operand, of the right one.
    """

    kernel: WasmKernel
    units: int
    scratch_bytes: int
    left: WasmPlace
    right: WasmPlace
    steps: tuple[int, int]
    tail: WasmEpilogue
    right_first: bool = False

    def in_order(self, left: _T, right: _T) -> tuple[_T, _T]:
        """The two in the order of the kernel's pointers."""
        return (right, left) if self.right_first else (left, right)


@lowering("BatchMatMul", refuses=TABLE.filled_floats, takes_epilogue=True)
def lower_matmul(b: WasmBuilder, group: Group) -> None:
    """One product when the right operand is one matrix, else one for each matrix of the batch."""
    core = group.core_node
    left, right = core.inputs[:2]
    out = b.shape(group.output)
    k = b.shape(left)[-2 if core.attrs["transpose_a"] else -1]
    batches = b.shape(left)[:-2], b.shape(right)[:-2]
    single = size_of(batches[1]) == 1 and size_of(batches[0]) == size_of(out[:-2])
    rows = size_of(out[:-1]) if single else out[-2]
    a = _left(b, left, out[-2], k, transposed=core.attrs["transpose_a"])
    product = _product(b, group, a, (rows, k, out[-1]), transposed=core.attrs["transpose_b"])
    _add(b, group, product, () if single else out[:-2], batches, 2 * rows * k * out[-1])


def lower_rows(b: WasmBuilder, group: Group, a: WasmPlace, right: str, extent: tuple[int, int, int]) -> None:
    """The product of rows at ``a`` with one matrix; ``extent`` is rows, inner length, columns."""
    rows, k, n = extent
    product = _panels(b, epilogue(b, group, Layout.ROWS), a, right, extent)
    _add(b, group, product, (), ((), ()), 2 * rows * k * n)


def _add(
    b: WasmBuilder, group: Group, p: _Product, batch: Shape, batches: tuple[Shape, Shape], flops: int,
) -> None:
    """Add the calls: one for the whole of a large batch, whose products threads share."""
    out, count = b.new(group.output), size_of(batch)
    out_bytes = b.spec(group.output).num_bytes // count
    steps = [_steps(own, batch, step) for own, step in zip(batches, p.steps, strict=True)] if batch else []
    if count >= _FEWEST_TOGETHER:
        axes = tuple(zip(batch, *p.in_order(*steps), strict=True))
        k = kernel(
            "batch", ("x", "y", "c", *p.tail.pointers()), parts=(p.kernel,), axes=axes, units=p.units, out=out_bytes,
            e=p.tail.text(),
        )
        args = (*p.in_order(p.left, p.right), out, *p.tail.places)
        b.call(k, args, count, flops=count * flops, scratch_bytes=p.scratch_bytes)
        return
    for j, index in enumerate(np.ndindex(*batch)):
        left, right = (sum(i * s for i, s in zip(index, of, strict=True)) for of in steps or ((), ()))
        args = (*p.in_order(p.left + left, p.right + right), out + j * out_bytes, *p.tail.at(j * out_bytes))
        b.call(p.kernel, args, p.units, flops=flops, scratch_bytes=p.scratch_bytes)


def _steps(own: Shape, batch: Shape, num_bytes: int) -> tuple[int, ...]:
    """Bytes along each axis of the batch, from one matrix of an operand to the next; 0 where it is broadcast."""
    return tuple(num_bytes * s for s in broadcast_strides(own, batch))


def _product(
    b: WasmBuilder, group: Group, a: WasmPlace, extent: tuple[int, int, int], *, transposed: bool,
) -> _Product:
    """The product of rows at ``a`` with the group's right operand, by the kernel that is best for these sizes."""
    rows, _, n = extent
    right = group.core_node.inputs[1]
    tail = epilogue(b, group, Layout.ROWS)
    few = _FEW_DOTS if transposed else _FEW_ROWS
    if rows <= few and right not in b.graph.constants and (n >= _DOTS or not transposed):
        return (_dots if transposed else _streams)(b, tail, a, right, extent)
    if rows >= _WIDE_ROWS and n >= _WIDE_COLUMNS and n % b.lanes == 0:
        return _wide(b, tail, a, right, extent, transposed=transposed)
    return _panels(b, tail, a, right, extent, transposed=transposed, matrices=size_of(b.shape(right)[:-2]))


def _streams(b: WasmBuilder, tail: WasmEpilogue, a: WasmPlace, right: str, extent: tuple[int, int, int]) -> _Product:
    """Few rows: those of the right operand stream past, and are read once."""
    rows, k, n = extent
    kern = _kernel(
        "rows_stream", tail, extent, depth=min(k, _SPLATS // rows), block=_STREAMED // b.lanes * b.lanes,
    )
    return _Product(kern, -(-n // _STREAMED), 0, a, b.rows(right), (4 * rows * k, 4 * k * n), tail)


def _dots(b: WasmBuilder, tail: WasmEpilogue, a: WasmPlace, right: str, extent: tuple[int, int, int]) -> _Product:
    """Few rows, and a right operand that is transposed: each result is a product of two rows."""
    rows, k, n = extent
    outputs = 2 * _DOTS if rows == 1 and n >= 2 * _DOTS else _DOTS
    kern = _kernel("rows_dots", tail, extent, outputs=outputs)
    return _Product(kern, -(-n // outputs), 0, a, b.rows(right), (4 * rows * k, 4 * k * n), tail)


def _panels(
    b: WasmBuilder, tail: WasmEpilogue, a: WasmPlace, right: str, extent: tuple[int, int, int], *,
    transposed: bool = False, matrices: int = 1,
) -> _Product:
    """Some rows: panels of columns, in which the weights stream. ``matrices`` is how many the right operand has."""
    rows, k, n = extent
    made = panels_kernel(tail, extent, b.lanes)
    w, w_bytes = _right(b, right, (matrices, k, n, made.panel), transposed=transposed)
    return _Product(made.kernel, made.units, 0, a, w, (4 * rows * k, w_bytes), tail)


@dataclass(frozen=True)
class PanelKernel:
    """A kernel, the panels that are its units, and the columns of one."""

    kernel: WasmKernel
    units: int
    panel: int


def panels_kernel(tail: WasmEpilogue, extent: tuple[int, int, int], lanes: int) -> PanelKernel:
    """The kernel of rows by a matrix that is packed in panels; see ``pack_panels``. One row takes wide panels."""
    rows, _, n = extent
    row_tile, vectors = (1, _ONE_ROW) if rows == 1 else (_TILE_ROWS, _TILE_VECTORS)
    panel = vectors * lanes
    return PanelKernel(_kernel("dense", tail, extent, panel=panel, row_tile=row_tile), -(-n // panel), panel)


def _kernel(source: str, tail: WasmEpilogue, extent: tuple[int, int, int], **params: int) -> WasmKernel:
    rows, k, n = extent
    pointers = ("a", "w", "c", *tail.pointers())
    return kernel(source, pointers, expressions=(tail.expr,), parts=(), rows=rows, k=k, n=n, e=tail.text(), **params)


def _wide(
    b: WasmBuilder, tail: WasmEpilogue, a: WasmPlace, right: str, extent: tuple[int, int, int], *, transposed: bool,
) -> _Product:
    """Many rows: the kernel of 1x1 convolutions, with columns in place of pixels and rows in place of outputs.

    There the operand that is broadcast is splat once for a whole row of tiles, which takes the shuffles out
    of the product loop. The right operand is copied to rows whose distance is no power of two (see ``pitch``).
    """
    m, k, n = extent
    w = _rows_with_pitch(b, right, k, n, transposed=transposed)
    # A bias is one value for each column, which is a pixel here.
    tail = replace(tail, kinds=tuple("pixel" if kind == "channel" else kind for kind in tail.kinds))
    step = 4 * pitch(n, n)
    shape = Pointwise(step, n, k, m, by_rows=True, step_out=4 * n)
    kind = f"matmul {shape.kind()} rows={size_class(m)} {tail}"
    tile = b.choose(kind, shape.tiles(b.lanes), lambda t: shape.trial(t, tail, b.lanes))
    made = shape.kernel(tile, tail, b.lanes)
    return _Product(made.kernel, made.units, made.scratch_bytes, a, w, (4 * m * k, k * step), tail, right_first=True)


def _rows_with_pitch(b: WasmBuilder, value: str, k: int, n: int, *, transposed: bool) -> WasmPlace:
    """The right operand's matrices as k rows of n floats, ``pitch`` apart."""
    step, batch = pitch(n, n), size_of(b.shape(value)[:-2])
    constant = b.packed(value, ("rows with pitch", transposed), pack_rows(k, n, transposed))
    if constant is not None:
        return constant
    out = b.temporary(4 * batch * k * step)
    strides = (1, k) if transposed else (n, 1)
    b.copy(b.rows(value), out, (batch, k, n), (k * n, *strides), (k * step, step, 1))
    return out


def _left(b: WasmBuilder, value: str, m: int, k: int, *, transposed: bool) -> WasmPlace:
    if not transposed or min(m, k) == 1:
        return b.rows(value)
    batch = size_of(b.shape(value)[:-2])
    out = b.temporary(4 * batch * m * k)
    b.copy(b.rows(value), out, (batch, m, k), (m * k, 1, m), (m * k, k, 1))
    return out


def _right(b: WasmBuilder, value: str, extent: tuple[int, int, int, int], *, transposed: bool) -> tuple[WasmPlace, int]:
    """The weights as [batch][n / panel][k][panel] and the bytes of one matrix; ``extent`` is batch, k, n, panel."""
    batch, k, n, panel = extent
    panels = -(-n // panel)
    num_bytes = 4 * panels * k * panel
    how = ("dense", panel, transposed)
    constant = b.packed(value, how, pack_panels(extent, transposed))
    if constant is not None:
        return constant, num_bytes
    out = b.temporary(batch * num_bytes)
    source = b.rows(value)
    row, column = (1, k) if transposed else (n, 1)
    if n % panel:
        b.fill(out, batch * num_bytes // 4, 0.0)
    whole = n // panel
    dst = panels * k * panel
    b.copy(source, out, (batch, whole, k, panel), (k * n, panel * column, row, column), (dst, k * panel, panel, 1))
    if n % panel:
        start = whole * panel
        b.copy(
            source + 4 * start * column, out + 4 * whole * k * panel, (batch, k, n - start),
            (k * n, row, column), (dst, panel, 1),
        )
    return out, num_bytes


@packer
def pack_rows(w: Array, k: int, n: int, transposed: bool) -> Padded:  # noqa: FBT001 - packers take positions
    """Matrices [k, n] (or [n, k]) as k rows of n floats, ``pitch`` apart."""
    m = w.reshape(-1, n, k).swapaxes(1, 2) if transposed else w.reshape(-1, k, n)
    return Padded((len(m), k, pitch(n, n)), w.dtype, ((np.s_[:, :, :n], m),))


@packer
def pack_panels(w: Array, extent: tuple[int, int, int, int], transposed: bool) -> Padded:  # noqa: FBT001 - as above
    """Matrices [batch, k, n] (or [batch, n, k]) as zero-padded column panels."""
    batch, k, n, panel = extent
    m = w.reshape(batch, n, k).swapaxes(1, 2) if transposed else w.reshape(batch, k, n)
    whole, rest = divmod(n, panel)
    panels = m[:, :, : whole * panel].reshape(batch, k, whole, panel).transpose(0, 2, 1, 3)
    parts: list[Part] = [(np.s_[:, :whole], panels)]
    if rest:
        parts.append((np.s_[:, whole, :, :rest], m[:, :, whole * panel :]))
    return Padded((batch, whole + bool(rest), k, panel), w.dtype, tuple(parts))
