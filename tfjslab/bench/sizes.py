"""One model at several sizes on several backends in one run: time against size, and where their order turns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.base.shapes import Shape
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import ms, shape
from tfjslab.bench.bench import bench_models
from tfjslab.bench.result import BenchResult, compare_results, verdicts
from tfjslab.bench.settings import Settings
from tfjslab.graph.ir import Port
from tfjslab.model.sample import sample_inputs
from tfjslab.model.subject import ModelSource
from tfjslab.records.verdict import FASTER, SpeedVerdict


@dataclass(frozen=True)
class RunSize:
    """What one run takes: the inputs, with every length known, and how many examples that are."""

    label: str
    batch: int
    ports: tuple[Port, ...]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """By input name."""
        return {p.name: tuple(d or 0 for d in p.shape or ()) for p in self.ports}

    def feeds(self, seed: int = 0) -> dict[str, Array]:
        """Seeded values of that size."""
        return sample_inputs(self.ports, seed=seed)

    @property
    def elements(self) -> int:
        """Numbers in all inputs together."""
        return sum(math.prod(s) for s in self.shapes.values())


@dataclass(frozen=True)
class OrderTurn:
    """Between two neighbouring sizes another backend becomes the fastest, ``before`` and ``after``.

    ``at_small`` and ``at_large`` are how the winner of that size stands against the other one there.
    """

    before: str
    after: str
    small: RunSize
    large: RunSize
    at_small: SpeedVerdict
    at_large: SpeedVerdict

    @property
    def is_sure(self) -> bool:
        """Whether both differences are more than noise."""
        return self.at_small.kind == self.at_large.kind == FASTER

    @property
    def text(self) -> str:
        """For people."""
        if not self.is_sure:
            return (f"{self.before} has the least median at {self.small.label}, {self.after} at {self.large.label}; "
                    "noise may explain it")
        return (f"{self.before} is the fastest at {self.small.label} ({self.at_small.text} than {self.after}), "
                f"{self.after} at {self.large.label} ({self.at_large.text} than {self.before})")


@dataclass(frozen=True, repr=False)
class SizeSweep(Report):
    """All results by size, in the order of ``sizes`` and then of backends; runs of all of them were interleaved."""

    model: str
    sizes: tuple[RunSize, ...]
    results: tuple[BenchResult, ...]

    def at(self, size: RunSize) -> tuple[BenchResult, ...]:
        """The results of one size."""
        many = len(self.results) // max(len(self.sizes), 1)
        i = self.sizes.index(size)
        return self.results[i * many : (i + 1) * many]

    @property
    def backends(self) -> tuple[str, ...]:
        """The backends that were measured."""
        return tuple(dict.fromkeys(r.backend for r in self.results))

    def fastest(self, size: RunSize) -> BenchResult | None:
        """The result with the least median; None where nothing was measured."""
        known = [r for r in self.at(size) if r.median_ms is not None]
        return min(known, key=lambda r: r.median_ms or 0.0, default=None)

    def turns(self) -> tuple[OrderTurn, ...]:
        """Where another backend becomes the fastest, from the smaller to the larger size.

        Sizes at which noise hides who is the fastest are passed over, unless they are the last.
        """
        found: list[OrderTurn] = []
        unsure: OrderTurn | None = None
        ordered = sorted(self.sizes, key=lambda s: s.elements)
        last = ordered[0] if ordered else None
        for size in ordered[1:]:
            turn = None if last is None else _turn(self, last, size)
            if turn is None or turn.is_sure:
                found += [turn] if turn else []
                last, unsure = size, None
            else:
                unsure = turn
        return (*found, unsure) if unsure else tuple(found)

    def to_json(self) -> list[dict[str, Any]]:  # type: ignore[override]  # a benchmark's results are a list
        """The keys of every benchmark, with the size, and whether that backend is the fastest there."""
        return [
            {**r.to_json(), "batch": s.batch, "shapes": {n: list(dims) for n, dims in s.shapes.items()},
             "ms_per_example": None if r.median_ms is None else r.median_ms / s.batch,
             "fastest_of_size": r is self.fastest(s)}
            for s in self.sizes for r in self.at(s)
        ]

    def tables(self) -> tuple[Table, ...]:
        """A line for each size and backend, then where the order turns."""
        rows = []
        for s in self.sizes:
            for r, v in zip(self.at(s), verdicts(self.at(s)), strict=True):
                per = None if r.median_ms is None else r.median_ms / s.batch
                rows.append((s.label, " ".join(map(shape, s.shapes.values())), r.place, ms(r.median_ms), ms(r.iqr_ms),
                             ms(per), r.runs, "1.0x" if v is None else v.short))
        turns = [t.text for t in self.turns()] or [self._unturned()]
        missing = dict.fromkeys(f"not all was measured: {r.reason}" for r in self.results if r.reason)
        disturbed = [f"{r.model} on {r.backend}: {r.disturbance.text}" for r in self.results if r.disturbance.text]
        columns = ("size", "inputs", "backend", "median ms", "spread", "ms an example", "runs", "against the fastest")
        return (Table(f"{self.model}: time against size", columns, tuple(rows), (*turns, *missing, *disturbed), 3),)

    def _unturned(self) -> str:
        found = {r.backend for s in self.sizes if (r := self.fastest(s)) is not None}
        return f"{found.pop()} is the fastest at every size" if len(found) == 1 else "nothing was measured"

    def __repr__(self) -> str:
        return f"<SizeSweep of {self.model}: {', '.join(s.label for s in self.sizes)} on {', '.join(self.backends)}>"


def _turn(found: SizeSweep, small: RunSize, large: RunSize) -> OrderTurn | None:
    first, second = found.fastest(small), found.fastest(large)
    if first is None or second is None or first.backend == second.backend:
        return None
    others = [next((r for r in found.at(s) if r.backend == name), None)
              for s, name in ((small, second.backend), (large, first.backend))]
    if others[0] is None or others[1] is None:
        return None
    return OrderTurn(first.backend, second.backend, small, large, compare_results(others[0], first),
                     compare_results(others[1], second))


def run_sizes(
    ports: Sequence[Port], batches: Sequence[int] = (), shapes: Sequence[Mapping[str, Shape]] = (),
) -> tuple[RunSize, ...]:
    """Every batch of every choice of shapes.

    Args:
        ports: the inputs of the model.
        batches: what the first length of each input is to be, where the model leaves it open; none keeps it.
        shapes: choices of shapes by input name; open lengths of others are 1.

    Raises UsageError for a batch of an input whose first length is fixed, and where two sizes are the same.

    """
    found = []
    for given in shapes or ({},):
        settled = tuple(replace(p, shape=given.get(p.name, p.shape)) for p in ports)
        found += [_size(ports, settled, batch, many=len(shapes) > 1) for batch in batches or (None,)]
    labels = [s.label for s in found]
    if twice := next((label for label in labels if labels.count(label) > 1), ""):
        raise UsageError(f"the size '{twice}' is there twice; give each once")
    return tuple(found)


def _size(ports: Sequence[Port], settled: Sequence[Port], batch: int | None, *, many: bool) -> RunSize:
    dims = {name: array.shape for name, array in sample_inputs(settled).items()}
    if batch is not None:
        dims = {p.name: (_checked(p, batch), *dims[p.name][1:]) for p in ports}
    first = {s[0] for s in dims.values() if s}
    examples = first.pop() if len(first) == 1 else 1
    label = f"batch {batch}" if batch is not None and not many else " ".join(map(shape, dims.values()))
    return RunSize(label, examples, tuple(replace(p, shape=dims[p.name]) for p in ports))


def _checked(port: Port, batch: int) -> int:
    fixed = port.shape[0] if port.shape else None
    if not port.shape or fixed not in (None, batch):
        raise UsageError(f"batch {batch}: input '{port.name}' is {shape(port.shape)}, which has no open first length")
    return batch


def bench_sizes(
    source: ModelSource, name: str, backends: Sequence[str | None], sizes: Sequence[RunSize],
    threads: int | None = None, settings: Settings | None = None, seed: int = 0,
) -> SizeSweep:
    """Measure a model at every size on every backend; steady runs of all of them are interleaved.

    Args:
        source: a model, a path or a loader.
        name: what to call it.
        backends: names; None is the model's own or the current one.
        sizes: from ``run_sizes``.
        threads: for threaded backends.
        settings: how to measure.
        seed: of the inputs' values.

    Ctrl-C ends the measuring and gives what was measured so far; each result then says so in ``reason``.

    """
    if not sizes:
        raise UsageError("no size is given; expected at least one, of run_sizes")
    cases = [(f"{name}, {s.label}", source, s.feeds(seed)) for s in sizes]
    found = bench_models(cases, backends, threads, settings)
    whole = len(found) // len(backends)
    return SizeSweep(name, tuple(sizes[:whole]), tuple(found[: whole * len(backends)]))

