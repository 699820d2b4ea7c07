"""Matrix products, and 1x1 convolutions and dense layers, which are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.kernels.reads import Read
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.webgpu.builder import GpuBuilder, GpuPlace
from tfjslab.backends.webgpu.lower.movement import Copy, copy, moved
from tfjslab.backends.webgpu.lower.operands import NOTHING, GpuEpilogue, element_type, epilogue
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.lower.tiles import STAGED_VECTORS, GpuTile, product_tiles
from tfjslab.backends.webgpu.text.templates import MAX_GROUPS, Binding, GpuKernel, grid, kernel
from tfjslab.backends.webgpu.trials import GpuTrial
from tfjslab.backends.webgpu.tuning import volume
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.passes.fusion import Group

_GROUP = 64


@dataclass(frozen=True)
class Product:
    """``batch`` products of left [m, k] and right [k, n]; a matrix without a batch of its own is used by all."""

    left: str
    right: str
    m: int
    k: int
    n: int
    batch: int = 1
    left_batch: int = 1
    right_batch: int = 1
    transpose_left: bool = False
    transpose_right: bool = False


@dataclass(frozen=True)
class Panels:
    """Vectors from one panel of columns to the next, and from one row to the next."""

    panel: int
    row: int


def _refuses(node: Node, specs: Specs) -> str:
    out = specs[node.outputs[0]].known_shape
    if size_of(out[:-2]) > MAX_GROUPS:
        return f"no GPU kernel for a batch of {size_of(out[:-2])} products"
    return TABLE.only(node, specs, "float32", "int32")


@lowering("BatchMatMul", refuses=_refuses, takes_epilogue=True)
def lower_matmul(b: GpuBuilder, group: Group) -> None:
    """A right operand without a batch makes one product of all rows."""
    core = group.core_node
    left, right = core.inputs[:2]
    out = b.shape(group.output)
    m, n = out[-2:]
    k = b.shape(left)[-2 if core.attrs["transpose_a"] else -1]
    batch, lefts, rights = size_of(out[:-2]), size_of(b.shape(left)[:-2]), size_of(b.shape(right)[:-2])
    flags = (core.attrs["transpose_a"], core.attrs["transpose_b"])
    if k == 0 or b.spec(left).dtype != "float32":
        _plain(b, group, Product(left, right, m, k, n, batch, lefts, rights, *flags))
    elif rights == 1 and lefts == batch and not flags[0]:
        lower_product(b, group, Product(left, right, m * batch, k, n, transpose_right=flags[1]))
    else:
        lower_product(b, group, Product(left, right, m, k, n, batch, lefts, rights, *flags))


def lower_product(b: GpuBuilder, group: Group, p: Product) -> None:
    """Lay both operands out as rows of whole vectors, where they are not, and multiply."""
    k4, n4 = -(-p.k // 4), -(-p.n // 4)
    a = _left(b, p, k4)
    tile = b.choose(
        f"product {volume(p.m, k4, n4)}", product_tiles(p.m, p.n, b.capabilities), lambda t: _trial(p, t),
        work=p.m * k4 * n4,
    )
    weights, panels = _right(b, p, tile, n4)
    tail = epilogue(b, group, 4)
    sizes = _sizes(p, panels)
    k = _kernel(p, tile, tail, tuple(sizes), (a.constant, weights.constant))
    b.call(k, (a, weights, b.new(group.output), *tail.places), sizes, (*tile.groups(p.m, n4), p.batch))


def _plain(b: GpuBuilder, group: Group, p: Product) -> None:
    """A sum for each element of the output."""
    dtype, count = b.spec(group.output).dtype, b.spec(group.output).size
    a_steps, w_steps = (1, p.m) if p.transpose_left else (p.k, 1), (p.k, 1) if p.transpose_right else (1, p.n)
    sizes = {
        "count": count, "m": p.m, "n": p.n, "k": p.k, "a_row": a_steps[0], "a_k": a_steps[1], "w_column": w_steps[0],
        "w_k": w_steps[1], "a_batch": p.m * p.k if p.left_batch > 1 else 0,
        "w_batch": p.k * p.n if p.right_batch > 1 else 0,
    }
    tail, element, places = epilogue(b, group, 1), element_type(dtype, 1), (b.place(p.left), b.place(p.right))
    bindings = (
        Binding("a", element, places[0].constant), Binding("w", element, places[1].constant), Binding("c", element),
        *tail.bindings(1),
    )
    k = kernel(
        "dot", bindings, tuple(sizes), functions=(tail.function,), lanes=1, group=_GROUP, kinds=tail.kinds,
        number=element,
    )
    b.call(k, (*places, b.new(group.output), *tail.places), sizes, grid(-(-count // _GROUP)))


def _sizes(p: Product, panels: Panels) -> dict[str, int]:
    k4, n4 = -(-p.k // 4), -(-p.n // 4)
    return {
        "m": p.m, "k4": k4, "n": p.n, "n4": n4, "w_panel": panels.panel, "w_k": panels.row,
        "a_batch": p.m * k4 if p.left_batch > 1 else 0, "w_batch": 4 * k4 * n4 if p.right_batch > 1 else 0,
    }


def _kernel(
    p: Product, tile: GpuTile, tail: GpuEpilogue, sizes: tuple[str, ...], constant: tuple[bool, bool],
) -> GpuKernel:
    whole = p.n % 4 == 0
    bindings = (
        Binding("a", "vec4<f32>", constant[0]), Binding("w", "vec4<f32>", constant[1]),
        Binding("c", "vec4<f32>" if whole else "f32"), *tail.bindings(4 if whole else 1),
    )
    return kernel(
        "product", bindings, sizes, functions=(tail.function,), whole=whole, kinds=tail.kinds,
        depth=STAGED_VECTORS, **tile.params(),
    )


def _trial(p: Product, tile: GpuTile) -> GpuTrial:
    """The product alone, with constant weights in panels."""
    k4, n4 = -(-p.k // 4), -(-p.n // 4)
    sizes = _sizes(p, constant_panels(p.k, p.n, tile))
    k = _kernel(p, tile, NOTHING, tuple(sizes), (False, True))
    lengths = (p.left_batch * p.m * k4, p.right_batch * 4 * k4 * (n4 + tile.wide), -(-p.batch * p.m * p.n // 4))
    return GpuTrial(k, lengths, tuple(sizes.values()), (*tile.groups(p.m, n4), p.batch))


def _left(b: GpuBuilder, p: Product, k4: int) -> GpuPlace:
    """The left operand as rows of whole vectors; what is added to the rows is 0."""
    if p.k % 4 == 0 and not p.transpose_left:
        return b.place(p.left)
    rows, k = (p.m, p.k)
    out = b.temporary(p.left_batch * rows * 4 * k4)
    strides = (rows * k, 1, rows) if p.transpose_left else (rows * k, k, 1)
    copy(b, b.place(p.left), out, Copy((p.left_batch, rows, k), strides, (p.left_batch, rows, 4 * k4)))
    return out


def _right(b: GpuBuilder, p: Product, tile: GpuTile, n4: int) -> tuple[GpuPlace, Panels]:
    """The right operand: constant ones in panels of a workgroup's columns, others as rows."""
    if p.right_batch == 1 and b.constant_array(p.right) is not None:
        return weight_panels(b, p.right, p.k, p.n, tile, transposed=int(p.transpose_right))
    panels = Panels(tile.wide, n4)
    if p.n % 4 == 0 and p.k % 4 == 0 and not p.transpose_right:
        return b.place(p.right), panels
    k4 = -(-p.k // 4)
    out = b.temporary(p.right_batch * 4 * k4 * 4 * n4)
    strides = (p.k * p.n, 1, p.k) if p.transpose_right else (p.k * p.n, p.n, 1)
    copy(b, b.place(p.right), out, Copy((p.right_batch, p.k, p.n), strides, (p.right_batch, 4 * k4, 4 * n4)))
    return out, panels


def weight_panels(
    b: GpuBuilder, value: str, k: int, n: int, tile: GpuTile, *, transposed: int = 0,
) -> tuple[GpuPlace, Panels]:
    """Weights [k, n] as [panel][k][columns] vectors, packed once if constant, else as they come.

    Those that are ``transposed`` are so many matrices below each other, each of which is.
    """
    k4, n4 = -(-k // 4), -(-n // 4)
    panels = constant_panels(k, n, tile)
    width = 4 * panels.row
    found = b.packed(value, ("panels", width, k, n, transposed), _packer(k, n, width, transposed=transposed))
    if found is not None:
        return found, panels
    inner = k // max(transposed, 1)
    read = Read((transposed, inner, n), (n * inner, 1, inner))
    source = moved(b, value, read) if transposed else b.place(value)
    if n % 4 == 0:
        return source, Panels(tile.wide, n4)
    out = b.temporary(4 * k4 * 4 * n4)
    copy(b, source, out, Copy((1, k, n), (0, n, 1), (1, 4 * k4, 4 * n4)))
    return out, Panels(tile.wide, n4)


def constant_panels(k: int, n: int, tile: GpuTile) -> Panels:
    """Panels as wide as a workgroup; a single one has no more columns than there are."""
    row = min(tile.wide, -(-n // 4))
    return Panels(4 * -(-k // 4) * row, row)


def _packer(k: int, n: int, width: int, *, transposed: int) -> Callable[[Array], Array]:
    def pack(array: Array) -> Array:
        matrix = (array.reshape(transposed, n, -1).swapaxes(1, 2) if transposed else array).reshape(k, n)
        wide = np.zeros((-(-k // 4) * 4, -(-n // width) * width), np.float32)
        wide[:k, :n] = matrix
        return wide.reshape(len(wide), -1, width).transpose(1, 0, 2)

    return pack
