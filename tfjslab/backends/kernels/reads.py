"""Ops whose outputs are elements of their input in another order: each output is one strided walk over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tfjslab.backends.kernels.strides import broadcast_strides, collapse, row_strides
from tfjslab.base.shapes import Shape, normalize_axis, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.attrs import Attrs
from tfjslab.ops.slicing import Cut, reversed_axes, slice_of, split_sizes, strided_of
from tfjslab.ops.window import image_parts


@dataclass(frozen=True)
class Read:
    """A box of ``dims`` elements, read with ``strides`` from ``first`` on; it is written row-major."""

    dims: Shape
    strides: tuple[int, ...]
    first: int = 0

    def is_all_of(self, shape: Shape) -> bool:
        """Whether it is every element of a tensor of this shape, in order."""
        size = size_of(self.dims)
        if size != size_of(shape) or self.first or not size:
            return False
        dims, strides = collapse(self.dims, (self.strides,))
        return size == 1 or (dims == (1, size) and strides[-1] == 1)


def reads(node: Node, shape: Shape, out: Shape) -> Iterable[tuple[str, Read]]:
    """The walk of each output of a node with an op in ``READS``; ``out`` is the shape of the first."""
    return zip(node.outputs, READS[node.op](node.attrs, shape, out), strict=True)


def _box(shape: Shape, begin: Shape, step: tuple[int, ...], length: Shape) -> Read:
    strides = row_strides(shape)
    first = sum(i * s for i, s in zip(begin, strides, strict=True))
    return Read(length, tuple(n * s for n, s in zip(step, strides, strict=True)), first)


def _cut(cut: Cut, shape: Shape) -> Read:
    """Axes that vanish or appear have length 1 and change nothing."""
    return _box(shape, cut.begin, cut.step, cut.length)


def permuted(shape: Shape, order: Shape) -> Read:
    """The axes in another order."""
    strides = row_strides(shape)
    return Read(tuple(shape[i] for i in order), tuple(strides[i] for i in order))


def _transpose(attrs: Attrs, shape: Shape, _out: Shape) -> list[Read]:
    perm = attrs["perm"]
    return [permuted(shape, tuple(reversed(range(len(shape)))) if perm is None else perm)]


def _reverse(attrs: Attrs, shape: Shape, _out: Shape) -> list[Read]:
    """Reversed axes are read from their end."""
    axes = reversed_axes(shape, attrs)
    begin = tuple(d - 1 if i in axes else 0 for i, d in enumerate(shape))
    return [_box(shape, begin, tuple(-1 if i in axes else 1 for i in range(len(shape))), shape)]


def _parts(shape: Shape, axis: int, lengths: Shape) -> list[Read]:
    """Boxes one after the other along an axis."""
    found, ones = [], (1,) * len(shape)
    for i, n in enumerate(lengths):
        begin = tuple(sum(lengths[:i]) if a == axis else 0 for a in range(len(shape)))
        found.append(_box(shape, begin, ones, (*shape[:axis], n, *shape[axis + 1 :])))
    return found


def _unpack(attrs: Attrs, shape: Shape, _out: Shape) -> list[Read]:
    axis = normalize_axis(attrs["axis"], len(shape))
    return _parts(shape, axis, (1,) * shape[axis])


def _tile(attrs: Attrs, shape: Shape, _out: Shape) -> list[Read]:
    """Every axis as a pair: the repeats, read with stride 0, and the axis itself."""
    dims = tuple(d for pair in zip(attrs["reps"], shape, strict=True) for d in pair)
    return [Read(dims, tuple(s for own in row_strides(shape) for s in (0, own)))]


def _depth_to_space(attrs: Attrs, shape: Shape, _out: Shape) -> list[Read]:
    """[n, h, w, by, bx, c] is read as [n, h, by, w, bx, c]; with channels first [n, by, bx, c, h, w] likewise."""
    n, (h, w), c = image_parts(shape, attrs["data_format"], "DepthToSpace")
    block = attrs["block_size"]
    depth = (block, block, c // block**2)
    if attrs["data_format"] == "NHWC":
        return [permuted((n, h, w, *depth), (0, 1, 3, 2, 4, 5))]
    return [permuted((n, *depth, h, w), (0, 3, 4, 1, 5, 2))]


def _space_to_depth(attrs: Attrs, shape: Shape, _out: Shape) -> list[Read]:
    """[n, h, by, w, bx, c] is read as [n, h, w, by, bx, c]; with channels first [n, c, h, by, w, bx] likewise."""
    n, (h, w), c = image_parts(shape, attrs["data_format"], "SpaceToDepth")
    block = attrs["block_size"]
    space = (h // block, block, w // block, block)
    if attrs["data_format"] == "NHWC":
        return [permuted((n, *space, c), (0, 1, 3, 2, 4, 5))]
    return [permuted((n, c, *space), (0, 3, 5, 1, 2, 4))]


READS: dict[str, Callable[[Attrs, Shape, Shape], list[Read]]] = {
    "Transpose": _transpose, "Reverse": _reverse, "Unpack": _unpack, "Tile": _tile,
    "DepthToSpace": _depth_to_space, "SpaceToDepth": _space_to_depth,
    "Slice": lambda attrs, shape, _: [_cut(slice_of(shape, attrs), shape)],
    "StridedSlice": lambda attrs, shape, _: [_cut(strided_of(shape, attrs), shape)],
    "SplitV": lambda attrs, shape, _: _parts(shape, *split_sizes(shape, attrs)),
    "BroadcastTo": lambda _, shape, out: [Read(out, broadcast_strides(shape, out))],
}
