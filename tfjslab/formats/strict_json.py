"""JSON as files from strangers deserve it: no duplicate keys, no NaN, no bottomless nesting, typed access.

Python's ``json`` takes all of the first three. Every failure is a ModelError that names the file and the place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError
from tfjslab.base.limits import LIMITS, check_limit

_V = TypeVar("_V")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SHOWN, _SHORT = 80, 12
_DIGITS = 300  # as long is no number that a float cannot hold
_KIND_NAMES: dict[type, str] = {
    dict: "an object", list: "a list", str: "a string", int: "an integer", float: "a number", bool: "true or false",
}


def show(value: object) -> str:
    """A repr for messages: one line and short, whatever the file holds."""
    if isinstance(value, (dict, list)):
        return _KIND_NAMES[type(value)]
    text = repr(value[:_SHOWN] if isinstance(value, str) else value)
    if len(text) <= _SHOWN:
        return text
    if not isinstance(value, str):
        return f"{text[: _SHOWN - 3]}..."
    end = _SHOWN
    while len(text) > _SHOWN - 3:  # quoted letters may be escapes, which stay whole
        end -= 1
        text = repr(value[:end])
    return f"{text}..."


def parse_object(data: bytes, where: str) -> dict[str, Any]:
    """Parse ``data`` as one JSON object, or raise ModelError (code ``model.json``) that names ``where``."""
    check_limit(f"{where}: size in bytes", len(data), LIMITS.model_json_bytes)
    check_limit(f"{where}: nesting of the JSON", _depth(data), LIMITS.json_depth)
    try:
        value = json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite,
            parse_int=_whole,
        )
        if _SURROGATE.search(data):
            # A lone surrogate cannot be printed or written again.
            json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as e:
        raise ModelError(f"{where}: not UTF-8 text ({e.reason})", code="model.json") from None
    except (ValueError, RecursionError) as e:
        raise ModelError(f"{where}: not valid JSON: {e}", code="model.json") from None
    return typed(value, dict, where)


def _depth(data: bytes) -> int:
    """Deepest nesting of brackets outside of strings."""
    if b"\\" in data:  # an escaped quote does not end its string
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    codes = np.frombuffer(data, np.uint8)
    steps = _STEPS[codes]
    steps[np.bitwise_xor.accumulate(codes == ord('"'))] = 0
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def _steps() -> Array:
    """What each character adds to the nesting."""
    steps = np.zeros(256, np.int8)
    steps[list(b"[{")] = 1
    steps[list(b"]}")] = -1
    return steps


_STEPS = _steps()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [k for k, _ in pairs]
        raise ValueError(f"key {show(next(k for k in keys if keys.count(k) > 1))} occurs twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        shown = text if len(text) <= _SHOWN else f"{text[:_SHORT]}... of {len(text)} digits"
        raise ValueError(f"number {shown} is too large")
    return value


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        _finite(text)  # so that whoever needs a fraction can have one
    return int(text)


def typed(value: object, kind: type[_V], where: str) -> _V:
    """``value`` if it is a ``kind`` (true is not an integer), else ModelError."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ModelError(f"{where}: found {show(value)}, expected {_KIND_NAMES[kind]}", code="model.json")
    return value


def member(obj: dict[str, Any], key: str, kind: type[_V], where: str) -> _V:
    """The required member ``key`` of ``obj``."""
    if key not in obj:
        raise ModelError(f"{where}: '{key}' is missing, expected {_KIND_NAMES[kind]}", code="model.json")
    return typed(obj[key], kind, f"{where}: '{key}'")


def optional(obj: dict[str, Any], key: str, kind: type[_V], default: _V, where: str) -> _V:
    """The member ``key`` of ``obj``; ``default`` when it is absent or null."""
    return default if obj.get(key) is None else typed(obj[key], kind, f"{where}: '{key}'")


def each(values: Iterable[object], kind: type[_V], where: str) -> list[_V]:
    """All of ``values`` checked to be ``kind``."""
    return [typed(v, kind, f"{where}[{i}]") for i, v in enumerate(values)]
