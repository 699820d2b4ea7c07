"""Sweeps and benchmarks on a dask cluster: the same results as here, in order, whatever happens to workers."""

from __future__ import annotations

import dataclasses
import os
import platform
import signal
import sys
import threading
import time

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.bench.settings import Settings
from tfjslab.cli.app import main
from tfjslab.cluster import connect

distributed = pytest.importorskip("distributed")
KINDS = ("optimized", "float16", "uint8", "uint16")
X = np.random.default_rng(0).random((6, 8, 8, 1), np.float32)
BRIEF = Settings(runs=1, warmup=0)
TIMES = {"median_ms", "low_ms", "high_ms", "speed_x", "speed_low", "speed_high", "speed", "speed_text", "disturbed"}


DASKS = ("asyncio_", "Dask-", "IO loop", "Profile")  # names of threads


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(monkeypatch, no_leaks):
    """As everywhere, but for dask's own pools of threads, which grow as they like while there is a cluster."""
    monkeypatch.setattr(threading, "active_count", lambda: sum(
        not t.name.startswith(DASKS) for t in threading.enumerate()))
    registry.set_backend("cpu")
    with no_leaks():
        yield
        registry.set_backend("cpu")


@pytest.fixture(name="cluster", scope="module")
def _cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        yield made


@pytest.fixture(name="client", scope="module")
def _client(cluster):
    with connect(cluster.scheduler_address) as made:
        yield made


@pytest.fixture(name="models")
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
    how = Settings(runs=300, warmup=0)
    found = tf.bench_models([("", m, X[:1]) for m in models], ["cpu"], settings=how, client=client)
    killer.join()
    assert [(r.model, r.runs) for r in found] == [(m.name, 300) for m in models]
    assert set(client.run(os.getpid).values()) != set(pids.values())


def test_the_command_line_measures_there_and_keeps_the_results_here(capsys, monkeypatch, cluster, client, tmp_path):
    options = ["--scheduler", cluster.scheduler_address, f"--store={tmp_path / 's.sqlite'}", "--runs", "2"]
    assert main(["bench", "digits", "--backend", "cpu,wasm-simd", *options]) == 0
    np.save(tmp_path / "x.npy", X)
    assert main(["sweep", "digits", "--input", str(tmp_path / "x.npy"), "--kind", "uint8", "--backend", "cpu",
                 *options]) == 0
    with tf.open_store(tmp_path / "s.sqlite") as store:
        assert [(r.kind, r.backend) for r in store.results()] == [
            ("bench", "cpu"), ("bench", "wasm-simd"), ("sweep", "cpu")]
        assert all(r.machine.startswith(f"{platform.node()}, ") for r in store.results())
    monkeypatch.setattr(sys.modules[connect.__module__], "_PATIENCE_S", 0.5)
    assert main(["bench", "digits", "--scheduler", "tcp://127.0.0.1:1", "--runs", "1"]) == 2
    assert "no dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err
