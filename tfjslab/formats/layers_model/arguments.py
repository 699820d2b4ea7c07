"""What a layer is called on: tensors, and the Python values among them, as Keras 2 and Keras 3 write them.

Keras 2 lists ``["layer", call, tensor, {options}]`` for each tensor; Keras 3 writes the ``args`` and ``kwargs`` of the
call, with an object for each tensor, slice, tuple or array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from tfjslab.base import dtypes
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, ModelError
from tfjslab.formats.strict_json import member, optional, show, typed

_Item = TypeVar("_Item")
_TENSOR = "__keras_tensor__"
_CONSTANT = "_CONSTANT_VALUE"  # Keras 2, for an argument that is no tensor
_REFERENCE = 3  # layer, call and tensor, perhaps with options behind


@dataclass(frozen=True)
class Reference:
    """Output ``tensor`` of the ``call``-th call of ``layer``."""

    layer: str
    call: int
    tensor: int


@dataclass(frozen=True)
class Inbound:
    """One call: its arguments, in which tensors are References, or the values that took their place."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reads(self) -> tuple[Reference, ...]:
        """All references, in order."""
        return self.items(Reference)

    def items(self, kind: type[_Item]) -> tuple[_Item, ...]:
        """All items of a kind, in order, however they are nested."""
        return tuple(item for part in (*self.args, *self.kwargs.values()) for item in items_of(part, kind))

    def without_masks(self) -> Inbound:
        """The call without the masks that it is given by name (``mask``, ``query_mask``)."""
        return Inbound(self.args, {k: v for k, v in self.kwargs.items() if not k.endswith("mask")})

    def replaced(self, by: Callable[[Reference], Any]) -> Inbound:
        """The call with something in place of each reference."""
        return Inbound(_replaced(self.args, by), _replaced(dict(self.kwargs), by))


def items_of(value: Any, kind: type[_Item]) -> Iterator[_Item]:
    """All items of a kind in a value, in order; those of an object by its keys, as Keras has it."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in (value[k] for k in sorted(value)) if isinstance(value, dict) else value:
            yield from items_of(item, kind)


def _replaced(value: Any, by: Callable[[Reference], Any]) -> Any:
    if isinstance(value, Reference):
        return by(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(v, by) for v in value)
    return {k: _replaced(v, by) for k, v in value.items()} if isinstance(value, dict) else value


def ends(raw: object, where: str) -> tuple[Reference, ...]:
    """Inputs or outputs of a model, in Keras's order: as listed, those of an object by its keys."""
    if isinstance(raw, dict) and raw.get("class_name") != _TENSOR:
        return tuple(r for key in sorted(raw) for r in ends(raw[key], where))
    if isinstance(raw, list) and not _is_reference(raw):
        return tuple(r for item in raw for r in ends(item, where))
    return (_reference(raw, where),)


def keyed_ends(raw: object, where: str) -> dict[str, Reference]:
    """The names that a model gives its inputs or outputs itself, where it has them in an object."""
    if not isinstance(raw, dict) or raw.get("class_name") == _TENSOR:
        return {}
    found = {key: ends(raw[key], where) for key in sorted(raw)}
    return {key: references[0] for key, references in found.items() if len(references) == 1}


def parse_call(raw: object, where: str) -> Inbound:
    """One entry of ``inbound_nodes``."""
    if isinstance(raw, dict) and "args" in raw:
        args = tuple(_decoded(v, where) for v in typed(raw["args"], list, where))
        kwargs = optional(raw, "kwargs", dict, {}, where)
        return Inbound(args, {k: _decoded(v, f"{where}: '{k}'") for k, v in kwargs.items()})
    if isinstance(raw, list) and raw and not _is_reference(raw):
        given = [_keras_2(item, where) for item in raw]
        kwargs = next((item[_REFERENCE] for item in raw if len(item) > _REFERENCE), {})
        named = {k: _named(v, where) for k, v in typed(kwargs, dict, where).items()}
        return Inbound((given[0] if len(given) == 1 else given,), named)
    return Inbound((_keras_2(raw, where),))


def _is_reference(raw: object) -> bool:
    return isinstance(raw, list) and bool(raw) and isinstance(raw[0], str)


def _reference(raw: object, where: str) -> Reference:
    if isinstance(raw, list) and _is_reference(raw):
        parts = raw[1:_REFERENCE]
        if len(parts) != _REFERENCE - 1 or any(type(p) is not int or p < 0 for p in parts):
            raise ModelError(f"{where}: found {show(str(raw))}, expected [layer, call, tensor]", code="model.topology")
        return Reference(raw[0], *parts)
    if isinstance(raw, dict) and raw.get("class_name") == _TENSOR:
        return _reference(member(member(raw, "config", dict, where), "keras_history", list, where), where)
    raise ModelError(f"{where}: found {show(raw)}, expected references to layers", code="model.topology")


def _keras_2(raw: object, where: str) -> Any:
    """A tensor, or a value in the place of one."""
    if isinstance(raw, list) and raw[:1] == [_CONSTANT] and len(raw) >= _REFERENCE:
        return raw[_REFERENCE - 1]
    return _reference(raw, where)


def _named(raw: object, where: str) -> Any:
    """A keyword argument of Keras 2: a list that reads like a tensor is one."""
    if isinstance(raw, list) and len(raw) == _REFERENCE and _is_reference(raw) and all(type(p) is int for p in raw[1:]):
        return _reference(raw, where)
    if isinstance(raw, list) and raw and isinstance(raw[0], list):
        return [_named(item, where) for item in raw]
    return raw


def _decoded(raw: object, where: str) -> Any:
    """A value of Keras 3, with its own objects for what JSON does not have."""
    if isinstance(raw, list):
        return [_decoded(v, where) for v in raw]
    if not isinstance(raw, dict):
        return raw
    kind = raw.get("class_name")
    if kind == _TENSOR:
        return _reference(raw, where)
    if isinstance(kind, str) and kind in _DECODERS:
        return _DECODERS[kind](raw.get("config"), where)
    if isinstance(kind, str) and kind.startswith("__"):
        raise ModelError(f"{where}: unknown kind of argument {show(kind)}", code="model.topology")
    return {k: _decoded(v, where) for k, v in raw.items()}


def _slice(config: object, where: str) -> slice:
    parts = [typed(config or {}, dict, where).get(k) for k in ("start", "stop", "step")]
    if any(p is not None and type(p) is not int for p in parts):
        raise ModelError(f"{where}: found a slice of {show(str(parts))}, expected integers", code="model.topology")
    return slice(*parts)


def _array(config: object, where: str) -> Array:
    options = typed(config, dict, where)
    name = str(options.get("dtype") or "float32")
    kinds = {"float64": "float32", "float16": "float32", "bfloat16": "float32", "int64": "int32"}
    try:
        return np.asarray(options.get("value"), dtypes.numpy_dtype(kinds.get(name, name)))
    except (DTypeError, ValueError, TypeError, OverflowError):
        raise ModelError(f"{where}: found no array of {show(name)}", code="model.topology") from None


def _tuple(config: object, where: str) -> list[Any]:
    return [_decoded(v, where) for v in typed(config, list, where)]


_DECODERS: dict[str, Callable[[Any, str], Any]] = {
    "__slice__": _slice, "__numpy__": _array, "__tensor__": _array, "__tuple__": _tuple,
    "__ellipsis__": lambda _config, _where: ...,
}
