"""What a report says in plain words, for whoever decides."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.reports.figures import BY_KEY, LATENCY, LESS, MORE, NONE, UNKNOWN, FigureChange, words


def headline(figures: Sequence[FigureChange], answers: str) -> str:
    """Some sentences: latency first, then the other figures of the head line, then the answers."""
    latency = next((c for c in figures if c.key == LATENCY), None)
    others = ", ".join(clause(c) for c in figures if c.key != LATENCY and c.ratio is not None)
    return " ".join(filter(None, (
        _of_latency(latency), others and f"{others[0].upper()}{others[1:]}.", answers and f"Answers: {answers}.")))


def _of_latency(c: FigureChange | None) -> str:
    if c is None or c.before is None or c.after is None or c.ratio is None:
        return "Latency was not measured on both sides."
    if c.kind in (LESS, MORE):
        return f"An answer takes {c.after.text} instead of {c.before.text}: {words(c.ratio)}."
    return f"An answer takes {c.after.text}, before {c.before.text}: {c.text}."


def clause(c: FigureChange) -> str:
    """``38% less memory at the peak``, ``no difference in time to the first answer (interval 0.97 to 1.04)``."""
    what = BY_KEY[c.key].less_of
    if c.kind == UNKNOWN or c.ratio is None:
        return f"for {what}: {c.text}"
    if c.kind != NONE:
        return f"{words(c.ratio)} {what}"
    inside = c.text.partition(": ")[2]
    return f"no difference in {what}" + (f" ({inside})" if inside else "")
