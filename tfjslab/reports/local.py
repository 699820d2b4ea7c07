"""Sides that are measured on this machine: our backends in this process, TensorFlow.js in Node, in alternating bursts.

Starts are measured apart, each in a fresh process, in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tfjslab.base.errors import BackendError, TfjslabError
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.text import counted
from tfjslab.bench.benchmark_run import BenchmarkRun, begin, result_of
from tfjslab.bench.compare import model_file
from tfjslab.bench.comparison import difference
from tfjslab.bench.interleaved import OwnRuns, PeerRuns, interleave
from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import Peer, PeerError
from tfjslab.bench.peers.processor import same_processor
from tfjslab.bench.result import BenchResult
from tfjslab.bench.settings import Settings
from tfjslab.browser.jobs.bench import answers_of_cpu
from tfjslab.formats.stored import stored_bytes
from tfjslab.graph.ir import Graph
from tfjslab.model.model import Model
from tfjslab.profiling.collect import profile_model
from tfjslab.records.profile import Profile
from tfjslab.reports.fresh import start_ms
from tfjslab.reports.planned import NODE_PROGRAMS, HowToMeasure, Planned
from tfjslab.reports.side import ReportSide

_SIZE = "weights as files hold them"
_PEAK = "weights and the most that intermediates took at once"
_OWN_START = "load, compile and first prediction in a fresh process, compiled modules from the disk cache"
_PEER_START = "load and first prediction in a fresh process, the start of TensorFlow.js not counted"
_PROFILE_S = 1.5


@dataclass
class _Runner:
    """A side while it is measured: one of ours, or TensorFlow.js; ``file`` is what a fresh process loads."""

    planned: Planned
    own: OwnRuns | None = None
    peer: PeerRuns | None = None
    file: Path | None = None
    first_ms: float = 0.0
    apart: float | None = None
    peak_bytes: int | None = None
    starts_ms: list[float] = field(default_factory=list)
    profile: Profile | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    def burst(self, count: int, settings: Settings) -> None:
        """Run so often; a peer that fails is left out from then on."""
        if self.own is not None:
            self.own.run_burst(count, settings)
        elif self.peer is not None and "" not in self.reasons:
            try:
                self.peer.run_burst(count)
            except PeerError as e:
                self.reasons[""] = str(e)


def measure(plans: Sequence[Planned], how: HowToMeasure) -> list[ReportSide]:
    """Measure sides here. What one cannot do stands in its reasons.

    Ctrl-C gives what was measured until then; KeyboardInterrupt where no round has begun.
    """
    settings = Settings(warmup=how.warmup, progress=how.progress)
    runners, reason = list[_Runner](), ""
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder())
        try:
            for i, p in enumerate(plans):
                runners.append(_begin(stack, p, how, settings, scratch / str(i)))
            count = how.runs_for(min((r.first_ms for r in runners if "" not in r.reasons), default=0.0))
            steady = Settings(count * how.rounds, how.warmup)
            interleave([partial(r.burst, count, steady) for r in runners], how.rounds, how.progress)
            _starts(runners, how, scratch)
            for r in runners:
                _profile(r, how)
        except KeyboardInterrupt:
            if len(runners) < len(plans):  # there is nothing yet to compare with
                raise
            reason = BY_CTRL_C
        # Nobody watches a peer's runs: where there is one, all runs of all sides count alike.
        watched = all(r.own for r in runners)
        return [_side(r, reason, watched=watched) for r in runners]


def _begin(stack: ExitStack, planned: Planned, how: HowToMeasure, settings: Settings, scratch: Path) -> _Runner:
    scratch.mkdir()
    if planned.program in NODE_PROGRAMS:
        return _begin_peer(stack, planned, how, settings, scratch)
    model = stack.enter_context(Model(planned.model.graph, planned.program, how.threads, planned.model.name))
    run = BenchmarkRun(planned.label, model, how.x, None)
    begin(run, settings)
    before = settings.clock()
    model.predict(how.x)
    once_ms, own = (settings.clock() - before) * 1e3, OwnRuns(run)
    made = _Runner(planned, own, peak_bytes=run.peak_bytes, first_ms=once_ms)
    made.apart = difference(own.outputs(), answers_of_cpu(planned.model, how.x))
    try:
        made.file = model_file(model, planned.source or model, scratch)
    except TfjslabError as e:
        made.reasons["start"] = f"it cannot be written to a file, to be loaded by a fresh process: {e}"
    return made


def _begin_peer(stack: ExitStack, planned: Planned, how: HowToMeasure, settings: Settings, scratch: Path) -> _Runner:
    made = _Runner(planned)
    how.progress(f"{planned.label}: load", 0, 1)
    try:
        made.file = model_file(planned.model, planned.source or planned.model, scratch)
        peer = stack.enter_context(_peer(planned, how))
        stack.enter_context(same_processor(peer.pid, planned.model.backend))
        tfjs.load(peer, made.file, how.x, scratch)
        made.apart = difference(tfjs.outputs(peer, scratch), answers_of_cpu(planned.model, how.x))
        made.peak_bytes = peer.ask("profile").get("peak_bytes")
        made.peer = PeerRuns(peer)
        made.peer.warm_up(settings.warmup, how.progress, f"{planned.label}: warm-up")
        made.first_ms = made.peer.times_ms(1)[0]
    except (PeerError, TfjslabError) as e:
        made.reasons[""] = str(e)
    return made


def _peer(planned: Planned, how: HowToMeasure) -> Peer:
    backend = NODE_PROGRAMS[planned.program]
    return tfjs.start_tfjs(tfjs.find_peers(how.peers), backend, (how.threads or 2) if "threads" in backend else 1)


def _starts(runners: Sequence[_Runner], how: HowToMeasure, scratch: Path) -> None:
    """Whole starts, each side's once a round; a side that has no file, or fails, has none."""
    for i in range(how.rounds):
        for r in runners if i % 2 == 0 else reversed(runners):
            how.progress("starts in fresh processes", i, how.rounds)
            if r.file is None or "" in r.reasons or "start" in r.reasons:
                continue
            try:
                r.starts_ms.append(_own_start(r, how, scratch) if r.own else _peer_start(r, how, scratch))
            except TfjslabError as e:
                r.reasons["start"] = str(e)


