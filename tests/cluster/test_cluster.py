"""Sweeps and benchmarks on a dask cluster: the same results as here, in order, whatever happens to workers."""

from __future__ import annotations

import dataclasses
import os
import platform
import signal
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import BackendError, UsageError
from tfjslab.base.version import __version__
from tfjslab.bench.settings import Settings
from tfjslab.cli.app import main
from tfjslab.cluster import Job, connect, jobs, run_jobs

distributed = pytest.importorskip("distributed")
KINDS = ("optimized", "float16", "uint8", "uint16")
X = np.random.default_rng(0).random((6, 8, 8, 1), np.float32)
BRIEF = Settings(runs=2, warmup=0)
TIMES = {"median_ms", "low_ms", "high_ms", "speed_x", "speed_low", "speed_high", "speed", "speed_text", "disturbed"}


@pytest.fixture(name="cluster", scope="module")
def _cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        yield made


@pytest.fixture(name="client", scope="module")
def _client(cluster):
    with connect(cluster.scheduler_address) as made:
        yield made


@pytest.fixture(name="models", scope="module")
def _models():
    made = [tf.Model(tf.zoo.build("digits"), "cpu", name=f"digits {i}") for i in range(3)]
    yield made
    for model in made:
        model.dispose()


def untimed(found):
    """What does not depend on the clock."""
    return [(s.model, s.measure, s.samples, s.refused, [
        {k: v for k, v in dataclasses.asdict(r).items() if k not in TIMES} for r in s.rows]) for s in found]


def test_a_sweep_of_three_models_equals_the_serial_one_and_names_machines(client, models):
    told = []
    how = dataclasses.replace(BRIEF, progress=lambda *step: told.append(step))
    there = tf.sweep(models, evaluation=X, kinds=KINDS, settings=how, client=client)
    here = tf.sweep(models, evaluation=X, kinds=KINDS, settings=BRIEF)
    assert untimed(there) == untimed(here)
    assert [len(s.rows) for s in there] == [5, 5, 5]
    assert {r.environment.host for s in there for r in s.results} == {platform.node()}
    assert [(done, total) for _, done, total in told] == [(1, 3), (2, 3), (3, 3)]


def test_a_killed_worker_costs_no_result(client, models):
    pids = client.run(os.getpid)

    def kill_who_works():
        while not (busy := [worker for worker, tasks in client.processing().items() if tasks]):
            time.sleep(0.01)
        os.kill(pids[busy[0]], signal.SIGKILL)

    killer = threading.Thread(target=kill_who_works)
    killer.start()
    how = Settings(runs=2000, warmup=0)
    found = tf.bench_models([("", m, X[:1]) for m in models], ["cpu"], settings=how, client=client)
    killer.join()
    assert [(r.model, r.runs) for r in found] == [(m.name, 2000) for m in models]
    assert set(client.run(os.getpid).values()) != set(pids.values())


def test_the_command_line_measures_there_and_keeps_the_results_here(capsys, cluster, client, tmp_path):
    options = ["--scheduler", cluster.scheduler_address, f"--store={tmp_path / 's.sqlite'}", "--runs", "2"]
    assert main(["bench", "digits", "--backend", "cpu,wasm-simd", *options]) == 0
    np.save(tmp_path / "x.npy", X)
    assert main(["sweep", "digits", "--input", str(tmp_path / "x.npy"), "--kind", "uint8", "--backend", "cpu",
                 *options]) == 0
    with tf.open_store(tmp_path / "s.sqlite") as store:
        assert [(r.kind, r.backend) for r in store.results()] == [
            ("bench", "cpu"), ("bench", "wasm-simd"), ("sweep", "cpu")]
        assert all(r.machine.startswith(f"{platform.node()}, ") for r in store.results())
    assert main(["bench", "digits", "--scheduler", "tcp://127.0.0.1:1", "--runs", "1"]) == 2
    assert "no dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err


# ---- with a cluster of the test's own making ------------------------------------------------------------------------


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

    def scheduler_info(self, n_workers):
        """Two workers on each machine."""
        return {"workers": {f"{h}:{i}": {"host": h} for h in self.hosts for i in range(2)}}

    def submit(self, function, *arguments, workers, pure, key):
        """Begin."""
        self.futures.append(Future(workers[0], function(*arguments)))
        return self.futures[-1]

    def cancel(self, futures, force):
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
    return [Job(f"job {i}", pow, (i, 2)) for i in range(count)]


def finish(cluster):
    for future in cluster.futures:
        future.is_done = future.is_done or future.host in cluster.hosts


def test_a_machine_runs_one_job_at_a_time(quick):
    seen = []

    def step(cluster):
        running = [f.host for f in cluster.futures if not f.is_done]
        seen.append(len(running))
        assert len(set(running)) == len(running)
        next(f for f in reversed(cluster.futures) if not f.is_done).is_done = True  # the newest first

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


def test_ctrl_c_cancels_what_runs_and_keeps_what_is_done(quick, models):
    def step(cluster):
        cluster.futures[0].is_done = True
        if len(cluster.futures) > 1:
            raise KeyboardInterrupt

    quick.append(Cluster(["a"], step))
    found = tf.bench_models(models, ["cpu"], settings=BRIEF, client=quick[0])
    assert [(r.model, r.reason) for r in found] == [("digits 0", "interrupted")]
    assert quick[0].cancelled == quick[0].futures[1:]


def test_an_error_of_a_job_is_raised_and_other_versions_are_refused(quick):
    def fail(cluster):
        finish(cluster)
        cluster.futures[0].error = UsageError("no such thing")

    quick.append(Cluster(["a"], fail))
    with pytest.raises(UsageError, match="no such thing"):
        run_jobs(quick[0], squares(2))
    with pytest.raises(UsageError, match="a has 0.0; install the same there"):
        run_jobs(Cluster(["a"], fail, "0.0"), squares(1))
