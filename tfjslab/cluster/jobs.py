"""Jobs on the machines of a cluster: one a machine at a time, so that they do not disturb each other's times.

A machine is a host, however many workers and threads dask has there. Jobs that die with their worker run again, on
another machine where that one is gone. Results come in the order of the jobs.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.errors import BackendError, UsageError
from tfjslab.base.progress import Progress, no_progress
from tfjslab.base.version import __version__

RETRIES = 3  # of a job whose worker was lost; more, and the job is likely what kills them
_LOOK_S = 0.05  # between looks at what is done; jobs take seconds
_MACHINES_S = 1.0  # between looks at which machines there are
_ABSENT_S = 60.0  # without any machine until the work is given up: new ones may be starting


@dataclass(frozen=True)
class MachineJob:
    """A call of a function that workers can import, with arguments that can be pickled. ``name`` is for progress."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


@dataclass
class _Running:
    number: int
    host: str
    future: Any


@dataclass
class _Work:
    """What is to be done, is running, and was found."""

    jobs: Sequence[MachineJob]
    waiting: list[int]
    results: list[Any]
    tries: list[int]
    running: list[_Running] = field(default_factory=list)


def run_jobs(
    client: Any, jobs: Sequence[MachineJob], progress: Progress = no_progress,
    seen: Callable[[int, Any], None] = lambda _number, _result: None,
) -> list[Any]:
    """Run the jobs on the machines of a ``distributed.Client`` and return their results in order.

    ``seen`` is told each result as it comes. An error of a job is raised here and cancels the others, as Ctrl-C does.
    Raises UsageError where workers have another version of tfjslab, BackendError where a job loses its worker again
    and again or no machine is left.
    """
    _check_versions(client)
    work = _Work(jobs, list(range(len(jobs))), [None] * len(jobs), [0] * len(jobs))
    looked, last_seen, hosts = -_MACHINES_S, time.monotonic(), list[str]()
    try:
        while work.waiting or work.running:
            if time.monotonic() - looked >= _MACHINES_S:
                hosts, looked = _hosts(client), time.monotonic()
                last_seen = looked if hosts else last_seen
                _take_back_lost(client, work, hosts)
            if time.monotonic() - last_seen > _ABSENT_S:
                raise BackendError(f"the cluster has had no worker for {_ABSENT_S:.0f} s, with "
                                   f"{len(work.waiting)} of {len(jobs)} jobs left", code="cluster.empty")
            _collect(work, progress, seen)
            _start(client, work, hosts)
            time.sleep(_LOOK_S)
    finally:
        client.cancel([r.future for r in work.running], force=True)
    return work.results


def about() -> tuple[str, str]:
    """The version of tfjslab on a worker, and its machine's name."""
    return __version__, platform.node()


def _check_versions(client: Any) -> None:
    others = {f"{machine} has {version}" for version, machine in client.run(about).values() if version != __version__}
    if others:
        raise UsageError(f"workers have another tfjslab than this {__version__}: {', '.join(sorted(others))}; "
                         "install the same there", code="cluster.version")


def _hosts(client: Any) -> list[str]:
    """The machines that have a worker now, in the order in which they came."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return list(dict.fromkeys(str(w["host"]) for w in workers))


def _start(client: Any, work: _Work, hosts: Sequence[str]) -> None:
    busy = {r.host for r in work.running}
    for host in hosts:
        if host not in busy and work.waiting:
            number = work.waiting.pop(0)
            job = work.jobs[number]
            # Not pure: a measurement is made anew each time. Dask itself tries again on that host.
            future = client.submit(job.function, *job.arguments, workers=[host], pure=False, key=None)
            work.running.append(_Running(number, host, future))


def _collect(work: _Work, progress: Progress, seen: Callable[[int, Any], None]) -> None:
    for r in [r for r in work.running if r.future.done()]:
        work.running.remove(r)
        error = r.future.exception()
        if error is not None and type(error).__name__ in {"KilledWorker", "FutureCancelledError", "CancelledError"}:
            _again(work, r.number)
            continue
        if error is not None:
            raise error
        work.results[r.number] = r.future.result()
        seen(r.number, work.results[r.number])
        progress(f"{work.jobs[r.number].name} on {r.host}", len(work.jobs) - len(work.waiting) - len(work.running),
                 len(work.jobs))


def _take_back_lost(client: Any, work: _Work, hosts: Sequence[str]) -> None:
    """Jobs of machines that are gone wait again."""
    for r in [r for r in work.running if r.host not in hosts]:
        client.cancel([r.future], force=True)
        work.running.remove(r)
        _again(work, r.number)


def _again(work: _Work, number: int) -> None:
    work.tries[number] += 1
    if work.tries[number] > RETRIES:
        raise BackendError(f"the worker of '{work.jobs[number].name}' was lost {work.tries[number]} times; it may need "
                           "more memory than workers have", code="cluster.lost")
    work.waiting.insert(0, number)
