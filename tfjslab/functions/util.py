"""``tf.util``: small helpers that programs for TensorFlow.js call. Pure Python; nothing here makes a tensor."""

from __future__ import annotations

import random
import time
from collections.abc import MutableSequence, Sequence
from typing import Any

import numpy as np

from tfjslab.base import dtypes
from tfjslab.base.arrays import text_array, to_array
from tfjslab.base.dtypes import Array, dtype_info, numpy_dtype, of_array
from tfjslab.base.errors import ShapeError, UsageError
from tfjslab.base.shapes import checked_shape, normalize_axes, size_of
from tfjslab.engine.tensor import Tensor

_TYPED = (np.ndarray, bytes, bytearray, memoryview)


# ---- shapes ----------------------------------------------------------------------------------------------------------


def size_from_shape(shape: Sequence[int]) -> int:
    """Number of elements of a shape, 1 of the empty one."""
    return size_of(shape)


def is_scalar_shape(shape: Sequence[int]) -> bool:
    """Whether this is the shape of one number."""
    return len(shape) == 0


def assert_shapes_match(shape_a: Sequence[int], shape_b: Sequence[int], error_message_prefix: str = "") -> None:
    """ShapeError unless two shapes are equal."""
    if list(shape_a) != list(shape_b):
        raise ShapeError(f"{error_message_prefix} shapes {list(shape_a)} and {list(shape_b)} must match".strip())


def assert_non_negative_integer_dimensions(shape: Sequence[int]) -> None:
    """ShapeError unless a shape is a list of whole numbers of 0 or more."""
    checked_shape(shape, "util")


