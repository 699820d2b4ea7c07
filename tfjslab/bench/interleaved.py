"""Steady runs of our models and of a peer, alternating in rounds: the participants, and the order in which they run.

A burst is the runs of one participant in one round. It begins with one run that is not counted, as the caches hold the
data of the participant before. The order is reversed from round to round. A participant that does not run sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.base.progress import Progress, no_progress
from tfjslab.bench.benchmark_run import BenchmarkRun, burst
from tfjslab.bench.peers.process import Peer
from tfjslab.bench.settings import Settings

ROUNDS = 7
# V8 compiles the peer's kernels a second time, for speed, while they run; before that they are slower than they can be.
WARM_MS = 1000.0
# Starts the peer for a backend's name and a number of threads.
StartPeer = Callable[[str, int], Peer]


@dataclass
class OwnRuns:
    """One of our models, its times by round, and how far its outputs are from those of the peer."""

    bench_run: BenchmarkRun
    rounds: list[list[float]] = field(default_factory=list)
    difference: float | None = None
    agreement: str = ""
    agreement_text: str = ""

    def run_burst(self, count: int, how: Settings) -> None:
        """Run ``count`` times and keep the times as one round."""
        self.bench_run.model.predict(self.bench_run.feeds)
        before = len(self.bench_run.times)
        burst(self.bench_run, count, how)
        self.rounds.append(self.bench_run.times[before:])

    def outputs(self) -> list[tuple[str, Array]]:
        """Run once; the outputs in the model's order, with their names."""
        found = self.bench_run.model.execute(self.bench_run.feeds)
        values = found if isinstance(found, list) else [found]
        return [(p.name, v) for p, v in zip(self.bench_run.model.outputs, values, strict=True)]


@dataclass
class PeerRuns:
    """A peer that has a model loaded, and its times by round. ``warmed`` counts the warm-up runs."""

    peer: Peer
    rounds: list[list[float]] = field(default_factory=list)
    warmed: int = 0

    def times_ms(self, count: int) -> list[float]:
        """The times of ``count`` runs."""
        return [float(t) for t in self.peer.ask("steady", count=count)["times_ms"]]

    def warm_up(self, count: int, progress: Progress = no_progress, label: str = "") -> None:
        """Run until a second is spent, ``count`` times for each request; not at all for 0."""
        spent_ms = 0.0
        while count and spent_ms < WARM_MS:
            progress(label, int(spent_ms), int(WARM_MS))
            # A peer that reports no time at all must not keep this going for ever.
            spent_ms += max(sum(self.times_ms(count)), WARM_MS / 1000)
            self.warmed += count

    def run_burst(self, count: int) -> None:
        """Run ``count`` times and keep the times as one round."""
        self.rounds.append(self.times_ms(count + 1)[1:])


def check_rounds(settings: Settings, rounds: int) -> None:
    """UsageError for numbers that make no sense."""
    settings.check()
    if rounds < 1:
        raise UsageError(f"rounds={rounds}; expected 1 or more")


def interleave(bursts: Sequence[Callable[[], None]], rounds: int, progress: Progress = no_progress) -> None:
    """Run every burst once in each round: in the given order in the first, reversed in the second, and so on."""
    for i in range(rounds):
        progress("interleaved rounds", i, rounds)
        for run_burst in bursts if i % 2 == 0 else reversed(bursts):
            run_burst()
