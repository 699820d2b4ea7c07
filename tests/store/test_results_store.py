"""The results store: what goes in comes out, also with several writers, after a kill, and from older files."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

import tfjslab as tf
from tfjslab.base.errors import InputError, UsageError
from tfjslab.store import place, schema
from tfjslab.store.stored import StoredFigure

RECORD = {"model": "m", "backend": "cpu", "threads": 1, "median_ms": 2.5, "iqr_ms": 0.5, "runs": 9, "times_ms": [2.5],
          "peak_bytes": 10, "load_ms": None, "model_digest": "0123456789abcdef",
          "environment": {"cpu": "fast", "cores": 2, "date": "2026-11-01T10:00:00+00:00"}}
WRITER = """
import sys, tfjslab as tf
with tf.open_store(sys.argv[1]) as store:
    for i in range(int(sys.argv[3])):
        store.add({"i": i}, kind="other", model=sys.argv[2], figures=[], machine="here", at="2026-11-01")
        if i == 0:
            print("began", flush=True)
"""


@pytest.fixture
def store(tmp_path):
    with tf.open_store(tmp_path / "s.sqlite") as opened:
        yield opened


def at(day, **changes):
    return {**RECORD, **changes, "environment": {**RECORD["environment"], "date": f"2026-11-{day:02}T10:00:00+00:00"}}


def test_a_measurement_is_kept_with_its_model_its_machine_and_its_figures(store):
    with tf.zoo.load("digits") as model:
        measured, digest = tf.bench_model(model, runs=7), model.digest
    found = store.get(store.add(measured))
    where = measured.environment
    assert (found.kind, found.model, found.backend, found.threads) == ("bench", "digits", "cpu", measured.threads)
    assert (found.digest, found.at) == (digest, where.date)
    assert found.machine == f"{where.cpu}, {where.cores} cores"
    median = found.figure("median_ms")
    assert (median.value, median.unit, median.spread) == (measured.median_ms, "ms", measured.iqr_ms)
    assert median.n == len(measured.disturbance.kept)
    assert found.figure("weight_bytes") == StoredFigure("weight_bytes", float(measured.weight_bytes), "B")
    assert tuple(found.record["times_ms"]) == measured.times_ms


def test_results_are_found_by_every_filter_and_come_in_the_order_of_measuring(store):
    ids = store.add_all([at(3), at(1, model="n", model_digest="ff"), at(2, backend="wasm", peak_bytes=None)])
    def found(**wanted):
        return [r.id for r in store.results(**wanted)]
    assert found() == [ids[1], ids[2], ids[0]]
    assert found(model="n") == [ids[1]]
    assert found(model="01234567") == [ids[2], ids[0]]
    assert found(kind="profile") == []
    assert found(backend="wasm") == [ids[2]]
    assert found(figure="peak_bytes") == [ids[1], ids[0]]
    assert found(since="2026-11-02") == [ids[2], ids[0]]
    assert found(since="2026-11-03T11:00+01:00") == [ids[0]]
    assert found(machine="fast, 2 cores", limit=1) == [ids[0]]
    assert len(store) == 3
    with pytest.raises(UsageError, match=r"since is 'yesterday'; expected a date \(2026-11-28\)"):
        found(since="yesterday")


def test_a_result_of_a_browser_is_one_of_that_browser_and_a_comparison_has_the_peers_figures(store):
    found = store.get(store.add({**RECORD, "device": "Firefox 150 on Linux", "device_environment": None,
                                 "environment": None, "peer": {"median_ms": 5.0, "ratio": 2.0}}))
    assert (found.kind, found.machine) == ("browser", "Firefox 150 on Linux")
    assert (found.figure("peer_median_ms").value, found.figure("peer_ratio").value) == (5.0, 2.0)


def test_a_sweep_has_the_figures_of_each_setting_and_of_a_machine_of_its_own(store):
    where = {**RECORD["environment"], "host": "lab-1", "backend": "cpu", "threads": 1}
    row = {"setting": "uint8", "weight_bytes": 5, "top1": 0.9, "sqnr_db": "inf"}
    found = store.get(store.add({"model": "m", "rows": [row], "recommended": "uint8", "measure": "top1", "results": [
        {**RECORD, "model": "uint8", "environment": where}]}))
    assert (found.kind, found.model, found.backend, found.digest) == ("sweep", "m", "cpu", RECORD["model_digest"])
    assert found.machine == "lab-1, fast, 2 cores"
    assert {f.name: f.value for f in found.figures} == {
        "uint8/weight_bytes": 5.0, "uint8/top1": 0.9, "uint8/median_ms": 2.5}


def test_what_is_no_result_is_refused_and_keeps_nothing(store):
    with pytest.raises(InputError, match="no result of a kind that the store knows"):
        store.add({"a": 1})
    with pytest.raises(InputError, match="cannot be written as JSON"):
        store.add_all([RECORD, {**RECORD, "p95_ms": float("nan")}])
    with pytest.raises(InputError, match="a result to keep is a int"):
        store.add(3)
    assert len(store) == 0
    with pytest.raises(InputError, match=r"has no result 7; it is empty"):
        store.get(7)


def test_results_carry_the_commit_of_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "f").write_text("1")
    for command in (["init", "-q"], ["add", "f"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
    with tf.open_store(tmp_path / "s.sqlite") as store:
        clean = store.get(store.add(RECORD))
    (tmp_path / "f").write_text("2")
    with tf.open_store(tmp_path / "s.sqlite") as store:
        dirty = store.get(store.add(RECORD))
        assert [r.id for r in store.results(commit=head[:7])] == [1, 2]
        assert [r.id for r in store.results(since=head[:7])] == [1, 2]
    assert (clean.commit, clean.dirty, dirty.commit, dirty.dirty) == (head, False, head, True)


def test_two_processes_write_a_thousand_results_each_and_none_is_lost(tmp_path):
    path = str(tmp_path / "s.sqlite")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, name, "1000"]) for name in "ab"]
    assert [w.wait() for w in writers] == [0, 0]
    with tf.open_store(path) as store:
        for name in "ab":
            assert [r.record["i"] for r in store.results(model=name)] == list(range(1000))


def test_a_killed_writer_leaves_a_whole_store(tmp_path):
    path = str(tmp_path / "s.sqlite")
    with subprocess.Popen([sys.executable, "-c", WRITER, path, "a", "1000000"], stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
    with tf.open_store(path) as store:
        numbers = [r.record["i"] for r in store.results()]
        assert numbers == list(range(len(numbers)))
        assert numbers
        store.add(RECORD)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_newer_store_is_refused_by_its_version(tmp_path, monkeypatch):
    tf.open_store(tmp_path / "s.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(schema.StoreError, match=rf"has schema version 99; this tfjslab reads up to {schema.VERSION}"):
        tf.open_store(tmp_path / "s.sqlite")


def test_files_that_are_no_store_are_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / "theirs.sqlite")) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(UsageError, match="is a database of another program"):
        tf.open_store(tmp_path / "theirs.sqlite")
    (tmp_path / "text").write_text("not a database, but long enough to have a header of one " * 20)
    with pytest.raises(schema.StoreError, match="expected an SQLite file that tfjslab wrote"):
        tf.open_store(tmp_path / "text")


def test_the_store_is_the_projects_where_there_is_one_and_else_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("TFJSLAB_DATA_DIR", str(tmp_path / "data"))
    inner = tmp_path / "project" / "inner"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert place.store_file() == tmp_path / "data" / "results.sqlite"
    tf.open_store().close()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    (tmp_path / "project" / ".tfjslab").mkdir()
    assert place.store_file() == tmp_path / "project" / ".tfjslab" / "results.sqlite"
    assert place.store_file(tmp_path) == tmp_path / "results.sqlite"
    with pytest.raises(UsageError, match="its folder cannot be made"):
        tf.open_store(tmp_path / "data" / "results.sqlite" / "x" / "y")
