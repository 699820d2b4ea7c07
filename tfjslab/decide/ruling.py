"""From candidates to a recommendation for one place: the choice, its reasons in words, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tfjslab.base.text import ms, scaled
from tfjslab.bench.sizes import SizeSweep
from tfjslab.decide.candidate import HERE, Candidate, versus
from tfjslab.decide.recommendation import (
    ALONE,
    CONFIDENCE,
    MEASURED,
    PREDICTED,
    TIE,
    UNSURE,
    CandidateRow,
    FallBack,
    MissingMeasurement,
    Recommendation,
)
from tfjslab.decide.rules import MEGA, best, broken, meets, target_words
from tfjslab.decide.scenario import Scenario
from tfjslab.records.verdict import SAME, UNKNOWN, SpeedVerdict

NOBODY = "nothing is recommended"


@dataclass(frozen=True)
class Decision:
    """What is to be decided: for which model and scenario, by which candidates of one place, at which batch."""

    model: str
    scenario: Scenario
    place: str
    candidates: tuple[Candidate, ...]
    batch: int = 1
    sizes: SizeSweep | None = None
    missing: tuple[MissingMeasurement, ...] = ()


def ruled(case: Decision) -> Recommendation:
    """The recommendation for one place."""
    s, found = case.scenario, case.candidates
    choice, basis = best(found, s), PREDICTED if case.place == HERE else MEASURED
    second = None if choice is None else best([c for c in found if c is not choice], s)
    verdict = versus(second, choice) if choice and second else None
    rows = {id(c): _row(c, case, choice) for c in found}
    if choice is None:
        confidence, headline, reasons = "", NOBODY, tuple(_why_nothing(case))
    else:
        confidence = ALONE if verdict is None else CONFIDENCE.get(verdict.kind, UNSURE)
        headline = _headline(choice, basis, confidence)
        reasons = tuple(_reasons(choice, second, verdict, case))
    return Recommendation(
        case.model, s, case.place, basis, case.batch,
        None if choice is None else rows[id(choice)], None if second is None else rows[id(second)], verdict,
        confidence, headline, reasons, tuple(_changes(case, choice)), tuple(_fall_backs(case, choice)), case.missing,
        tuple(rows.values()), case.sizes,
    )


def _row(c: Candidate, case: Decision, choice: Candidate | None) -> CandidateRow:
    b, s, left_out = c.bench, case.scenario, broken(c, case.scenario)
    per = None if b.median_ms is None else b.median_ms / case.batch
    speed = None if choice is None or c is choice or b.median_ms is None else versus(c, choice)
    rule, why = ("", "") if left_out is None else (left_out[0].name, left_out[1])
    return CandidateRow(
        c.name, c.precision, c.place, c.needs, b.median_ms, c.latency_ms(s.percentile), per, b.iqr_ms, b.runs,
        b.disturbance.text, b.engine, b.peak_bytes, c.download_bytes, c.accuracy, c.accuracy_kind, c.difference,
        meets(c, s), why, rule, speed,
    )


# ---- words: every number is in the rows, the scenario or the verdicts ------------------------------------------------


def _headline(c: Candidate, basis: str, confidence: str) -> str:
    return f"{c.label}, {ms(c.bench.median_ms)} ms a run ({basis}; {confidence})"


def _compared(what: str, v: SpeedVerdict) -> str:
    """A sentence that says how ``what`` stands."""
    if v.kind == UNKNOWN:
        return f"whether {what} is faster cannot be told{v.text.removeprefix(UNKNOWN)}"
    return f"{what} is the {v.short}" if v.kind == SAME else f"{what} is {v.text}"


def _why_nothing(case: Decision) -> Iterator[str]:
    if not case.candidates:
        yield "nothing was measured; a recommendation without measurements would be a guess"
    for c in case.candidates:
        left_out = broken(c, case.scenario)
        yield f"{c.label}: {left_out[1] if left_out else ''}"


def _reasons(
    choice: Candidate, second: Candidate | None, verdict: SpeedVerdict | None, case: Decision,
) -> Iterator[str]:
    b, s, batch = choice.bench, case.scenario, case.batch
    yield (f"median {ms(b.median_ms)} ms, the middle half of {b.runs} runs within {ms(b.iqr_ms)} ms"
           + (f"; a batch of {batch}, so {ms((b.median_ms or 0) / batch)} ms an example" if batch > 1 else ""))
    if batch != s.batch:
        yield (f"the model's batch is fixed at {batch}, and the scenario asks for {s.batch}: times are of runs of "
               f"{batch}")
    if words := target_words(choice, s):
        yield words if meets(choice, s) else f"{words}; no candidate meets it that the other limits allow"
    if second is None or verdict is None:
        yield "no other candidate is left to compare it with"
    else:
        yield from _against(choice, second, verdict, s)
    yield from _within(choice, s)
    if b.disturbance.text:
        yield b.disturbance.text


def _against(choice: Candidate, second: Candidate, verdict: SpeedVerdict, s: Scenario) -> Iterator[str]:
    than = f"runner-up {second.label}, median {ms(second.bench.median_ms)} ms"
    if meets(choice, s) and meets(second, s) is False:
        yield f"{than}: {target_words(second, s)}"
    yield f"{than}: {_compared('the choice', verdict)}"
    if CONFIDENCE.get(verdict.kind) == TIE:
        fewer = f"it needs fewer features of a browser: {', '.join(choice.needs) or 'none'}"
        level = "it is no worse in features, accuracy and memory"
        yield f"of the two it is chosen since {fewer if len(choice.needs) < len(second.needs) else level}"


def _within(c: Candidate, s: Scenario) -> Iterator[str]:
    """The budgets that it keeps to."""
    kept = (("memory", c.bench.peak_bytes, s.memory_mb), ("download", c.download_bytes, s.download_mb))
    for what, found, limit in kept:
        if limit is not None:
            yield f"{what}: {scaled(found, 'B')} of {scaled(limit * MEGA, 'B')}"
    if c.accuracy is not None:
        floor = "" if s.accuracy_floor is None else f", the floor is {s.accuracy_floor:.4f}"
        yield f"{c.accuracy_kind}: {c.accuracy:.4f}{floor}"


# ---- what would change it --------------------------------------------------------------------------------------------


def _changes(case: Decision, choice: Candidate | None) -> Iterator[str]:
    if choice is not None:
        yield from _excluded(case, choice)
    if case.sizes is not None:
        turns = case.sizes.turns()
        yield from (f"size: {t.text}" for t in turns)
        if not turns:
            labels = ", ".join(s.label for s in case.sizes.sizes)
            fastest = case.sizes.fastest(case.sizes.sizes[0]) if case.sizes.sizes else None
            yield f"size: {fastest.backend if fastest else 'none'} is the fastest at each of: {labels}"


def _excluded(case: Decision, choice: Candidate) -> Iterator[str]:
    """The candidates that are faster, and the limit that leaves each out."""
    s = case.scenario
    for c in case.candidates:
        left_out = broken(c, s)
        if left_out is None or not left_out[0].limit:
            continue
        without = s.without(left_out[0].limit)
        speed = versus(choice, c)
        if broken(c, without) is None and best([choice, c], without) is c:
            yield (f"without the limit on {left_out[0].name} it would be {c.label} ({left_out[1]}): "
                   f"{_compared('that', speed)}")


def _fall_backs(case: Decision, choice: Candidate | None) -> Iterator[FallBack]:
    """For each feature that the choice needs: what the same rules choose where it is missing."""
    for feature in choice.needs if choice else ():
        lacking = replace(case.scenario, missing=(*case.scenario.missing, feature))
        other = best(case.candidates, lacking)
        if other is None or choice is None:
            yield FallBack(feature, None, "", None, f"without {feature}: nothing that was measured here runs")
            continue
        speed = versus(choice, other)
        missed = "; it misses the target" if meets(other, lacking) is False else ""
        stands = _compared("that", speed)
        text = f"without {feature}: {other.label}, median {ms(other.bench.median_ms)} ms; {stands}{missed}"
        yield FallBack(feature, other.name, other.precision, speed, text)
