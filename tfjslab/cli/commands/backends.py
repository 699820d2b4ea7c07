"""``tfjslab backends``: which backends there are, and why some cannot run here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from tfjslab.backends import registry
from tfjslab.cli.command import Command, Outcome
from tfjslab.cli.output import print_table


def _configure(_parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def _run(_args: argparse.Namespace) -> Outcome:
    rows = [_row(status) for status in registry.backends()]
    return Outcome(rows, lambda console: _show(console, rows))


def _row(status: registry.BackendStatus) -> dict[str, Any]:
    return {
        "name": status.name,
        "available": status.available,
        "reason": status.reason,
        "priority": status.priority,
        "doc": status.doc,
        "stands_for": status.stands_for,
        "resolved": status.resolved,
        "engine": registry.backend(status.name).engine if status.available else None,
        "details": dict(status.details),
    }


def _show(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    print_table(
        console, "Backends", ("name", "available", "what", "stands for", "engine", "priority"),
        [
            (r["name"], "yes" if r["available"] else f"no: {r['reason']}", r["doc"], r["stands_for"], r["engine"],
             r["priority"] or "only by name")
            for r in rows
        ],
        left=5, wide=("stands for", "priority"),
    )
    found = list(dict.fromkeys(a for r in rows for a in r["details"].get("adapters", ())))
    if found:
        print_table(console, "Adapters; --adapter takes one by a part of its name or by its kind", ("adapter",),
                    [(a,) for a in found], left=1)


COMMAND = Command(
    "backends", "Show which backends this machine has, and why not the others.",
    ("tfjslab backends", "tfjslab backends --json -"), _configure, _run,
)
