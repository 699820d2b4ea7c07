"""Layers of several inputs."""

from __future__ import annotations

from tfjslab.formats.layers.call import Call, layer


def _fold(c: Call, tf_op: str) -> str:
    """Left to right, as in TF.js. A lower rank gets axes of length 1 after the batch, as Keras does it."""
    if not c.inputs:
        raise c.fail("no inputs, expected one or more")
    rank = max(c.rank(v) for v in c.inputs)
    out = ""
    for value in c.inputs:
        aligned = value
        for _ in range(rank - c.rank(value)):
            aligned = c.add("ExpandDims", aligned, axis=1)
        out = c.add(tf_op, out, aligned) if out else aligned
    return out


@layer("Add")
def _add(c: Call) -> str:
    return _fold(c, "AddV2")


@layer("Subtract")
def _subtract(c: Call) -> str:
    if len(c.inputs) != 2:  # noqa: PLR2004 - minuend, subtrahend
        raise c.fail(f"{len(c.inputs)} inputs, expected two")
    return _fold(c, "Sub")


@layer("Multiply")
def _multiply(c: Call) -> str:
    return _fold(c, "Mul")


@layer("Average")
def _average(c: Call) -> str:
    return c.add("Mul", _fold(c, "AddV2"), c.constant("share", 1 / max(len(c.inputs), 1)))


@layer("Maximum")
def _maximum(c: Call) -> str:
    return _fold(c, "Maximum")


@layer("Minimum")
def _minimum(c: Call) -> str:
    return _fold(c, "Minimum")


@layer("Concatenate")
def _concatenate(c: Call) -> str:
    (axis,) = c.integers("axis", (-1,), 1)
    return c.add("ConcatV2", *c.inputs, axis=axis)
