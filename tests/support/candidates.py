"""Candidates of a recommendation with times that are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tfjslab.bench.result import BenchResult, spread
from tfjslab.decide.candidate import HERE, Candidate, Taken
from tfjslab.decide.recommendation import Recommendation

ROUNDS, RUNS = 5, 10
# Whole ones: of "48.93x faster" it is 48.93, never the 48.
_NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?=x\b|\.?(?![\w.-]))")
# What is told, and single runs: among so many numbers anything would be found.
_NO_FIGURES = frozenset({"times_ms", "states", "headline", "reasons", "changes", "text", "out", "what", "command"})
_SCALES = (1.0, 1e3, 1e6, 1e9)


def result(backend: str, ms: float, *, noise: float = 0.002, device: str = "", **more: Any) -> BenchResult:
    """A benchmark whose runs lie around ``ms``, with so large a part of it as noise between rounds and runs."""
    times = tuple(ms * (1 + noise * ((3 * r + i) % 5 - 2)) for r in range(ROUNDS) for i in range(RUNS))
    s = spread(times)
    fields = {"peak_bytes": 4_000_000, "weight_bytes": 2_000_000, **more}
    return BenchResult(
        "net", backend, 1, 1.0, 1.0, 1.0, s.median, s.minimum, s.p95, s.iqr, len(times), 1, fields.pop("peak_bytes"),
        None, fields.pop("weight_bytes"), 3, 0, "clock", "engine", times, rounds=(RUNS,) * ROUNDS, device=device,
        **fields,
    )


def candidate(
    name: str, ms: float, precision: str = "float32", *, place: str = HERE, group: str = "g", noise: float = 0.002,
    bench: dict[str, Any] | None = None, **more: Any,
) -> Candidate:
    """A candidate with such a benchmark."""
    device = "" if place == HERE else place
    made = result(name, ms, noise=noise, device=device, **(bench or {}))
    return Candidate(name, precision, place, (Taken(made, group),), **{"download_bytes": 2_000_000, **more})


def texts_of(r: Recommendation) -> Iterator[str]:
    """Every sentence of a recommendation that names numbers."""
    yield from (r.headline, *r.reasons, *r.changes, *(f.text for f in r.fallbacks), *(c.out for c in r.candidates))


def unknown_numbers(r: Recommendation) -> list[str]:
    """Numbers in the texts that are no figure of ``to_dict``, as it is there, scaled, or the other way round."""
    known = list(_figures(r.to_dict()))
    spans = {f"{100 * (max(v.high, 1 / v.low) - 1):.4f}" for v in _verdicts(r) if v.low and v.high}
    return [
        f"{token} in: {text}" for text in texts_of(r) for token in _NUMBER.findall(text.replace("95%:", ""))
        if not any(_shows(token, v) for v in known) and not any(_shows_span(token, float(s)) for s in spans)
    ]


def _verdicts(r: Recommendation) -> Iterator[Any]:
    found = [r.verdict, *(c.speed for c in r.candidates), *(f.speed for f in r.fallbacks)]
    yield from (v for v in found if v is not None)
    for t in r.sizes.turns() if r.sizes else ():
        yield from (t.at_small, t.at_large)


def _figures(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NO_FIGURES:
                yield from _figures(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _figures(inner)
    elif isinstance(value, str):
        yield from map(float, _NUMBER.findall(value))  # names, such as "batch 4", and reasons of verdicts
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def _shows(token: str, value: float) -> bool:
    digits = len(token.partition(".")[2])
    forms = [value / scale for scale in _SCALES] + [value * 1e6] + ([1 / value] if value else [])
    return any(f"{form:.{digits}f}" == token for form in forms)


def _shows_span(token: str, percent: float) -> bool:
    return "." not in token and 0 <= int(token) - percent < 1
