"""What the ops share: their attributes, the rules of dtypes, and how results become values again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import DTypeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Infer, Spec, Specs

BYTES = ("int8", "uint8")
INTEGERS = (*BYTES, "int16")
X = (Attr("x_scale", "float"), Attr("x_zero", "int"))
Y = (Attr("y_scale", "float"), Attr("y_zero", "int"))
OUT = (Attr("out_scale", "float"), Attr("out_zero", "int"))
# Where a fused activation, or the dtype, ends.
BOUNDS = (Attr("lowest", "int", None), Attr("highest", "int", None))
F32 = np.float32


def check(name: str, specs: Specs, takes: Sequence[str] = INTEGERS) -> None:
    """DTypeError unless all specs have one dtype, which is among ``takes``."""
    found = list(dict.fromkeys(s.dtype for s in specs))
    if len(found) != 1 or found[0] not in takes:
        raise DTypeError(f"{name}: dtype {', '.join(found)}; expected one of {', '.join(takes)}")


def like_first(name: str, takes: Sequence[str] = INTEGERS) -> Infer:
    """Shape rule: the output is like the only input."""
    def infer(ins: Specs, _attrs: Attrs) -> list[Spec]:
        check(name, ins[:1], takes)
        return [Spec(ins[0].shape, ins[0].dtype)]

    return infer


def bounded(x: Array, dtype: Any, lowest: int | None = None, highest: int | None = None) -> Array:
    """Integers as values of a dtype, within its range and the bounds."""
    info = np.iinfo(dtype)
    low, high = (max(info.min, lowest if lowest is not None else info.min),
                 min(info.max, highest if highest is not None else info.max))
    return np.clip(x, low, high).astype(dtype)


def by_table(x: Array, rule: Callable[[Array], Array]) -> Array:
    """``rule`` of each element, which is int64 for it; of bytes it is asked for each of the 256 once."""
    if x.dtype.itemsize > 1:
        return rule(x.astype(np.int64))
    return rule(np.arange(256, dtype=np.uint8).view(x.dtype).astype(np.int64))[x.view(np.uint8)]


def info(dtype: str) -> Any:
    """The range of an integer dtype."""
    return np.iinfo(numpy_dtype(dtype))
