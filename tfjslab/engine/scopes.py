"""``tidy``, ``keep`` and ``dispose``: when tensors are freed, by the rules of TensorFlow.js."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from tfjslab.base.errors import UsageError
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.engine.state import STATE, Scope
from tfjslab.engine.tensor import Tensor

R = TypeVar("R")


def tensors_in(container: Any) -> Iterator[Tensor]:
    """The tensors in nested lists, tuples, sets, mappings and dataclass-like objects; each container once."""
    seen: set[int] = set()
    stack = [container]
    while stack:
        item = stack.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, (list, tuple, set, frozenset, Mapping)) and id(item) not in seen:
            seen.add(id(item))
            stack.extend(item.values() if isinstance(item, Mapping) else item)


def get_tensors_in_container(container: Any) -> list[Tensor]:
    """The tensors in nested lists, tuples, sets and mappings, each once."""
    return list({t.id: t for t in tensors_in(container)}.values())


def _start(name: str) -> Scope:
    scope = Scope(name)
    STATE.local.scopes.append(scope)
    return scope


def _end(scope: Scope, result: Any) -> None:
    """Free what the scope made, but not what was kept or is in ``result``: that moves to the scope around it."""
    scopes = STATE.local.scopes
    while scopes and scopes.pop() is not scope:
        pass  # scopes inside that an exception left open end with it
    outer = scopes[-1] if scopes else None
    returned = {t.id for t in tensors_in(result)}
    for tensor in scope.tensors:
        if tensor.is_kept:
            continue
        if tensor.id not in returned:
            tensor.dispose()
        elif outer is not None:
            outer.tensors.append(tensor)


class Tidy:
    """``with tf.tidy():`` frees all tensors made inside at its end. ``keep`` and ``returns`` make exceptions."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._scope: Scope | None = None
        self._result: Any = None

    def returns(self, result: R) -> R:
        """Move the tensors in ``result`` to the scope around this one, as returning from a function does."""
        self._result = result
        return result

    def __enter__(self) -> Self:
        self._scope = _start(self.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        if kind:
            self._result = None
        self.end()

    def end(self) -> None:
        """Free what the block made, unless that was done."""
        if self._scope is not None:
            with Uninterrupted():
                _end(self._scope, self._result)
                self._scope = self._result = None


@overload
def tidy() -> Tidy: ...
@overload
def tidy(name_or_fn: str) -> Tidy: ...
@overload
def tidy(name_or_fn: Callable[[], R]) -> R: ...
@overload
def tidy(name_or_fn: str, fn: Callable[[], R]) -> R: ...
def tidy(name_or_fn: Any = "", fn: Any = None) -> Any:
    """Run ``fn`` and free all tensors made in it except those it returns, in any nesting of containers.

    ``tidy(fn)`` and ``tidy(name, fn)`` as in TensorFlow.js; ``with tidy():`` for a block. Scopes nest; each thread
    has its own. Raises UsageError for coroutine functions: a scope cannot span an ``await``.
    """
    name, function = ("", name_or_fn) if callable(name_or_fn) else (name_or_fn, fn)
    if not isinstance(name, str):
        raise UsageError(f"tidy: {name!r}; expected a function, or a name and a function")
    if function is None:
        return Tidy(name)
    if inspect.iscoroutinefunction(function):
        raise UsageError("tidy: the function is a coroutine; a scope cannot span an await")
    scope = Tidy(name)
    try:
        with scope:
            return scope.returns(function())
    finally:
        scope.end()  # where Ctrl-C came at the very beginning of ``__exit__``; else it has ended


def keep(tensor: Tensor) -> Tensor:
    """Exempt a tensor from the scopes around it; dispose it yourself. Outside of a scope this changes nothing."""
    if not isinstance(tensor, Tensor):
        raise UsageError(f"keep: {type(tensor).__name__}; expected a tensor")
    tensor.data_ref()
    tensor.mark_kept()
    return tensor


def dispose(container: Any) -> None:
    """Dispose every tensor in nested containers; anything else with a ``dispose`` method (a model) is disposed too."""
    found = get_tensors_in_container(container)
    for tensor in found:
        tensor.dispose()
    if not found and hasattr(container, "dispose"):
        container.dispose()
