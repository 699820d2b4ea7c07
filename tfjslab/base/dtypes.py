"""The dtype table: names, numpy types, sizes and the names TensorFlow files use.

Byte sizes follow ``bytesPerElement`` of TensorFlow.js: bool takes one byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tfjslab.base.errors import DTypeError, did_you_mean

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class DType:
    """One tensor element type; ``tf_names`` are the GraphDef enums read as this type."""

    name: str
    numpy: np.dtype[Any]
    bytes_per_element: int
    tf_names: tuple[str, ...]
    tf_codes: tuple[int, ...]


# TF.js has no 64-bit or 8-bit integers and no float16: its reader widens or narrows them as below.
_TABLE = (
    DType("float32", np.dtype(np.float32), 4, ("DT_FLOAT", "DT_DOUBLE", "DT_HALF", "DT_BFLOAT16"), (1, 2, 19, 14)),
    DType("int32", np.dtype(np.int32), 4,
          ("DT_INT32", "DT_INT64", "DT_UINT8", "DT_INT8", "DT_INT16", "DT_UINT16", "DT_UINT32", "DT_UINT64"),
          (3, 9, 4, 6, 5, 17, 22, 23)),
    DType("bool", np.dtype(np.bool_), 1, ("DT_BOOL",), (10,)),
    DType("complex64", np.dtype(np.complex64), 8, ("DT_COMPLEX64", "DT_COMPLEX128"), (8, 18)),
    DType("string", np.dtype(object), 0, ("DT_STRING",), (7,)),
    # Handles of TensorLists and TensorArrays: a Python object, never numbers.
    DType("variant", np.dtype(object), 0, ("DT_VARIANT", "DT_RESOURCE"), (21, 20)),
)
DTYPES = {d.name: d for d in _TABLE}
MOST_BYTES_PER_ELEMENT = max(d.bytes_per_element for d in _TABLE)
# What no kernel of any backend knows: Python or numpy holds such values, and no plan keeps them in its memory.
ON_HOST = frozenset({"complex64", "string", "variant"})
# Values of quantized graphs, and of the inputs and outputs of .tflite files. Tensors of users, TensorFlow's files and
# casts stay with the types of TF.js.
_INTERNAL = {d.name: d for d in (
    DType("int8", np.dtype(np.int8), 1, (), ()), DType("uint8", np.dtype(np.uint8), 1, (), ()),
    DType("int16", np.dtype(np.int16), 2, (), ()),
)}
_KINDS = {
    "f": "float32", "i": "int32", "u": "int32", "b": "bool", "c": "complex64", "U": "string", "S": "string",
    "O": "string",
}
_BY_TF = {n: d.name for d in _TABLE for n in d.tf_names}
_BY_TF_CODE: dict[Any, str] = {c: d.name for d in _TABLE for c in d.tf_codes}


def dtype_info(name: str) -> DType:
    """Look a dtype up by name, or raise DTypeError listing the known ones."""
    try:
        return DTYPES[name]
    except (KeyError, TypeError):
        known = ", ".join(DTYPES)
        raise DTypeError(f"dtype {name!r} is not one of {known}{did_you_mean(str(name), DTYPES)}") from None


def element_type(name: str) -> DType:
    """``dtype_info`` for the values of a graph, which may also be the short integers of quantized ones."""
    return _INTERNAL[name] if name in _INTERNAL else dtype_info(name)


def is_short(name: str) -> bool:
    """Whether values of a graph have this dtype and tensors of users do not: int8, uint8 and int16."""
    return name in _INTERNAL


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The numpy dtype that stores ``name``."""
    return element_type(name).numpy


def from_tf(tf: str | int) -> str:
    """Translate ``DT_FLOAT`` (or its enum number) to a dtype name; DTypeError if TF.js cannot hold it."""
    found = _BY_TF.get(tf) if isinstance(tf, str) else _BY_TF_CODE.get(tf)
    if found is None:
        raise DTypeError(f"dtype {tf!r} of a TensorFlow file is not supported; supported: {', '.join(_BY_TF)}")
    return found


def to_tf(name: str) -> str:
    """The GraphDef enum name written for ``name``."""
    return dtype_info(name).tf_names[0]


def of_array(array: Array) -> str:
    """The dtype a numpy array is stored as: floats narrow to float32, integers to int32, as in TF.js."""
    return _of_user(array.dtype)


def of_value(array: Array) -> str:
    """``of_array`` for the values of a graph: int8 is int8 there, and not an integer that a user handed in."""
    return _of_graph(array.dtype)


@lru_cache(maxsize=64)  # asked with every prediction, and numpy makes the name anew each time
def _of_graph(dtype: np.dtype[Any]) -> str:
    return dtype.name if dtype.name in _INTERNAL else _of_user(dtype)


@lru_cache(maxsize=64)
def _of_user(dtype: np.dtype[Any]) -> str:
    if dtype.kind not in _KINDS:
        raise DTypeError(f"numpy dtype {dtype} cannot become a tensor; use float, int, bool, complex or str data")
    return _KINDS[dtype.kind]
