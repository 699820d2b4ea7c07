"""TensorProto JSON: constants that stand in the graph itself (``tensorContent`` or ``*Val`` lists)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import ModelError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.shapes import size_of
from tfjslab.formats.graph_model import graphdef
from tfjslab.formats.strict_json import optional, typed


def _text(raw: object, where: str) -> str:
    return graphdef.raw_bytes(raw, where).decode("utf-8", "surrogateescape")


def _bits(raw: object, where: str) -> int:
    bits = graphdef.integer(raw, where)
    if not 0 <= bits < 1 << 16:
        raise ModelError(f"{where}: {bits} is not the bits of a half float", code="model.constant")
    return bits


def _half(raw: object, where: str) -> float:
    return float(np.array(_bits(raw, where), np.uint16).view(np.float16))


def _wide(bits: Array) -> Array:
    """Numbers out of the bits of bfloat16: the upper half of those of float32."""
    return np.asarray((bits.astype(np.uint32) << 16).view(np.float32))


def _bfloat(raw: object, where: str) -> float:
    return float(_wide(np.array([_bits(raw, where)], np.uint16))[0])


# How each TensorFlow dtype is stored: content element type, list of values, decoder of one value.
_Row = tuple[str, str, Callable[[Any, str], Any]]
_STORED: dict[str, _Row] = {
    "DT_FLOAT": ("<f4", "floatVal", graphdef.number), "DT_DOUBLE": ("<f8", "doubleVal", graphdef.number),
    "DT_HALF": ("<f2", "halfVal", _half), "DT_INT32": ("<i4", "intVal", graphdef.integer),
    "DT_INT64": ("<i8", "int64Val", graphdef.integer), "DT_UINT8": ("u1", "intVal", graphdef.integer),
    "DT_INT8": ("i1", "intVal", graphdef.integer), "DT_INT16": ("<i2", "intVal", graphdef.integer),
    "DT_BFLOAT16": ("<u2", "halfVal", _bfloat), "DT_UINT16": ("<u2", "intVal", graphdef.integer),
    "DT_UINT32": ("<u4", "uint32Val", graphdef.integer), "DT_UINT64": ("<u8", "uint64Val", graphdef.integer),
    "DT_BOOL": ("u1", "boolVal", lambda raw, where: typed(raw, bool, where)), "DT_STRING": ("", "stringVal", _text),
    "DT_COMPLEX64": ("<c8", "scomplexVal", graphdef.number), "DT_COMPLEX128": ("<c16", "dcomplexVal", graphdef.number),
}
_CODES = {1: "DT_FLOAT", 2: "DT_DOUBLE", 19: "DT_HALF", 3: "DT_INT32", 9: "DT_INT64", 4: "DT_UINT8", 6: "DT_INT8",
          5: "DT_INT16", 10: "DT_BOOL", 7: "DT_STRING", 8: "DT_COMPLEX64", 14: "DT_BFLOAT16", 17: "DT_UINT16",
          18: "DT_COMPLEX128", 22: "DT_UINT32", 23: "DT_UINT64"}


def decode(raw: dict[str, Any], where: str) -> Array | None:
    """The array, or None when the proto only declares dtype and shape (its weight is in the manifest).

    Sizes are checked first. A single value fills the whole tensor, as in TensorFlow; 64 bit values are clipped to 32.
    """
    dtype = graphdef.dtype(raw.get("dtype"), f"{where}: dtype")
    tf = raw["dtype"] if isinstance(raw["dtype"], str) else _CODES.get(raw["dtype"], "")
    dims = graphdef.shape(optional(raw, "tensorShape", dict, {}, where), where)
    if dims is None or None in dims or tf not in _STORED:
        raise ModelError(f"{where}: {tf or dtype} with shape {dims}; expected a whole tensor", code="model.constant")
    shape = tuple(d for d in dims if d is not None)
    size = size_of(shape)
    check_limit(f"{where}: bytes", size * 8, LIMITS.tensor_bytes)
    element, key, value_of = _STORED[tf]
    if raw.get("tensorContent") and element:
        out = np.frombuffer(_content(raw, size * np.dtype(element).itemsize, where), element)
        out = _wide(out) if tf == "DT_BFLOAT16" else out
    else:
        values = [value_of(v, f"{where}: {key}") for v in optional(raw, key, list, [], where)]
        if dtype == "complex64":  # listed as real, imaginary, real and so on
            values = [complex(*pair) for pair in zip(values[::2], values[1::2], strict=False)]
        if not values and size:
            return None
        if len(values) > size:
            raise ModelError(f"{where}: {len(values)} values, expected {size}", code="model.constant")
        out = _filled(values, size, dtype, where)
    return _narrow(out, dtype).reshape(shape)


def _content(raw: dict[str, Any], expected: int, where: str) -> bytes:
    content = graphdef.raw_bytes(raw["tensorContent"], f"{where}: tensorContent")
    if len(content) != expected:
        raise ModelError(f"{where}: tensorContent has {len(content)} bytes, expected {expected}", code="model.constant")
    return content


def _filled(values: list[Any], size: int, dtype: str, where: str) -> Array:
    """Missing values repeat the last one."""
    wide = {"int32": np.dtype(np.int64), "float32": np.dtype(np.float64)}.get(dtype, numpy_dtype(dtype))
    try:
        listed = np.array(values, dtype=wide)
    except OverflowError:
        raise ModelError(f"{where}: a value does not fit 64 bits", code="model.constant") from None
    return listed if len(values) == size else np.concatenate([listed, np.full(size - len(values), listed[-1])])


def _narrow(out: Array, dtype: str) -> Array:
    info = np.iinfo(np.int32)
    with np.errstate(over="ignore"):
        if out.dtype == np.uint64:
            out = np.minimum(out, np.uint64(info.max))
        narrow = np.clip(out.astype(np.int64), info.min, info.max) if dtype == "int32" else out
        narrow = narrow.astype(numpy_dtype(dtype))
    narrow.flags.writeable = False
    return narrow
