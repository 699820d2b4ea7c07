"""Our models and TensorFlow.js side by side, one backend at a time, their bursts of runs interleaved.

Several of ours may be variants of one model (float32, int8); each has its own bursts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.bench.agreement import WRONG, agreement
from tfjslab.bench.benchmark_run import BenchmarkRun, begin, result_of
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
from tfjslab.bench.interleaved import ROUNDS, OwnRuns, PeerRuns, StartPeer, check_rounds, interleave
from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import PeerError
from tfjslab.bench.peers.processor import same_processor
from tfjslab.bench.referee import REFEREE, judge
from tfjslab.bench.result import spread
from tfjslab.bench.settings import Settings
from tfjslab.model.inputs import by_name
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, open_subject

MODEL_FILE = "model.json"


@dataclass
class _PeerState:
    """What is known of the peer so far. ``reason`` says why it failed; then it gets no more requests."""

    runs: PeerRuns | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    loaded: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def active(self) -> PeerRuns | None:
        """The peer, unless it has not started or has failed."""
        return None if self.reason else self.runs

    @property
    def rounds(self) -> list[list[float]]:
        """Its times by round."""
        return self.runs.rounds if self.runs else []

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Note why the peer failed instead of raising that."""
        try:
            yield
        except PeerError as e:
            self.reason = str(e)


def compare_models(
    sources: Sequence[tuple[str, ModelSource, Any]], backends: Sequence[str], threads: int | None, settings: Settings,
    start: StartPeer, rounds: int = ROUNDS,
) -> list[Comparison]:
    """Measure every model on every backend beside the peer; results in the order of models, then backends.

    ``settings.runs`` are all rounds together; its budget is for each side. A model that is given by the path of a
    ``model.json`` or its folder is read from there by both sides; any other is written to a file for the peer.
    What the peer cannot do stands in ``peer.reason``, and ours is measured all the same. Ctrl-C gives what was
    measured so far.
    """
    check_rounds(settings, rounds)
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
        found[-1] = replace(found[-1], ours=replace(found[-1].ours, reason=BY_CTRL_C))
    return found


def compare_variants(
    variants: Sequence[tuple[str, Model]], source: ModelSource, x: Any, settings: Settings, start: StartPeer,
    rounds: int = ROUNDS,
) -> list[Comparison]:
    """Measure several of our models, which are loaded and on one backend, beside the peer running ``source``.

    All are interleaved in the same rounds, so each of them can be compared with any other. Where ``source`` is no path,
    it is a model, which is written to a file for the peer. One result for each variant, in order.
    """
    check_rounds(settings, rounds)
    return _measure([BenchmarkRun(name, model, x, None) for name, model in variants], source, settings, start, rounds)


def _compare(
    given: tuple[str, ModelSource, Any], backend: str, threads: int | None, how: Settings, start: StartPeer,
    rounds: int,
) -> Comparison:
    """One model on one backend."""
    name, source, x = given
    with open_subject(source, backend, threads, how.clock) as subject:
        model = subject.model
        bench_run = BenchmarkRun(name or model.name, model, model.sample() if x is None else x, subject.load_ms)
        return _measure([bench_run], source, how, start, rounds)[0]


def _measure(
    bench_runs: Sequence[BenchmarkRun], source: ModelSource, how: Settings, start: StartPeer, rounds: int,
) -> list[Comparison]:
    """Start the models and the peer and run the rounds; Ctrl-C gives what was measured until then."""
    reason, ours, peer = "", [OwnRuns(bench_run) for bench_run in bench_runs], _PeerState()
    with ExitStack() as stack:
        try:
            for bench_run in bench_runs:
                begin(bench_run, how)
            _start_peer(stack, ours, peer, source, how, start)
            _run_rounds(ours, peer, how, rounds)
        except KeyboardInterrupt:
            reason = BY_CTRL_C
        return [Comparison(result_of(own.bench_run, reason), _peer_result(own, peer, reason)) for own in ours]


