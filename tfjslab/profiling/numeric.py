"""How far backends are from a reference, node by node, and the first node where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import shape
from tfjslab.graph.ir import Node
from tfjslab.model.model import Model

# Rounding of float32 grows along a deep model to some 1e-5 of the largest value; a wrong kernel is far beyond this.
DEFAULT_TOLERANCE = 1e-3
_LISTED = 20  # in the table of errors; JSON has all
_FEWEST = 2


@dataclass(frozen=True)
class Difference:
    """One value on a backend compared with the reference.

    ``max_abs`` is the largest difference and ``relative`` that over the largest magnitude of the reference (over 1
    where that is smaller than the smallest normal number); ``mean_abs`` is the mean. ``at`` is where the largest lies.
    All are None where ``reason`` says why there is nothing to subtract. ``diverges`` is the verdict. Of integers that
    differ ``first`` is the first element that does, and ``pair`` the reference's value of it and the backend's.
    """

    backend: str
    value: str
    node: str
    op: str
    layer: str
    shape: tuple[int, ...]
    dtype: str
    max_abs: float | None
    relative: float | None
    mean_abs: float | None
    at: tuple[int, ...]
    diverges: bool
    reason: str = ""
    first: tuple[int, ...] = ()
    pair: tuple[int, int] | None = None


@dataclass(frozen=True, repr=False)
class NumericDiff(Report):
    """Every value of a model on some backends, compared with the ``reference`` backend, in the order of the graph.

    ``nodes`` come from a run in which every value is an output, so that none is hidden in a fused kernel. ``outputs``
    come from the model as it normally runs, with fused kernels. Values without numbers, and those on a branch that was
    not taken on either side, are in neither; ``skipped`` counts them.
    """

    model: str
    reference: str
    backends: tuple[str, ...]
    tolerance: float
    nodes: tuple[Difference, ...]
    outputs: tuple[Difference, ...]
    skipped: int

    def first(self, backend: str | None = None) -> Difference | None:
        """The first value that diverges (on ``backend``, or on any); None when all agree."""
        return next((d for d in self.nodes if d.diverges and backend in (None, d.backend)), None)

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not any(d.diverges for d in (*self.nodes, *self.outputs))

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the first value that diverges on each backend by name."""
        firsts = {b: d and d.value for b, d in ((b, self.first(b)) for b in self.backends)}
        return {**super().to_json(), "ok": self.ok, "first": firsts}

    def tables(self) -> tuple[Table, ...]:
        """For each backend the verdict with the outputs, then the nodes with the largest errors and the first."""
        return tuple(t for b in self.backends for t in self._tables_of(b))

    def _tables_of(self, backend: str) -> Iterator[Table]:
        first = self.first(backend)
        title = f"{self.model}: {backend} against {self.reference}, tolerance {self.tolerance:g}"
        yield Table(title, ("output", *_COLUMNS), _rows(self.outputs, backend), (self._verdict(backend),), 4)
        mine = [d for d in self.nodes if d.backend == backend]
        worst = sorted(mine, key=lambda d: -_size(d))[:_LISTED]
        shown = [d for d in mine if d in worst or d is first]
        if shown:
            listed = f"{len(shown)} of {len(mine)}, the largest errors in the order of the graph"
            yield Table(f"Values inside: {listed}", ("value", *_COLUMNS), _rows(shown, backend), (), 4)

    def _verdict(self, backend: str) -> str:
        first, ends = self.first(backend), any(d.diverges for d in self.outputs if d.backend == backend)
        if first is not None:
            rest = "" if ends else "; the outputs agree all the same"
            return f"differs first at {first.value} ({first.op}): {_difference_text(first)}{rest}"
        if ends:
            return "no single node differs, but the outputs do: the error is in a fused kernel"
        return "agrees everywhere"

    def __repr__(self) -> str:
        verdicts = ", ".join(f"{b} {'agrees' if self._agrees(b) else self._short(b)}" for b in self.backends)
        return f"NumericDiff({self.model} against {self.reference}: {verdicts})"

    def _agrees(self, backend: str) -> bool:
        return not any(d.diverges for d in (*self.nodes, *self.outputs) if d.backend == backend)

    def _short(self, backend: str) -> str:
        first = self.first(backend)
        return f"differs at {first.value}" if first else "differs in a fused kernel"


_COLUMNS = ("op", "shape", "", "max error", "relative", "mean error", "at")


def _size(d: Difference) -> float:
    return float("inf") if d.relative is None else d.relative


def _difference_text(d: Difference) -> str:
    if d.pair is not None:
        return f"first at {' '.join(map(str, d.first))}, {d.pair[0]} and {d.pair[1]}; off by {d.max_abs:.3g} at most"
    return d.reason or f"off by {d.max_abs:.3g}, which is {d.relative:.3g} of the largest value"


