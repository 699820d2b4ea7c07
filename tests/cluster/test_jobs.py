"""Which job runs where, on a cluster of the test's own making."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import tfjslab as tf
from tfjslab.base.errors import BackendError, UsageError
from tfjslab.base.version import __version__
from tfjslab.bench.settings import Settings
from tfjslab.cluster import MachineJob, jobs, run_jobs


class Future:
    """Done when the test says so."""

    def __init__(self, host, result):
        self.host, self.found, self.is_done, self.error = host, result, False, None

    def done(self):
        """Whether it is."""
        return self.is_done

    def exception(self):
        """Why it failed."""
        return self.error

    def result(self):
        """What it gives."""
        return self.found


class Cluster:
    """A client of machines that live as long as ``hosts`` lists them; ``step`` is called at every look."""

    def __init__(self, hosts, step, version=__version__):
        self.hosts, self.step, self.version, self.futures, self.cancelled = hosts, step, version, [], []

    def run(self, _function):
        """The version everywhere."""
        return {host: (self.version, host) for host in self.hosts}

    def scheduler_info(self, **_options):
        """Two workers on each machine."""
        return {"workers": {f"{h}:{i}": {"host": h} for h in self.hosts for i in range(2)}}

    def submit(self, function, *arguments, workers, **_options):
        """Begin."""
        self.futures.append(Future(workers[0], function(*arguments)))
        return self.futures[-1]

    def cancel(self, futures, **_options):
        """Note it."""
        self.cancelled += futures


@pytest.fixture(name="quick")
def _quick(monkeypatch):
    """Time passes only where a cluster steps."""
    now = [0.0]
    current = []

    def sleep(_seconds):
        now[0] += 1.0
        current[0].step(current[0])

    monkeypatch.setattr(jobs, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    return current


def squares(count):
    return [MachineJob(f"job {i}", pow, (i, 2)) for i in range(count)]


def finish(cluster):
    for future in cluster.futures:
        future.is_done = future.is_done or future.host in cluster.hosts


def test_a_machine_runs_one_job_at_a_time(quick):
    seen = []

    def step(cluster):
        running = [f.host for f in cluster.futures if not f.is_done]
        seen.append(len(running))
        assert len(set(running)) == len(running)
        for future in [f for f in cluster.futures if not f.is_done][-1:]:  # the newest first
            future.is_done = True

    quick.append(Cluster(["a", "b"], step))
    assert run_jobs(quick[0], squares(5)) == [0, 1, 4, 9, 16]
    assert max(seen) == 2


def test_jobs_of_a_machine_that_is_gone_run_on_another(quick):
    def step(cluster):
        cluster.hosts = ["b"]
        finish(cluster)

    quick.append(Cluster(["a", "b"], step))
    assert run_jobs(quick[0], squares(3)) == [0, 1, 4]
    assert [f.host for f in quick[0].cancelled] == ["a"]
    assert [f.host for f in quick[0].futures] == ["a", "b", "b", "b"]


def test_a_job_that_loses_every_worker_and_a_cluster_without_machines_are_told(quick):
    class KilledWorker(Exception):  # noqa: N818 - as dask calls it
        """Its worker died again and again."""

    def lose(cluster):
        finish(cluster)
        cluster.futures[-1].error = KilledWorker()

    quick.append(Cluster(["a"], lose))
    with pytest.raises(BackendError, match="the worker of 'job 0' was lost 4 times"):
        run_jobs(quick[0], squares(1))
    quick[0] = Cluster(["a"], lambda cluster: setattr(cluster, "hosts", []))
    with pytest.raises(BackendError, match="no worker for 60 s, with 1 of 1 jobs left"):
        run_jobs(quick[0], squares(1))


def test_ctrl_c_cancels_what_runs_and_keeps_what_is_done(quick):
    def step(cluster):
        cluster.futures[0].is_done = True
        if len(cluster.futures) > 1:
            raise KeyboardInterrupt

    quick.append(Cluster(["a"], step))
    with tf.zoo.load("digits") as model:
        sources = [("first", model, None), ("second", model, None)]
        found = tf.bench_models(sources, ["cpu"], settings=Settings(runs=1, warmup=0), client=quick[0])
    assert [(r.model, r.reason) for r in found] == [("first", "interrupted")]
    assert quick[0].cancelled == quick[0].futures[1:]


def test_an_error_of_a_job_is_raised_and_other_versions_are_refused(quick):
    def fail(cluster):
        finish(cluster)
        cluster.futures[0].error = UsageError("no such thing")

    quick.append(Cluster(["a"], fail))
    with pytest.raises(UsageError, match="no such thing"):
        run_jobs(quick[0], squares(2))
    with pytest.raises(UsageError, match=r"a has 0\.0; install the same there"):
        run_jobs(Cluster(["a"], fail, "0.0"), squares(1))
