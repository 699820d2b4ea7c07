"""Mirrors at the edges, and blocks of pixels that move between space and batch: as strided walks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from tfjslab.backends.kernels.reads import Read, permuted
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.base.shapes import Shape
from tfjslab.ops.attrs import Attrs


@dataclass(frozen=True)
class Box:
    """A box of ``dims`` elements: where it begins in the source and in the output, and its steps in the source.

    All are by axis and in elements along it; a step of -1 reads backwards.
    """

    begin: Shape
    before: Shape
    steps: tuple[int, ...]
    dims: Shape

    def first(self, strides: tuple[int, ...]) -> int:
        """The element of the source that it begins with."""
        return sum(i * s for i, s in zip(self.begin, strides, strict=True))

    def start(self, strides: tuple[int, ...]) -> int:
        """The element of the output that it begins at."""
        return sum(i * s for i, s in zip(self.before, strides, strict=True))

    def walk(self, strides: tuple[int, ...]) -> tuple[int, ...]:
        """Its strides in a source with these."""
        return tuple(n * s for n, s in zip(self.steps, strides, strict=True))


def mirrored(shape: Shape, attrs: Attrs, axes: Shape) -> Iterator[Box]:
    """MirrorPad: the inside, and what is mirrored before and behind it along each axis, with axes in this order."""
    spare = int(attrs["mode"] == "REFLECT")  # the edge itself is not repeated
    for runs in product(*(_runs(shape[a], attrs["paddings"][a], spare) for a in axes)):
        yield Box(*zip(*runs, strict=True)) if runs else Box((), (), (), ())


def _runs(length: int, padding: tuple[int, int], spare: int) -> list[tuple[int, int, int, int]]:
    """Along one axis: where a run begins in the source and in the output, its step in the source, its length."""
    before, behind = padding
    runs = [
        (before - 1 + spare, 0, -1, before), (0, before, 1, length), (length - 1 - spare, before + length, -1, behind),
    ]
    return [run for run in runs if run[3]]


@dataclass(frozen=True)
class PaddedImage:
    """An image with zeros around it: its shape, and how much comes before the image along each axis."""

    shape: Shape
    before: Shape


def padded_for_batch(shape: Shape, attrs: Attrs) -> PaddedImage | None:
    """What SpaceToBatchND cuts into blocks; None where nothing is padded."""
    pads, m = attrs["paddings"], len(attrs["block_shape"])
    if not any(map(any, pads)):
        return None
    before = (0, *(p[0] for p in pads), *(0,) * (len(shape) - m - 1))
    space = (d + sum(p) for d, p in zip(shape[1:], pads, strict=False))
    return PaddedImage((shape[0], *space, *shape[m + 1 :]), before)


def space_to_batch(shape: Shape, attrs: Attrs) -> Read:
    """[n, h, by, w, bx, ...] of the padded image is read as [by, bx, n, h, w, ...]."""
    block, m = attrs["block_shape"], len(attrs["block_shape"])
    cut = (n for d, k in zip(shape[1:], block, strict=False) for n in (d // k, k))
    axes = (*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m, 2), *range(2 * m + 1, m + len(shape)))
    return permuted((shape[0], *cut, *shape[m + 1 :]), axes)


def batch_to_space(shape: Shape, batch: int, attrs: Attrs) -> Read:
    """[by, bx, n, h, w, ...] is read as [n, h, by, w, bx, ...], all of it; see ``cropped``."""
    block, m = attrs["block_shape"], len(attrs["block_shape"])
    axes = (m, *(n for i in range(m) for n in (m + 1 + i, i)), *range(2 * m + 1, m + len(shape)))
    return permuted((*block, batch, *shape[1:]), axes)


def cropped(shape: Shape, out: Shape, attrs: Attrs) -> Read | None:
    """What BatchToSpaceND leaves of the image that ``batch_to_space`` made; None where nothing is cut off."""
    block, crops = attrs["block_shape"], attrs["crops"]
    if not any(map(any, crops)):
        return None
    space = (d * k for d, k in zip(shape[1:], block, strict=False))
    strides = row_strides((out[0], *space, *shape[len(block) + 1 :]))
    return Read(out, strides, sum(c * s for (c, _), s in zip(crops, strides[1:], strict=False)))
