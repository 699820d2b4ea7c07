"""Ours and TensorFlow.js side by side: one model, one backend at a time, their bursts of runs taking turns.

Each burst begins with one run that is not counted, as the other side has just had the caches. Which side goes first
changes from round to round. The one that does not run sleeps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.bench import tfjs
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
from tfjslab.bench.lane import Lane, begin, burst, result_of
from tfjslab.bench.peer import Peer, PeerError
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
class _Pair:
    """One model on one backend and what is known of its peer so far. ``ours`` and ``theirs`` are times by round."""

    lane: Lane
    peer: Peer | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    loaded: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    warmed: int = 0
    apart: float | None = None
    ours: list[list[float]] = field(default_factory=list)
    theirs: list[list[float]] = field(default_factory=list)
    reason: str = ""


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
    settings.check()
    if rounds < 1:
        raise UsageError(f"rounds={rounds}; expected 1 or more")
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


def _compare(
    given: tuple[str, ModelSource, Any], backend: str, threads: int | None, how: Settings, start: Start, rounds: int,
) -> Comparison:
    """One model on one backend."""
    name, source, x = given
    reason = ""
    with ExitStack() as stack:
        subject = stack.enter_context(open_subject(source, backend, threads, how.clock))
        model = subject.model
        pair = _Pair(Lane(name or model.name, model, model.sample() if x is None else x, subject.load_ms))
        try:
            begin(pair.lane, how)
            _meet(stack, pair, source, how, start)
            _take_turns(pair, how, rounds)
        except KeyboardInterrupt:
            reason = INTERRUPTED
        return Comparison(result_of(pair.lane, reason), _peer_result(pair, reason))


def _meet(stack: ExitStack, pair: _Pair, source: ModelSource, how: Settings, start: Start) -> None:
    """Start the peer, give it the model, compare answers, warm it up."""
    lane, where = pair.lane, pair.lane.model.backend
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfjslab-")))
    how.progress(f"{lane.label}: TensorFlow.js", 0, how.runs)
    with _noting(pair):
        peer = stack.enter_context(start(where.name, where.threads))
        pair.facts = peer.hello
        feeds = {name: np.asarray(value) for name, value in by_name(lane.model.inputs, lane.feeds).items()}
        pair.loaded = tfjs.load(peer, _model_file(lane.model, source, folder), feeds, folder)
        pair.apart = difference(_answers(lane), tfjs.outputs(peer, folder))
        pair.profile = peer.ask("profile")
        _warm(pair, peer, how.warmup)
        pair.peer = peer


@contextmanager
def _noting(pair: _Pair) -> Iterator[None]:
    """What goes wrong with the peer is noted, and the peer is not asked again."""
    try:
        yield
    except PeerError as e:
        pair.reason, pair.peer = str(e), None


def _warm(pair: _Pair, peer: Peer, warmup: int) -> None:
    spent = 0.0
    while warmup and spent < WARM_MS:
        # What took no time at all must not go on for ever.
        spent += max(sum(_times(peer, warmup)), WARM_MS / 1000)
        pair.warmed += warmup


def _model_file(model: Model, source: ModelSource, folder: Path) -> Path:
    """The model as a file: as it lies on disk where it is a model.json, else written to ``folder``."""
    if isinstance(source, str | Path):
        path = Path(source) / MODEL_FILE if Path(source).is_dir() else Path(source)
        if path.suffix == ".json" and path.is_file():
            return path.absolute()
    return model.save(folder / "model") / MODEL_FILE


def _answers(lane: Lane) -> list[tuple[str, Array]]:
    """Our outputs with their names."""
    found = lane.model.predict(lane.feeds)
    values = found if isinstance(found, list) else [found]
    return [(p.name, v) for p, v in zip(lane.model.outputs, values, strict=True)]


def _times(peer: Peer, count: int) -> list[float]:
    return [float(t) for t in peer.ask("steady", count=count)["times_ms"]]


def _take_turns(pair: _Pair, how: Settings, rounds: int) -> None:
    """The rounds; those of the peer end where it fails."""
    lane = pair.lane
    count = _runs_a_round(pair, how, rounds)
    steady = replace(how, runs=count * rounds, budget_s=None)

    def ours() -> None:
        lane.model.predict(lane.feeds)
        before = len(lane.times)
        burst(lane, count, steady)
        pair.ours.append(lane.times[before:])

    def theirs() -> None:
        if pair.peer is not None:
            with _noting(pair):
                pair.theirs.append(_times(pair.peer, count + 1)[1:])

    for i in range(rounds):
        for turn in (ours, theirs) if i % 2 == 0 else (theirs, ours):
            turn()


def _runs_a_round(pair: _Pair, how: Settings, rounds: int) -> int:
    """Runs of each side in a round: as many as are wanted, or as the budget allows the slower of them."""
    wanted = -(-how.runs // rounds)
    if how.budget_s is None:
        return wanted
    before = how.clock()
    pair.lane.model.predict(pair.lane.feeds)
    slower_ms = (how.clock() - before) * 1e3
    if pair.peer is not None:
        with _noting(pair):
            slower_ms = max(slower_ms, *_times(pair.peer, 1))
    # One more run of each burst is not counted and takes as long.
    affordable = how.budget_s * 1e3 / rounds / slower_ms - 1 if slower_ms > 0 else wanted
    return max(1, min(wanted, int(affordable)))


def _peer_result(pair: _Pair, reason: str) -> PeerResult:
    lane, facts, loaded, profile = pair.lane, pair.facts, pair.loaded, pair.profile
    s = spread([t for r in pair.theirs for t in r])
    ratio = ratio_of_rounds(pair.ours, pair.theirs)
    intermediate = less(profile.get("peak_bytes"), profile.get("bytes_before"))
    return PeerResult(
        version=facts.get("version", ""), runtime=facts.get("runtime", ""), backend=facts.get("backend", ""),
        threads=facts.get("threads"), start_ms=facts.get("backend_ms"), load_ms=loaded.get("load_ms"),
        first_ms=loaded.get("first_ms"), median_ms=s.median, iqr_ms=s.iqr, min_ms=s.minimum, p95_ms=s.p95,
        runs=sum(map(len, pair.theirs)), warmup=pair.warmed, ratio=ratio.median if ratio else None,
        ratio_min=ratio.least if ratio else None, ratio_max=ratio.most if ratio else None,
        rounds_ms=medians_of_rounds(pair.ours, pair.theirs),
        load_first_ratio=over(
            added(loaded.get("load_ms"), loaded.get("first_ms")), added(lane.load_ms, lane.compile_ms, lane.first_ms),
        ),
        peak_bytes=profile.get("peak_bytes"), weight_bytes=loaded.get("weight_bytes"), intermediate_bytes=intermediate,
        intermediate_ratio=over(intermediate, lane.arena_bytes), num_kernels=profile.get("num_kernels"),
        difference=pair.apart, reason=pair.reason or reason,
    )
