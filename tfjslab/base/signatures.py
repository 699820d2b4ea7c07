"""Checks of what a user registers: names that are free, functions that can be called as they will be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any

from tfjslab.base.errors import UsageError, did_you_mean

TAKEN, MISSING, SIGNATURE = "register.taken", "register.missing", "register.signature"


def require_free(kind: str, name: object, taken: Collection[str]) -> str:
    """The name, if it is one and nobody has it; UsageError otherwise."""
    if not isinstance(name, str) or not name or name != name.strip():
        raise UsageError(f"{kind} {name!r}: expected a name", code=SIGNATURE)
    if name in taken:
        raise UsageError(f"{kind} '{name}' is taken; choose another name", code=TAKEN)
    return name


def require_own(kind: str, name: object, own: Collection[str]) -> str:
    """The name, if somebody registered it before; UsageError otherwise."""
    if not isinstance(name, str) or name not in own:
        hint = did_you_mean(str(name), own)
        raise UsageError(f"{kind} {name!r} was not registered by a user{hint}", code=MISSING)
    return name


def require_callable(
    where: str, function: object, count: int | None, keywords: Iterable[str] = (),
) -> Callable[..., Any]:
    """The function, if ``count`` arguments (None: any number) and these keywords can be given; UsageError otherwise."""
    if not callable(function):
        raise UsageError(f"{where} is {function!r}; expected a function", code=SIGNATURE)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return function  # of built-in functions nothing is told
    named = dict.fromkeys(keywords)
    try:
        if count is None:
            signature.bind_partial(**named)
        else:
            signature.bind(*[None] * count, **named)
    except TypeError as e:
        numbered = [f"argument {i + 1}" for i in range(count or 0)]
        given = ", ".join((*numbered, *(f"{k}=" for k in named))) or "nothing"
        raise UsageError(f"{where} takes {signature}, called with {given}: {e}", code=SIGNATURE) from None
    return function
