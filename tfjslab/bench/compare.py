"""Ours and TensorFlow.js side by side: one model, one backend at a time, their bursts of runs taking turns.

Ours may be several models that stand for the same one (float32, int8): then each takes its turn.

Each burst begins with one run that is not counted, as the other side has just had the caches. Which side goes first
changes from round to round. The one that does not run sleeps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.bench.benchmark_run import BenchmarkRun, begin, burst, result_of
from tfjslab.bench.comparison import (
    Comparison,
    PeerResult,
    added,
    difference,
    less,
    medians_of_rounds,
    over,
    ratio_of_rounds,
)
from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import Peer, PeerError
from tfjslab.bench.result import spread
from tfjslab.bench.settings import Settings
from tfjslab.model.inputs import by_name
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, open_subject

ROUNDS = 7
# V8 compiles the peer's kernels a second time, for speed, while they run; before that it is measured below its worth.
WARM_MS = 1000.0
MODEL_FILE = "model.json"
INTERRUPTED = "interrupted"
# Makes the peer for a backend's name and a number of threads.
Start = Callable[[str, int], Peer]


@dataclass
class _Ours:
    """One of our models: its bench_run, its times by round, and how far its outputs are from the peer's."""

    bench_run: BenchmarkRun
    rounds: list[list[float]] = field(default_factory=list)
    apart: float | None = None


@dataclass
class _Match:
    """Our models on one backend and what is known of the peer so far; ``theirs`` are the peer's times by round."""

    ours: list[_Ours]
    peer: Peer | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    loaded: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    warmed: int = 0
    theirs: list[list[float]] = field(default_factory=list)
    reason: str = ""

    @property
    def first(self) -> BenchmarkRun:
        """The bench_run that tells which inputs and which backend."""
        return self.ours[0].bench_run


def compare_models(
    sources: Sequence[tuple[str, ModelSource, Any]], backends: Sequence[str], threads: int | None, settings: Settings,
    start: Start, rounds: int = ROUNDS,
) -> list[Comparison]:
    """Measure every model on every backend against the peer; results in the order of models, then backends.

    ``settings.runs`` are all rounds together; its budget is for each side. A model that is given by the path of a
    ``model.json`` or its folder is read from there by both sides; any other is written to a file for the peer.
    What the peer cannot do stands in ``peer.reason``, and ours is measured all the same. Ctrl-C gives what was
    measured so far.
    """
    _check(settings, rounds)
    found: list[Comparison] = []
    try:
        for name, source, x in sources:
            for backend in backends:
                found.append(_compare((name, source, x), backend, threads, settings, start, rounds))
                if found[-1].ours.reason:
                    return found
    except KeyboardInterrupt:  # while loading: what came before is complete
        if not found:
            raise
        found[-1] = replace(found[-1], ours=replace(found[-1].ours, reason=INTERRUPTED))
    return found


def compare_variants(
    variants: Sequence[tuple[str, Model]], source: ModelSource, x: Any, settings: Settings, start: Start,
    rounds: int = ROUNDS,
) -> list[Comparison]:
    """Measure several of our models, which are loaded and on one backend, against the peer running ``source``.

    All take turns in the same rounds, so each of them can be held against any other. Where ``source`` is no path, it is
    a model, which is written to a file for the peer. One result for each variant, in order.
    """
    _check(settings, rounds)
    return _play([BenchmarkRun(name, model, x, None) for name, model in variants], source, settings, start, rounds)


def _check(settings: Settings, rounds: int) -> None:
    settings.check()
    if rounds < 1:
        raise UsageError(f"rounds={rounds}; expected 1 or more")


def _compare(
    given: tuple[str, ModelSource, Any], backend: str, threads: int | None, how: Settings, start: Start, rounds: int,
) -> Comparison:
    """One model on one backend."""
    name, source, x = given
    with open_subject(source, backend, threads, how.clock) as subject:
        model = subject.model
        bench_run = BenchmarkRun(name or model.name, model, model.sample() if x is None else x, subject.load_ms)
        return _play([bench_run], source, how, start, rounds)[0]


def _play(
    bench_runs: Sequence[BenchmarkRun], source: ModelSource, how: Settings, start: Start, rounds: int,
) -> list[Comparison]:
    """Start all sides, let them take turns, and tell what was measured, also when Ctrl-C ends it early."""
    reason, match = "", _Match([_Ours(bench_run) for bench_run in bench_runs])
    with ExitStack() as stack:
        try:
            for bench_run in bench_runs:
                begin(bench_run, how)
            _meet(stack, match, source, how, start)
            _take_turns(match, how, rounds)
        except KeyboardInterrupt:
            reason = INTERRUPTED
        return [Comparison(result_of(o.bench_run, reason), _peer_result(match, o, reason)) for o in match.ours]


def _meet(stack: ExitStack, match: _Match, source: ModelSource, how: Settings, start: Start) -> None:
    """Start the peer, give it the model, compare answers, warm it up."""
    bench_run, where = match.first, match.first.model.backend
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfjslab-")))
    how.progress(f"{bench_run.label}: TensorFlow.js", 0, how.runs)
    with _noting(match):
        peer = stack.enter_context(start(where.name, where.threads))
        match.facts = peer.hello
        feeds = {name: np.asarray(value) for name, value in by_name(bench_run.model.inputs, bench_run.feeds).items()}
        match.loaded = tfjs.load(peer, _model_file(bench_run.model, source, folder), feeds, folder)
        theirs = tfjs.outputs(peer, folder)
        for ours in match.ours:
            ours.apart = difference(_answers(ours.bench_run), theirs)
        match.profile = peer.ask("profile")
        _warm(match, peer, how.warmup)
        match.peer = peer


