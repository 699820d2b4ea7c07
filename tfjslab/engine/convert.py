"""From what people pass to eager functions to tensors of one dtype, by the upcast rule of TensorFlow.js."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfjslab.engine.create import as_array, make_tensor
from tfjslab.engine.operators import DISPATCH
from tfjslab.engine.tensor import Tensor
from tfjslab.ops.registry import OpDef

_WIDTH = {"bool": 0, "int32": 1, "float32": 2}


def friendly(definition: OpDef, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Spellings of TensorFlow.js that files do not have: ``padding=1`` pads every side of an image by one."""
    pad = given.get("padding")
    explicit = any(a.name == "explicit_paddings" for a in definition.attrs)
    if explicit and isinstance(pad, int) and not isinstance(pad, bool):
        around = (0, 0, *[pad] * 4, 0, 0) if given.get("data_format", "NHWC") == "NHWC" else (0, 0, 0, 0, *[pad] * 4)
        return {**given, "padding": "EXPLICIT", "explicit_paddings": around}
    return given


def to_tensors(definition: OpDef, values: Sequence[Any], name: str) -> tuple[list[Tensor | None], list[Tensor]]:
    """Tensors for ``values`` (None stays None), and those of them that were made here and are the caller's to free.

    Numbers and lists of Python numbers follow the tensors they meet (``int_tensor + 1`` stays int32, ``+ 1.5`` becomes
    float32); tensors and arrays of different dtypes are cast to the widest of bool, int32, float32.
    """
    made: list[Tensor] = []
    try:
        first = 1 if definition.inputs[0] == "condition" else 0
        found = [_dtype(v, name) for v in values]
        common = _common(definition, values[first:], found[first:])
        out = [
            None if v is None else _one(v, common if i >= first else None, made, f"{name}: input {i + 1}")
            for i, v in enumerate(values)
        ]
    except BaseException:
        for t in made:
            t.dispose()
        raise
    return out, made


def _dtype(value: Any, name: str) -> str:
    """The dtype of a tensor or of anything that can become one; "" for None."""
    if value is None:
        return ""
    return value.dtype if isinstance(value, Tensor) else as_array(value, None, name)[1]


def _is_weak(value: Any) -> bool:
    """Python numbers and lists of them, which take the dtype of what they meet."""
    return not isinstance(value, (Tensor, np.ndarray, np.generic))


def _common(definition: OpDef, values: Sequence[Any], dtypes: Sequence[str]) -> str | None:
    """The dtype that all inputs get, or None when each keeps its own."""
    matches = definition.expr is not None or definition.name == "BatchMatMul"
    if not matches or not all(d in _WIDTH for d in dtypes):
        return None
    strong = [d for v, d in zip(values, dtypes, strict=True) if not _is_weak(v)]
    if not strong:
        return max(dtypes, key=_WIDTH.__getitem__)
    weak = [_python_kind(v) for v in values if _is_weak(v)]
    return max([*strong, *weak], key=_WIDTH.__getitem__)


def _python_kind(value: Any) -> str:
    """What Python itself makes of a number or list: a whole number is an int32 here, not yet a float32."""
    return {"b": "bool", "i": "int32", "u": "int32"}.get(np.asarray(value).dtype.kind, "float32")


def _one(value: Any, dtype: str | None, made: list[Tensor], where: str) -> Tensor:
    if isinstance(value, Tensor):
        if dtype in (None, value.dtype):
            return value
        cast: Tensor = DISPATCH.run("Cast", value, dtype)
        made.append(cast)
        return cast
    tensor = make_tensor(*as_array(value, dtype, where))
    made.append(tensor)
    return tensor
