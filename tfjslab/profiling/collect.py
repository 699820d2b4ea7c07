"""Profiling a model: load, compile, first run, steady runs, and as many with every kernel stamped."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

from tfjslab.arguments import DEFAULT_RUNS, DEFAULT_WARMUP
from tfjslab.backends import registry
from tfjslab.backends.rows import is_host
from tfjslab.base.errors import UsageError
from tfjslab.base.machine import load_average
from tfjslab.engine.measure import Clock, ProfileInfo
from tfjslab.engine.meter import RunMeter, meter_for
from tfjslab.engine.recorder import KernelRecorder, environment_of
from tfjslab.engine.state import STATE
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, open_subject
from tfjslab.profiling.runs import join_runs
from tfjslab.records.enough import Enough, enough
from tfjslab.records.profile import Phases, Profile, attribute

LEAST_RUNS = 30  # where nobody says how many: so that kernels that take 2% more or less keep their order


def profile_model(
    source: ModelSource, x: Any = None, backend: str | None = None, threads: int | None = None, *,
    runs: int | None = None, warmup: int = DEFAULT_WARMUP, precision: float | None = None,
    max_time_s: float | None = None, clock: Clock = time.perf_counter,
) -> Profile:
    """Profile a model on a backend.

    Profiled and plain runs alternate, so that the difference of their medians is the profiler's own cost and not
    a change of the machine's load. Figures are medians of the runs that were not disturbed; see ``join_runs``.

    Args:
        source: a Model, a path or address, or a loader called with the backend and the thread count.
        x: what ``predict`` takes; None for seeded values in the declared shapes.
        backend: None for the model's own, or the current one.
        threads: for threaded backends.
        runs: how many profiled and how many plain runs; with a precision or a time limit, at least so many. None:
            at least 30, and more until the median is known to 3%; at least 10 if 5 s are over before.
        warmup: runs after the first that are not counted.
        precision: go on until half of the median's 95% interval is so small a part of it.
        max_time_s: but no longer than this.
        clock: gives seconds.

    """
    how = enough(runs, precision, max_time_s, LEAST_RUNS)
    if how.runs < 1 or warmup < 0:
        raise UsageError(f"runs is {runs} and warmup is {warmup}; expected runs >= 1 and warmup >= 0")
    how.check()
    with open_subject(source, backend, threads, clock) as subject:
        model = subject.model
        feeds = model.sample() if x is None else x
        load = load_average()
        compile_ms = compile_time(model, feeds, clock)
        first_ms = _timed(lambda: model.predict(feeds), clock)
        for _ in range(warmup):
            model.predict(feeds)
        found = _runs(model, feeds, clock, how, 1 if max_time_s is not None else DEFAULT_RUNS)
        phases = Phases(subject.load_ms, compile_ms, first_ms, found.phases.steady_ms, compile_ms is None)
        # Only now do some backends know what their kernels are timed by.
        where = replace(environment_of([model.backend]), load_average=load)
        return replace(found, phases=phases, environment=where, model=model.name, model_digest=model.digest)


def compile_time(model: Model, feeds: Any, clock: Clock) -> float | None:
    """Milliseconds of making the plan for ``feeds``; None where this process has it already: that is no compiling."""
    if model.is_compiled(feeds):
        return None
    return _timed(lambda: model.prepare(feeds), clock)


def _timed(run: Any, clock: Clock) -> float:
    before = clock()
    run()
    return (clock() - before) * 1e3


def _runs(model: Model, feeds: Any, clock: Clock, how: Enough, least: int) -> Profile:
    """Plain and profiled runs in turn, until there are enough, or the ``least`` number when time is over."""
    meter, profiled = meter_for(model.backend, clock), list[Profile]()
    end = math.inf if how.max_time_s is None else clock() + how.max_time_s
    meter.mark()
    while not how.is_met(meter.walls_ms[1::2], lambda: meter.states[1::2]):
        meter.time(lambda: model.predict(feeds))
        profiled.append(_profiled_run(model, feeds, meter))
        meter.mark()
        if how.max_time_s is not None and len(profiled) >= least and clock() >= end:
            break
    states = meter.states
    each = [replace(p, profiled_states=(s,)) for p, s in zip(profiled, states[1::2], strict=True)]
    plain = Phases(steady_ms=tuple(meter.walls_ms[::2]))
    return replace(join_runs(each), phases=plain, steady_states=states[::2], steal_share=meter.steal_share)


def _profiled_run(model: Model, feeds: Any, meter: RunMeter) -> Profile:
    recorder = KernelRecorder(meter.clock)
    c = STATE.counters
    num_bytes, num_tensors = c.num_bytes, c.num_tensors
    wall = meter.time(lambda: model.run(feeds, recorder))
    kernels = tuple(recorder.kernels)
    wall_ms, rest = attribute(kernels, wall)
    return Profile(
        kernels, wall_ms, rest, max((k.total_bytes_snapshot for k in kernels), default=num_bytes),
        c.num_bytes - num_bytes, c.num_tensors - num_tensors, profiled_ms=(wall_ms,),
        copies=None if is_host(model.backend.name) else recorder.copies,
    )


def from_info(info: ProfileInfo, name: str = "") -> Profile:
    """The result of ``tf.profile`` as a ``Profile``, for reductions, reports and exports.

    Phases are unknown: it ran once, in whatever state things were.
    """
    where = info.environment or environment_of([registry.backend()])
    return replace(info.profile, profiled_ms=(info.wall_ms,), environment=where, model=name)