@contextmanager
def _noting(match: _Match) -> Iterator[None]:
    """What goes wrong with the peer is noted, and the peer is not asked again."""
    try:
        yield
    except PeerError as e:
        match.reason, match.peer = str(e), None


def _warm(match: _Match, peer: Peer, warmup: int) -> None:
    spent = 0.0
    while warmup and spent < WARM_MS:
        # What took no time at all must not go on for ever.
        spent += max(sum(_times(peer, warmup)), WARM_MS / 1000)
        match.warmed += warmup


def _model_file(model: Model, source: ModelSource, folder: Path) -> Path:
    """The model as a file: as it lies on disk where it is a model.json, else written to ``folder``."""
    if isinstance(source, str | Path):
        path = Path(source) / MODEL_FILE if Path(source).is_dir() else Path(source)
        if path.suffix == ".json" and path.is_file():
            return path.absolute()
    original = source if isinstance(source, Model) else model
    return original.save(folder / "model") / MODEL_FILE


def _answers(bench_run: BenchmarkRun) -> list[tuple[str, Array]]:
    """Our outputs with their names."""
    found = bench_run.model.predict(bench_run.feeds)
    values = found if isinstance(found, list) else [found]
    return [(p.name, v) for p, v in zip(bench_run.model.outputs, values, strict=True)]


def _times(peer: Peer, count: int) -> list[float]:
    return [float(t) for t in peer.ask("steady", count=count)["times_ms"]]


def _take_turns(match: _Match, how: Settings, rounds: int) -> None:
    """The rounds; those of the peer end where it fails."""
    count = _runs_a_round(match, how, rounds)
    steady = replace(how, runs=count * rounds, budget_s=None)

    def theirs() -> None:
        if match.peer is not None:
            with _noting(match):
                match.theirs.append(_times(match.peer, count + 1)[1:])

    turns: list[Callable[[], None]] = [*(partial(_turn, ours, count, steady) for ours in match.ours), theirs]
    for i in range(rounds):
        for turn in turns if i % 2 == 0 else reversed(turns):
            turn()


def _turn(ours: _Ours, count: int, how: Settings) -> None:
    """One of our models' runs of one round."""
    bench_run = ours.bench_run
    bench_run.model.predict(bench_run.feeds)
    before = len(bench_run.times)
    burst(bench_run, count, how)
    ours.rounds.append(bench_run.times[before:])


def _runs_a_round(match: _Match, how: Settings, rounds: int) -> int:
    """Runs of each side in a round: as many as are wanted, or as the budget allows the slowest of them."""
    wanted = -(-how.runs // rounds)
    if how.budget_s is None:
        return wanted
    slowest_ms = 0.0
    for ours in match.ours:
        before = how.clock()
        ours.bench_run.model.predict(ours.bench_run.feeds)
        slowest_ms = max(slowest_ms, (how.clock() - before) * 1e3)
    if match.peer is not None:
        with _noting(match):
            slowest_ms = max(slowest_ms, *_times(match.peer, 1))
    # One more run of each burst is not counted and takes as long.
    affordable = how.budget_s * 1e3 / rounds / slowest_ms - 1 if slowest_ms > 0 else wanted
    return max(1, min(wanted, int(affordable)))


def _peer_result(match: _Match, ours: _Ours, reason: str) -> PeerResult:
    bench_run, facts, loaded, profile = ours.bench_run, match.facts, match.loaded, match.profile
    s = spread([t for r in match.theirs for t in r])
    ratio = ratio_of_rounds(ours.rounds, match.theirs)
    intermediate = less(profile.get("peak_bytes"), profile.get("bytes_before"))
    return PeerResult(
        version=facts.get("version", ""), runtime=facts.get("runtime", ""), backend=facts.get("backend", ""),
        threads=facts.get("threads"), start_ms=facts.get("backend_ms"), load_ms=loaded.get("load_ms"),
        first_ms=loaded.get("first_ms"), median_ms=s.median, iqr_ms=s.iqr, min_ms=s.minimum, p95_ms=s.p95,
        runs=sum(map(len, match.theirs)), warmup=match.warmed, ratio=ratio.median if ratio else None,
        ratio_min=ratio.least if ratio else None, ratio_max=ratio.most if ratio else None,
        rounds_ms=medians_of_rounds(ours.rounds, match.theirs),
        load_first_ratio=over(
            added(loaded.get("load_ms"), loaded.get("first_ms")),
            added(bench_run.load_ms, bench_run.compile_ms, bench_run.first_ms),
        ),
        peak_bytes=profile.get("peak_bytes"), weight_bytes=loaded.get("weight_bytes"), intermediate_bytes=intermediate,
        intermediate_ratio=over(intermediate, bench_run.arena_bytes), num_kernels=profile.get("num_kernels"),
        difference=ours.apart, reason=match.reason or reason,
    )
