"""Values as the device holds them: row-major, in elements of whole words where there is no reason for less.

Truth values are words, 0 and 1. The bytes of quantized models are packed, four to a word. With ``float16`` floats are
stored in two bytes; what is computed with them stays float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.shapes import Shape, size_of

WORD = 4
_VECTOR = 4  # elements: kernels read vectors of four also at the end of a value
_VECTOR_BYTES = 16
_STORED: dict[str, Any] = {
    "float32": np.float32, "int32": np.int32, "bool": np.uint32, "int8": np.int8, "uint8": np.uint8,
    "int16": np.int32,  # constants of quantized models, and what no kernel computes with
}
# Constants are stored by the kind of array that they come as, bytes packed.
_KINDS: dict[str, Any] = {"f": np.float32, "i": np.int32, "u": np.uint32, "b": np.uint32}


def _up(num_bytes: int, step: int) -> int:
    return -(-num_bytes // step) * step


@dataclass(frozen=True)
class Storage:
    """How the values of a session are stored."""

    float16: bool = False

    def element(self, dtype: str) -> np.dtype[Any]:
        """The element type of a value's bytes."""
        return np.dtype(np.float16) if self.float16 and dtype == "float32" else np.dtype(_STORED[dtype])

    def copied_bytes(self, size: int, dtype: str) -> int:
        """Bytes that go in or out for ``size`` elements: whole words."""
        return _up(size * self.element(dtype).itemsize, WORD)

    def stored_bytes(self, size: int, dtype: str = "float32") -> int:
        """Bytes of a value: whole vectors, and never none, which could not be bound."""
        return max(_VECTOR_BYTES, _up(_up(size, _VECTOR) * self.element(dtype).itemsize, _VECTOR_BYTES))

    def pack(self, array: Array, dtype: str) -> Array:
        """An array as the words of a value of ``dtype``."""
        with np.errstate(over="ignore"):  # what float16 cannot hold is infinite, and the accuracy check tells
            flat = np.ascontiguousarray(array, self.element(dtype)).reshape(-1)
        return _whole_words(flat)

    def unpack(self, data: Array, shape: Shape, dtype: str) -> Array:
        """Words that were read back as an array of their own."""
        elements = data.view(self.element(dtype))[: size_of(shape)]
        return np.array(elements.reshape(shape), numpy_dtype(dtype), copy=True)

    def constant(self, array: Array, *, exact: bool) -> tuple[Array, int]:
        """The words of a constant and the bytes that are bound; ``exact`` floats keep their four bytes."""
        kind = array.dtype.kind
        if kind == "f" and self.float16 and not exact:
            return self.pack(array, "float32"), self.stored_bytes(array.size)
        dtype = np.int8 if array.dtype == np.int8 else _KINDS[kind]
        data = _whole_words(np.ascontiguousarray(array, dtype).reshape(-1))
        return data, max(_VECTOR_BYTES, _up(data.nbytes, _VECTOR_BYTES))


def _whole_words(flat: Array) -> Array:
    raw = flat.view(np.uint8)
    return np.pad(raw, (0, -raw.size % WORD)).view(np.uint32) if raw.size % WORD else flat
