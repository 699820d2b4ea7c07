"""Matrix products, and 1x1 convolutions and dense layers, which are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.webgpu.builder import Builder, Place
from tfjslab.backends.webgpu.lower.movement import Copy, copy
from tfjslab.backends.webgpu.lower.operands import epilogue
from tfjslab.backends.webgpu.lower.registry import Specs, float_only, lowering
from tfjslab.backends.webgpu.lower.tiles import Tile, product_tile
from tfjslab.backends.webgpu.templates import MAX_GROUPS, Binding, kernel
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.passes.fusion import Group

_FEW_ROWS = 8  # fewer than this leave lanes idle: columns take their place
_COLUMN_GROUP = 32


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
    batches = [size_of(specs[v].known_shape[:-2]) for v in node.inputs[:2]]
    if any(n not in (1, size_of(out[:-2])) for n in batches):
        return "no GPU kernel for products whose batches are broadcast along some axes only"
    if size_of(out[:-2]) > MAX_GROUPS:
        return f"no GPU kernel for a batch of {size_of(out[:-2])} products"
    return float_only(node, specs)


@lowering("BatchMatMul", refuses=_refuses, takes_epilogue=True)
def lower_matmul(b: Builder, group: Group) -> None:
    """A right operand without a batch makes one product of all rows."""
    core = group.core_node
    left, right = core.inputs[:2]
    out = b.shape(group.output)
    m, n = out[-2:]
    k = b.shape(left)[-2 if core.attrs["transpose_a"] else -1]
    batch, lefts, rights = size_of(out[:-2]), size_of(b.shape(left)[:-2]), size_of(b.shape(right)[:-2])
    flags = (core.attrs["transpose_a"], core.attrs["transpose_b"])
    if rights == 1 and lefts == batch and not flags[0]:
        lower_product(b, group, Product(left, right, m * batch, k, n, transpose_right=flags[1]))
    else:
        lower_product(b, group, Product(left, right, m, k, n, batch, lefts, rights, *flags))


def lower_product(b: Builder, group: Group, p: Product) -> None:
    """Lay both operands out as rows of whole vectors, where they are not, and multiply."""
    few = p.m < _FEW_ROWS
    tile = Tile(p.m, 1, _COLUMN_GROUP) if few else product_tile(p.m, p.n, software=b.software)
    k4, n4 = -(-p.k // 4), -(-p.n // 4)
    a = _left(b, p, k4)
    weights, panels = _right(b, p, tile, n4, few=few)
    whole = p.n % 4 == 0
    tail = epilogue(b, group, 4)
    bindings = (
        Binding("a", "vec4<f32>", constant=a.constant), Binding("w", "vec4<f32>", constant=weights.constant),
        Binding("c", "vec4<f32>" if whole else "f32"), *tail.bindings(4 if whole else 1),
    )
    sizes = {
        "m": p.m, "k4": k4, "n": p.n, "n4": n4, "w_panel": panels.panel, "w_k": panels.row,
        "a_batch": p.m * k4 if p.left_batch > 1 else 0,
        "w_batch": 4 * k4 * n4 if p.right_batch > 1 else 0,
    }
    k = kernel(
        "product", bindings, tuple(sizes), functions=(tail.function,), group=tile.group, rows=tile.rows,
        columns=tile.columns, whole=whole, kinds=tail.kinds, few=few,
        exact=p.m % (tile.rows * tile.group) == 0,
    )
    groups = (-(-n4 // tile.group), 1) if few else (n4 // tile.columns, -(-p.m // (tile.rows * tile.group)))
    b.call(k, (a, weights, b.new(group.output), *tail.places), sizes, (*groups, p.batch))


def _left(b: Builder, p: Product, k4: int) -> Place:
    """The left operand as rows of whole vectors; what is added to the rows is 0."""
    if p.k % 4 == 0 and not p.transpose_left:
        return b.place(p.left)
    rows, k = (p.m, p.k)
    out = b.temporary(p.left_batch * rows * 4 * k4)
    strides = (rows * k, 1, rows) if p.transpose_left else (rows * k, k, 1)
    copy(b, b.place(p.left), out, Copy((p.left_batch, rows, k), strides, (p.left_batch, rows, 4 * k4)))
    return out


def _right(b: Builder, p: Product, tile: Tile, n4: int, *, few: bool) -> tuple[Place, Panels]:
    """The right operand: constant ones in panels of the tile's columns, others as rows."""
    if p.right_batch == 1 and b.constant_array(p.right) is not None:
        return weight_panels(b, p.right, p.k, p.n, Tile(1, n4, 0) if few else tile, transposed=p.transpose_right)
    panels = Panels(tile.columns, n4)
    if p.n % 4 == 0 and p.k % 4 == 0 and not p.transpose_right:
        return b.place(p.right), panels
    k4 = -(-p.k // 4)
    out = b.temporary(p.right_batch * 4 * k4 * 4 * n4)
    strides = (p.k * p.n, 1, p.k) if p.transpose_right else (p.k * p.n, p.n, 1)
    copy(b, b.place(p.right), out, Copy((p.right_batch, p.k, p.n), strides, (p.right_batch, 4 * k4, 4 * n4)))
    return out, panels


def weight_panels(
    b: Builder, value: str, k: int, n: int, tile: Tile, *, transposed: bool = False,
) -> tuple[Place, Panels]:
    """Weights [k, n] as [panel][k][columns] vectors, packed once if constant, else as they come."""
    width = 4 * tile.columns
    k4 = -(-k // 4) * 4
    found = b.packed(value, ("panels", width, k, n, transposed), _packer(k, n, width, transposed=transposed))
    if found is not None:
        return found, Panels(k4 * tile.columns, tile.columns)
    if n % 4 == 0 and not transposed:
        return b.place(value), Panels(tile.columns, n // 4)
    out = b.temporary(k4 * -(-n // 4) * 4)
    copy(b, b.place(value), out, Copy((1, k, n), (0, 1, k) if transposed else (0, n, 1), (1, k4, -(-n // 4) * 4)))
    return out, Panels(tile.columns, -(-n // 4))


def _packer(k: int, n: int, width: int, *, transposed: bool) -> Callable[[Array], Array]:
    def pack(array: Array) -> Array:
        matrix = array.reshape(n, k).T if transposed else array.reshape(k, n)
        wide = np.zeros((-(-k // 4) * 4, -(-n // width) * width), np.float32)
        wide[:k, :n] = matrix
        return wide.reshape(len(wide), -1, width).transpose(1, 0, 2)

    return pack
