"""Measuring candidates: the backends of this kernel, and the programs in a browser, each with its runs interleaved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfjslab.backends import registry
from tfjslab.backends.rows import is_host
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.progress import Progress, no_progress
from tfjslab.bench.bench import bench_models
from tfjslab.bench.result import BenchResult
from tfjslab.bench.settings import Settings
from tfjslab.bench.sizes import RunSize, SizeSweep, bench_sizes
from tfjslab.browser.jobs.bench import bench
from tfjslab.browser.jobs.headless import headless_session
from tfjslab.browser.jobs.job import TFLITE, HowToRun
from tfjslab.browser.jobs.litert_source import litert_files
from tfjslab.browser.jobs.programs import LITERT, MODULE, PROGRAMS, TFJS, find_program
from tfjslab.browser.jobs.session import DeviceSession
from tfjslab.browser.jobs.tfjs_source import tfjs_source
from tfjslab.decide.candidate import Candidate, merged
from tfjslab.decide.records import candidates_of, of_bench
from tfjslab.decide.rules import fastest_of
from tfjslab.decide.scenario import Scenario
from tfjslab.formats.stored import stored_bytes
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model
from tfjslab.model.sample import sample_inputs

HERE_NAME = "here"
SIZES_S = 1.0  # of each size: what is looked for is a turn, and no figure


@dataclass(frozen=True)
class Measuring:
    """How candidates are measured. ``backends`` are names, None for all that make sense."""

    settings: Settings
    backends: tuple[str, ...] | None = None
    threads: int | None = None
    progress: Progress = no_progress
    how: HowToRun = field(default_factory=HowToRun)


@dataclass(frozen=True)
class ModelForm:
    """The model in one precision; ``file`` is a ``.tflite`` file of it, where it is one."""

    precision: str
    model: Model
    file: Path | None = None

    def ports(self, batch: int) -> tuple[Port, ...]:
        """The inputs with every length known, ``batch`` where the first is open."""
        return tuple(replace(p, shape=a.shape) for p, a in
                     ((p, sample_inputs([p], batch if _is_open(p) else 1)[p.name]) for p in self.model.inputs))


def _is_open(port: Port) -> bool:
    return bool(port.shape) and port.shape is not None and port.shape[0] is None


def has_open_batch(model: Model) -> bool:
    """Whether every input leaves its first length open."""
    return all(_is_open(p) for p in model.inputs)


def fitting_batch(model: Model, wanted: int) -> int:
    """The batch that runs have: the one that is wanted, or the first length that the model's file fixes."""
    if has_open_batch(model):
        return wanted
    return next((p.shape[0] or wanted for p in model.inputs if p.shape), 1)


def candidates_here(forms: Sequence[ModelForm], scenario: Scenario, by: Measuring) -> list[Candidate]:
    """Every form on every backend of this machine, interleaved.

    Numpy and software adapters are measured where they are named only: no page has the first, and the times of the
    others say nothing of a GPU.
    """
    names = by.backends or tuple(b.name for b in registry.backends() if b.available and b.resolved == b.name
                                 and not is_host(b.name) and b.details.get("adapter_type") != "software")
    cases = [(f.model.name, f.model, sample_inputs(f.ports(scenario.batch))) for f in forms]
    found = _whole(bench_models(cases, names, by.threads, replace(by.settings, progress=by.progress)))
    precisions = [f for f in forms for _ in names]
    return [replace(of_bench(r, f.precision, HERE_NAME), download_bytes=stored_bytes(f.model.graph))
            for r, f in zip(found, precisions, strict=False)]


def _whole(results: Sequence[BenchResult]) -> Sequence[BenchResult]:
    """The results, if nobody ended the measuring: a part of them is nothing to decide by."""
    if any(r.reason == BY_CTRL_C for r in results):
        raise KeyboardInterrupt
    return results


def candidates_in(
    place: str | DeviceSession, forms: Sequence[ModelForm], scenario: Scenario, by: Measuring,
) -> list[Candidate]:
    """Every form with every program in a browser: ours take turns in one page, then each other one with our fastest."""
    with ExitStack() as stack:
        page = place if isinstance(place, DeviceSession) else stack.enter_context(headless_session(place))
        return [c for form in forms for c in _form_in(page, form, scenario, by, stack)]