def _own_start(r: _Runner, how: HowToMeasure, scratch: Path) -> float:
    if r.file is None:
        raise BackendError("there is no file to load")
    return start_ms(r.file, r.planned.program, how.threads, how.x, scratch)


def _peer_start(r: _Runner, how: HowToMeasure, scratch: Path) -> float:
    if r.file is None:
        raise PeerError("there is no file to load")
    with _peer(r.planned, how) as peer:
        found = tfjs.load(peer, r.file, how.x, scratch)
    return float(found["load_ms"]) + float(found["first_ms"])


def _profile(r: _Runner, how: HowToMeasure) -> None:
    if how.profile and r.own is not None:
        how.progress(f"{r.planned.label}: profile", 0, 1)
        r.profile = profile_model(r.own.bench_run.model, how.x, max_time_s=_PROFILE_S)


def _file_bytes(graph: Graph) -> int:
    """What weights take in files; of a model in integers, which has no file format of TensorFlow.js, as they are."""
    return graph.weight_bytes if graph.metadata.get("execution") else stored_bytes(graph)


def _side(r: _Runner, reason: str, *, watched: bool) -> ReportSide:
    planned, reasons = r.planned, dict(r.reasons)
    if reason:
        reasons.setdefault("", reason)
    found = ReportSide(
        planned.label, planned.model.name, planned.program, start_ms=tuple(r.starts_ms),
        peak_bytes=() if r.peak_bytes is None else (r.peak_bytes,), size_bytes=_file_bytes(planned.model.graph),
        size_text=_SIZE, start_text=_OWN_START if r.own else _PEER_START, peak_text=_PEAK, reasons=reasons,
        changes=planned.changes, apart=r.apart, profile=r.profile,
    )
    return _with_own(found, result_of(r.own.bench_run), watched=watched) if r.own else _with_peer(found, r.peer)


def _with_own(side: ReportSide, found: BenchResult, *, watched: bool) -> ReportSide:
    told, disturbed = f"tfjslab, {found.backend}, {counted(found.threads, 'thread')}, {found.engine}", found.disturbance
    if not watched:
        return replace(side, runtime=told, latency_ms=found.all_rounds,
                       notes=(f"{disturbed.short}, counted as all others are",) if disturbed.short else ())
    return replace(side, runtime=told, latency_ms=found.undisturbed_rounds, disturbed=disturbed.is_makeshift,
                   notes=tuple(filter(None, [disturbed.text])))


def _with_peer(side: ReportSide, runs: PeerRuns | None) -> ReportSide:
    if runs is None:
        return side
    facts = runs.peer.hello
    told = (f"TensorFlow.js {facts.get('version')} on {facts.get('runtime')}, {facts.get('backend')}, "
            f"{facts.get('threads')} thread(s)")
    return replace(side, runtime=told, latency_ms=tuple(map(tuple, runs.rounds)))
