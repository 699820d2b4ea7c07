"""The rules of a recommendation, in order: what leaves a candidate out, and what the best of the others is.

Documentation and texts read the tables below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfjslab.backends.rows import is_host
from tfjslab.base.text import ms, scaled
from tfjslab.decide.candidate import HERE, Candidate, versus
from tfjslab.decide.scenario import Scenario
from tfjslab.records.verdict import FASTER, SAME

MEGA = 1e6
# Of the largest value of an output. More than sums in another order give; a wrong kernel gives far more.
MOST_DIFFERENCE = 0.01


@dataclass(frozen=True)
class LimitRule:
    """``why`` says why a scenario leaves a candidate out, or ""; ``limit`` names the field of the scenario it is by."""

    name: str
    doc: str
    why: Callable[[Candidate, Scenario], str]
    limit: str = ""


def _unmeasured(c: Candidate, _: Scenario) -> str:
    return "" if c.bench.median_ms is not None else f"not measured: {c.bench.reason or 'no reason is told'}"


def _not_a_page(c: Candidate, _: Scenario) -> str:
    return "it is numpy, which no page has" if c.place == HERE and is_host(c.name) else ""


def _imitated(c: Candidate, _: Scenario) -> str:
    return "its GPU is a program on the processor, whose times say nothing of a GPU" if c.is_software else ""


def _wrong(c: Candidate, _: Scenario) -> str:
    if c.difference is None or c.difference <= MOST_DIFFERENCE:
        return ""
    return f"its answers differ from numpy's by {c.difference:.2g} of the largest value"


def _lacks(c: Candidate, s: Scenario) -> str:
    lacking = [f for f in c.needs if f in s.missing]
    return f"it needs {', '.join(lacking)}, which the scenario does without" if lacking else ""


def _budget(what: str, found: int | None, limit_mb: float | None) -> str:
    if limit_mb is None:
        return ""
    if found is None:
        return f"its {what} was not measured, and the scenario has a limit"
    limit = scaled(limit_mb * MEGA, "B")
    return f"its {what} is {scaled(found, 'B')}, above {limit}" if found > limit_mb * MEGA else ""


def _inaccurate(c: Candidate, s: Scenario) -> str:
    if s.accuracy_floor is None:
        return ""
    if c.accuracy is None:
        return "its accuracy was not measured, and the scenario has a floor"
    below = c.accuracy < s.accuracy_floor
    return f"its {c.accuracy_kind} is {c.accuracy:.4f}, below {s.accuracy_floor:.4f}" if below else ""


LIMITS = (
    LimitRule("measured", "it was measured, and ran", _unmeasured),
    LimitRule("page", "a page can run it, unlike numpy", _not_a_page),
    LimitRule("real", "its GPU is one, and no program on the processor", _imitated),
    LimitRule("right", f"its answers are numpy's within {MOST_DIFFERENCE:g} of the largest value", _wrong),
    LimitRule("features", "it needs no feature of browsers that the scenario does without", _lacks, "missing"),
    LimitRule("memory", "weights and intermediates fit into the memory of the scenario",
              lambda c, s: _budget("memory", c.bench.peak_bytes, s.memory_mb), "memory_mb"),
    LimitRule("download", "the weights as files fit into the download of the scenario",
              lambda c, s: _budget("download", c.download_bytes, s.download_mb), "download_mb"),
    LimitRule("accuracy", "its accuracy is not below the floor of the scenario", _inaccurate, "accuracy_floor"),
)
ORDER = (
    ("target", "those that meet the target latency at its percentile come before all others"),
    ("fastest", "of these the fastest, by the median; where two took turns, by the ratio of their rounds"),
    ("fewest features", ("of those that are the same as the fastest within noise, the one that needs the fewest "
                         "features of a browser, then the more accurate, then the one with less memory")),
)


def broken(c: Candidate, s: Scenario) -> tuple[LimitRule, str] | None:
    """The first rule that leaves a candidate out, and why; None where none does."""
    return next(((rule, why) for rule in LIMITS if (why := rule.why(c, s))), None)


def meets(c: Candidate, s: Scenario) -> bool | None:
    """Whether it meets the target latency; None without a target or times."""
    found = c.latency_ms(s.percentile)
    return None if s.target_latency_ms is None or found is None else found <= s.target_latency_ms


def best(candidates: Sequence[Candidate], s: Scenario) -> Candidate | None:
    """What the rules choose; None where they leave nothing over."""
    able = [c for c in candidates if broken(c, s) is None]
    pool = [c for c in able if meets(c, s)] or able
    if not pool:
        return None
    fastest = fastest_of(pool)
    level = [c for c in pool if c is fastest or versus(fastest, c).kind == SAME]
    return min(level, key=lambda c: (len(c.needs), -(c.accuracy or 0.0), c.bench.peak_bytes or 0, _median(c)))


def fastest_of(pool: Sequence[Candidate]) -> Candidate:
    """The one with the least median, or one that was faster than that where the two took turns."""
    ordered = sorted(pool, key=_median)
    found = ordered[0]
    for c in ordered[1:]:
        found = c if versus(found, c).kind == FASTER else found
    return found


def _median(c: Candidate) -> float:
    return c.bench.median_ms or 0.0


def target_words(c: Candidate, s: Scenario) -> str:
    """How a candidate stands to the target; empty without one."""
    found = c.latency_ms(s.percentile)
    if s.target_latency_ms is None or found is None:
        return ""
    how = "meets" if meets(c, s) else "misses"
    return (f"it {how} the target of {ms(s.target_latency_ms)} ms: {ms(found)} ms at the percentile {s.percentile:g}")
