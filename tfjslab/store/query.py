"""Which results are wanted, as the condition of a query."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Any

from tfjslab.base.errors import InputError, UsageError
from tfjslab.store.stored import in_utc

_LEAST_DIGEST = 8  # characters of a digest that are taken for one and not for a name


@dataclass(frozen=True)
class ResultFilter:
    """What results have to fit; None is anything. See ``ResultsStore.results``."""

    kind: str | None = None
    model: str | None = None
    figure: str | None = None
    since: str | None = None
    backend: str | None = None
    commit: str | None = None
    machine: str | None = None


def where_clause(wanted: ResultFilter, connection: sqlite3.Connection) -> tuple[str, list[Any]]:
    """The WHERE of a query over ``results``, and the values for its question marks."""
    parts, values = [], list[Any]()
    for column in ("kind", "backend", "machine"):
        if (value := getattr(wanted, column)) is not None:
            parts.append(f"{column} = ?")
            values.append(value)
    if wanted.model is not None:
        digest = len(wanted.model) >= _LEAST_DIGEST
        parts.append("(model = ? OR substr(digest, 1, ?) = ?)" if digest else "model = ?")
        values += [wanted.model, len(wanted.model), wanted.model] if digest else [wanted.model]
    if wanted.commit is not None:
        parts.append("substr(revision, 1, ?) = ?")
        values += [len(wanted.commit), wanted.commit]
    if wanted.figure is not None:
        parts.append("EXISTS (SELECT 1 FROM figures WHERE result = id AND name = ?)")
        values.append(wanted.figure)
    if wanted.since is not None:
        parts.append("at >= ?")
        values.append(_beginning(wanted.since, connection))
    return f"WHERE {' AND '.join(parts)}" if parts else "", values


def _beginning(since: str, connection: sqlite3.Connection) -> str:
    """The time that ``since`` means: a date or time, or that of a commit's first result."""
    with contextlib.suppress(InputError):
        return in_utc(since)
    first = connection.execute("SELECT min(at) FROM results WHERE substr(revision, 1, ?) = ?",
                               (len(since), since)).fetchone()[0]
    if first is None:
        raise UsageError(f"since is '{since}'; expected a date (2026-11-28), a time (2026-11-28T09:30), or a commit "
                         "that has results in the store")
    return str(first)
