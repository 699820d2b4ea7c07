"""Sides that are measured in a browser, a fresh worker for each side in each round.

So a round has a whole start, memory that no other model is in, and steady runs; and what differs from one worker to the
next, such as where memory lies, is part of the spread.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfjslab.base.dtypes import Array
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.text import scaled
from tfjslab.bench.compare import model_file
from tfjslab.browser.jobs.bench import answers_of_cpu
from tfjslab.browser.jobs.job import DeviceJob, HowToRun, JobSubject, make_job
from tfjslab.browser.jobs.programs import LITERT, MODULE, TFJS, DeviceProgram, find_program
from tfjslab.browser.jobs.records import Opened
from tfjslab.browser.jobs.results import DeviceResult, results_of
from tfjslab.browser.jobs.session import DeviceSession
from tfjslab.browser.jobs.tfjs_source import wasm_file
from tfjslab.export.web.folder import WEIGHTS
from tfjslab.export.web.sizes import GZIP_LEVEL, code_files
from tfjslab.profiling.runs import join_runs
from tfjslab.records.profile import Profile
from tfjslab.reports.planned import HowToMeasure, Planned
from tfjslab.reports.side import ReportSide

_PROFILES = 3  # in a round
_RUNS, _BUDGET_S = 20, 20.0  # of a side in a round; the page makes a mean of several of what is short
_SIZE = "all files of a page with this model, gzipped"
_PEAKS = {
    TFJS: "the most that tensors took at once, as tf.profile of TensorFlow.js counts: weights and intermediates",
    MODULE: "all of the web module's memory",
}
_START = "scripts, backend, model files from this machine, and the first prediction, in a fresh worker"


_UNKNOWN = {LITERT: {
    "memory": "LiteRT.js does not tell what memory it takes", "size": "which of its files LiteRT.js loads is not known",
}}


@dataclass
class _Gathered:
    """One side so far."""

    planned: Planned
    program: DeviceProgram
    job: DeviceJob
    expected: list[tuple[str, Array]]
    results: list[DeviceResult] = field(default_factory=list)
    starts_ms: list[float] = field(default_factory=list)
    reason: str = ""


def measure(plans: Sequence[Planned], how: HowToMeasure, page: DeviceSession) -> list[ReportSide]:
    """Measure sides in the page of a session. What a program cannot do stands in its side's reasons.

    Ctrl-C gives what was measured until then, which each side says.
    """
    with scratch_folder() as folder:
        sides = [_begin(p, how, folder / str(i)) for i, p in enumerate(plans)]
        reason = ""
        try:
            for i in range(how.rounds):
                for k, side in enumerate(sides if i % 2 == 0 else reversed(sides)):
                    how.progress(f"{side.planned.label}: measure", i * len(sides) + k, how.rounds * len(sides))
                    if not side.reason:
                        _round(side, page, how)
        except KeyboardInterrupt:
            reason = BY_CTRL_C
        return [_side(s, reason) for s in sides]


def _begin(planned: Planned, how: HowToMeasure, scratch: Path) -> _Gathered:
    """The job of a side: its files and what the page is told."""
    how.progress(f"{planned.label}: prepare", 0, 1)
    scratch.mkdir(parents=True)
    program = find_program(planned.program)
    file = _file(planned, program, scratch)
    subject = JobSubject(planned.model.name, file, planned.model, export=planned.export)
    run = HowToRun(how.runs or _RUNS, how.warmup, 1, _BUDGET_S, _PROFILES if how.profile else 1, how.threads or 0)
    job = make_job(subject, (program,), how.x, run, scratch)
    refused = job.refused.get(program.name, "")
    return _Gathered(planned, program, job, answers_of_cpu(planned.model, how.x), reason=refused)


def _file(planned: Planned, program: DeviceProgram, scratch: Path) -> Path:
    """What others read; our web module is made of the model, which in integers has no file that others could read."""
    if program.kind == TFJS:
        return model_file(planned.model, planned.source or planned.model, scratch)
    return Path(planned.source or scratch) if program.kind == LITERT else scratch


def _round(side: _Gathered, page: DeviceSession, how: HowToMeasure) -> None:
    record = page.run(side.job)
    (found,) = results_of((side.program,), side.job, record, side.expected)
    side.results.append(found)
    side.reason = found.bench.reason
    if record.sides[0].opened is not None:
        side.starts_ms.append(_start(record.sides[0].opened))
    if not how.profile:
        side.results[-1] = replace(found, profile=None)


def _start(opened: Opened) -> float:
    """From nothing to the first answer."""
    parts = (opened.import_ms, opened.backend_ms, opened.download_ms, opened.load_ms, opened.first_ms)
    return sum(p for p in parts if p is not None)


def _side(side: _Gathered, reason: str) -> ReportSide:
    benches = [r.bench for r in side.results]
    files = page_content(side.program, side.job)
    packed = sum(len(gzip.compress(data, GZIP_LEVEL, mtime=0)) for data in files)
    reasons = {**_UNKNOWN.get(side.program.kind, {}), **({"": side.reason or reason} if side.reason or reason else {})}
    runtime = benches[0].engine if benches else side.program.text
    return ReportSide(
        side.planned.label, side.planned.model.name, runtime.removeprefix("our "),
        tuple(b.undisturbed_rounds[0] for b in benches), tuple(side.starts_ms),
        tuple(b.peak_bytes for b in benches if b.peak_bytes), packed or None,
        _SIZE, _START, _PEAKS.get(side.program.kind, ""), reasons, side.planned.changes,
        profile=_profile(side.results), notes=tuple(_notes(side, sum(map(len, files)))),
        apart=max((r.difference for r in side.results if r.difference is not None), default=None),
        disturbed=sum(b.disturbance.is_makeshift for b in benches) > len(benches) / 2,
    )


def _profile(results: Sequence[DeviceResult]) -> Profile | None:
    """The profiled runs of all rounds as one."""
    found = [r.profile for r in results if r.profile is not None]
    return join_runs(found) if found else None


def _notes(side: _Gathered, unpacked: int) -> Iterator[str]:
    # Rounds differ in how many kernels are too short for the clock; the one that says most stands for all.
    yield from max((r.notes for r in side.results), key=len, default=())
    if unpacked:
        yield f"{scaled(unpacked, 'B')} to download before they are gzipped"
    apart = [r.difference for r in side.results]
    if apart:
        worst = None if None in apart else max(d for d in apart if d is not None)
        yield ("its outputs do not agree with those of the reference here" if worst is None else
               f"its outputs are at most {worst:.1e} of the largest value from those of the reference here")
    if side.reason:
        yield side.reason


def page_content(program: DeviceProgram, job: DeviceJob) -> list[bytes]:
    """What a page with this side downloads, each file once; nothing where that is not known."""
    wanted = _DOWNLOADS.get(program.kind, lambda _program, _name: False)
    inputs = {told["url"].removeprefix("./") for told in job.told["inputs"]}
    return [
        c if isinstance(c, bytes) else c.read_bytes() for path, c in job.files.items()
        if path not in inputs and wanted(program, path.rpartition("/")[2])
    ]


def _of_tfjs(program: DeviceProgram, name: str) -> bool:
    """All scripts, the model, and the one binary that the flags choose."""
    return not name.endswith(".wasm") or name == wasm_file(program.flags)


def _of_module(program: DeviceProgram, name: str) -> bool:
    return name in (*code_files(program.backend), WEIGHTS)


_DOWNLOADS = {TFJS: _of_tfjs, MODULE: _of_module}
