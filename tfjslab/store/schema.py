"""The tables of the store, as a list of steps that lead from an empty file to the present ones.

A file says by SQLite's ``user_version`` how many of the steps it has seen. What is released is never changed: a new
need is a new step.
"""

from __future__ import annotations

import sqlite3

from tfjslab.base.errors import TfjslabError, UsageError

# SQLite's own mark of whose file it is: "tfjs".
APPLICATION_ID = 0x74666A73

_FIRST = """
CREATE TABLE results (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,            -- when it was measured, ISO 8601 in UTC
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    digest TEXT NOT NULL,
    backend TEXT NOT NULL,
    threads INTEGER NOT NULL,
    machine TEXT NOT NULL,
    revision TEXT NOT NULL,      -- of the working folder, '' outside of a repository
    dirty INTEGER NOT NULL,
    record TEXT NOT NULL         -- the whole result, as --json writes it
);
CREATE TABLE figures (
    result INTEGER NOT NULL REFERENCES results (id),
    name TEXT NOT NULL,
    unit TEXT NOT NULL,
    value REAL NOT NULL,
    spread REAL,
    n INTEGER NOT NULL,
    PRIMARY KEY (result, name)
) WITHOUT ROWID;
CREATE INDEX results_by_model ON results (model, kind, at);
CREATE INDEX figures_by_name ON figures (name, result);
"""

# How the machine was while a figure was measured: without it a slower machine looks like slower code.
_DISTURBANCE = """
ALTER TABLE figures ADD COLUMN disturbed REAL;
ALTER TABLE figures ADD COLUMN reference_ms REAL;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _DISTURBANCE)
VERSION = len(MIGRATIONS)


class StoreError(TfjslabError):
    """The store's file cannot be used: it is damaged, no store, of a newer version, or locked for too long."""

    default_code = "store.invalid"


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Bring a store to the present version, in one transaction; StoreError for what is no store or a newer one."""
    connection.execute("BEGIN IMMEDIATE")  # of two processes that open a new store one waits here
    try:
        version = _checked_version(connection, where)
        for step in MIGRATIONS[version:]:
            # Not executescript: that would commit what came before.
            for statement in filter(None, map(str.strip, step.split(";\n"))):
                connection.execute(statement)
        if version < VERSION:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _checked_version(connection: sqlite3.Connection, where: str) -> int:
    (owner,), (version,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in
                            ("application_id", "user_version"))
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and (tables or version):
        raise UsageError(f"{where} is a database of another program; name another file for the results",
                         code="store.foreign")
    if version > VERSION:
        raise StoreError(f"{where} has schema version {version}; this tfjslab reads up to {VERSION}: use the newer "
                         "tfjslab that wrote it, or name another file", code="store.newer")
    return int(version)