def _form_in(
    page: DeviceSession, form: ModelForm, scenario: Scenario, by: Measuring, stack: ExitStack,
) -> tuple[Candidate, ...]:
    model = stack.enter_context(settled(form, scenario.batch))
    names = by.backends or default_programs(form, scenario)
    ours = [n for n in names if find_program(n).kind == MODULE]
    found = _together(page, model, ours, form, by) if ours else []
    able = [c for c in found if c.bench.median_ms is not None]
    beside = [fastest_of(able).name] if able else []
    for name in (n for n in names if n not in ours):
        source: Any = form.file if PROGRAMS[name].kind == LITERT and form.file else model
        found += _together(page, source, [*beside, name], form, by)
    return merged(found)


def _together(
    page: DeviceSession, source: Model | Path, names: Sequence[str], form: ModelForm, by: Measuring,
) -> list[Candidate]:
    results = bench(source, names, how=by.how, session=page, progress=by.progress, together=True)
    stored = stored_bytes(form.model.graph)
    return [replace(c, download_bytes=stored) for c in candidates_of(results, form.precision)]


def default_programs(form: ModelForm, scenario: Scenario) -> tuple[str, ...]:
    """Ours, those of LiteRT.js for ``.tflite`` files, and those of TensorFlow.js that the scenario allows."""
    ours = [p.name for p in PROGRAMS.values() if p.kind == MODULE]
    lacking, plain = {"litert": litert_reason(), "tfjs": tfjs_reason()}, "simd" in scenario.missing
    theirs = [p.name for p in PROGRAMS.values() if p.kind == TFJS and p.backend != "cpu" and not lacking["tfjs"]
              and plain == (p.name == "tfjs-wasm-plain")]
    litert = [p.name for p in PROGRAMS.values() if p.kind == LITERT and form.file and not lacking["litert"]]
    return (*ours, *theirs, *litert)


def tfjs_reason() -> str:
    """Why TensorFlow.js cannot be measured here; empty where it can."""
    return _reason(lambda: tfjs_source().scripts("wasm"))


def litert_reason() -> str:
    """The same of LiteRT.js."""
    return _reason(litert_files)


def _reason(look: Any) -> str:
    try:
        look()
    except TfjslabError as e:
        return str(e)
    return ""


def settled(form: ModelForm, batch: int) -> Model:
    """The form with a batch that is fixed in its inputs, as a page would load it."""
    return form.model.with_graph(form.model.graph.with_inputs(form.ports(batch)))


def sizes_here(form: ModelForm, names: Sequence[str], sizes: Sequence[RunSize], by: Measuring) -> SizeSweep:
    """Time against size of some backends here."""
    how = replace(by.settings, progress=by.progress, budget_s=SIZES_S, precision=None)
    found = bench_sizes(form.model, form.model.name, names, sizes, by.threads, how)
    _whole(found.results)
    return found


def sizes_in(
    place: str | DeviceSession, form: ModelForm, names: Sequence[str], sizes: Sequence[RunSize], by: Measuring,
) -> SizeSweep:
    """Time against size of some programs in a browser, which take turns at each size.

    UsageError where several are of TensorFlow.js: a page has one of it.
    """
    if len(theirs := [n for n in names if find_program(n).kind == TFJS]) > 1:
        raise UsageError(f"{' and '.join(theirs)} cannot take turns in one page; name one program of TensorFlow.js")
    with ExitStack() as stack:
        page = place if isinstance(place, DeviceSession) else stack.enter_context(headless_session(place))
        found = [replace(c.bench, model=f"{form.model.name}, {s.label}")
                 for s in sizes for c in _at_size(page, form, names, s, by)]
    return SizeSweep(form.model.name, tuple(sizes), tuple(found))


def _at_size(
    page: DeviceSession, form: ModelForm, names: Sequence[str], size: RunSize, by: Measuring,
) -> list[Candidate]:
    with form.model.with_graph(form.model.graph.with_inputs(size.ports)) as model:
        return _together(page, model, names, form, by)


def file_of(source: Any) -> Path | None:
    """The ``.tflite`` file that a source is; None for others."""
    is_file = isinstance(source, str | os.PathLike) and Path(source).suffix == TFLITE
    return Path(source) if is_file else None