def infer_from_implicit_shape(shape: Sequence[int], size: int) -> list[int]:
    """The shape with a number in place of its one -1, so that it has ``size`` elements; ShapeError when none fits."""
    known = size_of([n for n in shape if n != -1])
    unknown = sum(n == -1 for n in shape)
    fits = size == known if not unknown else unknown == 1 and known > 0 and size % known == 0
    if not fits or any(n < -1 for n in shape):
        raise ShapeError(f"shape {list(shape)} for {size} elements; expected at most one -1, and sizes that fit")
    return [size // known if n == -1 else n for n in shape]


def parse_axis_param(axis: int | Sequence[int] | None, shape: Sequence[int]) -> list[int]:
    """Axes as positive numbers, in the order given; all for None."""
    if axis is None:
        return list(range(len(shape)))
    given = [axis] if isinstance(axis, int) else list(axis)
    normalize_axes(given, len(shape))
    return [a % len(shape) for a in given]


def squeeze_shape(shape: Sequence[int], axis: Sequence[int] | None = None) -> dict[str, list[int]]:
    """``new_shape`` without axes of length 1 (all of them, or those in ``axis``), and ``kept_dims``, what is left."""
    chosen = None if axis is None else parse_axis_param(axis, shape)
    for a in chosen or ():
        if shape[a] != 1:
            raise ShapeError(f"cannot squeeze axis {a} of shape {list(shape)}: its length is not 1")
    kept = [i for i, n in enumerate(shape) if n != 1 or (chosen is not None and i not in chosen)]
    return {"new_shape": [shape[i] for i in kept], "kept_dims": kept}


def compute_strides(shape: Sequence[int]) -> list[int]:
    """How far apart, in elements, neighbours along each axis are; the last axis, which is 1, is left out."""
    return [size_of(shape[i + 1 :]) for i in range(len(shape) - 1)]


def loc_to_index(locs: Sequence[int], rank: int, strides: Sequence[int]) -> int:
    """Where an element is among the flat values, from its coordinates."""
    return sum(i * s for i, s in zip(locs, [*strides, 1], strict=True)) if rank else 0


def index_to_loc(index: int, rank: int, strides: Sequence[int]) -> list[int]:
    """The coordinates of an element of the flat values."""
    locs = []
    for stride in strides if rank > 1 else ():
        locs.append(index // stride)
        index %= stride
    return [*locs, index] if rank else []


def size_to_squarish_shape(size: int) -> list[int]:
    """Height and width of about the same size with room for ``size`` elements."""
    width = int(np.ceil(np.sqrt(size)))
    return [width, int(np.ceil(size / width))]


# ---- arrays and dtypes -----------------------------------------------------------------------------------------------


def flatten(arr: Any) -> list[Any]:
    """The elements of nested lists, arrays and tensors in one list."""
    if isinstance(arr, Tensor):
        return list(arr.data_sync().tolist())
    if isinstance(arr, np.ndarray):
        return list(arr.reshape(-1).tolist())
    return [x for part in arr for x in flatten(part)] if isinstance(arr, (list, tuple)) else [arr]


def to_nested_array(shape: Sequence[int], a: Any) -> Any:
    """Flat values as nested lists of a shape."""
    values = np.asarray(flatten(a) if isinstance(a, (list, tuple)) else a)
    if values.size != size_of(shape):
        raise ShapeError(f"{values.size} values; expected {size_of(shape)} for shape {list(shape)}")
    return values.reshape(tuple(shape)).tolist()


def to_typed_array(a: Any, dtype: str) -> Array:
    """Values as a flat array of a dtype."""
    given = to_array(flatten(a) if isinstance(a, (list, tuple)) else a, "util.to_typed_array").reshape(-1)
    return text_array(given, "util.to_typed_array") if dtype == "string" else given.astype(numpy_dtype(dtype))


def make_zeros_typed_array(size: int, dtype: str) -> Array:
    """A flat array of zeros."""
    return np.zeros(size, numpy_dtype(dtype))


def make_ones_typed_array(size: int, dtype: str) -> Array:
    """A flat array of ones."""
    return np.ones(size, numpy_dtype(dtype))


def arrays_equal(n1: Sequence[Any], n2: Sequence[Any]) -> bool:
    """Whether two flat lists or arrays hold the same."""
    return n1 is n2 or (len(n1) == len(n2) and all(a == b for a, b in zip(n1, n2, strict=True)))


def is_typed_array(a: Any) -> bool:
    """Whether this is an array (or bytes) and no list."""
    return isinstance(a, _TYPED)


def infer_dtype(values: Any) -> str:
    """The dtype that a tensor of these values gets."""
    found = of_array(to_array(values, "util.infer_dtype"))
    return "float32" if found == "int32" and not isinstance(values, (np.ndarray, np.generic)) else found


def is_valid_dtype(dtype: str) -> bool:
    """Whether tensors can have this dtype."""
    return dtype in dtypes.DTYPES


def bytes_per_element(dtype: str) -> int:
    """Bytes that an element adds to ``memory().num_bytes``; DTypeError for an unknown dtype."""
    return dtype_info(dtype).bytes_per_element


def has_encoding_loss(old_type: str, new_type: str) -> bool:
    """Whether a cast from one dtype to the other can change values."""
    widths = ("bool", "int32", "float32", "complex64")
    return widths.index(old_type) > widths.index(new_type)


def encode_string(s: str, encoding: str = "utf-8") -> bytes:
    """Text as bytes."""
    return s.encode(encoding)


def decode_string(encoded: bytes, encoding: str = "utf-8") -> str:
    """Bytes as text."""
    return bytes(encoded).decode(encoding)


# ---- numbers ---------------------------------------------------------------------------------------------------------


def shuffle(array: MutableSequence[Any]) -> None:
    """Put the elements into a random order, in place."""
    random.shuffle(array)


def shuffle_combo(array: MutableSequence[Any], array2: MutableSequence[Any]) -> None:
    """Put the elements of two lists of one length into the same random order, in place."""
    if len(array) != len(array2):
        raise UsageError(f"util.shuffle_combo: lists of {len(array)} and {len(array2)} elements; expected one length")
    order = create_shuffled_indices(len(array))
    for values in (array, array2):
        values[:] = [values[i] for i in order]


def create_shuffled_indices(n: int) -> list[int]:
    """The numbers from 0 to before ``n`` in a random order."""
    return random.sample(range(n), n)


def rand_uniform(a: float, b: float) -> float:
    """A random number between ``a`` and ``b``."""
    return random.uniform(a, b)  # noqa: S311 - no secret


def clamp(minimum: float, x: float, maximum: float) -> float:
    """The number of the range that is nearest to ``x``."""
    return max(minimum, min(x, maximum))


def dist_squared(a: Sequence[float], b: Sequence[float]) -> float:
    """The square of the distance of two points."""
    return float(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def nearest_divisor(size: int, start: int) -> int:
    """The smallest divisor of ``size`` from ``start`` on."""
    return next((i for i in range(start, size) if size % i == 0), size)


def nearest_larger_even(val: int) -> int:
    """``val`` where it is even, else the next number."""
    return val + val % 2


def is_int(a: float) -> bool:
    """Whether a number is whole."""
    return a % 1 == 0


def now() -> float:
    """Milliseconds of a clock that only goes forward."""
    return time.perf_counter() * 1e3


def right_pad(a: str, size: int) -> str:
    """Text with spaces behind it, at least ``size`` long."""
    return a.ljust(size)
