"""Profiling a model: load, compile, first run, steady runs, and one run with every kernel stamped."""

from __future__ import annotations

import time
from typing import Any

from tfjslab.backends.base import Backend
from tfjslab.base.errors import UsageError
from tfjslab.engine.recorder import CLOCK_NAME, KernelRecorder
from tfjslab.engine.state import STATE
from tfjslab.model.model import Model
from tfjslab.model.subject import Clock, ModelSource, open_subject
from tfjslab.profiling.record import Phases, Profile, attribute, stamp_environment


def profile_model(
    source: ModelSource, x: Any = None, backend: str | None = None, threads: int | None = None, *, runs: int = 10,
    warmup: int = 3, clock: Clock = time.perf_counter,
) -> Profile:
    """Profile a model on a backend.

    Profiled and plain runs take turns, so that the difference of their medians is the profiler's own cost and not
    the machine's mood. The kernels are those of the profiled run whose wall is the median.

    Args:
        source: a Model, a path or address, or a loader called with the backend and the thread count.
        x: what ``predict`` takes; None for seeded values in the declared shapes.
        backend: None for the model's own, or the current one.
        threads: for threaded backends.
        runs: how many profiled and how many plain runs.
        warmup: runs after the first that are not counted.
        clock: gives seconds.

    """
    if runs < 1 or warmup < 0:
        raise UsageError(f"runs is {runs} and warmup is {warmup}; expected runs >= 1 and warmup >= 0")
    with open_subject(source, backend, threads, clock) as subject:
        model = subject.model
        feeds = model.sample() if x is None else x
        compile_ms = _timed(lambda: model.prepare(feeds), clock)
        first_ms = _timed(lambda: model.predict(feeds), clock)
        for _ in range(warmup):
            model.predict(feeds)
        plain: list[float] = []
        profiled: list[Profile] = []
        for _ in range(runs):
            plain.append(_timed(lambda: model.predict(feeds), clock))
            profiled.append(_profiled_run(model, feeds, clock))
        phases = Phases(subject.load_ms, compile_ms, first_ms, tuple(plain))
        return _chosen(profiled, phases, model)


def _timed(run: Any, clock: Clock) -> float:
    before = clock()
    run()
    return (clock() - before) * 1e3


def _profiled_run(model: Model, feeds: Any, clock: Clock) -> Profile:
    recorder = KernelRecorder(clock)
    c = STATE.counters
    num_bytes, num_tensors = c.num_bytes, c.num_tensors
    wall = _timed(lambda: model.run(feeds, recorder), clock)
    kernels = tuple(recorder.kernels)
    wall_ms, rest = attribute(kernels, wall)
    return Profile(
        kernels, wall_ms, rest, max((k.total_bytes_snapshot for k in kernels), default=num_bytes),
        c.num_bytes - num_bytes, c.num_tensors - num_tensors,
    )


def _chosen(profiled: list[Profile], phases: Phases, model: Model) -> Profile:
    """The profile with the median wall (the lower one of two), with what is known of all runs."""
    walls = tuple(p.wall_ms for p in profiled)
    middle = sorted(profiled, key=lambda p: p.wall_ms)[(len(profiled) - 1) // 2]
    where: Backend = model.backend
    stamp = stamp_environment(where.name, where.engine, where.threads, CLOCK_NAME)
    return Profile(
        middle.kernels, middle.wall_ms, middle.unattributed_ms, middle.peak_bytes, middle.new_bytes,
        middle.new_tensors, phases, walls, stamp, model.name,
    )
