"""Frozen dataclasses to plain JSON values and back, with every field checked on the way in."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from tfjslab.base.errors import InputError, did_you_mean

T = TypeVar("T")
_NAMES = {float: "a number", int: "an integer", str: "text", bool: "true or false"}


def to_plain(value: Any) -> Any:
    """Lists, dicts, text, numbers and None of a dataclass; tuples become lists. NaN is refused: JSON has none."""
    return json.loads(json.dumps(dataclasses.asdict(value), allow_nan=False))


def from_plain(kind: type[T], data: Any, where: str) -> T:
    """The dataclass ``kind`` that ``to_plain`` wrote.

    Fields may be numbers, text, truth values, tuples of one kind, other dataclasses, and None where the type says so.
    Raises InputError with the path of the first field that is missing, unknown or of another kind.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"{where} is {_shown(data)}; expected an object")
    known: Any = kind  # mypy does not take a type for something that can be a key
    hints = _hints(known)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise InputError(f"{where} has an unknown field '{unknown[0]}'{did_you_mean(unknown[0], hints)}")
    missing = sorted(_required(known) - set(data))
    if missing:
        raise InputError(f"{where} has no field '{missing[0]}'")
    return kind(**{name: _decode(hints[name], value, f"{where}.{name}") for name, value in data.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _required(kind: type) -> frozenset[str]:
    empty = dataclasses.MISSING
    fields = dataclasses.fields(kind)
    return frozenset(f.name for f in fields if f.default is empty and f.default_factory is empty)


def _decode(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) in (types.UnionType, Union):  # X | None
        return None if value is None else _decode(get_args(hint)[0], value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{where} is {_shown(value)}; expected a list")
        return tuple(_decode(get_args(hint)[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if hint is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:  # a JSON true is a Python int, too
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_plain(hint, value, where)
    raise InputError(f"{where} is {_shown(value)}; expected {_NAMES[hint]}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - enough to know it by
