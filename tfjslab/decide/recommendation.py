"""What ``tf.recommend`` gives: the choice with everything it follows from, as inert data that shows itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, ms, percent, scaled
from tfjslab.bench.sizes import SizeSweep
from tfjslab.decide.scenario import Scenario
from tfjslab.records.verdict import FASTER, SAME, SpeedVerdict

MEASURED, PREDICTED = "measured", "predicted"
# How sure a choice is, by what the comparison with the runner-up says.
SURE, TIE, UNSURE, ALONE = "sure", "a tie", "not sure", "no runner-up"
CONFIDENCE = {FASTER: SURE, SAME: TIE}


@dataclass(frozen=True)
class CandidateRow:
    """What was measured of one candidate. Times are milliseconds; None is not measured.

    ``latency_ms`` is at the scenario's percentile, ``ms_per_example`` the median over the batch, ``iqr_ms`` the middle
    half of the runs. ``out`` says which rule leaves it out, empty where none does; ``speed`` is how the choice stands
    against it: above 1 the choice is faster.
    """

    name: str
    precision: str
    place: str
    needs: tuple[str, ...]
    median_ms: float | None
    latency_ms: float | None
    ms_per_example: float | None
    iqr_ms: float | None
    runs: int
    disturbed: str
    engine: str
    peak_bytes: int | None
    download_bytes: int | None
    accuracy: float | None
    accuracy_kind: str
    difference: float | None
    meets_target: bool | None
    out: str
    out_by: str
    speed: SpeedVerdict | None = None

    @property
    def label(self) -> str:
        """Such as ``wasm-simd, int8``."""
        return f"{self.name}, {self.precision}"


@dataclass(frozen=True)
class FallBack:
    """What takes the place of the choice where a feature is missing; None with a ``text`` that says nothing does."""

    feature: str
    name: str | None
    precision: str
    speed: SpeedVerdict | None
    text: str


@dataclass(frozen=True)
class MissingMeasurement:
    """What was not measured, and the command that does it."""

    what: str
    command: str


@dataclass(frozen=True, repr=False)
class Recommendation(Report):
    """The choice for a scenario in one place, and the same for other places in ``elsewhere``.

    ``choice`` is None where nothing can be recommended; ``headline`` and ``reasons`` say why. ``basis`` is
    ``measured`` in a browser, or ``predicted`` from this kernel. ``batch`` is that of the runs, which the model's file
    may fix. ``verdict`` compares the choice with ``runner_up``
    (above 1 the choice is faster), ``confidence`` is what that says: ``sure``, ``a tie``, ``not sure``, ``no
    runner-up``. ``changes`` tell what would change the choice, ``sizes`` what they know of other sizes from.
    """

    model: str
    scenario: Scenario
    place: str
    basis: str
    batch: int
    choice: CandidateRow | None
    runner_up: CandidateRow | None
    verdict: SpeedVerdict | None
    confidence: str
    headline: str
    reasons: tuple[str, ...]
    changes: tuple[str, ...]
    fallbacks: tuple[FallBack, ...]
    missing: tuple[MissingMeasurement, ...]
    candidates: tuple[CandidateRow, ...]
    sizes: SizeSweep | None = None
    elsewhere: tuple[Recommendation, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with every figure that a text names."""
        sizes = None if self.sizes is None else {
            "results": self.sizes.to_json(),
            "turns": [{**asdict(t), "small": t.small.label, "large": t.large.label, "is_sure": t.is_sure,
                       "text": t.text} for t in self.sizes.turns()],
        }
        own = {name: getattr(self, name) for name in
               ("model", "place", "basis", "batch", "confidence", "headline", "reasons", "changes")}
        return {
            **own, "scenario": asdict(self.scenario), "reasons": list(self.reasons), "changes": list(self.changes),
            "choice": _plain(self.choice), "runner_up": _plain(self.runner_up),
            "verdict": None if self.verdict is None else self.verdict.to_json(),
            "fallbacks": [{**asdict(f), "speed": f.speed and f.speed.to_json()} for f in self.fallbacks],
            "missing": [asdict(m) for m in self.missing], "candidates": [_plain(c) for c in self.candidates],
            "sizes": sizes, "elsewhere": [r.to_dict() for r in self.elsewhere],
        }

    def to_json(self) -> dict[str, Any]:
        """The same as ``to_dict``."""
        return self.to_dict()

    def tables(self) -> tuple[Table, ...]:
        """The choice with its reasons, all candidates, what would change it, what is missing; then other places."""
        found = [Table(f"{self.model}, {self.scenario.name}, in {self.place}: {self.headline}", notes=self.reasons)]
        if self.candidates:
            found.append(_candidates(self))
        if self.changes or self.fallbacks:
            found.append(Table("What would change it", notes=(*self.changes, *(f.text for f in self.fallbacks))))
        if self.missing:
            found.append(Table("What was not measured", notes=tuple(f"{m.what}: {m.command}" for m in self.missing)))
        return (*found, *(t for r in self.elsewhere for t in r.tables()))

    def __repr__(self) -> str:
        chosen = "nothing" if self.choice is None else f"{self.choice.label} in {self.place}"
        return f"<Recommendation for {self.model}, {self.scenario.name}: {chosen}, {self.basis}>"


def _plain(row: CandidateRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {**asdict(row), "needs": list(row.needs), "speed": row.speed and row.speed.to_json()}


def _candidates(r: Recommendation) -> Table:
    rows = tuple(
        (_marked(c, r), c.precision, ms(c.median_ms), ms(c.iqr_ms), ms(c.latency_ms), c.runs, _stands(c, r),
         scaled(c.peak_bytes, "B"), scaled(c.download_bytes, "B"), percent(c.accuracy) if c.accuracy else NOTHING)
        for c in sorted(r.candidates, key=lambda c: (bool(c.out), c.median_ms is None, c.median_ms))
    )
    left_out = tuple(f"{c.label}: {c.out}" for c in r.candidates if c.out)
    disturbed = tuple(f"{c.label}: {c.disturbed}" for c in r.candidates if c.disturbed)
    columns = ("candidate", "precision", "median ms", "spread", f"p{r.scenario.percentile:g}", "runs",
               "the choice is", "memory", "download", "accuracy")
    return Table(f"Candidates, batch {r.batch}", columns, rows, (*left_out, *disturbed), left=2)


def _marked(c: CandidateRow, r: Recommendation) -> str:
    return f"{'>' if c == r.choice else ' '} {c.name}"


def _stands(c: CandidateRow, r: Recommendation) -> str:
    if c == r.choice:
        return "chosen"
    return "left out" if c.out else NOTHING if c.speed is None else c.speed.short
