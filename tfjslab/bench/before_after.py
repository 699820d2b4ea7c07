"""What optimizing gains, in TensorFlow.js and here: both run the model as it was and as it was exported.

All four are interleaved on the same input: two processes of the same Node with one model each, and our two models in
this process. A process that does not run waits for input and takes no processor time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.bench.benchmark_run import BenchmarkRun, begin, result_of
from tfjslab.bench.comparison import Ratio, difference, ratio_of_rounds
from tfjslab.bench.interleaved import ROUNDS, OwnRuns, PeerRuns, StartPeer, check_rounds, interleave
from tfjslab.bench.peers import tfjs
from tfjslab.bench.result import spread
from tfjslab.bench.settings import Settings
from tfjslab.model.inputs import by_name
from tfjslab.model.model import Model


@dataclass(frozen=True)
class Runner:
    """One program with one model. ``peak_bytes`` are weights plus the most that intermediates took at once."""

    program: str
    model: str
    median_ms: float | None
    iqr_ms: float | None
    runs: int
    peak_bytes: int | None
    kernels: int | None


@dataclass(frozen=True)
class BeforeAfter:
    """The peer before and after, and ours. Ratios are of medians of rounds, with their range; None is not measured.

    ``peer_ratio`` is the peer on the original over the peer on the result, ``ratio`` the peer on the original over ours
    on the result, ``own_ratio`` ours on the original over ours on the result. Outputs are compared with those of the
    peer on the original; differences are relative to the largest value of an output.
    """

    runners: tuple[Runner, ...]
    peer_ratio: Ratio | None
    ratio: Ratio | None
    own_ratio: Ratio | None
    peer_difference: float | None
    difference: float | None
    conditions: str
    rounds: int
    reason: str = ""

    @property
    def latency_saved(self) -> float | None:
        """How much less time ours takes on the result than the peer on the original, a share."""
        return None if self.ratio is None else 1 - 1 / self.ratio.median

    @property
    def peak_saved(self) -> float | None:
        """How much less memory ours takes at its peak on the result than the peer on the original, a share."""
        was, now = self.runners[0].peak_bytes, self.runners[-1].peak_bytes
        return None if not was or now is None else 1 - now / was

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "latency_saved": self.latency_saved, "peak_saved": self.peak_saved}


@dataclass
class _PeerModel:
    """The peer with one model, its outputs and its profile."""

    model: str
    runs: PeerRuns
    outputs: Sequence[tuple[str, Array]]
    profile: Mapping[str, Any]


def before_after(
    original: Path, result: Path, ours: tuple[Model, Model], x: Any, settings: Settings, start: StartPeer,
    rounds: int = ROUNDS,
) -> BeforeAfter:
    """Measure the peer on two model files, and ours on what they hold.

    Args:
        original: the ``model.json`` as it was.
        result: the one that optimizing has written.
        ours: the models before and after, loaded and on one backend.
        x: what all run on.
        settings: how to measure; its runs are those of all rounds together.
        start: makes a peer for a backend's name and a number of threads.
        rounds: how many rounds the runs are split into.

    Raises PeerError when the peer cannot do it, and UsageError for numbers that make no sense. Ctrl-C gives what was
    measured until then, and ``reason`` says so.

    """
    check_rounds(settings, rounds)
    own_runs = [OwnRuns(BenchmarkRun(f"{model.name}, {what}", model, x, None))
                for model, what in zip(ours, ("original", "optimized"), strict=True)]
    reason = ""
    with ExitStack() as stack:
        for own in own_runs:
            begin(own.bench_run, settings)
        peers = [_start_peer(stack, what, path, own_runs[0].bench_run, settings, start)
                 for what, path in (("original", original), ("optimized", result))]
        try:
            for each in peers:
                label = f"TensorFlow.js, {each.model}: warm-up"
                each.runs.warm_up(settings.warmup, settings.progress, label)
            _run_rounds(own_runs, peers, settings, rounds)
        except KeyboardInterrupt:
            reason = BY_CTRL_C
        return _result(own_runs, peers, rounds, reason)


def _start_peer(
    stack: ExitStack, what: str, path: Path, bench_run: BenchmarkRun, how: Settings, start: StartPeer,
) -> _PeerModel:
    """Start a peer, give it the model and its input, and fetch its outputs."""
    how.progress(f"TensorFlow.js, {what}: load", 0, how.runs)
    where = bench_run.model.backend
    folder = stack.enter_context(scratch_folder())
    peer = stack.enter_context(start(where.name, where.threads))
    feeds = {name: np.asarray(value) for name, value in by_name(bench_run.model.inputs, bench_run.feeds).items()}
    tfjs.load(peer, path, feeds, folder)
    return _PeerModel(what, PeerRuns(peer), tfjs.outputs(peer, folder), peer.ask("profile"))


def _run_rounds(ours: Sequence[OwnRuns], peers: Sequence[_PeerModel], how: Settings, rounds: int) -> None:
    count = -(-how.runs // rounds)
    steady = replace(how, runs=count * rounds, budget_s=None, precision=None)
    bursts: list[Callable[[], None]] = [
        *(partial(p.runs.run_burst, count) for p in peers), *(partial(o.run_burst, count, steady) for o in ours),
    ]
    interleave(bursts, rounds, how.progress)


def _result(ours: Sequence[OwnRuns], peers: Sequence[_PeerModel], rounds: int, reason: str) -> BeforeAfter:
    was, now = peers
    before, after = ours
    facts, where = was.runs.peer.hello, result_of(after.bench_run)
    conditions = (
        f"TensorFlow.js {facts.get('version')} on {facts.get('runtime')}, {facts.get('backend')}, "
        f"{facts.get('threads')} thread(s), outputs read; ours on {where.backend}, {where.threads} thread(s), "
        f"{where.engine}; {rounds} interleaved rounds"
    )
    return BeforeAfter(
        (*(_peer_row(p) for p in peers), *(_own_row(o) for o in ours)),
        ratio_of_rounds(now.runs.rounds, was.runs.rounds), ratio_of_rounds(after.rounds, was.runs.rounds),
        ratio_of_rounds(after.rounds, before.rounds), difference(now.outputs, was.outputs),
        difference(after.outputs(), was.outputs), conditions, rounds, reason,
    )


def _peer_row(peer: _PeerModel) -> Runner:
    times = [t for r in peer.runs.rounds for t in r]
    s = spread(times)
    return Runner("TensorFlow.js", peer.model, s.median, s.iqr, len(times), peer.profile.get("peak_bytes"),
                  peer.profile.get("num_kernels"))


def _own_row(own: OwnRuns) -> Runner:
    r = result_of(own.bench_run)
    return Runner("ours", r.model.rpartition(", ")[2], r.median_ms, r.iqr_ms, r.runs, r.peak_bytes, r.num_kernels)
