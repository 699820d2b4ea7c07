"""Measuring models on backends, side by side.

Steady runs of all subjects are interleaved in rounds, so that a machine that slows down slows all of them down. Within
a round a subject runs several times in a row, as it does in use, with its data in the caches.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.progress import Progress, no_progress
from tfjslab.bench.benchmark_run import BenchmarkRun, begin, burst, is_done, result_of
from tfjslab.bench.machines import named, open_there, travelling
from tfjslab.bench.result import BenchResult
from tfjslab.bench.results import BenchResults
from tfjslab.bench.settings import Settings, settings_for
from tfjslab.cluster.jobs import MachineJob, run_jobs
from tfjslab.engine.measure import Clock
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, open_subject

ROUNDS = 5


def bench_model(
    source: ModelSource, backend: str | None = None, threads: int | None = None, *, x: Any = None, name: str = "",
    runs: int = 50, warmup: int = 5, budget_s: float | None = None, clock: Clock = time.perf_counter,
    progress: Progress = no_progress, precision: float | None = None, max_time_s: float | None = None,
) -> BenchResult:
    """Measure one model on one backend; see ``bench_models``.

    With a ``precision`` there are more than ``runs``, until half of the median's 95% interval is so small a part of it;
    ``max_time_s``, 10 where nothing is said, ends them. ``budget_s`` ends them in any case, however few they are.
    """
    how = settings_for(runs, warmup, precision, max_time_s, clock=clock, progress=progress)
    settings = how if budget_s is None else replace(how, budget_s=budget_s)
    return bench_models([(name, source, x)], [backend], threads, settings)[0]


def bench_models(
    sources: Sequence[ModelSource | tuple[str, ModelSource, Any]], backends: Sequence[str | None],
    threads: int | None = None, settings: Settings | None = None, *, client: Any = None,
) -> BenchResults:
    """Measure every model on every backend, interleaved; results in the order of models, then backends.

    Args:
        sources: models, or (name, source, x) for each; an empty name is the model's own, ``x`` None means seeded
            values.
        backends: names; None is the model's own backend or the current one.
        threads: for threaded backends.
        settings: how to measure.
        client: a ``distributed.Client``: then each model is measured on one of the cluster's machines, its backends
            interleaved there. Only results of one model are then comparable with each other, and none has a load time.

    Ctrl-C ends the measuring and gives what was measured so far, each result saying so in ``reason``; where nothing
    was, it is raised.

    """
    how = settings or Settings()
    how.check()
    if client is not None:
        return _on_machines(client, sources, backends, threads, how)
    bench_runs: list[BenchmarkRun] = []
    reason = ""
    with ExitStack() as stack:
        try:
            for name, source, x in [s if isinstance(s, tuple) else ("", s, None) for s in sources]:
                for backend in backends:
                    subject = stack.enter_context(open_subject(source, backend, threads, how.clock))
                    feeds = subject.model.sample() if x is None else x
                    bench_runs.append(BenchmarkRun(name or subject.model.name, subject.model, feeds, subject.load_ms))
                    begin(bench_runs[-1], how)
            _steady(bench_runs, how)
        except KeyboardInterrupt:
            if not bench_runs:
                raise
            reason = BY_CTRL_C
        return BenchResults(result_of(bench_run, reason) for bench_run in bench_runs)


def _on_machines(
    client: Any, sources: Sequence[ModelSource | tuple[str, ModelSource, Any]], backends: Sequence[str | None],
    threads: int | None, how: Settings,
) -> BenchResults:
    """A job for each model; after Ctrl-C the results of those that were done."""
    there, jobs = replace(how, progress=no_progress), list[MachineJob]()
    for name, source, x in [s if isinstance(s, tuple) else ("", s, None) for s in sources]:
        with open_subject(source, None, None, how.clock) as subject:
            model = subject.model
            feeds, given = model.sample() if x is None else x, travelling(model)
            jobs.append(MachineJob(name or model.name, open_there, (
                given, partial(_there, name=name, backends=list(backends), threads=threads, x=feeds, how=there))))
    found: dict[int, list[BenchResult]] = {}
    try:
        run_jobs(client, jobs, how.progress, found.__setitem__)
    except KeyboardInterrupt:
        if not found:
            raise
        found = {i: [replace(r, reason=BY_CTRL_C) for r in results] for i, results in found.items()}
    return BenchResults(r for i in sorted(found) for r in found[i])


def _there(
    model: Model, *, name: str, backends: Sequence[str | None], threads: int | None, x: Any, how: Settings,
) -> list[BenchResult]:
    """What a worker measures."""
    return [named(r) for r in bench_models([(name, model, x)], backends, threads, how)]


def _steady(bench_runs: Sequence[BenchmarkRun], how: Settings) -> None:
    """Rounds over all benchmark runs until each has its runs or has used its budget."""
    count = -(-how.runs // ROUNDS)
    while open_runs := [bench_run for bench_run in bench_runs if not is_done(bench_run, how)]:
        for bench_run in open_runs:
            done = len(bench_run.times)
            # Rounds beyond those that are wanted grow: there may have to be many.
            burst(bench_run, min(count, how.runs - done) if done < how.runs else max(count, done // ROUNDS), how)
