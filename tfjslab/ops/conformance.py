"""The conformance suite as importable code: every case of every op with its float64 answer.

A backend is right when it gives ``expected`` within ``tolerance`` for every ``Check``; backends of third parties use
this as well as our own.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.arrays import reals
from tfjslab.base.dtypes import Array
from tfjslab.ops import registry
from tfjslab.ops.registry import Case, OpDef, Spec


@dataclass(frozen=True, eq=False)
class Check:
    """One case, ready to run: inputs as arrays (handles for variants) and canonical attributes."""

    op: OpDef
    case: Case
    index: int
    inputs: tuple[Any, ...]
    attrs: Mapping[str, Any]

    @property
    def name(self) -> str:
        """A stable name for reports, such as ``Conv2D-3``."""
        return f"{self.op.name}-{self.index}"

    @property
    def specs(self) -> list[Spec]:
        """The specs of the inputs; values are not told."""
        return [
            Spec(x.shape, t.dtype) if isinstance(x, np.ndarray) else Spec((), t.dtype)
            for x, t in zip(self.inputs, self.case.inputs, strict=True)
        ]

    def expected(self) -> list[Any]:
        """The outputs in float64."""
        with np.errstate(all="ignore"):
            return self.op.run([_widen(x) for x in self.inputs], self.attrs)


def _widen(x: Any) -> Any:
    wide = {"float32": np.float64, "complex64": np.complex128}
    return x.astype(wide[x.dtype.name]) if isinstance(x, np.ndarray) and x.dtype.name in wide else x


def cases(names: set[str] | None = None) -> Iterator[Check]:
    """Every case of every op, or of those in ``names``; the same arrays on every call. Control ops have none."""
    for op in registry.all_ops().values():
        if names is not None and op.name not in names:
            continue
        for i, case in enumerate(op.cases):
            seed = zlib.crc32(f"{op.name}-{i}".encode())
            inputs = tuple(t.make(seed + k) for k, t in enumerate(case.inputs))
            attrs = op.resolve_attrs(case.attrs, f"case {i}")
            yield Check(op, case, i, inputs, attrs)


def problem(check: Check, found: list[Array]) -> str:
    """What is wrong with a backend's outputs, or ""."""
    expected = check.expected()
    if len(found) != len(expected):
        return f"{check.name}: {len(found)} outputs; expected {len(expected)}"
    for i, (f, e) in enumerate(zip(found, expected, strict=True)):
        text = _difference(check, f, e)
        if text:
            return f"{check.name}: output {i}: {text}"
    return ""


def _difference(check: Check, found: Any, expected: Any) -> str:
    if not isinstance(expected, np.ndarray):
        return "" if type(found) is type(expected) else f"{type(found).__name__}; expected {type(expected).__name__}"
    if found.shape != expected.shape:
        return f"shape {list(found.shape)}; expected {list(expected.shape)}"
    if expected.dtype.kind == found.dtype.kind == "c":  # real and imaginary parts are numbers like any other
        return _difference(check, reals(found), reals(expected))
    if expected.dtype.kind != "f":
        same = found.dtype.kind == expected.dtype.kind and np.array_equal(found, expected)
        return "" if same else f"{found.dtype} {_short(found)}; expected {expected.dtype} {_short(expected)}"
    if found.dtype.kind != "f":
        return f"dtype {found.dtype}; expected float"
    return _float_difference(check, found.astype(np.float64), expected)


def _float_difference(check: Check, found: Array, expected: Array) -> str:
    """Infinities and NaN must be in the same places; the rest may differ within the op's tolerance."""
    with np.errstate(over="ignore"):
        narrow = expected.astype(np.float32).astype(np.float64)
    finite = np.isfinite(narrow)
    if not np.array_equal(found[~finite], narrow[~finite], equal_nan=True) or not np.all(np.isfinite(found[finite])):
        return f"{_short(found)}; expected {_short(narrow)}"
    scale = float(np.max(np.abs(expected[finite]), initial=0.0))
    error = float(np.max(np.abs(found[finite] - expected[finite]), initial=0.0))
    allowed = check.op.tolerance.relative * scale + check.op.tolerance.absolute
    return "" if error <= allowed else f"error {error:.3g} above the allowed {allowed:.3g}"


def _short(a: Array) -> str:
    return np.array2string(a, threshold=8, edgeitems=3).replace("\n", "")
