"""The collector's database: what was acknowledged is in it, once, whatever happens to the process.

SQLite with a write-ahead log and ``synchronous=FULL``: a transaction that has been committed is on the disk. Of batches
only ids are kept, for a day, and the sums that they belong to: one row for each minute and group, and one for each
group since the beginning. So what stays grows with time and groups, not with requests.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tfjslab.base.closing import Closing
from tfjslab.base.errors import InputError
from tfjslab.monitoring.batch import Batch
from tfjslab.monitoring.totals import OTHER, PageGroup, Totals, group_of

VERSION = 1
_APPLICATION = 0x7466_6D6E  # "tfmn": other programs' databases are left alone
MINUTE_S, DAY_S = 60, 86_400
_PATIENCE_S = 10.0  # with another process that writes
KEPT_IDS_S = DAY_S
ALWAYS = 0  # the minute of the row that counts since the beginning
MOST_GROUPS = 64  # what comes later counts as "other"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS seen (id BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
CREATE TABLE IF NOT EXISTS sums (minute INTEGER, model TEXT, variant TEXT, browser TEXT, totals TEXT NOT NULL,
  PRIMARY KEY (minute, model, variant, browser)) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
"""
_SPAN = "SELECT * FROM sums WHERE minute BETWEEN ? AND ? ORDER BY minute"
_SUM = "SELECT totals FROM sums WHERE minute = ? AND model = ? AND variant = ? AND browser = ?"


class MonitorStore(Closing):
    """The database at ``path``, made where there is none. Calls may come from any thread.

    InputError (``monitor.store``) where the file is something else, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False,
                                       timeout=_PATIENCE_S)
        except sqlite3.Error as e:
            raise self._unusable(e) from None
        try:
            self._open()
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        try:
            found = [self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
            empty = not self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if not empty and found != [_APPLICATION, VERSION]:
                what = f"version {found[1]} of a monitor's store" if found[0] == _APPLICATION else "another database"
                raise InputError(f"{self.path}: found {what}, expected version {VERSION} of a monitor's store; name "
                                 "another file", code="monitor.store")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
        except sqlite3.Error as e:
            raise self._unusable(e) from None

    def _unusable(self, error: sqlite3.Error) -> InputError:
        return InputError(f"{self.path}: cannot be used as a monitor's store ({error}); name another file",
                          code="monitor.store")

    def add(self, batches: Sequence[Batch], now_s: float) -> list[bool]:
        """Count batches that are not known by their ids, all in one transaction; which were new.

        They are on the disk when this returns. sqlite3.Error where that fails, and then none of them counts.
        """
        with self._transaction():
            new = [self._is_new(batch, now_s) for batch in batches]
            sums: dict[tuple[int, PageGroup], Totals] = {}
            for batch, counts in zip(batches, new, strict=True):
                if counts:
                    group = self._known(group_of(batch))
                    for minute in (ALWAYS, int(now_s // MINUTE_S)):
                        if (totals := sums.get((minute, group))) is None:
                            totals = sums[minute, group] = self._sum(minute, group)
                            self._put(minute, group, totals)  # the group is known from here on
                        totals.count(batch)
            for (minute, group), totals in sums.items():
                self._put(minute, group, totals)
        return new

    def _is_new(self, batch: Batch, now_s: float) -> bool:
        row = (bytes.fromhex(batch.id), int(now_s))
        return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", row).rowcount == 1

    def _known(self, group: PageGroup) -> PageGroup:
        """The group, or what stands for those beyond the limit: nobody can fill the store with names."""
        if self._db.execute(_SUM, (ALWAYS, *group)).fetchone() is not None:
            return group
        count = self._db.execute("SELECT count(*) FROM sums WHERE minute = ?", (ALWAYS,)).fetchone()[0]
        return group if count < MOST_GROUPS else PageGroup(OTHER, OTHER, OTHER)

    def _sum(self, minute: int, group: PageGroup) -> Totals:
        row = self._db.execute(_SUM, (minute, *group)).fetchone()
        return Totals.loads(row[0]) if row else Totals()

    def _put(self, minute: int, group: PageGroup, totals: Totals) -> None:
        self._db.execute("INSERT OR REPLACE INTO sums VALUES (?, ?, ?, ?, ?)", (minute, *group, totals.dumps()))

    def since_beginning(self) -> dict[PageGroup, Totals]:
        """Everything that was ever counted, by group."""
        return {group: totals for _, group, totals in self._rows(ALWAYS, ALWAYS)}

    def minutes(self, first: int, last: int) -> Iterator[tuple[int, PageGroup, Totals]]:
        """What was counted in each minute (of the time since 1970) from ``first`` to ``last``, in order, one by one."""
        return self._rows(max(first, ALWAYS + 1), last)

    def _rows(self, first: int, last: int) -> Iterator[tuple[int, PageGroup, Totals]]:
        # By a connection of its own, so that whoever looks holds up no batch.
        with closing(sqlite3.connect(self.path, timeout=_PATIENCE_S)) as db:
            for minute, *names, text in db.execute(_SPAN, (first, last)):
                yield minute, PageGroup(*names), Totals.loads(text)

    def forget(self, now_s: float, keep_days: int) -> None:
        """Take away minutes older than ``keep_days`` and ids older than a day; sums since the beginning stay."""
        with self._transaction():
            self._db.execute("DELETE FROM seen WHERE at < ?", (int(now_s) - KEPT_IDS_S,))
            oldest = int(now_s - keep_days * DAY_S) // MINUTE_S
            self._db.execute("DELETE FROM sums WHERE minute < ? AND minute != ?", (oldest, ALWAYS))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __repr__(self) -> str:
        return f"MonitorStore({self.path.name})"
