"""Accuracy, speed and size over settings of quantization: a table, three verdicts kept apart, and a recommendation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.bench.bench import bench_models
from tfjslab.bench.settings import Settings
from tfjslab.model.model import Model
from tfjslab.model.quantize import INT8, quantize
from tfjslab.quantization.calibrate import METHODS
from tfjslab.quantization.report import QuantizationReport

# What a difference in time must exceed to be called one, in parts: what two runs of the same model may differ by.
_NOISE = 0.05
_LEAST_DB = 20.0
BASELINE = "float32"


@dataclass(frozen=True)
class Trade:
    """One setting against float32. ``size_x`` and ``speed_x`` above 1 are better; None is what was not measured.

    ``agreement`` is the lowest top-1 agreement of the outputs and ``sqnr_db`` their lowest signal to noise. The
    verdicts say ``better``, ``same`` or ``worse`` than float32, each for itself; accuracy is the ``same`` when it
    passes the rule of the sweep.
    """

    setting: str
    weight_bytes: int
    median_ms: float | None
    size_x: float
    speed_x: float | None
    agreement: float | None
    sqnr_db: float | None
    size: str
    speed: str
    accuracy: str
    reason: str = ""


@dataclass(frozen=True)
class Sweep:
    """All settings, which one is recommended, and by what rule."""

    rows: tuple[Trade, ...]
    recommended: str
    rule: str

    def data(self) -> dict[str, Any]:
        """For JSON."""
        rows = [{**asdict(r), "sqnr_db": "inf" if r.sqnr_db == float("inf") else r.sqnr_db} for r in self.rows]
        return {"rows": rows, "recommended": self.recommended, "rule": self.rule}


def sweep(
    model: Model, calibration: Any, evaluation: Any = None, kinds: Sequence[str] = (INT8, "float16", "uint16", "uint8"),
    methods: Sequence[str] = METHODS, max_accuracy_drop: float = 0.01, settings: Settings | None = None,
) -> Sweep:
    """Quantize in every way asked for and measure all of them side by side.

    ``max_accuracy_drop`` is the share of top-1 answers that may change (models without classes: an SQNR of 20 dB or
    more passes). Raises what ``quantize`` raises for data that cannot be used.
    """
    if not 0 <= max_accuracy_drop <= 1:
        raise UsageError(f"max_accuracy_drop is {max_accuracy_drop}; expected a share from 0 to 1")
    wanted = [(k, m) for k in kinds for m in (methods if k == INT8 else (METHODS[0],))]
    with ExitStack() as stack:
        made = [(f"{k} {m}" if k == INT8 else k, quantize(model, k, calibration, m, evaluation=evaluation))
                for k, m in wanted]
        for _, q in made:
            stack.enter_context(q.model)
        x = next(iter(_inputs(model, calibration)))
        sources = [(BASELINE, model, x), *((name, q.model, x) for name, q in made)]
        times = [r.median_ms for r in bench_models(sources, [None], settings=settings or Settings(20, 3))]
        whole = Trade(BASELINE, model.weight_bytes, times[0], 1, 1, 1, float("inf"), "same", "same", "same")
        rows = [_trade(name, q.report, whole, ms, max_accuracy_drop)
                for (name, q), ms in zip(made, times[1:], strict=True)]
    rule = (f"the fastest of those whose accuracy passes (top-1 answers changed: {max_accuracy_drop:g} or less; "
            f"without classes: SQNR of {_LEAST_DB:g} dB or more); of equally fast ones the smallest")
    return Sweep((whole, *rows), _recommend([whole, *rows]), rule)


def _inputs(model: Model, calibration: Any) -> Any:
    """The first batch as it was given, or random values where there is none."""
    if calibration is None or isinstance(calibration, dict):
        return [calibration or model.sample()]
    return [calibration] if hasattr(calibration, "shape") else calibration


def _trade(name: str, report: QuantizationReport, whole: Trade, ms: float | None, max_drop: float) -> Trade:
    agreements = [o.top1_agreement for o in report.outputs if o.top1_agreement is not None]
    noises = [o.sqnr_db for o in report.outputs if o.sqnr_db is not None]
    size_x = report.size_ratio
    speed_x = whole.median_ms / ms if ms and whole.median_ms else None
    agreement, sqnr = (min(v, default=None) for v in (agreements, noises))
    passes = _passes(agreement, sqnr, max_drop)
    return Trade(
        name, report.weight_bytes_after, ms, size_x, speed_x, agreement, sqnr, _verdict(size_x, 0.0),
        "not measured" if speed_x is None else _verdict(speed_x, _NOISE), "same" if passes else "worse",
        report.execution,
    )


def _verdict(ratio: float, noise: float) -> str:
    return "better" if ratio > 1 + noise else "worse" if ratio < 1 - noise else "same"


def _passes(agreement: float | None, sqnr_db: float | None, max_drop: float) -> bool:
    if agreement is not None:
        return 1 - agreement <= max_drop
    return sqnr_db is not None and sqnr_db >= _LEAST_DB


def _recommend(rows: Sequence[Trade]) -> str:
    good = [r for r in rows if r.accuracy != "worse"]  # float32 itself is one of them
    fastest = max((r.speed_x or 0) for r in good)
    return min((r for r in good if (r.speed_x or 0) >= fastest * (1 - _NOISE)), key=lambda r: r.weight_bytes).setting
