"""What was measured of one side of a report: inert data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfjslab.records.profile import Profile
from tfjslab.records.statistics import ProcessFigure

Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answers:
    """How far a side's answers are from those of the side before, on ``samples`` inputs.

    ``apart`` is the largest difference over the largest value of an output. ``agreed`` counts the inputs with the same
    top class, None where outputs are no scores of classes; ``low`` and ``high`` enclose the share (Wilson, 95%). With
    labels there are shares of right answers, and ``p_value`` is that of McNemar's exact test of their difference.
    """

    samples: int
    told: str
    apart: float | None = None
    agreed: int | None = None
    low: float | None = None
    high: float | None = None
    right_before: float | None = None
    right_after: float | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class ReportSide:
    """One side. Values stand by the round that they were taken in; sides of a report took turns in the same rounds.

    ``latency_ms`` are steady predictions, several a round. ``start_ms`` is from nothing to the first answer,
    ``peak_bytes`` the most memory at once, one a round. ``size_bytes`` is what travels to the user, as ``size_text``
    says. ``reasons`` tell, by the name of a figure, why it is missing. ``processes`` stand in for rounds where a record
    of an earlier measurement is all that there is. ``changes`` is what was done to the model, ``apart`` how far outputs
    were from those of the reference here on what was measured, over the largest value. Where the machine was so
    busy that ``disturbed`` runs had to stand for others, nothing follows from the latency.
    """

    label: str
    model: str
    runtime: str
    latency_ms: tuple[tuple[float, ...], ...] = ()
    start_ms: tuple[float, ...] = ()
    peak_bytes: tuple[int, ...] = ()
    size_bytes: int | None = None
    size_text: str = ""
    start_text: str = ""
    peak_text: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    changes: Lines = ()
    answers: Answers | None = None
    apart: float | None = None
    profile: Profile | None = field(default=None, repr=False)
    processes: tuple[ProcessFigure, ...] = ()
    notes: tuple[str, ...] = ()
    disturbed: bool = False
