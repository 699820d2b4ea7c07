"""Times the rows of an op list on backends, beside TensorFlow.js where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfjslab.backends import registry
from tfjslab.backends.ceilings import Ceilings, ceilings_of
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.machine import cpu_model
from tfjslab.base.progress import Progress, no_progress
from tfjslab.bench.comparison import difference
from tfjslab.bench.interleaved import StartPeer
from tfjslab.bench.ops.result import WRONG, OpReport, OpResult, summaries
from tfjslab.bench.ops.rounds import ROUNDS, Round, run_rounds, summarise
from tfjslab.bench.ops.row import OpRow
from tfjslab.bench.ops.samples import METER, Meter, OpSide
from tfjslab.bench.ops.sides import OwnOp, PeerOp
from tfjslab.bench.peers.process import REFUSED, Peer, PeerError
from tfjslab.bench.peers.processor import same_processor
from tfjslab.engine.recorder import environment_of


@dataclass(frozen=True)
class OpSettings:
    """How to measure. Without ``start`` there is no peer."""

    rounds: int = ROUNDS
    start: StartPeer | None = None
    meter: Meter = METER
    progress: Progress = no_progress
    ceilings: Callable[[Any], tuple[Ceilings | None, str]] = ceilings_of


@dataclass
class _Work:
    """What was measured so far."""

    rows: list[OpResult] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    ceilings: dict[str, Ceilings | None] = field(default_factory=dict)
    peer: str = ""


@dataclass(frozen=True)
class _Place:
    """Where rows run: a backend, its ceilings, and the peer."""

    backend: str
    threads: int
    ceilings: Ceilings | None
    peer: Peer | None


def bench_ops(
    rows: Sequence[OpRow], backends: Sequence[str], threads: int | None = None, settings: OpSettings | None = None,
) -> OpReport:
    """Measure every row on every backend; results in the order of backends, then rows.

    A row that one side cannot run has the reason. Ctrl-C and a peer that is lost end the measuring; what was measured
    until then is in the report, and the reason. Raises UsageError for numbers that make no sense, and the error of a
    backend or a peer that does not start.
    """
    how = settings or OpSettings()
    if how.rounds < 1:
        raise UsageError(f"rounds={how.rounds}; expected 1 or more")
    work, reason, failed = _Work(), "", False
    where = environment_of([registry.backend(name, threads) for name in backends])
    try:
        for name in backends:
            _on_backend(work, rows, name, threads, how)
    except KeyboardInterrupt:
        reason = BY_CTRL_C
    except PeerError as e:
        if not work.rows:
            raise
        reason, failed = str(e), True
    return OpReport(
        tuple(work.rows), summaries(work.rows), tuple(dict.fromkeys(work.conditions)), work.peer, work.ceilings, reason,
        failed, where,
    )


def _on_backend(work: _Work, rows: Sequence[OpRow], name: str, threads: int | None, how: OpSettings) -> None:
    backend = registry.backend(name, threads)
    label = f"{len(rows)} ops on {backend.name}"
    how.progress(label, 0, len(rows))
    with ExitStack() as stack:
        peer = stack.enter_context(how.start(backend.name, backend.threads)) if how.start else None
        ceilings, _ = how.ceilings(backend)
        work.ceilings[backend.name] = ceilings
        work.conditions.append(f"{backend.name}: {backend.engine}, {backend.threads} thread(s), on {cpu_model()}")
        if peer:
            stack.enter_context(same_processor(peer.pid, backend))
            hello = peer.hello
            work.peer = f"{hello.get('backend')} of TensorFlow.js {hello.get('version')}, {hello.get('runtime')}"
        place = _Place(backend.name, backend.threads, ceilings, peer)
        for i, row in enumerate(rows):
            work.rows.append(_row(row, place, how))
            how.progress(label, i + 1, len(rows))


def _row(row: OpRow, place: _Place, how: OpSettings) -> OpResult:
    """One row on one backend, with the reason where a side cannot run it."""
    found = OpResult(row.group, row.op, row.text, place.backend, place.threads)
    with scratch_folder() as folder:
        try:
            with OwnOp(row, folder, place.backend, place.threads, how.meter) as own:
                found = _described(found, own)
                return _measured(row, found, own, place, folder, how)
        except TfjslabError as e:
            if isinstance(e, PeerError) and e.code != REFUSED:
                raise
            return replace(found, reason=str(e))


def _described(found: OpResult, own: OwnOp) -> OpResult:
    kernels, fallback = own.kernels()
    flops, bytes_moved = own.work()
    return replace(found, num_kernels=kernels, fallback_kernels=fallback, flops=flops, bytes_moved=bytes_moved)


def _measured(
    row: OpRow, found: OpResult, own: OwnOp, place: _Place, folder: Path, how: OpSettings,
) -> OpResult:
    sides: list[OpSide] = [own]
    if place.peer is not None:
        try:
            theirs = PeerOp(place.peer, row, own.feeds, folder)
            expected = theirs.outputs()
            # Its functions leave out the counts that some ops end with.
            apart = difference(own.outputs()[: len(expected)], expected)
            sides.append(theirs)
            found = replace(found, difference=apart, wrong=apart is None or apart > WRONG)
        except PeerError as e:
            if e.code != REFUSED:
                raise
            found = replace(found, reason=str(e))
    return _with_times(found, run_rounds(sides, how.rounds), how.rounds, place.ceilings)


def _with_times(found: OpResult, rounds: Sequence[Round], wanted: int, ceilings: Ceilings | None) -> OpResult:
    """The row with what the rounds came to, and its rates."""
    figures = summarise(rounds, wanted)
    ours, *others = figures.timings
    found = replace(
        found, ms=ours.median_ms, ms_min=ours.least_ms, ms_max=ours.most_ms, rounds=figures.kept,
        disturbed=figures.disturbed, repeated=figures.repeated,
    )
    for theirs in others:
        found = replace(found, peer_ms=theirs.median_ms, peer_ms_min=theirs.least_ms, peer_ms_max=theirs.most_ms)
    if figures.ratio is not None:
        ratio = figures.ratio
        found = replace(found, ratio=ratio.median, ratio_min=ratio.least, ratio_max=ratio.most,
                        verdict=ratio.verdict.text if ratio.verdict else "")
    return _with_rates(found, ours.median_ms, ceilings)


def _with_rates(found: OpResult, ms: float, ceilings: Ceilings | None) -> OpResult:
    if ms <= 0:
        return found
    flops_per_s, bytes_per_s = found.flops / ms * 1e3, found.bytes_moved / ms * 1e3
    return replace(
        found,
        gflops_per_s=flops_per_s / 1e9 if found.flops else None,
        gbytes_per_s=bytes_per_s / 1e9 if found.bytes_moved else None,
        compute_share=flops_per_s / ceilings.flops_per_s if ceilings and found.flops else None,
        # In a cache: an op that runs again and again finds its data there, as far as they fit.
        memory_share=bytes_per_s / ceilings.bytes_per_s(0) if ceilings and found.bytes_moved else None,
    )