def _start_peer(
    stack: ExitStack, ours: Sequence[OwnRuns], state: _PeerState, source: ModelSource, how: Settings, start: StartPeer,
) -> None:
    """Start the peer, give it the model and the inputs of our first, compare outputs, warm it up."""
    first = ours[0].bench_run
    where = first.model.backend
    folder = stack.enter_context(scratch_folder())
    how.progress(f"{first.label}: TensorFlow.js", 0, how.runs)
    with state.noting_failure():
        peer = stack.enter_context(start(where.name, where.threads))
        stack.enter_context(same_processor(peer.pid, where))
        state.runs, state.facts = PeerRuns(peer), peer.hello
        feeds = {name: np.asarray(value) for name, value in by_name(first.model.inputs, first.feeds).items()}
        file = model_file(first.model, source, folder)
        state.loaded = tfjs.load(peer, file, feeds, folder)
        outputs = tfjs.outputs(peer, folder)
        for own in ours:
            own.difference = difference(own.outputs(), outputs)
        if len(ours) == 1:  # of several, some are variants, whose answers may differ
            found = agreement(ours[0].outputs(), outputs)
            asked = found.kind == WRONG and where.name != REFEREE
            told = f"; {judge(ours[0].outputs(), outputs, start, file, feeds, folder)}" if asked else ""
            ours[0].agreement, ours[0].agreement_text = found.kind, found.text + told
        state.profile = peer.ask("profile")
        state.runs.warm_up(how.warmup)


def model_file(model: Model, source: ModelSource, folder: Path) -> Path:
    """The model as a file: as it lies on disk where it is a model.json, else written to ``folder``."""
    if isinstance(source, str | Path):
        path = Path(source) / MODEL_FILE if Path(source).is_dir() else Path(source)
        if path.suffix == ".json" and path.is_file():
            return path.absolute()
    original = source if isinstance(source, Model) else model
    return original.save(folder / "model") / MODEL_FILE


def _run_rounds(ours: Sequence[OwnRuns], peer: _PeerState, how: Settings, rounds: int) -> None:
    """The interleaved rounds; those of the peer end where it fails."""
    count = _runs_a_round(ours, peer, how, rounds)
    steady = replace(how, runs=count * rounds, budget_s=None, precision=None)

    def peer_burst() -> None:
        if peer.active is not None:
            with peer.noting_failure():
                peer.active.run_burst(count)

    bursts: list[Callable[[], None]] = [*(partial(own.run_burst, count, steady) for own in ours), peer_burst]
    interleave(bursts, rounds)


def _runs_a_round(ours: Sequence[OwnRuns], peer: _PeerState, how: Settings, rounds: int) -> int:
    """Runs of each participant in a round: as many as are wanted, or as the budget allows the slowest of them."""
    wanted = -(-how.runs // rounds)
    if how.budget_s is None:
        return wanted
    slowest_ms = 0.0
    for own in ours:
        before = how.clock()
        own.bench_run.model.predict(own.bench_run.feeds)
        slowest_ms = max(slowest_ms, (how.clock() - before) * 1e3)
    if peer.active is not None:
        with peer.noting_failure():
            slowest_ms = max(slowest_ms, *peer.active.times_ms(1))
    # One more run of each burst is not counted and takes as long.
    affordable = how.budget_s * 1e3 / rounds / slowest_ms - 1 if slowest_ms > 0 else wanted
    return max(1, min(wanted, int(affordable)))


def _peer_result(own: OwnRuns, peer: _PeerState, reason: str) -> PeerResult:
    """The peer's figures beside those of one of our models."""
    bench_run, facts, loaded, profile = own.bench_run, peer.facts, peer.loaded, peer.profile
    s = spread([t for r in peer.rounds for t in r])
    ratio = ratio_of_rounds(own.rounds, peer.rounds)
    intermediate = less(profile.get("peak_bytes"), profile.get("bytes_before"))
    return PeerResult(
        version=facts.get("version", ""), runtime=facts.get("runtime", ""), backend=facts.get("backend", ""),
        threads=facts.get("threads"), start_ms=facts.get("backend_ms"), load_ms=loaded.get("load_ms"),
        first_ms=loaded.get("first_ms"), median_ms=s.median, iqr_ms=s.iqr, min_ms=s.minimum, p95_ms=s.p95,
        runs=sum(map(len, peer.rounds)), warmup=peer.runs.warmed if peer.runs else 0,
        ratio=ratio.median if ratio else None, ratio_min=ratio.least if ratio else None,
        ratio_max=ratio.most if ratio else None,
        rounds_ms=medians_of_rounds(own.rounds, peer.rounds),
        load_first_ratio=over(
            added(loaded.get("load_ms"), loaded.get("first_ms")),
            added(bench_run.load_ms, bench_run.compile_ms, bench_run.first_ms),
        ),
        peak_bytes=profile.get("peak_bytes"), weight_bytes=loaded.get("weight_bytes"), intermediate_bytes=intermediate,
        intermediate_ratio=over(intermediate, bench_run.arena_bytes), num_kernels=profile.get("num_kernels"),
        difference=own.difference, agreement=own.agreement, agreement_text=own.agreement_text,
        reason=peer.reason or reason, verdict=ratio.verdict.text if ratio and ratio.verdict else "",
    )
