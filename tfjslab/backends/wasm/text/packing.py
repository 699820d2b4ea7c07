"""Layouts of constants as data: which function lays an array out, with which parameters.

A plan that is kept on disk (see ``tfjslab.backends.wasm.plan_cache``) has to say how to make its constants from the
model's weights without holding code, so those functions have names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

import numpy as np

from tfjslab.base.dtypes import Array

_P = ParamSpec("_P")
# What a part of a block is assigned from: an index into the block, and the values.
Part = tuple[Any, Array]


@dataclass(frozen=True, eq=False)
class Padded:
    """A block of zeros with arrays put into it, so that padding costs no second copy of the weights."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    parts: tuple[Part, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the block."""
        return math.prod(self.shape) * self.dtype.itemsize


Block = Array | Padded


def whole(block: Block) -> Array:
    """The block as one array, zeros included."""
    if not isinstance(block, Padded):
        return np.asarray(block)
    found = np.zeros(block.shape, block.dtype)
    for index, values in block.parts:
        found[index] = values
    return found


PACKERS: dict[str, Callable[..., Block]] = {}


@dataclass(frozen=True)
class Packing:
    """The call of a named packer. ``params`` are numbers, truth values, text and tuples of those."""

    packer: str
    params: tuple[Any, ...] = ()

    def __call__(self, array: Array) -> Block:
        """Lay an array out."""
        return PACKERS[self.packer](array, *self.params)


def packer(pack: Callable[Concatenate[Array, _P], Block]) -> Callable[_P, Packing]:
    """Register a function of an array and parameters; what is called instead gives the ``Packing`` for parameters."""
    name = pack.__name__
    PACKERS[name] = pack

    def bound(*args: _P.args, **kwargs: _P.kwargs) -> Packing:
        if kwargs:
            raise TypeError(f"{name} takes its parameters by position")
        return Packing(name, args)

    return bound


@packer
def as_it_is(array: Array) -> Block:
    """Row-major, as in the model."""
    return array
