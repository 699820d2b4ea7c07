"""Python's operators on tensors. Each names the op that it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Dispatch:
    """Runs ops. A tensor cannot import what is built on tensors, so ``tfjslab.engine.kernels`` puts itself here."""

    run: Callable[..., Any]
    method: Callable[[Any, str], Any]


def _operator(op: str, *, swapped: bool = False, arity: int = 2) -> Callable[..., Any]:
    """A method that runs ``op`` on self and the other operand."""
    if arity == 1:
        return lambda self: Dispatch.run(op, self)
    if swapped:
        return lambda self, other: Dispatch.run(op, other, self)
    return lambda self, other: Dispatch.run(op, self, other)


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
