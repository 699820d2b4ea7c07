"""The store itself: results in, results out. SQLite, from the standard library.

Why SQLite: several processes may write at the same time (DuckDB lets one process open a file for writing), it comes
with Python, and a file of it is read by everything. There are thousands of rows, not millions.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tfjslab.base.closing import Closing
from tfjslab.base.errors import InputError, UsageError
from tfjslab.records.change_points import LEVEL
from tfjslab.store.facts import ResultFacts, facts_of
from tfjslab.store.history import FigureHistories, FigureHistory, changes_of
from tfjslab.store.kinds import unit_of
from tfjslab.store.place import make_folder, store_file
from tfjslab.store.query import ResultFilter, where_clause
from tfjslab.store.revision import Revision, revision_of
from tfjslab.store.schema import StoreError, migrate
from tfjslab.store.series import LAST, nothing_found, read_series
from tfjslab.store.stored import StoredFigure, StoredResult, StoredResults

_PATIENCE_S = 30.0  # of one writer for another; each holds the lock for a millisecond or so
_COLUMNS = "id, at, kind, model, digest, backend, threads, machine, revision, dirty, record"
# COMMIT is a word of SQL, so the column has another one.
_FIELDS = _COLUMNS.replace("revision", "commit").split(", ")
_FIGURES = "name, value, unit, spread, n, disturbed, reference_ms"


def open_store(path: str | os.PathLike[str] | None = None, *, make: bool = True) -> ResultsStore:
    """Open the results store, and make it where there is none.

    Args:
        path: its file, or the folder that holds it. Without one, ``.tfjslab/results.sqlite`` of the project (the
            working folder or one above it, where there is a folder ``.tfjslab``), else a file of the user's data.
        make: whether a store is made where there is none; False raises UsageError.

    Raises UsageError where the file cannot be made or is not ours, StoreError where it is damaged, locked for long, or
    of a newer version.

    Example:
        >>> import tfjslab as tf
        >>> with tf.open_store() as store:  # doctest: +SKIP
        ...     store.add(tf.bench_model("model.json"))
        ...     print(store.results(model="model.json"))

    """
    file = store_file(path)
    if not make and not file.is_file():
        raise UsageError(f"there is no results store {file}; --store of 'tfjslab bench' and others makes one",
                         code="store.file")
    return ResultsStore(file)


class ResultsStore(Closing):
    """An open store; a context that closes it. Calls may come from any thread, and other processes may use the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._revision: Revision | None = None
        make_folder(path)
        with self._told():
            self._connection = _connect(path)

    def add(
        self, record: Any, *, kind: str = "", model: str = "", digest: str = "", backend: str = "", threads: int = 0,
        machine: str = "", at: str = "", figures: Iterable[StoredFigure] = (),
    ) -> int:
        """Keep one result, and return its id. When this returns, the result survives a killed process.

        Args:
            record: what a measurement gave (``tf.bench_model``, ``tf.profile_model``, ``tf.sweep``, a result of a
                browser), or its JSON. The rest is found in it, where it is not given.
            kind: such as ``bench``; needed with ``figures`` for records of a kind that the store does not know.
            model: its name.
            digest: SHA-256 of the model.
            backend: where it ran.
            threads: on how many.
            machine: its name.
            at: when it was measured, ISO 8601 in UTC.
            figures: its numbers.

        """
        given = ResultFacts(kind, model, digest, backend, threads, machine, at, tuple(figures))
        return self._write([facts_of(record, given)])[0]

    def add_all(self, records: Iterable[Any]) -> list[int]:
        """Keep several results in one transaction, all or none; their ids in order."""
        return self._write([facts_of(record, ResultFacts()) for record in records])

    def results(
        self, kind: str | None = None, model: str | None = None, figure: str | None = None, since: str | None = None,
        *, backend: str | None = None, commit: str | None = None, machine: str | None = None, limit: int | None = None,
    ) -> StoredResults:
        """The results that fit all of what is given, from the oldest to the newest.

        Args:
            kind: ``bench``, ``profile``, ``sweep``, ``browser``, ``ops``, ``quantize``, ``monitor``.
            model: a name, or the beginning of a digest (8 characters or more).
            figure: only those that have one of this name.
            since: ISO 8601 date or time, UTC where it does not say; or a commit of the store: from its first result on.
            backend: a name.
            commit: the beginning of one.
            machine: a name.
            limit: only the newest so many.

        """
        wanted = ResultFilter(kind, model, figure, since, backend, commit, machine)
        with self._told():
            clause, values = where_clause(wanted, self._connection)
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM results {clause} ORDER BY at DESC, id DESC LIMIT ?",  # noqa: S608 - constants
                (*values, -1 if limit is None else limit),
            ).fetchall()
            return StoredResults(self._stored(row) for row in reversed(rows))

    def figure_history(
        self, figure: str = "median_ms", model: str | None = None, since: str | None = None, *,
        kind: str | None = None, backend: str | None = None, machine: str | None = None, last: int = LAST,
        level: float = LEVEL,
    ) -> FigureHistories:
        """A figure over time, with the points at which it changed: a history for each model, backend and machine.

        Args:
            figure: its name, such as ``median_ms``, ``peak_bytes`` or ``int8 minmax/top1``.
            model: as for ``results``, as are ``since``, ``kind``, ``backend`` and ``machine``.
            since: from then on.
            kind: of results.
            backend: a name.
            machine: a name.
            last: only the newest so many points of each series.
            level: the chance of a false alarm in a series that did not change.

        Raises InputError where no result has such a figure, and names those that there are.

        """
        wanted = ResultFilter(kind, model, figure, since, backend, None, machine)
        with self._told():
            series = read_series(self._connection, wanted)
            if not series:
                why = nothing_found(self._connection, wanted)
                raise InputError(f"the store {self.path} has no such results: {why}", code="store.figure")
        cut = ((where, points[-last:]) for where, points in series.items())
        return FigureHistories(FigureHistory(figure, unit_of(figure), *where, points, level,
                                             changes_of(figure, points, level)) for where, points in cut)

    def get(self, result: int) -> StoredResult:
        """The result with that id; InputError where there is none."""
        with self._told():
            row = self._connection.execute(f"SELECT {_COLUMNS} FROM results WHERE id = ?",  # noqa: S608
                                           (result,)).fetchone()
            if row is None:
                last = self._connection.execute("SELECT max(id) FROM results").fetchone()[0]
                raise InputError(f"the store {self.path} has no result {result}; "
                                 f"{f'the last one is {last}' if last else 'it is empty'}", code="store.result")
            return self._stored(row)

    def __len__(self) -> int:
        with self._told():
            return int(self._connection.execute("SELECT count(*) FROM results").fetchone()[0])

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        with self._lock:
            self._connection.close()

    def __repr__(self) -> str:
        return f"ResultsStore({self.path})"

    def _write(self, found: Sequence[ResultFacts]) -> list[int]:
        if self._revision is None:  # asked once: it costs some milliseconds
            self._revision = revision_of(Path.cwd())
        with self._told(), _transaction(self._connection) as connection:
            return [_insert(connection, facts, self._revision) for facts in found]

    def _stored(self, row: Sequence[Any]) -> StoredResult:
        figures = self._connection.execute(f"SELECT {_FIGURES} FROM figures WHERE result = ?", (row[0],))  # noqa: S608
        columns = dict(zip(_FIELDS, row, strict=True))
        told = {"dirty": bool(columns["dirty"]), "record": json.loads(columns["record"])}
        return StoredResult(**{**columns, **told}, figures=tuple(StoredFigure(*f) for f in figures))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """One thread at a time, and SQLite's errors as ours."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as e:
                raise _told_error(e, self.path) from e


def _connect(path: Path) -> sqlite3.Connection:
    # autocommit: transactions are begun where they are needed, and at once for writing, so that no reader has to
    # become a writer while another one is at it, which no waiting could resolve.
    connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
    try:
        _configure(connection)
        migrate(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    # Readers and one writer at a time do not wait for each other, and a killed writer leaves whole transactions.
    connection.execute("PRAGMA journal_mode = WAL")
    # With WAL the file cannot be damaged; what a power cut may cost with NORMAL are the last transactions, a killed
    # process costs none. FULL would wait for the disk with every result.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _insert(connection: sqlite3.Connection, f: ResultFacts, revision: Revision) -> int:
    values = (f.at, f.kind, f.model, f.digest, f.backend, f.threads, f.machine, revision.commit, revision.dirty,
              f.record)
    made = connection.execute(
        "INSERT INTO results (at, kind, model, digest, backend, threads, machine, revision, dirty, record) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.executemany(
        f"INSERT INTO figures (result, {_FIGURES}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
        [(made.lastrowid, g.name, g.value, g.unit, g.spread, g.n, g.disturbed, g.reference_ms) for g in f.figures])
    return int(made.lastrowid or 0)


def _told_error(e: sqlite3.Error, path: Path) -> Exception:
    text = str(e)
    if "unable to open" in text or "readonly" in text:
        return UsageError(f"results store {path}: cannot be opened for writing ({text})", code="store.file")
    if "locked" in text:
        return StoreError(f"results store {path}: another process held it for more than {_PATIENCE_S:.0f} s",
                          code="store.locked")
    return StoreError(f"results store {path}: {text}; expected an SQLite file that tfjslab wrote")
