"""A tensor in the making: values are set one by one, then it becomes a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfjslab.base.arrays import text_array, to_array
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import checked_shape, size_of
from tfjslab.engine.create import make_tensor
from tfjslab.engine.tensor import Tensor


class TensorBuffer:
    """Values of a shape and dtype that can be changed; ``to_tensor`` copies them into a tensor.

    ``values`` is the flat array of them, ``buffer.values[i] = x`` is fine too.
    """

    def __init__(self, shape: Sequence[int], dtype: str = "float32", values: Any = None) -> None:
        self._shape = checked_shape(shape, "buffer")
        self.dtype = dtype
        if values is None:
            kind = object if dtype == "string" else numpy_dtype(dtype)
            self.values: Array = np.full(size_of(self._shape), "" if dtype == "string" else 0, kind)
            return
        given = to_array(values, "buffer").reshape(-1)
        if given.size != size_of(self._shape):
            raise ShapeError(f"buffer: {given.size} values; expected {size_of(self._shape)} for shape {self.shape}")
        self.values = text_array(given, "buffer") if dtype == "string" else given.astype(numpy_dtype(dtype))

    @property
    def shape(self) -> list[int]:
        """Lengths, as a list of integers."""
        return list(self._shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self._shape)

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    @property
    def strides(self) -> list[int]:
        """How far apart, in elements, neighbours along each axis are; the last axis, which is 1, is left out."""
        return [size_of(self._shape[i + 1 :]) for i in range(self.rank - 1)]

    def set(self, value: Any, *locs: int) -> None:
        """Put ``value`` at a place, one number for each axis (none means the first element)."""
        self.values[self.loc_to_index(locs or (0,) * self.rank)] = value

    def get(self, *locs: int) -> Any:
        """The value at a place, as a Python number or text."""
        found = self.values[self.loc_to_index(locs or (0,) * self.rank)]
        return found.item() if isinstance(found, np.generic) else found

    def loc_to_index(self, locs: Sequence[int]) -> int:
        """Where the element at these coordinates is in ``values``; ShapeError outside of the shape."""
        if len(locs) != self.rank or not all(0 <= i < n for i, n in zip(locs, self._shape, strict=True)):
            raise ShapeError(f"buffer: location {list(locs)}; expected one inside of shape {self.shape}")
        return sum(i * s for i, s in zip(locs, [*self.strides, 1], strict=True)) if locs else 0

    def index_to_loc(self, index: int) -> list[int]:
        """The coordinates of an element of ``values``."""
        if not 0 <= index < self.size:
            raise ShapeError(f"buffer: index {index}; expected 0 to {self.size - 1}")
        return [int(i) for i in np.unravel_index(index, self._shape)]

    def to_tensor(self) -> Tensor:
        """A tensor with a copy of the values."""
        return make_tensor(self.values.reshape(self._shape), self.dtype)

    def __repr__(self) -> str:
        return f"TensorBuffer(shape={self.shape}, dtype={self.dtype})"


def buffer(shape: Sequence[int], dtype: str = "float32", values: Any = None) -> TensorBuffer:
    """A ``TensorBuffer`` of zeros, or with a copy of ``values``."""
    return TensorBuffer(shape, dtype, values)
