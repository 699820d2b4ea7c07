"""The series of a figure, read in one query."""

from __future__ import annotations

import sqlite3

from tfjslab.base.errors import did_you_mean
from tfjslab.store.history import HistoryPoint
from tfjslab.store.query import ResultFilter, where_clause

LAST = 200  # points of a series that are looked at: the work grows with the square of their number
_SERIES = "kind, model, backend, threads, machine"
_POINT = "id, at, revision, dirty, digest, value, spread, n, disturbed, reference_ms"
_WIDTH = len(_SERIES.split(","))
_NAMED = 20  # figures in a message


def read_series(
    connection: sqlite3.Connection, wanted: ResultFilter,
) -> dict[tuple[str, str, str, int, str], tuple[HistoryPoint, ...]]:
    """The points of ``wanted.figure``, from the oldest to the newest, by what they can be compared within."""
    clause, values = where_clause(wanted, connection)
    rows = connection.execute(
        f"SELECT {_SERIES}, {_POINT} FROM results JOIN figures ON result = id AND name = ? {clause} "  # noqa: S608
        "ORDER BY at, id", (wanted.figure, *values))
    found: dict[tuple[str, str, str, int, str], list[HistoryPoint]] = {}
    for row in rows:
        where, (result, at, revision, dirty, *rest) = row[:_WIDTH], row[_WIDTH:]
        found.setdefault(where, []).append(HistoryPoint(result, at, revision, bool(dirty), *rest))
    return {where: tuple(points) for where, points in found.items()}


def nothing_found(connection: sqlite3.Connection, wanted: ResultFilter) -> str:
    """Why no result fits, and what there is."""
    listed = [name for (name,) in connection.execute("SELECT DISTINCT name FROM figures ORDER BY name")]
    if wanted.figure not in listed:
        some = ", ".join(listed[:_NAMED]) + ", ..." * (len(listed) > _NAMED)
        hint = did_you_mean(str(wanted.figure), listed)
        return f"no figure is called '{wanted.figure}'{hint}; figures: {some or 'none'}"
    asked = ", ".join(f"{name} {value}" for name, value in vars(wanted).items() if value is not None)
    names = [name for (name,) in connection.execute(
        "SELECT DISTINCT model FROM results JOIN figures ON result = id AND name = ? ORDER BY model", (wanted.figure,))]
    return f"none with {asked}; models with that figure: {', '.join(names[:_NAMED])}"
