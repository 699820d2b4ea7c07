"""Python's MemoryError as a typed error. Every room has a border where it is told so, and none leaves the package.

The functions of a border that run in microseconds have the two lines themselves, which cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from tfjslab.base.errors import BACKEND_MEMORY, BackendError, OutOfMemoryError, TfjslabError

P = ParamSpec("P")
R = TypeVar("R")


def out_of_memory(what: str, error: MemoryError) -> TfjslabError:
    """The error to raise for ``error``: itself where it is typed already."""
    return error if isinstance(error, OutOfMemoryError) else OutOfMemoryError(_told(what, error))


def backend_out_of_memory(what: str, error: MemoryError) -> BackendError:
    """The same on a backend: another one may have the memory, so that automatic choice can move there."""
    return BackendError(_told(what, error), code=BACKEND_MEMORY)


def _told(what: str, error: MemoryError) -> str:
    reason = f" ({error})" if str(error) else ""
    return f"{what}: there is not enough memory{reason}; free some, or try a smaller model or batch"


def tells_memory(what: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function raise OutOfMemoryError that says ``what`` was being done, in place of MemoryError."""

    def border(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except MemoryError as e:
                raise out_of_memory(what, e) from e

        return call

    return border
