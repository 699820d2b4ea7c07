"""How row-major tensors are walked: element strides, broadcasting, and dimensions merged where all walk as one."""

from __future__ import annotations

from tfjslab.base.shapes import Shape, size_of


def row_strides(shape: Shape) -> tuple[int, ...]:
    """Element strides of a row-major tensor."""
    return tuple(size_of(shape[i + 1 :]) for i in range(len(shape)))


def broadcast_strides(shape: Shape, out: Shape) -> tuple[int, ...]:
    """Element strides of a row-major operand along the output's dimensions; 0 where it is broadcast."""
    strides, step = [], 1
    for d in reversed((1,) * (len(out) - len(shape)) + shape):
        strides.append(0 if d == 1 else step)
        step *= d
    return tuple(reversed(strides))


def collapse(
    dims: tuple[int, ...], strides: tuple[tuple[int, ...], ...],
) -> tuple[tuple[int, ...], ...]:
    """Merge neighbouring dimensions that all operands walk as one; at least two dimensions remain.

    Returns (dims, strides of the first operand, strides of the second, ...).
    """
    kept = [(d, tuple(s[i] for s in strides)) for i, d in enumerate(dims) if d != 1]
    merged: list[tuple[int, tuple[int, ...]]] = []
    for d, s in kept:
        if merged and all(a == b * d for a, b in zip(merged[-1][1], s, strict=True)):
            merged[-1] = (merged[-1][0] * d, s)
        else:
            merged.append((d, s))
    while len(merged) < 2:  # noqa: PLR2004 - kernels have an outer dimension to share and an inner one
        merged.insert(0, (1, tuple(0 for _ in strides)))
    return tuple(d for d, _ in merged), *(tuple(s[i] for _, s in merged) for i in range(len(strides)))
