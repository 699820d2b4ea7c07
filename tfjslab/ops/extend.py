"""Ops of a user: a numpy function under the name that TensorFlow.js graph models have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, DType, dtype_info
from tfjslab.base.errors import InputError, ShapeError, UsageError
from tfjslab.base.shapes import Shape, checked_shape
from tfjslab.base.signatures import SIGNATURE, require_callable, require_free, require_own
from tfjslab.ops import registry
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import OpDef, Spec, Specs, Tf

_KINDS = {bool: "bool", int: "int", float: "float", str: "str", list: "ints", tuple: "ints"}
_OWN: set[str] = set()


def register_op(
    name: str, function: Callable[..., Any], *, attrs: Mapping[str, Any] | None = None, outputs: int = 1,
    shape: Callable[..., Any] | None = None, dtype: str = "float32",
) -> None:
    """Run nodes of this op in graph models with a function of yours, by numpy, on every backend.

    Args:
        name: the op's name in the file, such as ``"MyClip"``.
        function: called with an array for each input of the node, and ``attrs`` as keywords; gives an array, or a
            list of ``outputs`` arrays.
        attrs: attributes of the node that the function takes, with defaults: numbers, strings, truth values or lists
            of integers. Others that the node has are left aside.
        outputs: how many values a node gives.
        shape: called with the shapes of the inputs and ``attrs`` as keywords; gives the shape of the output, or a list
            of shapes. Without it shapes are known when the node has run, and what follows is planned then.
        dtype: of the outputs.

    Raises UsageError when the name is taken or a function cannot be called so.

    """
    require_free("op", name, {*registry.all_ops(), *registry.tf_names()})
    known = dict(attrs or {})
    require_callable(f"op '{name}': its function", function, None, known)
    if shape is not None:
        require_callable(f"op '{name}': its shape rule", shape, None, known)
    if type(outputs) is not int or outputs < 1:
        raise UsageError(f"op '{name}': {outputs!r} outputs; expected 1 or more", code=SIGNATURE)
    own = _Own(name, function, shape, outputs, dtype_info(dtype))
    registry.register(OpDef(
        name, ("*xs",), tuple(_attr(name, k, v) for k, v in known.items()), own.infer, own.run, registry.default_flops,
        (Tf(name, "*xs"),), None, (), (function.__doc__ or "").strip(), num_outputs=outputs,
    ))
    _OWN.add(name)


def deregister_op(name: str) -> None:
    """Forget an op that was registered; models that are loaded keep no node of it that can run. UsageError else."""
    registry.remove(require_own("op", name, _OWN))
    _OWN.discard(name)


def _attr(op: str, name: str, default: Any) -> Attr:
    kind = _KINDS.get(type(default))
    if kind is None:
        expected = "a number, a string, a truth value or a list of integers"
        raise UsageError(f"op '{op}': attribute '{name}' is {default!r}; expected {expected}", code=SIGNATURE)
    return Attr(name, kind, tuple(default) if kind == "ints" else default)


@dataclass(frozen=True)
class _Own:
    """What a user registered under a name."""

    name: str
    function: Callable[..., Any]
    shape: Callable[..., Any] | None
    outputs: int
    dtype: DType

    def infer(self, ins: Specs, attrs: Attrs) -> list[Spec]:
        """The op's rule for shapes and dtypes."""
        if self.shape is None:
            return [Spec(None, self.dtype.name)] * self.outputs
        return [Spec(s, self.dtype.name) for s in self._promised([s.known_shape for s in ins], attrs)]

    def _promised(self, given: Sequence[Shape], attrs: Attrs) -> list[Shape]:
        found = self.shape(*given, **attrs) if self.shape is not None else ()
        shapes = found if self.outputs > 1 else [found]
        return [checked_shape(s, f"op '{self.name}': its shape rule") for s in shapes]

    def run(self, *xs: Array, **attrs: Any) -> list[Array]:
        """The function's results in the promised dtype and shapes; float64 inputs ask for float64, as of any op."""
        found = self.function(*xs, **attrs)
        exact = self.dtype.numpy.kind == "f" and any(x.dtype == np.float64 for x in xs)
        values = found if isinstance(found, (list, tuple)) else [found]
        arrays = [np.asarray(v).astype(np.float64 if exact else self.dtype.numpy, copy=False) for v in values]
        if len(arrays) != self.outputs:
            raise InputError(f"its function gives {len(arrays)} values; expected {self.outputs}")
        if self.shape is not None:
            promised = self._promised([x.shape for x in xs], attrs)
            for array, shape in zip(arrays, promised, strict=True):
                if array.shape != shape:
                    raise ShapeError(f"its function gives shape {list(array.shape)}; its rule says {list(shape)}")
        return arrays
