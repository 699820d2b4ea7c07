"""Variables: tensors whose values can be replaced."""

from __future__ import annotations

from typing import Any

from tfjslab.base.errors import DTypeError, ShapeError
from tfjslab.engine.create import tensor
from tfjslab.engine.operators import DISPATCH
from tfjslab.engine.state import STATE
from tfjslab.engine.tensor import Tensor


class Variable(Tensor):
    """A tensor that ``assign`` gives new values. No scope frees it; ``dispose`` does."""

    __slots__ = ("name",)
    name: str

    def assign(self, values: Any) -> None:
        """Take the values of a tensor, sharing its bytes, or of anything ``tensor`` accepts.

        ShapeError or DTypeError when they do not fit the variable.
        """
        given = values if isinstance(values, Tensor) else tensor(values, dtype=self.dtype)
        try:
            if given.shape != self.shape:
                raise ShapeError(f"variable '{self.name}': shape {given.shape}; expected {self.shape}")
            if given.dtype != self.dtype:
                raise DTypeError(f"variable '{self.name}': dtype {given.dtype}; expected {self.dtype}")
            self.replace_data(given.data_ref())
        finally:
            if given is not values:
                given.dispose()


def variable(initial: Any, name: str = "", dtype: str | None = None) -> Variable:
    """A variable with the values of ``initial``, sharing its bytes when that is a tensor of the same dtype."""
    given = initial if isinstance(initial, Tensor) else tensor(initial, dtype=dtype)
    if dtype not in (None, given.dtype):
        given = DISPATCH.run("Cast", given, dtype)
    with STATE.lock:
        scopes, STATE.local.scopes = STATE.local.scopes, []  # variables belong to no scope, as in TensorFlow.js
        try:
            made = Variable(given.data_ref(), given.signature[0], given.dtype)
        finally:
            STATE.local.scopes = scopes
    made.name = name or f"variable_{made.id}"
    if given is not initial:
        given.dispose()
    return made
