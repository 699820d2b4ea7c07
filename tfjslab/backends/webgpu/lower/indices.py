"""Indices that kernels read are looked at before: what is out of range is an error as it is on the host."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.text.templates import Binding, kernel
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.gathering import check_indices

_GROUP = 256
_NEGATIVE = 1 << 31  # as a word: above all that int32 counts


def index_sizes(shape: Shape) -> dict[str, int]:
    """The limit of each coordinate of an index into ``shape``, and the slices from one to the next."""
    sizes: dict[str, int] = {}
    for d, length in enumerate(shape):
        sizes |= {f"l{d}": length, f"t{d}": size_of(shape[d + 1 :])}
    return sizes


def checks_indices(b: GpuBuilder, node: Node, value: str, limits: Shape) -> bool:
    """Look at indices whose last axis, or none where there is one limit, are coordinates. Constant ones at once.

    False where these are wrong: then the host runs the node, for its error.
    """
    known = b.constant_array(value)
    if known is not None:
        found = known.reshape(-1, len(limits)) if limits else known.reshape(0, 1)
        if np.any((found < 0) | (found >= np.array(limits or (1,)))):
            b.refuse(node, "an index that is out of range")
            return False
        return True

    def complain(axis: int, index: int) -> None:
        check_indices(node.op, np.array([index]), limits[axis])

    _look(b, node, value, limits, complain, least=False)
    return True


def checks_counted(b: GpuBuilder, node: Node, value: str, check: Callable[[Array], None]) -> None:
    """Look for negative numbers; ``check`` raises for the least."""
    _look(b, node, value, (_NEGATIVE,), lambda _axis, least: check(np.array([least])), least=True)


def _look(
    b: GpuBuilder, node: Node, value: str, limits: Shape, complain: Callable[[int, int], None], *, least: bool,
) -> None:
    count = b.spec(value).size // max(len(limits), 1)
    if not count or not limits:
        return
    source = b.place(value)
    place, slot = b.check(node, complain)
    sizes = {"count": count, "slot": slot, **{f"l{d}": n for d, n in enumerate(limits)}}
    bindings = Binding("a", "i32", source.constant), Binding("c", "u32")
    k = kernel("check", bindings, tuple(sizes), lanes=1, group=_GROUP, depth=len(limits), least=least)
    b.call(k, (source, place), sizes, (1, 1, 1))
