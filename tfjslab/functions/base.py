"""What functions made of ops share: the ops by name, arguments as tensors, checks, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, ShapeError
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.shapes import normalize_axes
from tfjslab.engine.calls import Results
from tfjslab.engine.create import tensor
from tfjslab.engine.eager import functions
from tfjslab.engine.scopes import Tidy
from tfjslab.engine.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")
# Anything that ``tf.tensor`` takes.
Value = Tensor | Array | float | str | Sequence[Any]
Axis = int | Sequence[int] | None


class _Ops:
    """Every eager function with one output as an attribute: ``op.add(a, b)``."""

    def __getattr__(self, name: str) -> Callable[..., Tensor]:
        return functions()[name]


class _OpsOfMany:
    """Every eager function with several outputs as an attribute: ``many.split(x, 2)``."""

    def __getattr__(self, name: str) -> Callable[..., Results | list[Tensor]]:
        return functions()[name]


op = _Ops()
many = _OpsOfMany()


def composed(function: Callable[P, R]) -> Callable[P, R]:
    """A function of which nothing but the tensors that it returns stays, also after an error."""

    @wraps(function)
    @tells_memory(function.__name__)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with Tidy(function.__name__) as scope:
            return scope.returns(function(*args, **kwargs))

    return run


def as_tensor(value: Value, dtype: str | None = None) -> Tensor:
    """``value`` itself when it is a tensor (of ``dtype``), else a new one. To be called in a ``composed`` function."""
    if not isinstance(value, Tensor):
        return tensor(value, dtype=dtype)
    return value if dtype in (None, value.dtype) else op.cast(value, dtype)


def as_floats(value: Value) -> Tensor:
    """``value`` as float32."""
    return as_tensor(value, "float32")


def check_rank(where: str, what: str, x: Tensor, *ranks: int) -> None:
    """ShapeError unless ``x`` has one of the ranks."""
    if x.rank not in ranks:
        expected = " or ".join(map(str, ranks))
        raise ShapeError(f"{where}: {what} has shape {x.shape}; expected rank {expected}")


def check_dtype(where: str, what: str, x: Tensor, *dtypes: str) -> None:
    """DTypeError unless ``x`` has one of the dtypes."""
    if x.dtype not in dtypes:
        raise DTypeError(f"{where}: {what} is {x.dtype}; expected {' or '.join(dtypes)}")


def axes_of(axis: Axis, x: Tensor) -> list[int]:
    """The axes meant by ``axis``, sorted and positive; all for None."""
    given = None if axis is None else [axis] if isinstance(axis, int) else axis
    return list(normalize_axes(given, x.rank))


def kept_shape(x: Tensor, axes: Sequence[int]) -> list[int]:
    """The shape of ``x`` with ones in place of the axes that were reduced."""
    return [1 if i in axes else n for i, n in enumerate(x.shape)]
