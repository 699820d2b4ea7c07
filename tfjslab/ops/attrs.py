"""Attributes of ops: kinds, defaults and the check that turns what a file or a user gave into canonical values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base import dtypes
from tfjslab.base.errors import UsageError, did_you_mean

Attrs = Mapping[str, Any]


class _Required:
    """Marks an attribute without default."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()


def _int(v: Any) -> int:
    if isinstance(v, (bool, np.bool_)) or int(v) != v:
        raise ValueError
    return int(v)


def _float(v: Any) -> float:
    if isinstance(v, (bool, np.bool_)):
        raise TypeError
    return float(v)


def _value(v: Any) -> float:
    return float(v)


def _bool(v: Any) -> bool:
    if not isinstance(v, (bool, np.bool_)):
        raise TypeError
    return bool(v)


def _str(v: Any) -> str:
    if not isinstance(v, str):
        raise TypeError
    return v


def _word(v: Any) -> str:
    return _str(v).upper()


def _ints(v: Any) -> tuple[int, ...]:
    if type(v) is tuple and all(type(x) is int for x in v):
        return v  # resolved before: every check of a graph comes by here
    return tuple(_int(x) for x in np.atleast_1d(np.asarray(v)).ravel().tolist())


def _bools(v: Any) -> tuple[bool, ...]:
    return tuple(_bool(x) for x in np.atleast_1d(np.asarray(v)).ravel().tolist())


def _pairs(v: Any) -> tuple[tuple[int, int], ...]:
    a = np.asarray(v)
    if a.size == 0:
        return ()
    return tuple((_int(x), _int(y)) for x, y in a.reshape(-1, 2).tolist())


def _strs(v: Any) -> tuple[str, ...]:
    return (v,) if isinstance(v, str) else tuple(_str(x) for x in v)


def _dims(v: Any) -> tuple[int, ...]:
    # The shape attribute of a file has None for unknown lengths and None for unknown rank; tensors have -1 for both.
    return _ints([-1 if d is None else d for d in np.atleast_1d(np.asarray(-1 if v is None else v)).ravel().tolist()])


_KINDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "int": ("an integer", _int),
    "float": ("a number", _float),
    "value": ("a number, or true or false", _value),  # an element of a tensor
    "bool": ("true or false", _bool),
    "str": ("a string", _str),
    "word": ("a string", _word),  # case does not matter: TF.js users write "same", files "SAME"
    "ints": ("a list of integers", _ints),
    "bools": ("a list of true and false", _bools),
    "dims": ("a shape, with -1 for what is not known", _dims),
    "pairs": ("a list of pairs of integers", _pairs),
    "strs": ("a list of strings", _strs),
    "dtype": (f"one of {', '.join(dtypes.DTYPES)}", lambda v: dtypes.dtype_info(v).name),
    # Of what functions give, which are values of graphs.
    "dtypes": (f"a list of {', '.join(dtypes.DTYPES)}", lambda v: tuple(dtypes.element_type(d).name for d in v)),
    "any": ("anything", lambda v: v),
}
_ONE_VALUE = ("int", "float", "value", "bool")


@dataclass(frozen=True)
class Attr:
    """One attribute: ``kind`` is a key of the table above; ``choices`` narrows strings.

    ``optional`` attributes accept None, which then is their default. Where one value is meant, a tensor of one element
    is that element, whatever its rank: files say ``axis`` as a scalar or as a list of one, and TF.js reads both.
    """

    name: str
    kind: str
    default: Any = REQUIRED
    choices: tuple[str, ...] = ()

    def resolve(self, given: Attrs, where: str) -> Any:
        """The canonical value from ``given`` or the default; UsageError says what was found and expected."""
        value = given.get(self.name, self.default)
        if value is REQUIRED:
            raise UsageError(f"{where}: attribute '{self.name}' is missing")
        if value is None and self.default is None:
            return None
        expected, convert = _KINDS[self.kind]
        if isinstance(value, np.ndarray) and value.size == 1 and self.kind in _ONE_VALUE:
            value = value.item()
        try:
            value = convert(value)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{where}: attribute '{self.name}' is {value!r}; expected {expected}") from None
        if self.choices and value not in self.choices:
            hint = did_you_mean(str(value), self.choices)
            listed = ", ".join(self.choices)
            raise UsageError(f"{where}: attribute '{self.name}' is {value!r}; expected one of {listed}{hint}")
        return value
