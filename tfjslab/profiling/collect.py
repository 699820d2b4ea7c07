"""Profiling a model: load, compile, first run, steady runs, and one run with every kernel stamped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tfjslab.arguments import DEFAULT_RUNS, DEFAULT_WARMUP
from tfjslab.backends import registry
from tfjslab.base.errors import UsageError
from tfjslab.engine.measure import Clock, ProfileInfo
from tfjslab.engine.recorder import KernelRecorder, environment_of
from tfjslab.engine.state import STATE
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, open_subject
from tfjslab.records.profile import KernelRecord, Phases, Profile, attribute


def profile_model(
    source: ModelSource, x: Any = None, backend: str | None = None, threads: int | None = None, *,
    runs: int = DEFAULT_RUNS, warmup: int = DEFAULT_WARMUP, clock: Clock = time.perf_counter,
) -> Profile:
    """Profile a model on a backend.

    Profiled and plain runs alternate, so that the difference of their medians is the profiler's own cost and not
    a change of the machine's load. The kernels are those of the profiled run whose wall is the median.

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
        where = environment_of([model.backend])
        return replace(median_run(profiled), phases=phases, environment=where, model=model.name)


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


def median_run(profiled: Sequence[Profile]) -> Profile:
    """Of profiles of one thing the one with the median wall (the lower one of two), with the times of all runs."""
    middle = sorted(profiled, key=lambda p: p.wall_ms)[(len(profiled) - 1) // 2]
    kernels = _with_all_times(middle.kernels, profiled)
    return replace(middle, kernels=kernels, profiled_ms=tuple(p.wall_ms for p in profiled))


def _with_all_times(kernels: tuple[KernelRecord, ...], profiled: Sequence[Profile]) -> tuple[KernelRecord, ...]:
    """The kernels with their times in all runs, if each run had the same ones (loops may differ in iterations)."""
    names = [[(k.name, k.node) for k in p.kernels] for p in profiled]
    if len(profiled) == 1 or any(n != names[0] for n in names):
        return kernels
    columns = zip(*([k.kernel_time_ms for k in p.kernels] for p in profiled), strict=True)
    return tuple(replace(k, times_ms=times) for k, times in zip(kernels, columns, strict=True))


def from_info(info: ProfileInfo, name: str = "") -> Profile:
    """The result of ``tf.profile`` as a ``Profile``, for reductions, reports and exports.

    Phases are unknown: it ran once, in whatever state things were.
    """
    where = info.environment or environment_of([registry.backend()])
    return replace(info.profile, profiled_ms=(info.wall_ms,), environment=where, model=name)
