"""Accuracy and cost of a model's settings: inert data, the Pareto front, separate verdicts, and a recommendation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted, ms, percent, scaled, times
from tfjslab.bench.result import BenchResult
from tfjslab.records import verdict as records

# What a difference in time must exceed to be called one, in parts: two runs of the same model may differ by as much.
NOISE = 0.05
MIN_DB = 20.0
_AGREES = 0.03  # ratio and medians, in parts
BASELINE = "float32"
BETTER, SAME, WORSE, UNKNOWN = "better", "same", "worse", "not measured"
# What a comparison of times says -> what that is for a setting.
SPEEDS = {records.FASTER: BETTER, records.SAME: SAME, records.SLOWER: WORSE, records.UNKNOWN: records.UNKNOWN}
# Goal of a sweep -> the field that is to be small.
GOALS = {"speed": "median_ms", "size": "weight_bytes", "memory": "peak_bytes"}


@dataclass(frozen=True)
class SweepRow:
    """One setting compared with float32, the model as it was given. None is what was not measured.

    ``size_x``, ``speed_x`` and ``memory_x`` above 1 are better. ``speed_x`` is the median of the ratios of rounds in
    which the two alternated, ``speed_low`` to ``speed_high`` its 95% interval; ``speed_text`` says what that means.
    ``disturbed`` tells of runs that were left out. ``weight_bytes`` is what the weights take as a file, ``peak_bytes``
    weights plus the most that intermediates took at once while it ran. Half of the runs lie between ``low_ms`` and
    ``high_ms``.

    ``top1`` is the accuracy on labelled data with its 95% interval, ``drop`` how much lower it is than float32's,
    ``lost`` and ``gained`` how many samples that is. ``agreement`` is the lowest top-1 agreement of the outputs with
    float32's, None where there are no classes or only one was seen, and ``sqnr_db`` the lowest signal to noise.

    The four verdicts say ``better``, ``same`` or ``worse`` than float32, each for itself, or that of speed ``cannot
    tell``; accuracy is the ``same``
    when it passes the rule of the sweep.
    """

    setting: str
    weight_bytes: int
    peak_bytes: int | None
    median_ms: float | None
    low_ms: float | None
    high_ms: float | None
    size_x: float
    memory_x: float | None
    speed_x: float | None
    speed_low: float | None
    speed_high: float | None
    top1: float | None
    top1_low: float | None
    top1_high: float | None
    drop: float | None
    lost: int | None
    gained: int | None
    agreement: float | None
    sqnr_db: float | None
    size: str = UNKNOWN
    memory: str = UNKNOWN
    speed: str = UNKNOWN
    accuracy: str = UNKNOWN
    reason: str = ""
    speed_text: str = ""
    disturbed: str = ""


@dataclass(frozen=True)
class RefusedSetting:
    """A setting that this model cannot have, and why."""

    setting: str
    reason: str


@dataclass(frozen=True, repr=False)
class Sweep(Report):
    """All settings, which one is recommended, and by what rule.

    ``measure`` is what accuracy was judged by: ``top1`` with labels, else ``agreement``, else ``sqnr_db``. ``results``
    are the measurements behind the rows, with their raw samples.
    """

    model: str
    rows: tuple[SweepRow, ...]
    refused: tuple[RefusedSetting, ...]
    recommended: str
    rule: str
    goal: str
    measure: str
    max_accuracy_drop: float
    samples: int
    conditions: str
    results: tuple[BenchResult, ...] = ()

    def row(self, setting: str | None = None) -> SweepRow:
        """The setting of that name, the recommended one without a name; UsageError lists the names."""
        wanted = self.recommended if setting is None else setting
        found = next((r for r in self.rows if r.setting == wanted), None)
        if found is None:
            names = [r.setting for r in self.rows]
            raise UsageError(f"setting '{wanted}' is not one of {', '.join(names)}{did_you_mean(wanted, names)}")
        return found

    def front(self, goal: str | None = None) -> tuple[SweepRow, ...]:
        """The settings that no other beats in both accuracy and ``goal``, from the cheapest to the most accurate."""
        cost = cost_field(goal or self.goal)
        known = [r for r in self.rows if getattr(r, cost) is not None and getattr(r, self.measure) is not None]
        kept = pareto_front([(getattr(r, cost), getattr(r, self.measure)) for r in known])
        return tuple(known[i] for i in kept)

    def data(self) -> dict[str, Any]:
        """For JSON; a signal to noise without noise is the text ``inf``."""
        found = {**asdict(self), "results": [r.to_json() for r in self.results]}
        for row in found["rows"]:
            row["sqnr_db"] = "inf" if row["sqnr_db"] == math.inf else row["sqnr_db"]
        return {**found, "front": [r.setting for r in self.front()]}

    def to_json(self) -> dict[str, Any]:
        """The same as ``data``."""
        return self.data()

    def tables(self) -> tuple[Table, ...]:
        """What each setting measures, and what that means."""
        front = {r.setting for r in self.front()}
        rows = tuple((_marked(r.setting, self.recommended, front), *self._quality(r), ms(r.median_ms),
                      _range(r.low_ms, r.high_ms), r.speed_text.partition(" (")[0] or times2(r.speed_x),
                      scaled(r.weight_bytes, "B"), times2(r.size_x), scaled(r.peak_bytes, "B"), times2(r.memory_x))
                     for r in self.rows)
        columns = ("setting", *self._quality_names(), "ms", "half of the runs", "speed", "weights", "smaller", "peak",
                   "less memory")
        meaning = f"o on the Pareto front: no other setting is both more accurate and better in {self.goal}"
        notes = (f"> recommended: {self.rule}", meaning, *self._apart(), *self._disturbed(), self.conditions)
        verdicts = tuple((r.setting, r.accuracy, r.speed_text or r.speed, r.size, r.memory, r.reason)
                         for r in self.rows)
        left = tuple(f"left out: {r.setting}: {r.reason}" for r in self.refused)
        title = f"{self.model}: accuracy and cost of settings, on {counted(self.samples, 'sample')}"
        heads = ("setting", "accuracy", "speed", "size", "memory", "what runs")
        return (Table(title, columns, rows, notes),
                Table("Compared with float32, each figure for itself", heads, verdicts, left, left=len(heads)))

    def _apart(self) -> Iterator[str]:
        """Where ratio and medians in one row do not say the same, and why."""
        first = self.rows[0].median_ms
        for r in self.rows:
            plain = first / r.median_ms if first and r.median_ms else None
            if plain and r.speed_x and abs(plain / r.speed_x - 1) > _AGREES:
                yield (f"{r.setting}: its speed is the median of the ratios of rounds in which it alternated with "
                       f"{BASELINE}; the medians shown give {times2(plain)}, as the machine changed between rounds")

    def _disturbed(self) -> Iterator[str]:
        yield from (f"{r.setting}: {r.disturbed}" for r in self.rows if r.disturbed)

    def _quality_names(self) -> tuple[str, ...]:
        return ("top-1", "95% interval", "lost", "gained", "SQNR dB") if self.measure == "top1" else (
            "agreement", "SQNR dB")

    def _quality(self, r: SweepRow) -> tuple[object, ...]:
        noise = NOTHING if r.sqnr_db is None else "exact" if r.sqnr_db == math.inf else f"{r.sqnr_db:.1f}"
        if self.measure == "top1":
            interval = NOTHING if r.top1_low is None else f"{percent(r.top1_low)} to {percent(r.top1_high)}"
            return percent(r.top1), interval, r.lost, r.gained, noise
        return percent(r.agreement), noise

    def __repr__(self) -> str:
        return f"<Sweep of {self.model}: {counted(len(self.rows), 'setting')}, recommended '{self.recommended}'>"


def times2(value: float | None) -> str:
    """A ratio with two digits: those near 1 are what is being decided."""
    return times(value) if value is None else f"{value:.2f}x"


def _marked(setting: str, recommended: str, front: set[str]) -> str:
    return f"{'>' if setting == recommended else ' '}{'o' if setting in front else ' '} {setting}"


def _range(low: float | None, high: float | None) -> str:
    return NOTHING if low is None or high is None else f"{ms(low)} to {ms(high)}"


def cost_field(goal: str) -> str:
    """The field of a SweepRow that ``goal`` wants small; UsageError lists the goals."""
    if goal not in GOALS:
        raise UsageError(f"goal is {goal!r}; expected one of {', '.join(GOALS)}{did_you_mean(str(goal), GOALS)}")
    return GOALS[goal]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which of (cost, quality) no other point beats in both, by rising cost.

    Of points that are the same in both the first is kept.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i))
    kept: list[int] = []
    best = -math.inf
    for i in order:
        if points[i][1] > best:
            kept.append(i)
            best = points[i][1]
    return kept


def verdict(ratio: float | None, noise: float = 0.0, low: float | None = None, high: float | None = None) -> str:
    """Better above 1, worse below, by more than ``noise`` and in every round, where the range of those is known."""
    if ratio is None:
        return UNKNOWN
    if ratio > 1 + noise and (low is None or low > 1):
        return BETTER
    return WORSE if ratio < 1 - noise and (high is None or high < 1) else SAME


def passes(measure: str, row: SweepRow, max_drop: float) -> bool:
    """Whether accuracy is good enough by the rule; a signal to noise has a limit of its own."""
    value = {"top1": row.drop, "agreement": None if row.agreement is None else 1 - row.agreement}.get(measure)
    if measure == "sqnr_db":
        return row.sqnr_db is not None and row.sqnr_db >= MIN_DB
    # A share of samples is a ratio of whole numbers: what is equal must not fail by rounding.
    return value is not None and value <= max_drop + 1e-12


def rule_of(goal: str, measure: str, max_drop: float) -> str:
    """The recommendation's rule as text."""
    limit = {
        "top1": f"top-1 accuracy at most {max_drop:g} below float32's",
        "agreement": f"top-1 answers changed: {max_drop:g} or less",
        "sqnr_db": f"signal to noise of the outputs {MIN_DB:g} dB or more",
    }[measure]
    first = {"speed": "the fastest", "size": "the one with the smallest weights",
             "memory": "the one with the lowest peak of memory"}[goal]
    second = "the smallest" if goal == "speed" else "the fastest"
    return (f"{first} of those whose accuracy passes ({limit}); of those within {NOISE:.0%} of it {second}")


def recommend(rows: Sequence[SweepRow], goal: str) -> str:
    """The setting that the rule chooses; float32, which passes, when nothing was measured."""
    cost, other = GOALS[goal], GOALS["size" if goal == "speed" else "speed"]
    good = [r for r in rows if r.accuracy not in (WORSE, UNKNOWN) and getattr(r, cost) is not None]
    if not good:
        return rows[0].setting
    least = min(getattr(r, cost) for r in good)
    near = [r for r in good if getattr(r, cost) <= least * (1 + NOISE)]
    return min(near, key=lambda r: (getattr(r, other) is None, getattr(r, other), getattr(r, cost))).setting