def _rows(found: Sequence[Difference], backend: str) -> tuple[tuple[object, ...], ...]:
    return tuple(
        (d.value, d.op, shape(d.shape), "differs" if d.diverges else "", _number(d.max_abs) or d.reason,
         _number(d.relative), _number(d.mean_abs), " ".join(map(str, d.at)))
        for d in found if d.backend == backend
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2e}"


def numeric_diff(
    model: Model, x: Any = None, backends: Sequence[str] = ("cpu", "wasm"), *, tolerance: float = DEFAULT_TOLERANCE,
) -> NumericDiff:
    """Run a model on several backends and compare every value with the first one's.

    All values of the graph are held at once on each side.

    Args:
        model: stays as it is; each backend gets a model of its own with the same graph.
        x: what ``predict`` takes; None for seeded values in the declared shapes.
        backends: the reference first, at least one other behind it.
        tolerance: a value diverges when its largest difference is more than this part of its largest magnitude, when
            integers or truth values differ at all, or when one side has NaN or infinity where the other has not.

    Raises UsageError when there are fewer than two backends, and what the model raises for inputs that do not fit.

    """
    names = tuple(backends)
    if len(names) < _FEWEST or isinstance(backends, str) or len(set(names)) < len(names):
        raise UsageError(f"numeric_diff: backends is {backends!r}; expected a reference and at least one other name")
    feeds = model.sample() if x is None else x
    nodes = {v: n for n in model.graph.nodes for v in n.outputs}
    ports = {p.name: p.value for p in model.outputs}
    inside, ends = {}, {}
    for name in names:
        with Model(model.graph, name, name=model.name) as there:
            inside[name] = dict(zip(nodes, there.run(feeds, outputs=tuple(nodes)), strict=True))
            ends[name] = dict(zip(ports, there.run(feeds), strict=True))
    by_output = {name: nodes.get(value) for name, value in ports.items()}
    reference, *others = names
    found = [list(_differences(inside[reference], inside[b], nodes, b, tolerance)) for b in others]
    at_ends = [d for b in others for d in _differences(ends[reference], ends[b], by_output, b, tolerance)]
    skipped = len(nodes) * len(others) - sum(map(len, found))
    return NumericDiff(
        model.name, reference, tuple(others), tolerance, tuple(d for ds in found for d in ds), tuple(at_ends), skipped,
    )


def _differences(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], nodes: Mapping[str, Node | None], backend: str,
    tolerance: float,
) -> Iterator[Difference]:
    """One for each value that is an array of numbers on one side at least."""
    for value, node in nodes.items():
        a, b = ours[value], theirs[value]
        if _is_numeric(a) or _is_numeric(b):
            name, op, layer = (node.name, node.op, node.layer) if node else (value, "", "")
            yield _difference(a, b, (backend, value, name, op, layer), tolerance)


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub"


def _difference(a: Any, b: Any, who: tuple[str, str, str, str, str], tolerance: float) -> Difference:
    array: Array = a if isinstance(a, np.ndarray) else b
    what = (tuple(array.shape), array.dtype.name)
    reason = _mismatch(a, b)
    if reason:
        return Difference(*who, *what, None, None, None, (), diverges=True, reason=reason)
    if a.size == 0:
        return Difference(*who, *what, 0.0, 0.0, 0.0, (), diverges=False)
    x, y = a.astype(np.float64), b.astype(np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    # NaN against NaN and infinity against the same infinity agree; anything else that is not finite does not.
    odd = ~finite & ~((x == y) | (np.isnan(x) & np.isnan(y)))
    if odd.any():
        at = _place(odd)
        return Difference(*who, *what, None, None, None, at, diverges=True, reason=f"{x[at]:g} and {y[at]:g}")
    error = np.abs(np.subtract(x, y, where=finite, out=np.zeros_like(x)))
    most = float(error.max())
    scale = float(np.abs(x, where=finite, out=np.zeros_like(x)).max())
    relative = most / scale if scale >= np.finfo(np.float32).tiny else most
    known = (*who, *what, most, relative, float(error.mean()), _place(error == most))
    if array.dtype.kind == "f" or not most:
        return Difference(*known, diverges=relative > tolerance)
    first = _place(error > 0)
    return Difference(*known, diverges=True, first=first, pair=(int(a[first]), int(b[first])))


def _mismatch(a: Any, b: Any) -> str:
    """Why two values cannot be subtracted."""
    for value, other in ((a, "the backend"), (b, "the reference")):
        if not isinstance(value, np.ndarray):
            return f"only {other} has a value here: a branch was taken there only"
    if a.shape != b.shape:
        return f"shape {shape(a.shape)} and {shape(b.shape)}"
    return f"dtype {a.dtype} and {b.dtype}" if a.dtype != b.dtype else ""


def _place(mask: Array) -> tuple[int, ...]:
    """The first place where ``mask`` holds."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
