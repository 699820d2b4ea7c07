"""What optimizing is worth beside TensorFlow.js: it runs the model as it was and as it was exported, and so do we.

All take turns in one run, in one order and then in the other, on the same input: two processes of the same Node with
one model each, and our models in this one. Who does not run waits for input and takes no processor time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.bench.benchmark_run import BenchmarkRun, begin, burst, result_of
from tfjslab.bench.comparison import Ratio, difference, ratio_of_rounds
from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import Peer
from tfjslab.bench.result import spread
from tfjslab.bench.settings import Settings
from tfjslab.model.inputs import by_name
from tfjslab.model.model import Model

# V8 compiles the peer's kernels a second time, for speed, while they run; before that it is measured below its worth.
WARM_MS = 1000.0
ROUNDS = 7
INTERRUPTED = "interrupted"
Named = Sequence[tuple[str, Array]]
Start = Callable[[str, int], Peer]


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
    on the result, ``own_ratio`` ours on the original over ours on the result. Differences of outputs are against the
    peer on the original, relative to the largest value of that output.
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
class _Theirs:
    """The peer with one model."""

    model: str
    peer: Peer
    answers: Named
    profile: Mapping[str, Any]
    times: list[list[float]] = field(default_factory=list)

    def run(self, count: int, _how: Settings) -> None:
        """One burst; its first run is not counted, as others have just had the caches."""
        found = self.peer.ask("steady", count=count + 1)["times_ms"][1:]
        self.times.append([float(t) for t in found])


@dataclass
class _Ours:
    """One of our models."""

    bench_run: BenchmarkRun
    times: list[list[float]] = field(default_factory=list)

    def run(self, count: int, how: Settings) -> None:
        """One burst, likewise."""
        self.bench_run.model.predict(self.bench_run.feeds)
        before = len(self.bench_run.times)
        burst(self.bench_run, count, how)
        self.times.append(self.bench_run.times[before:])


def before_after(
    original: Path, result: Path, ours: tuple[Model, Model], x: Any, settings: Settings, start: Start,
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
        rounds: turns of each.

    Raises PeerError when the peer cannot do it, and UsageError for numbers that make no sense. Ctrl-C gives what was
    measured until then, and ``reason`` says so.

    """
    settings.check()
    if rounds < 1:
        raise UsageError(f"rounds={rounds}; expected 1 or more")
    bench_runs = [_Ours(BenchmarkRun(f"{model.name}, {what}", model, x, None))
             for model, what in zip(ours, ("original", "optimized"), strict=True)]
    reason = ""
    with ExitStack() as stack:
        for own in bench_runs:
            begin(own.bench_run, settings)
        peers = [_meet(stack, what, path, bench_runs[0].bench_run, settings, start)
                 for what, path in (("original", original), ("optimized", result))]
        try:
            for each in peers:
                _warm(each, settings)
            _take_turns(bench_runs, peers, settings, rounds)
        except KeyboardInterrupt:
            reason = INTERRUPTED
        return _told(bench_runs, peers, rounds, reason)


def _meet(stack: ExitStack, what: str, path: Path, bench_run: BenchmarkRun, how: Settings, start: Start) -> _Theirs:
    """Start a peer, give it the model and its input, and take its answers."""
    how.progress(f"TensorFlow.js, {what}: load", 0, how.runs)
    where = bench_run.model.backend
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfjslab-")))
    peer = stack.enter_context(start(where.name, where.threads))
    feeds = {name: np.asarray(value) for name, value in by_name(bench_run.model.inputs, bench_run.feeds).items()}
    tfjs.load(peer, path, feeds, folder)
    return _Theirs(what, peer, tfjs.outputs(peer, folder), peer.ask("profile"))


def _warm(theirs: _Theirs, how: Settings) -> None:
    spent = 0.0
    while how.warmup and spent < WARM_MS:
        how.progress(f"TensorFlow.js, {theirs.model}: warm-up", int(spent), int(WARM_MS))
        found = theirs.peer.ask("steady", count=how.warmup)["times_ms"]
        spent += max(sum(map(float, found)), WARM_MS / 1000)  # what takes no time must not go on for ever


def _take_turns(bench_runs: Sequence[_Ours], peers: Sequence[_Theirs], how: Settings, rounds: int) -> None:
    count = -(-how.runs // rounds)
    steady = replace(how, runs=count * rounds, budget_s=None)
    sides: list[_Ours | _Theirs] = [*peers, *bench_runs]
    for i in range(rounds):
        how.progress("in turns", i, rounds)
        for side in sides if i % 2 == 0 else reversed(sides):
            side.run(count, steady)


def _told(bench_runs: Sequence[_Ours], peers: Sequence[_Theirs], rounds: int, reason: str) -> BeforeAfter:
    was, now = peers
    before, after = bench_runs
    facts, where = was.peer.hello, result_of(after.bench_run)
    conditions = (
        f"TensorFlow.js {facts.get('version')} on {facts.get('runtime')}, {facts.get('backend')}, "
        f"{facts.get('threads')} thread(s), outputs read; ours on {where.backend}, {where.threads} thread(s), "
        f"{where.engine}; {rounds} rounds in turns"
    )
    return BeforeAfter(
        (*(_peer_row(p) for p in peers), *(_own_row(o) for o in bench_runs)), ratio_of_rounds(now.times, was.times),
        ratio_of_rounds(after.times, was.times), ratio_of_rounds(after.times, before.times),
        difference(now.answers, was.answers), difference(_answers(after.bench_run), was.answers), conditions, rounds,
        reason,
    )


def _peer_row(theirs: _Theirs) -> Runner:
    s = spread([t for r in theirs.times for t in r])
    runs = sum(map(len, theirs.times))
    return Runner("TensorFlow.js", theirs.model, s.median, s.iqr, runs, theirs.profile.get("peak_bytes"),
                  theirs.profile.get("num_kernels"))


def _own_row(own: _Ours) -> Runner:
    r = result_of(own.bench_run)
    return Runner("ours", r.model.rpartition(", ")[2], r.median_ms, r.iqr_ms, r.runs, r.peak_bytes, r.num_kernels)


def _answers(bench_run: BenchmarkRun) -> list[tuple[str, Array]]:
    found = bench_run.model.predict(bench_run.feeds)
    values = found if isinstance(found, list) else [found]
    return [(p.name, v) for p, v in zip(bench_run.model.outputs, values, strict=True)]
