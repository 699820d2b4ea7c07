"""Matrix products on row-major operands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.operands import WasmEpilogue, epilogue
from tfjslab.backends.wasm.lower.product import Pointwise, size_class
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import Layout, pitch
from tfjslab.backends.wasm.text.packing import Padded, Part, packer
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.ir import Node
from tfjslab.passes.fusion import Group

_MAX_BATCH = 1024  # each product of a batch is a call; more would make the module long
_ACCUMULATORS = 8
_ONE_ROW = 12  # vectors of a panel for one row, where nothing else needs a register
# From here on the work of laying the right operand out anew is small beside the product.
_WIDE_ROWS, _WIDE_COLUMNS = 8, 16


def _refuses(node: Node, specs: Specs) -> str:
    batch = size_of(specs[node.outputs[0]].known_shape[:-2])
    if batch > _MAX_BATCH and size_of(specs[node.inputs[1]].known_shape[:-2]) > 1:
        return empty(node, specs) or f"no WebAssembly kernel for a batch of {batch} products"
    return TABLE.filled_floats(node, specs)


@lowering("BatchMatMul", refuses=_refuses, takes_epilogue=True)
def lower_matmul(b: WasmBuilder, group: Group) -> None:
    """One call when the right operand is one matrix, else one for each product of the batch."""
    core = group.core_node
    left, right = core.inputs[:2]
    out = b.shape(group.output)
    m, n = out[-2:]
    k = b.shape(left)[-2 if core.attrs["transpose_a"] else -1]
    left_batch, right_batch, out_batch = b.shape(left)[:-2], b.shape(right)[:-2], out[:-2]
    single = size_of(right_batch) == 1 and size_of(left_batch) == size_of(out_batch)
    rows = m * size_of(out_batch) if single else m
    if single and rows >= _WIDE_ROWS and n >= _WIDE_COLUMNS and n % b.lanes == 0:
        _lower_wide(b, group, (rows, k, n))
        return
    a = _left(b, left, m, k, transposed=core.attrs["transpose_a"])
    if single:
        lower_rows(b, group, a, right, (rows, k, n), transposed=core.attrs["transpose_b"])
        return
    row_tile, panel = _tile(m, b.lanes)
    w, w_bytes = _right(b, right, (size_of(right_batch), k, n, panel), transposed=core.attrs["transpose_b"])
    tail, c = epilogue(b, group, Layout.ROWS), b.new(group.output)
    kern = _dense(tail, (m, k, n), row_tile, panel)
    for j, i in enumerate(np.ndindex(*out_batch)):
        args = (
            a + 4 * m * k * _index(left_batch, i), w + w_bytes * _index(right_batch, i), c + 4 * m * n * j,
            *tail.at(4 * m * n * j),
        )
        b.call(kern, args, -(-n // panel), flops=2 * m * k * n)


def lower_rows(
    b: WasmBuilder, group: Group, a: WasmPlace, right: str, extent: tuple[int, int, int], *, transposed: bool = False,
) -> None:
    """The product of rows at ``a`` with one matrix; ``extent`` is rows, inner length, columns."""
    rows, k, n = extent
    row_tile, panel = _tile(rows, b.lanes)
    w, _ = _right(b, right, (1, k, n, panel), transposed=transposed)
    tail = epilogue(b, group, Layout.ROWS)
    args = (a, w, b.new(group.output), *tail.places)
    b.call(_dense(tail, extent, row_tile, panel), args, -(-n // panel), flops=2 * rows * k * n)


def _dense(tail: WasmEpilogue, extent: tuple[int, int, int], row_tile: int, panel: int) -> WasmKernel:
    rows, k, n = extent
    return kernel(
        "dense", ("a", "w", "c", *tail.pointers()), expressions=(tail.expr,), rows=rows, k=k, n=n, panel=panel,
        row_tile=row_tile, e=tail.text(),
    )


def _lower_wide(b: WasmBuilder, group: Group, extent: tuple[int, int, int]) -> None:
    """Many rows: the kernel of 1x1 convolutions, with columns in place of pixels and rows in place of outputs.

    There the operand that is broadcast is splat once for a whole row of tiles, which takes the shuffles out
    of the product loop. The right operand is copied to rows whose distance is no power of two (see ``pitch``).
    """
    m, k, n = extent
    core = group.core_node
    left, right = core.inputs[:2]
    a = _left(b, left, m, k, transposed=core.attrs["transpose_a"])
    w = _rows_with_pitch(b, right, k, n, transposed=core.attrs["transpose_b"])
    tail = epilogue(b, group, Layout.ROWS)
    # A bias is one value for each column, which is a pixel here.
    tail = replace(tail, kinds=tuple("pixel" if kind == "channel" else kind for kind in tail.kinds))
    shape = Pointwise(4 * pitch(n, n), n, k, m, by_rows=True, step_out=4 * n)
    kind = f"matmul {shape.kind()} rows={size_class(m)} {tail}"
    tile = b.choose(kind, shape.tiles(b.lanes), lambda t: shape.trial(t, tail, b.lanes))
    made = shape.kernel(tile, tail, b.lanes)
    args = (w, a, b.new(group.output), *tail.places)
    b.call(made.kernel, args, made.units, flops=2 * m * k * n, scratch_bytes=made.scratch_bytes)


def _rows_with_pitch(b: WasmBuilder, value: str, k: int, n: int, *, transposed: bool) -> WasmPlace:
    """The right operand as k rows of n floats, ``pitch`` apart."""
    step = pitch(n, n)
    constant = b.packed(value, ("rows with pitch", transposed), pack_rows(k, n, transposed))
    if constant is not None:
        return constant
    out = b.temporary(4 * k * step)
    b.copy(b.rows(value), out, (k, n), (1, k) if transposed else (n, 1), (step, 1))
    return out


def _tile(rows: int, lanes: int) -> tuple[int, int]:
    """Rows of a tile and columns of a panel: few rows take wide panels, so that the weights stream."""
    row_tile = min(rows, 4)
    return row_tile, (_ONE_ROW if row_tile == 1 else max(2, _ACCUMULATORS // row_tile)) * lanes


def _index(batch: Shape, index: tuple[int, ...]) -> int:
    """Which matrix of an operand whose batch is broadcast belongs to an output index."""
    flat = 0
    for d, i in zip(batch, index[len(index) - len(batch) :], strict=True):
        flat = flat * d + (i if d > 1 else 0)
    return flat


def _left(b: WasmBuilder, value: str, m: int, k: int, *, transposed: bool) -> WasmPlace:
    if not transposed:
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
    """A matrix [k, n] (or [n, k]) as k rows of n floats, ``pitch`` apart."""
    m = w.reshape(n, k).T if transposed else w.reshape(k, n)
    return Padded((k, pitch(n, n)), w.dtype, ((np.s_[:, :n], m),))


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
