"""Ops for tensors of one rank only, found by name: ``pad2d(x, ...)`` is ``pad(x, ...)`` of a tensor of rank 2."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from tfjslab.engine.eager import functions
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import as_tensor, check_rank, composed

_NAME = re.compile(r"(\w+?)(\d)d")


@cache
def __getattr__(name: str) -> Callable[..., Tensor]:
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in functions():
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return _of_rank(name, functions()[found[1]], int(found[2]))


def _of_rank(name: str, function: Callable[..., Tensor], rank: int) -> Callable[..., Tensor]:
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    def call(*args: Any, **kwargs: Any) -> Tensor:
        given = signature.bind(*args, **kwargs)
        several = isinstance(given.arguments[first], (list, tuple)) and first == "xs"
        tensors = [as_tensor(v) for v in given.arguments[first]] if several else [as_tensor(given.arguments[first])]
        for t in tensors:
            check_rank(name, first, t, rank)
        given.arguments[first] = tensors if several else tensors[0]
        return function(*given.args, **given.kwargs)

    call.__name__ = call.__qualname__ = name
    call.__module__ = "tfjslab"
    call.__doc__ = f"``{function.__name__}`` of tensors of rank {rank}."
    call.__signature__ = signature  # type: ignore[attr-defined]
    return composed(call)
