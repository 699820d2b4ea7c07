"""Checked shape arithmetic in Python integers.

numpy's ``prod`` overflows silently (``np.prod([2**62, 4]) == 0``), so sizes are computed here.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Sequence

from tfjslab.base.errors import ShapeError
from tfjslab.base.limits import LIMITS, check_limit

Shape = tuple[int, ...]


def checked_shape(dims: Iterable[object], where: str) -> Shape:
    """Return dims as a tuple of non-negative ints, or raise ShapeError naming ``where``."""
    try:
        given = list(dims)
    except TypeError:
        raise ShapeError(f"{where}: shape {reprlib.repr(dims)}; expected a list of integers >= 0") from None
    shape = tuple(d for d in given if isinstance(d, int) and not isinstance(d, bool) and d >= 0)
    if len(shape) != len(given):
        raise ShapeError(f"{where}: shape {given}; expected integers >= 0")
    check_lengths(shape, where)
    return shape


def check_lengths(shape: Sequence[int], where: str) -> None:
    """LimitError for more axes or elements than a tensor may have; lengths count beside a 0 too, as in numpy."""
    check_limit(f"{where}: rank", len(shape), LIMITS.rank)
    check_limit(f"{where}: number of elements", math.prod(filter(None, shape)), LIMITS.tensor_bytes)


def size_of(shape: Sequence[int]) -> int:
    """Number of elements, exact."""
    return math.prod(shape)


def broadcast(*shapes: Shape) -> Shape:
    """The broadcast shape by numpy's and TensorFlow's rule; ShapeError when it does not exist."""
    rank = max((len(s) for s in shapes), default=0)
    out = [1] * rank
    for s in shapes:
        for i, d in enumerate(s, start=rank - len(s)):
            if d not in (1, out[i]) and out[i] != 1:
                raise ShapeError(f"shapes {' and '.join(str(list(x)) for x in shapes)} cannot be broadcast together")
            out[i] = d if out[i] == 1 else out[i]
    return tuple(out)


def normalize_axis(axis: int, rank: int) -> int:
    """Map a negative axis to its positive one; ShapeError when out of range."""
    if not -rank <= axis < max(rank, 1):
        raise ShapeError(f"axis {axis} is out of range for rank {rank}; expected {-rank} to {rank - 1}")
    return axis % rank if rank else 0


def normalize_axes(axes: Sequence[int] | None, rank: int) -> Shape:
    """Sorted, positive, unique axes; ``None`` means all of them."""
    if axes is None:
        return tuple(range(rank))
    if axes and not rank:
        raise ShapeError(f"axis {axes[0]} is out of range for a scalar, which has no axes")
    return tuple(sorted({normalize_axis(a, rank) for a in axes}))


def window_output(size: int, window: int, stride: int, dilation: int, pad: tuple[int, int]) -> int:
    """Length of a convolution or pooling output along one dimension (floor rule)."""
    span = (window - 1) * dilation + 1
    out = (size + sum(pad) - span) // stride + 1
    if out < 0 or size + sum(pad) < span:
        raise ShapeError(f"a window of {span} does not fit a padded length of {size + sum(pad)}")
    return out


def window_stride(size: int, stride: int, pad: tuple[int, int]) -> int:
    """The stride, no longer than the padded length: with one position it is never taken, and offsets stay small."""
    return min(stride, max(size + sum(pad), 1))


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """TensorFlow's SAME padding (before, after) along one dimension; the odd one goes after."""
    out = -(-size // stride)
    total = max((out - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def window_padding(
    padding: str, explicit: Sequence[int], sizes: Sequence[int], windows: Sequence[int],
    strides: Sequence[int], dilations: Sequence[int],
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding ((top, bottom), (left, right)) for SAME, VALID or EXPLICIT (NHWC list of 8)."""
    if padding == "SAME":
        top, left = (same_padding(*p) for p in zip(sizes, windows, strides, dilations, strict=True))
        return top, left
    if padding == "VALID":
        return (0, 0), (0, 0)
    if padding == "EXPLICIT" and len(explicit) == 8:  # noqa: PLR2004 - N, H, W, C times before, after
        return (explicit[2], explicit[3]), (explicit[4], explicit[5])
    raise ShapeError(
        f"padding {padding!r} with explicit_paddings {list(explicit)}: expected SAME, VALID or EXPLICIT with 8 numbers",
    )
