"""``tf.sweep``: a model in every requested setting, evaluated on one data set and measured interleaved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, overload

import numpy as np

from tfjslab.base.errors import InputError, UsageError, did_you_mean, each_with_nearest
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.progress import no_progress
from tfjslab.base.text import counted
from tfjslab.bench.bench import bench_models
from tfjslab.bench.comparison import over
from tfjslab.bench.machines import named, open_there, travelling
from tfjslab.bench.result import BenchResult, compare_results
from tfjslab.bench.settings import Settings
from tfjslab.bench.sweep_result import (
    BASELINE,
    SAME,
    SPEEDS,
    UNKNOWN,
    WORSE,
    RefusedSetting,
    Sweep,
    SweepRow,
    cost_field,
    passes,
    recommend,
    rule_of,
    times2,
    verdict,
)
from tfjslab.cluster.jobs import MachineJob, run_jobs
from tfjslab.evaluation.evaluate import evaluate, samples_of
from tfjslab.evaluation.result import Evaluation
from tfjslab.formats.stored import settle, stored_bytes
from tfjslab.model.model import Model
from tfjslab.passes.registry import run_passes
from tfjslab.quantization.calibrate import METHODS
from tfjslab.quantizer import INT8, KINDS, quantize
from tfjslab.records import verdict as records
from tfjslab.records.verdict import SpeedVerdict

OPTIMIZED = "optimized"
SETTINGS = (OPTIMIZED, *KINDS)
RUNS, WARMUP = 30, 3
MEMORY_NOISE = 0.01  # a percent of memory is nothing to decide by


@dataclass(frozen=True)
class _Setting:
    """A model in one setting. ``weight_bytes`` is the size of its weights as a file."""

    setting: str
    model: Model
    weight_bytes: int
    reason: str


@overload
def sweep(model: Model, calibration: Any = ..., evaluation: Any = ..., kinds: Sequence[str] = ...,
          methods: Sequence[str] = ..., max_accuracy_drop: float = ..., settings: Settings | None = ..., *,
          labels: Any = ..., goal: str = ..., x: Any = ..., client: Any = ...) -> Sweep: ...
@overload
def sweep(model: Sequence[Model], calibration: Any = ..., evaluation: Any = ..., kinds: Sequence[str] = ...,
          methods: Sequence[str] = ..., max_accuracy_drop: float = ..., settings: Settings | None = ..., *,
          labels: Any = ..., goal: str = ..., x: Any = ..., client: Any = ...) -> list[Sweep]: ...
@tells_memory("comparing settings")
def sweep(
    model: Model | Sequence[Model], calibration: Any = None, evaluation: Any = None, kinds: Sequence[str] = SETTINGS,
    methods: Sequence[str] = METHODS, max_accuracy_drop: float = 0.01, settings: Settings | None = None, *,
    labels: Any = None, goal: str = "speed", x: Any = None, client: Any = None,
) -> Sweep | list[Sweep]:
    """Compare settings of a model with the model as it is: accuracy, latency, size and memory.

    Args:
        model: stays as it is. All other settings start from its graph after the passes. Of several models, which take
            the same data, each is compared with its own settings; the result is then a list in their order.
        calibration: for ``int8``, as ``tf.quantize`` takes it.
        evaluation: samples along the first axis, as ``tf.evaluate`` takes them, or a list of such batches; without it
            the calibration data, on which int8 looks better than it is.
        kinds: ``optimized`` (float32 after the passes) and kinds of ``tf.quantize``.
        methods: how ranges of ``int8`` follow from calibration; one setting each.
        max_accuracy_drop: the share of top-1 accuracy that may go: with labels that of right answers, without them that
            of answers which differ from float32's. Models without classes: an SQNR of 20 dB or more passes.
        settings: how to measure latency; runs of all settings are interleaved. Its ``progress`` is called for all work.
        labels: the right classes of ``evaluation``.
        goal: what the recommendation is to be best in: ``speed``, ``size`` or ``memory``.
        x: what latency and memory are measured on; one sample without it.
        client: a ``distributed.Client``: then each model goes to one of the cluster's machines, where all of its
            settings are measured, so that they can be compared.

    A setting that the model cannot have is listed with the reason. Raises UsageError for wrong names and numbers, and
    what ``tf.quantize`` and ``tf.evaluate`` raise for data that cannot be used.

    """
    _check(kinds, max_accuracy_drop, evaluation, labels)
    cost_field(goal)
    how = settings or Settings(RUNS, WARMUP)
    models = [model] if isinstance(model, Model) else list(model)
    one = partial(_sweep_one, calibration=calibration, evaluation=evaluation, kinds=tuple(kinds),
                  methods=tuple(methods), max_accuracy_drop=max_accuracy_drop, labels=labels, goal=goal, x=x)
    if client is None:
        found = [one(m, how=how) for m in models]
    else:
        there = partial(_there, one=partial(one, how=replace(how, progress=no_progress)))
        found = run_jobs(client, [MachineJob(m.name, open_there, (travelling(m), there)) for m in models], how.progress)
    return found[0] if isinstance(model, Model) else found


def _there(model: Model, *, one: Callable[[Model], Sweep]) -> Sweep:
    """What a worker measures."""
    found = one(model)
    return replace(found, results=tuple(map(named, found.results)))


def _sweep_one(
    model: Model, *, calibration: Any, evaluation: Any, kinds: Sequence[str], methods: Sequence[str],
    max_accuracy_drop: float, how: Settings, labels: Any, goal: str, x: Any,
) -> Sweep:
    data = samples_of(model, evaluation if evaluation is not None else calibration)
    wanted = [(k, m) for k in kinds for m in (methods if k == INT8 else (METHODS[0],))]
    refused: list[RefusedSetting] = []
    with ExitStack() as stack:
        made = [_Setting(BASELINE, model, stored_bytes(model.graph), "float32, as it was given")]
        fused = stack.enter_context(model.with_graph(settle(run_passes(model.graph)[0])[0]))
        for i, (kind, method) in enumerate(wanted):
            setting = f"{kind} {method}" if kind == INT8 else kind
            how.progress(f"{model.name}: {setting}", i, len(wanted))
            found = _setting_of(fused, kind, method, setting, calibration)
            if isinstance(found, RefusedSetting):
                refused.append(found)
                continue
            if found.model is not fused:
                stack.enter_context(found.model)
            made.append(found)
        judged = [evaluate(m.model, data, labels, reference=model, progress=how.progress) for m in made]
        given = x if x is not None else (
            {name: array[:1] for name, array in data.items()} if _open_batch(model) else model.sample())
        times = bench_models([(m.setting, m.model, given) for m in made], [None], settings=how)
    return _table(model.name, made, judged, times, tuple(refused), max_accuracy_drop, goal)


def _check(kinds: Sequence[str], max_drop: float, evaluation: Any, labels: Any) -> None:
    unknown = [str(kind) for kind in kinds if kind not in SETTINGS]
    if len(unknown) == 1:
        hint = did_you_mean(unknown[0], SETTINGS)
        raise UsageError(f"kind '{unknown[0]}' is not one of {', '.join(SETTINGS)}{hint}")
    if unknown:
        raise UsageError(f"these are no kinds: {each_with_nearest(unknown, SETTINGS)}; known: {', '.join(SETTINGS)}")
    if isinstance(max_drop, bool) or not 0 <= max_drop <= 1:
        raise UsageError(f"max_accuracy_drop is {max_drop}; expected a share from 0 to 1")
    if labels is not None and evaluation is None:
        raise UsageError("labels are given without evaluation data; give the samples that they belong to")


def _open_batch(model: Model) -> bool:
    return all(p.shape is not None and len(p.shape) > 0 and p.shape[0] is None for p in model.inputs)


def _setting_of(fused: Model, kind: str, method: str, setting: str, calibration: Any) -> _Setting | RefusedSetting:
    """The setting of the optimized model, or why there is none; data that cannot be used are an error."""
    if kind == OPTIMIZED:
        return _Setting(setting, fused, stored_bytes(fused.graph), "float32 after the graph passes")
    if kind == INT8 and calibration is None:
        return RefusedSetting(setting, "no calibration data were given")
    try:
        made = quantize(fused, kind, calibration, method)
    except InputError as e:
        if e.code != "quantize.nothing":
            raise
        return RefusedSetting(setting, str(e))
    return _Setting(setting, made.model, made.report.weight_bytes_after, made.report.execution)


# ---- the result -----------------------------------------------------------------------------------------------------


def _table(
    name: str, made: Sequence[_Setting], judged: Sequence[Evaluation], measured: Sequence[BenchResult],
    refused: tuple[RefusedSetting, ...], max_drop: float, goal: str,
) -> Sweep:
    first = measured[0]
    rows = [_sweep_row(*row, made[0], first) for row in zip(made, judged, measured, strict=False)]
    measure = _measure(judged)
    rows = [replace(r, accuracy=SAME if i == 0 or passes(measure, r, max_drop) else WORSE) for i, r in enumerate(rows)]
    conditions = (f"{first.backend}, {counted(first.threads, 'thread')}, {first.engine}; medians of {first.runs} runs "
                  f"of each setting, interleaved, after {first.warmup} others; {first.clock}")
    if first.reason:
        conditions = f"not all was measured: {first.reason}; {conditions}"
    return Sweep(name, tuple(rows), refused, recommend(rows, goal), rule_of(goal, measure, max_drop), goal, measure,
                 max_drop, judged[0].samples, conditions, tuple(measured))


def _measure(judged: Sequence[Evaluation]) -> str:
    """The figure that accuracy is judged by: the most meaningful that is known."""
    if judged[0].accuracy is not None:
        return "top1"
    return "sqnr_db" if _agreement(judged[0]) is None else "agreement"


def _agreement(found: Evaluation) -> float | None:
    """The lowest of the outputs that have classes, of which more than one was seen."""
    shares = [e.top1_agreement for e in found.errors if e.top1_agreement is not None and e.classes != 1]
    return min(shares, default=None)


def _sweep_row(
    made: _Setting, judged: Evaluation, measured: BenchResult, base: _Setting, first: BenchResult,
) -> SweepRow:
    size_x = base.weight_bytes / max(made.weight_bytes, 1)
    memory_x = over(first.peak_bytes, measured.peak_bytes)
    speed = SpeedVerdict(records.SAME, 1.0, 1.0, 1.0) if made is base else compare_results(first, measured)
    counted_ms = measured.disturbance.of_kept(measured.times_ms)
    low, high = (float(v) for v in np.percentile(counted_ms, [25, 75])) if counted_ms else (None, None)
    top, paired = next((t for t in judged.top if t.k == 1), None), judged.paired
    return SweepRow(
        made.setting, made.weight_bytes, measured.peak_bytes, measured.median_ms, low, high, size_x, memory_x,
        speed_x=speed.ratio, speed_low=speed.low, speed_high=speed.high, top1=top.accuracy if top else None,
        top1_low=top.low if top else None, top1_high=top.high if top else None,
        drop=paired.drop if paired else None, lost=paired.lost if paired else None,
        gained=paired.gained if paired else None, agreement=_agreement(judged),
        sqnr_db=min((e.sqnr_db for e in judged.errors if e.sqnr_db is not None), default=None),
        size=verdict(size_x), memory=verdict(memory_x, MEMORY_NOISE), reason=made.reason,
        speed=UNKNOWN if speed.ratio is None else SPEEDS[speed.kind],
        speed_text=times2(1.0) if made is base else speed.text, disturbed=measured.disturbance.text,
    )
