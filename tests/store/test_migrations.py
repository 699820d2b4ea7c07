"""A store of every earlier version is brought to the present one, with all that it holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

import tfjslab as tf
from tfjslab.store import schema
from tfjslab.store.stored import StoredFigure


def write_version(path, version):
    """A store as that version made it, with one result."""
    with closing(sqlite3.connect(path)) as connection:
        for step in schema.MIGRATIONS[:version]:
            connection.executescript(step)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("INSERT INTO results VALUES (1, '2026-11-01', 'bench', 'm', '', 'cpu', 1, 'here', 'abc', 1, "
                           "'{\"a\": 1}')")
        connection.execute("INSERT INTO figures (result, name, unit, value, spread, n) "
                           "VALUES (1, 'median_ms', 'ms', 2.5, 0.5, 9)")
        connection.commit()


@pytest.mark.parametrize("version", range(1, schema.VERSION + 1))
def test_a_store_of_any_version_becomes_one_of_the_present(tmp_path, version):
    write_version(tmp_path / "s.sqlite", version)
    with tf.open_store(tmp_path / "s.sqlite") as store:
        old = store.get(1)
        assert (old.model, old.commit, old.dirty, old.record) == ("m", "abc", True, {"a": 1})
        assert old.figures == (StoredFigure("median_ms", 2.5, "ms", 0.5, 9),)
        store.add({}, kind="bench", model="m", backend="cpu", threads=1, machine="here", at="2026-11-02",
                  figures=[StoredFigure("median_ms", 2.6, "ms", 0.5, 9, 0.25, 0.05)])
        ((_, new),) = (h.points for h in store.figure_history())
    assert (new.disturbed, new.reference_ms) == (0.25, 0.05)
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_a_step_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    write_version(tmp_path / "s.sqlite", 1)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE more (x);\nSELECT * FROM absent;\n"))
    with pytest.raises(schema.StoreError, match="no such table: absent"):
        tf.open_store(tmp_path / "s.sqlite")
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)
