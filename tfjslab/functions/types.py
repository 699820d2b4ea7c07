"""What dtype a result has."""

from __future__ import annotations

from tfjslab.base.errors import DTypeError

_WIDTHS = ("bool", "int32", "float32", "complex64")


def upcast_type(type_a: str, type_b: str) -> str:
    """The dtype that holds values of both; DTypeError for text beside numbers."""
    if type_a == type_b == "string":
        return "string"
    for dtype in (type_a, type_b):
        if dtype not in _WIDTHS:
            known = ", ".join(_WIDTHS)
            raise DTypeError(f"upcast_type: {type_a} and {type_b}; expected two of {known}, or string twice")
    return max(type_a, type_b, key=_WIDTHS.index)


def sum_out_type(dtype: str) -> str:
    """The dtype of a sum: int32 for bool."""
    return upcast_type(dtype, "int32")
