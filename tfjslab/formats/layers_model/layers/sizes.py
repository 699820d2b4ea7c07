"""Lengths of axes that may be open, and shapes made of them.

A length is an integer where it is known, else the name of a scalar that tells it when the model runs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfjslab.formats.layers_model.layers.call import Call
from tfjslab.graph.builder import Supplied

Size = int | str
_KNOWN: dict[str, Callable[[int, int], int]] = {"AddV2": operator.add, "Mul": operator.mul, "Sub": operator.sub}


def size_of(c: Call, value: str, axis: int) -> Size:
    """The length of an axis of a value."""
    known = c.shape(value)[axis]
    if known is not None:
        return known
    at = axis % c.rank(value)
    return c.add("StridedSlice", c.add("Shape", value), begin=[at], end=[at + 1], strides=[1], shrink_axis_mask=1)


def sizes_of(c: Call, value: str) -> list[Size]:
    """The lengths of all axes of a value."""
    return [size_of(c, value, axis) for axis in range(c.rank(value))]


def computed(c: Call, tf_op: str, left: Size, right: int) -> Size:
    """The sum, difference or product of a length and a number."""
    if isinstance(left, int):
        return _KNOWN[tf_op](left, right)
    return c.add(tf_op, left, c.constant("number", right, np.int32))


def as_attribute(c: Call, sizes: Sequence[Size]) -> list[Any] | Supplied:
    """Lengths as an attribute of an op: numbers, or a value that holds them."""
    if all(isinstance(s, int) for s in sizes):
        return list(sizes)
    scalars = [s if isinstance(s, str) else c.constant("length", s, np.int32) for s in sizes]
    return Supplied(c.add("Pack", *scalars, axis=0))


def reshaped(c: Call, value: str, sizes: Sequence[Size]) -> str:
    """A value in another shape, in which one length may be -1."""
    unknown = [i for i, s in enumerate(sizes) if not isinstance(s, int)]
    if len(unknown) == 1 and -1 not in sizes:  # it follows from the others
        sizes = [*sizes[: unknown[0]], -1, *sizes[unknown[0] + 1 :]]
    return c.add("Reshape", value, shape=as_attribute(c, sizes))


def steps_in_batch(c: Call, x: str) -> tuple[str, Callable[[str], str]]:
    """A value with its second axis put into the batch, and what takes a result of it apart again."""
    batch, steps = size_of(c, x, 0), size_of(c, x, 1)
    rest = [size_of(c, x, i) for i in range(2, c.rank(x))]

    def apart(out: str) -> str:
        lengths = [size_of(c, out, i) for i in range(1, c.rank(out))]
        open_steps = isinstance(steps, str) or any(isinstance(n, str) for n in lengths)
        return reshaped(c, out, [batch if open_steps else -1, steps, *lengths])

    return reshaped(c, x, [-1, *rest]), apart
