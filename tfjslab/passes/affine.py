"""Scaling and shifting by constants: batch norm, and the sums and products that it is spelled out as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.passes.draft import Draft

BATCH_NORM = "FusedBatchNorm"
# The algebra of this module: ops that it can write as a scale and a shift, see ``_arithmetic``.
_COMMUTATIVE = ("Add", "Multiply")
_OPS = (*_COMMUTATIVE, "Sub", "RealDiv", BATCH_NORM)


@dataclass(frozen=True)
class Affine:
    """``scale * x + shift`` in float64, one value or one a channel. ``rank`` is the highest of the constants'."""

    scale: Array
    shift: Array
    rank: int
    last_axis: bool

    def then(self, other: Affine) -> Affine:
        """Both in a row, ``other`` second."""
        with np.errstate(all="ignore"):  # what is not finite is told by ``fault``
            scale, shift = self.scale * other.scale, self.shift * other.scale + other.shift
        return Affine(scale, shift, max(self.rank, other.rank), self.last_axis and other.last_axis)

    @property
    def fault(self) -> str:
        """Why it cannot be put into weights whatever those are; empty when it can."""
        if not self.last_axis:
            return "its constants differ along another axis than the last"
        if not (np.isfinite(self.scale).all() and np.isfinite(self.shift).all()):
            return "its constants give a scale or shift that is not finite"
        return ""


NOTHING = Affine(np.ones(1), np.zeros(1), 0, last_axis=True)


def affine_of(draft: Draft, node: Node) -> tuple[str, Affine] | None:
    """The value that ``node`` scales and shifts by constants, and how; None for other nodes."""
    if node.op not in _OPS:
        return None
    arrays = [draft.floats(v) for v in node.inputs]
    if node.op == BATCH_NORM:
        known = [a for a in arrays[1:] if a is not None]
        return (node.inputs[0], _batch_norm(known, node.attrs["epsilon"])) if len(known) == len(arrays) - 1 else None
    constant = [i for i, a in enumerate(arrays) if a is not None]
    if len(constant) != 1:
        return None
    (index,) = constant
    found = arrays[index]
    return None if found is None else _arithmetic(node, index, found)


def _batch_norm(arrays: list[Array], epsilon: float) -> Affine:
    mean, variance, offset, gamma = (a.astype(np.float64) for a in arrays)
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + epsilon)
        return _affine(scale, offset - mean * scale, *arrays)


def _arithmetic(node: Node, index: int, array: Array) -> tuple[str, Affine] | None:
    """``x op array`` or ``array op x``."""
    value, c, zero = node.inputs[1 - index], array.astype(np.float64), np.zeros(1)
    with np.errstate(all="ignore"):
        match node.op, index:
            case "Add", _:
                return value, _affine(zero + 1, c, array)
            case "Multiply", _:
                return value, _affine(c, zero, array)
            case "Sub", 1:
                return value, _affine(zero + 1, -c, array)
            case "Sub", 0:
                return value, _affine(zero - 1, c, array)
            case "RealDiv", 1:
                return value, _affine(1 / c, zero, array)
    return None


def _affine(scale: Array, shift: Array, *arrays: Array) -> Affine:
    last = all(a.size == 1 or a.size == a.shape[-1] for a in arrays)
    return Affine(scale.reshape(-1), shift.reshape(-1), max(a.ndim for a in arrays), last)
