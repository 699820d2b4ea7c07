"""Anything that people hand in as data becomes a numpy array here, or an error that says what it is instead.

numpy's own messages tell neither which argument was wrong nor what would be right.
"""

from __future__ import annotations

import math
import reprlib
from numbers import Real
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.base.limits import LIMITS, check_limit

_NUMBERS, _TEXT = "biufc", "US"
_INT64 = np.iinfo(np.int64)


def to_array(value: Any, where: str) -> Array:
    """``value`` as an array of numbers, truth values or text; ``value`` itself where it is one already.

    Raises ShapeError for ragged lists, LimitError for too many dimensions and DTypeError for all that is no data, each
    with ``where`` in front.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS and value.ndim <= LIMITS.rank:
        return np.asarray(value)  # what nearly all predictions are given, let through quickly
    try:
        array = np.asarray(value)
    except ValueError:
        check_limit(f"{where}: rank", _depth(value), LIMITS.rank)
        raise ShapeError(f"{where}: a ragged list cannot become a tensor") from None
    except Exception as e:  # noqa: BLE001 - an object's own __array__ may raise anything
        raise DTypeError(f"{where}: {type(value).__name__} cannot become a tensor: {e}") from None
    check_limit(f"{where}: rank", array.ndim, LIMITS.rank)
    kind = array.dtype.kind
    if kind not in _NUMBERS and kind not in _TEXT and not _holds_text(array):
        raise DTypeError(f"{where}: {_held(array)} cannot become a tensor; expected numbers, bools or text")
    return array


def text_array(array: Array, where: str) -> Array:
    """Text or bytes as an array of str; bytes that are no UTF-8 survive as surrogates, as in the weights of models."""
    out = np.empty(array.shape, object)
    out.reshape(-1)[:] = [s.decode("utf-8", "surrogateescape") if isinstance(s, bytes) else str(s) for s in array.flat]
    for text in out.flat:
        try:
            encoded(text)
        except UnicodeEncodeError:
            raise DTypeError(f"{where}: {reprlib.repr(text)} is no Unicode text: it holds half a character") from None
    return out


def reals(array: Array) -> Array:
    """Complex numbers as pairs of real ones along a last axis; any other array itself."""
    return array[..., None].view(array.real.dtype) if array.dtype.kind == "c" else array


def encoded(text: str) -> bytes:
    """The bytes of an element of ``text_array``."""
    return text.encode("utf-8", "surrogateescape")


def require_finite(where: str, **arguments: Any) -> None:
    """InputError for the first of the named arguments that is no finite number."""
    for name, value in arguments.items():
        try:
            number = float(value) if isinstance(value, Real) else math.nan
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise InputError(f"{where}: {name} is {reprlib.repr(value)}; expected a finite number")


def require_whole(what: str, value: Any, least: int) -> None:
    """InputError unless ``value`` is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"{what} is {reprlib.repr(value)}; expected an integer of at least {least}")


def _depth(value: Any) -> int:
    """How deep lists are nested at their first items."""
    depth = 0
    while isinstance(value, (list, tuple)) and value:
        value, depth = value[0], depth + 1
    return depth


def _holds_text(array: Array) -> bool:
    return array.dtype.kind == "O" and all(isinstance(v, (str, bytes)) for v in array.flat)


def _held(array: Array) -> str:
    """What an array holds that is no data, for messages."""
    if array.dtype.kind != "O":
        return f"values of {array.dtype}"
    wide = next((v for v in array.flat if isinstance(v, int) and not _INT64.min <= v <= _INT64.max), None)
    if wide is not None:
        return f"the integer {reprlib.repr(wide)}, which takes more than 64 bits,"
    return f"values of {', '.join(sorted({type(v).__name__ for v in array.flat}))}"
