"""Python's operators on tensors. Each names the op that it runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

_EAGER, _METHODS = "tfjslab.engine.eager", "tfjslab.functions.methods"


class _Dispatch:
    """Runs ops. A tensor cannot import what is built on tensors, so those modules register themselves here.

    Until they are loaded (they define all eager functions, and methods), the first use loads them.
    """

    def __init__(self) -> None:
        self.run: Callable[..., Any] = self._load_and_run
        self.method: Callable[[Any, str], Callable[..., Any]] = self._load_and_find

    def _load_and_run(self, op: str, *values: Any) -> Any:
        import_module(_EAGER)
        return self.run(op, *values)

    def _load_and_find(self, tensor: Any, name: str) -> Callable[..., Any]:
        import_module(_METHODS)
        return self.method(tensor, name)


# ``run`` takes a kernel name and values, ``method`` a tensor and the name of an eager function.
DISPATCH = _Dispatch()


def _operator(op: str, *, swapped: bool = False, arity: int = 2) -> Callable[..., Any]:
    """A method that runs ``op`` on self and the other operand."""
    if arity == 1:
        return lambda self: DISPATCH.run(op, self)
    if swapped:
        return lambda self, other: DISPATCH.run(op, other, self)
    return lambda self, other: DISPATCH.run(op, self, other)


class Operators:  # noqa: PLW1641 - Tensor, the only subclass, hashes by id
    """Operators for ``Tensor``; the other operand may be a number, a list or an array."""

    __slots__ = ()

    __add__ = _operator("Add")
    __radd__ = _operator("Add", swapped=True)
    __sub__ = _operator("Sub")
    __rsub__ = _operator("Sub", swapped=True)
    __mul__ = _operator("Multiply")
    __rmul__ = _operator("Multiply", swapped=True)
    __truediv__ = _operator("RealDiv")
    __rtruediv__ = _operator("RealDiv", swapped=True)
    __floordiv__ = _operator("FloorDiv")
    __rfloordiv__ = _operator("FloorDiv", swapped=True)
    __mod__ = _operator("Mod")
    __rmod__ = _operator("Mod", swapped=True)
    __pow__ = _operator("Pow")
    __rpow__ = _operator("Pow", swapped=True)
    __matmul__ = _operator("BatchMatMul")
    __rmatmul__ = _operator("BatchMatMul", swapped=True)
    __lt__ = _operator("Less")
    __le__ = _operator("LessEqual")
    __gt__ = _operator("Greater")
    __ge__ = _operator("GreaterEqual")
    __eq__ = _operator("Equal")
    __ne__ = _operator("NotEqual")
    __and__ = _operator("LogicalAnd")
    __rand__ = _operator("LogicalAnd", swapped=True)
    __or__ = _operator("LogicalOr")
    __ror__ = _operator("LogicalOr", swapped=True)
    __neg__ = _operator("Neg", arity=1)
    __abs__ = _operator("Abs", arity=1)
    __invert__ = _operator("LogicalNot", arity=1)
