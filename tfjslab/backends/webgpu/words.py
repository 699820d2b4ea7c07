"""Values as the device holds them: row-major 4-byte words. Truth values are 0 and 1, bytes are widened."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype

_WIDE: dict[str, Any] = {"b": np.uint32, "u": np.uint32, "i": np.int32}


def _word(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.itemsize == 4 else np.dtype(_WIDE[dtype.kind])  # noqa: PLR2004 - bytes of a word


def words(array: Array) -> Array:
    """An array as words, in its own dtype where that has four bytes."""
    return np.ascontiguousarray(array, _word(array.dtype))


def storable(array: Array, dtype: str) -> Array:
    """An array as the words of a value of ``dtype``."""
    return np.ascontiguousarray(array, _word(numpy_dtype(dtype)))


def of_words(data: Array, shape: tuple[int, ...], dtype: str) -> Array:
    """Words that were read back as an array of their own."""
    target = numpy_dtype(dtype)
    return np.array(data.view(_word(target)).reshape(shape), target, copy=True)
