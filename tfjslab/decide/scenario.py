"""What a model is to be good at: limits and missing features; the scenarios that have names, and one's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.targets.features import check_features

_MOST_PERCENT = 100.0
# The options of the command line by the fields that they set.
OPTIONS = {
    "target_latency_ms": "--target", "percentile": "--percentile", "memory_mb": "--memory", "download_mb": "--download",
    "accuracy_floor": "--accuracy-floor", "missing": "--missing", "batch": "--batch-size",
}


@dataclass(frozen=True)
class Scenario:
    """Where a model is to run, and what it may take there. None is no limit.

    ``target_latency_ms`` is for one run of ``batch`` examples, at that ``percentile`` of the runs. ``memory_mb`` is for
    weights and intermediates, ``download_mb`` for the weights as files, in millions of bytes. ``accuracy_floor`` is the
    least share of right answers, or without labels of the answers that the model as it was given gives, too.
    ``missing`` are the features of browsers (``tf.decide.FEATURES``) that it must do without.
    """

    target_latency_ms: float | None = None
    percentile: float = 95.0
    memory_mb: float | None = None
    download_mb: float | None = None
    accuracy_floor: float | None = None
    missing: tuple[str, ...] = ()
    batch: int = 1
    name: str = "own"
    doc: str = "a scenario of one's own"

    def __post_init__(self) -> None:
        """UsageError for a limit that makes no sense."""
        check_features(self.missing, f"scenario '{self.name}'")
        limits = {"target_latency_ms": self.target_latency_ms, "memory_mb": self.memory_mb,
                  "download_mb": self.download_mb}
        for field, value in limits.items():
            if value is not None and not value > 0:
                raise UsageError(f"scenario '{self.name}': {field} is {value}; expected a number above 0, or None")
        if not 0 <= self.percentile <= _MOST_PERCENT:
            raise UsageError(f"scenario '{self.name}': percentile is {self.percentile}; expected 0 to 100")
        floor = self.accuracy_floor
        if floor is not None and not 0 <= floor <= 1:
            raise UsageError(f"scenario '{self.name}': accuracy_floor is {floor}; expected a share from 0 to 1")
        if isinstance(self.batch, bool) or not isinstance(self.batch, int) or self.batch < 1:
            raise UsageError(f"scenario '{self.name}': batch is {self.batch!r}; expected a whole number from 1")

    def without(self, limit: str) -> Scenario:
        """The same without one of its limits, the name of a field."""
        none: Any = () if limit == "missing" else None
        return replace(self, **{limit: none})

    @property
    def options(self) -> str:
        """What the command line calls it: ``--scenario mobile-detection --memory 64``."""
        base = SCENARIOS.get(self.name, _OWN)
        given = [(option, getattr(self, f), getattr(base, f)) for f, option in OPTIONS.items()]
        changed = [(option, mine) for option, mine, usual in given if mine not in (None, usual)]
        told = [f"{o} {','.join(v) if isinstance(v, tuple) else format(v, 'g')}" for o, v in changed]
        return " ".join([f"--scenario {self.name}", *told] if base is not _OWN else told or ["--percentile 95"])


SCENARIOS = {s.name: s for s in (
    Scenario(
        33.3, memory_mb=256, name="mobile-detection",
        doc="detection in a camera's pictures on a phone, 30 a second, so that 95 of 100 are done in time",
    ),
    Scenario(
        percentile=50, memory_mb=2000, batch=8, name="desktop-batch",
        doc="many examples at once on a desktop: the time of a whole batch counts",
    ),
    Scenario(
        16.7, memory_mb=512, missing=("webgl", "webgl2", "webgpu", "shader-f16"), name="graphics-page",
        doc="a page that draws 60 times a second: the GPU is busy with it, so the model must do without",
    ),
    Scenario(
        missing=("simd", "relaxed-simd", "threads", "webgl", "webgl2", "webgpu", "shader-f16", "memory64"),
        name="compatibility", doc="every browser that has WebAssembly at all, old ones too",
    ),
)}

_OWN = Scenario()


def scenario_of(given: Scenario | str) -> Scenario:
    """The scenario, or the one of that name; UsageError lists the names."""
    if isinstance(given, Scenario):
        return given
    if given not in SCENARIOS:
        known = f"{', '.join(SCENARIOS)}{did_you_mean(str(given), SCENARIOS)}"
        raise UsageError(f"scenario {given!r} is not one of {known}")
    return SCENARIOS[given]
