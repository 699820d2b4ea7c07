"""Reductions as [outer][n][inner] to [outer][inner], over any axes."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.kernels.reads import Read, permuted
from tfjslab.base.shapes import Shape, normalize_axes, size_of
from tfjslab.ops.attrs import Attrs


@dataclass(frozen=True)
class Reduced:
    """A tensor in three extents, of which the middle one is reduced.

    Where axes that are kept lie between those that are reduced, it is to be ``moved`` first.
    """

    outer: int
    n: int
    inner: int
    moved: Read | None = None


def reduced_axes(shape: Shape, attrs: Attrs) -> Shape:
    """The axes of a reduction, ascending and not negative."""
    return normalize_axes(attrs["axis"], len(shape))


def reduced(shape: Shape, axes: Shape) -> Reduced:
    """The extents of a reduction over ``axes``, which are ascending; over none, n is 1."""
    first, last = next(iter(axes), 0), next(reversed(axes), -1)
    kept = [i for i in range(last + 1) if i not in axes]
    outer, n, inner = (size_of([shape[i] for i in part]) for part in (kept, axes, range(last + 1, len(shape))))
    if size_of([shape[i] for i in kept if i > first]) == 1:
        return Reduced(outer, n, inner)
    return Reduced(outer, n, inner, permuted(shape, (*kept, *axes, *range(last + 1, len(shape)))))
