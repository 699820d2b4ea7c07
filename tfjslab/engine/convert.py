"""Converting arguments of eager functions to tensors of one dtype, by the upcast rule of TensorFlow.js."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfjslab.engine.create import as_array, make_tensor
from tfjslab.engine.operators import DISPATCH
from tfjslab.engine.tensor import Tensor
from tfjslab.ops.registry import OpDef

_WIDTH = {"bool": 0, "int32": 1, "float32": 2, "complex64": 3}  # the widest holds the others


# Inputs that are positions or lengths: Python's whole numbers become int32 there, not float32.
_POSITIONS = frozenset({
    "box_ind", "data_splits", "dense_shape", "indices", "input_indices", "input_shape", "new_shape", "partitions",
    "segment_ids", "shape", "splits",
})

def to_tensors(
    definition: OpDef, values: Sequence[Any], name: str, takes: str = "",
) -> tuple[list[Tensor | None], list[Tensor]]:
    """Tensors for ``values`` (None stays None), and those that were created here, which the caller has to free.

    Numbers and lists of Python numbers take the dtype of the tensors beside them (``int_tensor + 1`` stays int32,
    ``+ 1.5`` becomes float32); tensors and arrays of different dtypes are cast to the widest of bool, int32, float32.
    Narrower ones than ``takes`` are cast to that.
    """
    made: list[Tensor] = []
    try:
        optional = {i for i, n in enumerate(definition.inputs) if n.endswith("?")}
        first = 1 if definition.inputs[:1] == ("condition",) else 0
        found = ["" if v is None and i in optional else _dtype(v, name) for i, v in enumerate(values)]
        common = _common(definition, values[first:], found[first:])
        if takes and all(d in _WIDTH for d in found):
            common = max([takes, *found], key=_WIDTH.__getitem__)
        wanted = [common if i >= first else None for i in range(len(values))]
        names = [n.strip("*?") for n in definition.inputs]
        for i, value in enumerate(values):
            input_name = names[min(i, len(names) - 1)]
            if input_name in _POSITIONS and _is_weak(value):
                wanted[i] = "int32"
            elif input_name == "default" and "values" in names and _is_weak(value):
                wanted[i] = found[names.index("values")]
        out = [None if v is None else _one(v, w, made, name) for v, w in zip(values, wanted, strict=True)]
    except BaseException:
        for t in made:
            t.dispose()
        raise
    return out, made


def _dtype(value: Any, name: str) -> str:
    """The dtype of a tensor or of anything that can become one."""
    return value.dtype if isinstance(value, Tensor) else as_array(value, None, name)[1]


def _is_weak(value: Any) -> bool:
    """Python numbers and lists of them, which take the dtype of the other inputs."""
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
    return {"b": "bool", "i": "int32", "u": "int32", "c": "complex64"}.get(np.asarray(value).dtype.kind, "float32")


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
