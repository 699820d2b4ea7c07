"""Reading what users hand to charts: Tensors, arrays, lists of numbers or of objects. Tensors are only looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.engine.tensor import Tensor
from tfjslab.vis.options import snake_case

_NUMBERS = "biuf"
LARGEST = 1e300
EXACT = 2.0**53  # below, float64 holds every whole number


def numbers(value: Any, what: str, rank: int | None = None) -> Array:
    """An array of bool, whole or floating point numbers; DTypeError, InputError or ShapeError for anything else.

    Reading a Tensor makes no new one: ``tf.memory()`` does not change.
    """
    try:
        array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
    except ValueError as e:
        raise InputError(f"{what} is no array of numbers: {e}") from None
    if array.dtype.kind == "O" and all(v is None or isinstance(v, (int, float)) for v in array.reshape(-1)):
        array = array.astype(np.float64)  # None becomes NaN, which is drawn as a gap
    if array.dtype.kind not in _NUMBERS and array.size:
        raise DTypeError(f"{what} has numpy dtype {array.dtype}; expected numbers")
    if rank is not None and array.ndim != rank:
        raise ShapeError(f"{what} has shape {list(array.shape)}; expected rank {rank}")
    return array if array.size else array.astype(np.float64)


def drawable(value: Any, what: str, rank: int | None = None) -> Array:
    """``measurable`` with NaN, which leaves a gap, in place of infinities, which have no place on an axis."""
    array = measurable(value, what, rank)
    return np.where(np.isfinite(array), array, np.nan)


def measurable(value: Any, what: str, rank: int | None = None) -> Array:
    """``numbers`` as float64; InputError for those so large that scaling an axis to them would overflow."""
    array = numbers(value, what, rank).astype(np.float64)
    finite = array[np.isfinite(array)]
    if finite.size and np.abs(finite).max() > LARGEST:
        raise InputError(f"{what} reaches {np.abs(finite).max():.3g}; expected at most {LARGEST:g}, which can be drawn")
    return array


def field(item: Any, name: str, what: str) -> Any:
    """A field of an object, by its name in snake_case or camelCase; InputError lists the fields it has."""
    if not isinstance(item, Mapping):
        raise InputError(f"{what} is a {type(item).__name__}; expected a mapping with '{name}'")
    for key, value in item.items():
        if snake_case(str(key)) == name:
            return value
    raise InputError(f"{what} has no '{name}'; it has {', '.join(map(str, item)) or 'no fields'}")


def optional(item: Any, name: str) -> Any:
    """Like ``field``; None when it is absent."""
    return next((v for k, v in item.items() if snake_case(str(k)) == name), None)


def is_list(value: Any) -> bool:
    """Whether it is a list or tuple, or an array."""
    return isinstance(value, (Tensor, np.ndarray)) or (isinstance(value, Sequence) and not isinstance(value, str))


def has_objects(value: Any) -> bool:
    """Whether it is a list of mappings."""
    return isinstance(value, Sequence) and len(value) > 0 and isinstance(value[0], Mapping)


def labels(given: Any, count: int, what: str) -> list[str] | None:
    """Tick labels as texts, exactly ``count`` of them; None when there are none."""
    if given is None:
        return None
    if not is_list(given) or len(given) != count:
        found = f"{len(given)} labels" if is_list(given) else f"a {type(given).__name__}"
        raise ShapeError(f"{what} are {found}; expected a list of {count}")
    return [str(g) for g in given]


def series(given: Any) -> tuple[list[tuple[Array, Array]], list[str]]:
    """``{values, series}`` as pairs of x and y, and a name for each; lone values stand for ``{values}``.

    Values are a list of ``{x, y}`` or of such lists, or numbers: shape [n] or [series, n] counts x from 0, and
    [series, n, 2] holds x and y.
    """
    whole = given if isinstance(given, Mapping) else {"values": given}
    values = field(whole, "values", "data")
    if not is_list(values):
        raise InputError(f"data values is a {type(values).__name__}; expected a list of {{x, y}}, or of such lists")
    nested = len(values) > 0 and is_list(values[0]) if isinstance(values, Sequence) else np.ndim(values) > 1
    found = [_points(v, f"series {i}") for i, v in enumerate(values if nested else [values])]
    named = optional(whole, "series")
    names = labels(named, len(found), "series names") or [f"Series {i + 1}" for i in range(len(found))]
    return found, names


def _points(values: Any, what: str) -> tuple[Array, Array]:
    if has_objects(values):
        x, y = ([field(p, name, f"{what}, point {i}") for i, p in enumerate(values)] for name in "xy")
        return _coordinates(x), drawable(y, f"{what}, y", 1)
    array = drawable(values, what)
    if array.ndim == 2 and array.shape[1] == 2:  # noqa: PLR2004 - x and y
        return array[:, 0], array[:, 1]
    if array.ndim != 1:
        raise ShapeError(f"{what} has shape {list(array.shape)}; expected [n] for y or [n, 2] for x and y")
    return np.arange(array.size), array


def _whole(x: Array) -> Array:
    """As integers where they are, so that an axis of steps has no ticks in between."""
    good = bool(np.isfinite(x).all()) and bool((x == np.floor(x)).all()) and bool((np.abs(x) < EXACT).all())
    return x.astype(np.int64) if good else x


def _coordinates(x: list[Any]) -> Array:
    """Numbers, or texts where the axis is one of names."""
    return np.asarray(x, dtype=object) if any(isinstance(v, str) for v in x) else _whole(drawable(x, "x", 1))
