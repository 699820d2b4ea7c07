"""Functions as methods of tensors: ``x.norm()``, ``x.concat(y)``, ``x.as1d()``.

Loaded when a tensor is first asked for what it does not have itself; see ``tfjslab.engine.operators``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any

from tfjslab.base.errors import ShapeError, did_you_mean
from tfjslab.engine.eager import functions
from tfjslab.engine.operators import DISPATCH
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import op
from tfjslab.functions.buffer import TensorBuffer

# Functions of more than one op that TensorFlow.js has as methods, by module.
_COMPOSED = {
    "convolution": "pool separable_conv2d",
    "products": "diag dot outer_product",
    "shaping": "unsorted_segment_sum",
    "statistics": "log_sigmoid log_sum_exp moments norm",
}
_MODULE_OF = {name: module for module, names in _COMPOSED.items() for name in names.split()}
_Others = Tensor | Sequence[Tensor]


def _with_others(x: Tensor, others: _Others) -> list[Tensor]:
    return [x, *([others] if isinstance(others, Tensor) else others)]


def _concat(x: Tensor, others: _Others, axis: int = 0) -> Tensor:
    return op.concat(_with_others(x, others), axis)


def _stack(x: Tensor, others: _Others, axis: int = 0) -> Tensor:
    return op.stack(_with_others(x, others), axis)


def _where(x: Tensor, condition: Tensor, other: Tensor) -> Tensor:
    return op.where(condition, x, other)


def _flatten(x: Tensor) -> Tensor:
    return op.reshape(x, [-1])


def _as_scalar(x: Tensor) -> Tensor:
    if x.size != 1:
        raise ShapeError(f"as_scalar: shape {x.shape}; expected one element")
    return op.reshape(x, [])


def _as_rank(rank: int, x: Tensor, *shape: int) -> Tensor:
    if len(shape) != rank:
        raise ShapeError(f"as{rank}d: {len(shape)} lengths; expected {rank}")
    return op.reshape(x, list(shape))


def _reshape_as(x: Tensor, other: Tensor) -> Tensor:
    return op.reshape(x, other.shape)


def _buffer_sync(x: Tensor) -> TensorBuffer:
    return TensorBuffer(x.shape, x.dtype, x.data_sync())


async def _buffer(x: Tensor) -> TensorBuffer:
    return TensorBuffer(x.shape, x.dtype, await x.data())


def _bytes_sync(x: Tensor) -> bytes | list[bytes]:
    """The bytes of the values; a list, one for each, where they are text."""
    values = x.data_sync()
    return [str(v).encode() for v in values] if x.dtype == "string" else values.tobytes()


async def _bytes(x: Tensor) -> bytes | list[bytes]:
    return _bytes_sync(x)


_OWN: dict[str, Callable[..., Any]] = {
    "concat": _concat, "stack": _stack, "where": _where, "flatten": _flatten, "as_scalar": _as_scalar, "as1d": _flatten,
    **{f"as{rank}d": partial(_as_rank, rank) for rank in range(2, 6)},
    "reshape_as": _reshape_as, "buffer": _buffer, "buffer_sync": _buffer_sync, "bytes": _bytes,
    "bytes_sync": _bytes_sync, "as_type": op.cast, "to_bool": partial(op.cast, dtype="bool"),
    "to_float": partial(op.cast, dtype="float32"), "to_int": partial(op.cast, dtype="int32"),
}


@cache
def _find(name: str) -> Callable[..., Any] | None:
    if name in _MODULE_OF:
        found: Callable[..., Any] = getattr(import_module(f"tfjslab.functions.{_MODULE_OF[name]}"), name)
        return found
    return _OWN.get(name) or functions().get(name)


def has_method(name: str) -> bool:
    """Whether tensors have this method, their own or one found here."""
    return hasattr(Tensor, name) or _find(name) is not None


def _method(tensor: Tensor, name: str) -> Callable[..., Any]:
    """The function ``name`` with ``tensor`` as its first input."""
    found = _find(name)
    if found is None:
        known = [*functions(), *_OWN, *_MODULE_OF]
        raise AttributeError(f"Tensor has no attribute or op '{name}'{did_you_mean(name, known)}")
    return partial(found, tensor)


DISPATCH.method = _method
