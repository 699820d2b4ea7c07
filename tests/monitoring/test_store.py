"""The store: counted once, bounded, kept across restarts; other files are left alone."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from tfjslab.base.errors import InputError, LimitError
from tfjslab.monitoring import store as stores
from tfjslab.monitoring.batch import Batch, ErrorCount
from tfjslab.monitoring.intake import Intake
from tfjslab.monitoring.store import MINUTE_S, MOST_GROUPS, MonitorStore
from tfjslab.monitoring.totals import MOST_KINDS_KEPT, PageGroup, Totals

NOW = 1_800_000_000.0
LATER = int(NOW)  # as a minute, long after
BATCH = Batch("pose", "simd", "chrome", 50.0, 9.0, ((10, 4),), (100, 150), (100, 100),
              (ErrorCount("run", 2, "why"),), 1)
POSE = PageGroup("pose", "simd", "chrome")


def again(batch=BATCH, **fields):
    """The same with an id of its own."""
    return replace(batch, id=Batch("", "", "").id, **fields)


@pytest.fixture
def store(tmp_path):
    with MonitorStore(tmp_path / "monitor.sqlite") as opened:
        yield opened


def test_a_batch_is_counted_once_by_its_id_also_after_a_restart(store):
    other = again()
    assert store.add([BATCH, other, BATCH], NOW) == [True, True, False]
    with MonitorStore(store.path) as reopened:
        assert reopened.add([BATCH], NOW + 100) == [False]
        totals = reopened.since_beginning()[POSE]
    assert (totals.batches, totals.predictions, totals.failed, totals.fallbacks) == (2, 10, 4, 2)
    assert totals.errors == {"run": (4, "why")}
    assert totals.memory_growth == pytest.approx(0.25)
    assert totals.error_rate == pytest.approx(4 / 14)


def test_sums_go_to_minutes_and_to_the_whole(store):
    store.add([again()], NOW)
    store.add([again(), again(model="hand")], NOW + MINUTE_S)
    minute = int(NOW // MINUTE_S)
    assert [(m, g.model, t.batches) for m, g, t in store.minutes(minute, minute + 9)] == [
        (minute, "pose", 1), (minute + 1, "hand", 1), (minute + 1, "pose", 1)]
    assert [m for m, _, _ in store.minutes(minute + 2, minute + 9)] == []
    assert {g.model: t.batches for g, t in store.since_beginning().items()} == {"pose": 2, "hand": 1}


def test_nobody_can_fill_it_with_names(store):
    store.add([again(model=f"m{i}") for i in range(MOST_GROUPS + 20)], NOW)
    store.add([again(model="m0"), again(errors=[ErrorCount(f"k{i}", 1) for i in range(16)])], NOW)
    found = store.since_beginning()
    assert len(found) == MOST_GROUPS + 1
    assert found[PageGroup("other", "other", "other")].batches == 21
    assert found[PageGroup("m0", "simd", "chrome")].batches == 2
    kinds = Totals()
    for i in range(100):
        kinds.fail(f"k{i}", 1, "")
    assert len(kinds.errors) == MOST_KINDS_KEPT
    assert kinds.failed == 100


def test_what_is_old_goes_and_the_whole_stays(store):
    store.add([BATCH], NOW)
    store.forget(NOW + 3 * stores.DAY_S, keep_days=7)
    assert len(list(store.minutes(0, LATER))) == 1
    store.forget(NOW + 8 * stores.DAY_S, keep_days=7)
    assert list(store.minutes(0, LATER)) == []
    assert store.since_beginning()[POSE].batches == 1
    assert sqlite3.connect(store.path).execute("SELECT count(*) FROM seen").fetchone() == (0,)


def test_what_is_committed_is_on_the_disk(store):
    settings = {name: store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}  # 2 is FULL


def test_a_failure_counts_nothing(store, monkeypatch):
    def fail(*_):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as m:
        m.setattr(store, "_put", fail)
        with pytest.raises(sqlite3.OperationalError):
            store.add([BATCH], NOW)
    assert store.since_beginning() == {}
    assert store.add([BATCH], NOW) == [True]


def test_other_files_are_left_alone(tmp_path):
    text, other = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("mine, and long enough to be read as a header" * 9)
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    for path, why in ((text, "file is not a database"), (other, "found another database, expected version 1")):
        before = path.read_bytes()
        with pytest.raises(InputError, match=why) as caught:
            MonitorStore(path)
        assert caught.value.code == "monitor.store"
        assert path.read_bytes() == before
    with pytest.raises(InputError, match="unable to open database file"):
        MonitorStore(tmp_path / "missing" / "x")


def test_a_later_version_is_refused(store):
    store._db.execute("PRAGMA user_version = 2")
    with pytest.raises(InputError, match="found version 2 of a monitor's store, expected version 1"):
        MonitorStore(store.path)


def test_the_intake_commits_together_what_waits(store, monkeypatch):
    sizes, add = [], store.add
    monkeypatch.setattr(store, "add", lambda batches, now: sizes.append(len(batches)) or add(batches, now))
    intake = Intake(store, 30, lambda: NOW)
    for batch in (BATCH, again(), BATCH):
        intake._waiting.put((batch, stub := _Counted()))
    with intake:
        pass
    assert sizes == [3]
    assert stub.result is False
    assert store.since_beginning()[POSE].batches == 2


class _Counted:
    """A future that nobody waits for."""

    result = None

    def set_result(self, value):
        self.result = value


def test_whoever_waits_is_told_that_the_store_failed_and_the_next_one_is_served(store, monkeypatch):
    with Intake(store, 30, lambda: NOW) as intake:
        with monkeypatch.context() as m:
            m.setattr(store, "add", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("database is full")))
            with pytest.raises(LimitError, match="the store cannot be written: database is full") as caught:
                intake.count(BATCH)
        assert caught.value.code == "monitor.busy"
        assert intake.count(BATCH) is True
        assert intake.count(BATCH) is False
