"""Arguments of merging layers and of Keras's operations: tensors among Python numbers, brought to one dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from tfjslab.base.dtypes import of_array
from tfjslab.base.errors import DTypeError
from tfjslab.formats.layers_model.layers.call import Call, Value, layer
from tfjslab.formats.strict_json import show

# What a mix of dtypes becomes, as in numpy and JAX for the types that there are.
_WIDTH = ("bool", "int32", "float32")


_Meaning = TypeVar("_Meaning")


def each_of(names: Mapping[str, _Meaning], run: Callable[[Call, _Meaning], str]) -> None:
    """Register a reader for each class: ``run`` with the op, or what else the class stands for."""
    for class_name, meaning in names.items():
        layer(class_name)(lambda c, meaning=meaning: run(c, meaning))


def arguments(c: Call, *names: str) -> list[Any]:
    """The arguments of these names, which Keras gives in order, by name or as options; None where there is none."""
    given = {**dict(zip(names, c.args, strict=False)), **c.kwargs}
    return [given.get(name, c.config.get(name)) for name in names]


def listed(c: Call) -> list[Any]:
    """What a call on a list has in it, numbers and arrays too; the tensors of any other call."""
    given = c.args[0] if c.args else None
    return given if isinstance(given, list) else [Value(v) for v in c.inputs]


def operands(c: Call, values: Sequence[Any], least: str = "bool") -> list[str]:
    """Values of one dtype, ``least`` or wider: tensors are cast, numbers become constants."""
    kinds = {kind for kind in (_dtype(c, v) for v in values) if kind in _WIDTH}
    strings = any(_dtype(c, v) not in _WIDTH for v in values)
    wanted = max((least, *kinds), key=_WIDTH.index)
    return [tensor(c, v, None if strings else wanted) for v in values]


def tensor(c: Call, value: Any, dtype: str | None = None) -> str:
    """A value of the graph, of this dtype if one is given."""
    if isinstance(value, Value):
        return value if dtype in (None, c.dtype(value)) else c.add("Cast", value, DstT=dtype)
    return c.constant("value", _array(c, value), dtype or _dtype(c, value))


def as_float(c: Call, value: Any) -> str:
    """The value, or the number that is given in its place, as float32."""
    return tensor(c, Value(value) if isinstance(value, str) else value, "float32")


def _dtype(c: Call, value: Any) -> str:
    return c.dtype(value) if isinstance(value, Value) else of_array(_array(c, value))


def _array(c: Call, value: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(value)
        of_array(array)
    except (ValueError, DTypeError):
        array = np.empty(0, object)
    if array.dtype.kind not in "bif":
        raise c.fail(f"found the argument {show(value)}, expected a tensor or a number")
    return array
