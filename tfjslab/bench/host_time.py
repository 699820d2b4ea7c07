"""How much of a model's time is the host's, from runs in which every kernel is timed."""

from __future__ import annotations

import statistics
from typing import Any

from tfjslab.engine.measure import Clock
from tfjslab.engine.recorder import KernelRecorder
from tfjslab.model.model import Model
from tfjslab.records.host_share import HostShare, host_share

_RUNS = 3  # one of them may be interrupted


def measure_host_share(model: Model, feeds: Any, clock: Clock) -> HostShare:
    """The median of a few recorded runs of a model that is warm; of one, where that shows nothing on the host."""
    found = [recorded_run(model, feeds, clock)[1]]
    while found[0].share and len(found) < _RUNS:
        found.append(recorded_run(model, feeds, clock)[1])
    shares = [f.share for f in found if f.share is not None]
    return HostShare(statistics.median(shares)) if shares else found[0]


def recorded_run(model: Model, feeds: Any, clock: Clock) -> tuple[KernelRecorder, HostShare]:
    """Run once with a recorder; gives it, and the host's share of this run."""
    recorder = KernelRecorder(clock)
    before = clock()
    model.run(feeds, recorder)
    wall_ms = (clock() - before) * 1e3
    return recorder, host_share(recorder.kernels, wall_ms, model.backend.name)
