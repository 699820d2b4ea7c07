"""``tfjslab monitor``: a collector of what web modules and programs tell of their predictions."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfjslab import arguments as options
from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.tables import as_text
from tfjslab.cli.command import OK, Command, Outcome
from tfjslab.cli.store import add_store
from tfjslab.monitoring.collector import Collector, collector
from tfjslab.monitoring.rules import Alarm, MonitorRules, parse_alarm, read_rules
from tfjslab.monitoring.site import CollectorSettings
from tfjslab.monitoring.store import MonitorStore
from tfjslab.monitoring.summary import MonitorSummary, summarize

_PORT, _LARGEST_PORT = 8480, 65535
_DEFAULTS = CollectorSettings()
_LOOK_S = 1.0
_BROKEN = 1


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", metavar="FILE", type=Path, default=Path("tfjslab-monitor.sqlite"),
                        help="the database, made where there is none (default tfjslab-monitor.sqlite)")
    parser.add_argument("--port", metavar="N", type=options.natural, default=_PORT,
                        help=f"default {_PORT}; 0 is a free one")
    parser.add_argument("--host", metavar="H", default=_DEFAULTS.host,
                        help=f"default {_DEFAULTS.host}, this machine alone; rather put a proxy in front")
    parser.add_argument("--alarm", metavar="RULE", action="append", default=[],
                        help="such as 'p95_ms>50', 'error_rate>1%%' or 'memory_growth>20%% browser=safari minutes=10'; "
                             "lines on stderr, and exit code 1 where one is on at the end")
    parser.add_argument("--rules", metavar="FILE", type=Path, help="JSON with alarms and with when pages fall back")
    add_store(parser, "--keep")
    parser.add_argument("--check", action="store_true", help="judge the alarms on what is stored, once, and end")
    parser.add_argument("--minutes", metavar="N", type=options.positive, default=60,
                        help="that the summary at the end is about (default 60)")
    parser.add_argument("--seconds", metavar="S", type=options.seconds, help="end by itself after so long")
    _configure_access(parser)


def _configure_access(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow-origin", metavar="URL", action="append", default=[],
                        help="of pages that may send, such as https://example.com (one or more)")
    parser.add_argument("--allow-host", metavar="NAME[:PORT]", action="append", default=[],
                        help="a further name that it is asked by, such as a proxy's (one or more)")
    parser.add_argument("--model", metavar="NAME", action="append", default=[],
                        help="take these names only (one or more; default: any)")
    parser.add_argument("--trust-forwarded", action="store_true",
                        help="behind a proxy: clients are told apart by the last address of X-Forwarded-For")
    parser.add_argument("--per-client", metavar="N", type=options.positive, default=int(_DEFAULTS.per_client),
                        help=f"requests a second (default {_DEFAULTS.per_client:g})")
    parser.add_argument("--in-all", metavar="N", type=options.positive, default=int(_DEFAULTS.in_all),
                        help=f"requests a second (default {_DEFAULTS.in_all:g})")
    parser.add_argument("--keep-days", metavar="N", type=options.positive, default=_DEFAULTS.keep_days,
                        help=f"of figures by minute (default {_DEFAULTS.keep_days})")


def _run(args: argparse.Namespace) -> Outcome:
    rules = _rules(args)
    if not args.check:
        _collect(args, rules)
    found = _judged(args, rules)
    return Outcome(found.to_json(), lambda console: console.print("\n\n".join(map(as_text, found.tables()))),
                   _BROKEN if found.alarms else OK)


def _collect(args: argparse.Namespace, rules: MonitorRules) -> None:
    """Until it is ended."""
    if args.port > _LARGEST_PORT:
        raise UsageError(f"--port {args.port}: expected at most {_LARGEST_PORT}")
    with collector(args.store, _settings(args), rules) as running:
        sys.stderr.write(f"the page: {running.url}\nbatches go to: {running.batches_url}\nCtrl-C ends it\n")
        _watch(running, args.seconds)


def _rules(args: argparse.Namespace) -> MonitorRules:
    """Those of the file and those of the command line."""
    found = read_rules(args.rules) if args.rules else MonitorRules()
    return MonitorRules((*found.alarms, *map(parse_alarm, args.alarm)), found.fallback)


def _settings(args: argparse.Namespace) -> CollectorSettings:
    return CollectorSettings(
        args.host, args.port, frozenset(args.allow_origin), frozenset(args.allow_host), frozenset(args.model),
        args.trust_forwarded, args.per_client, args.in_all, args.keep_days,
    )


def _judged(args: argparse.Namespace, rules: MonitorRules) -> MonitorSummary:
    """What is stored."""
    if not args.store.is_file():
        raise InputError(f"{args.store}: there is no such store", code="monitor.store")
    with MonitorStore(args.store) as store:
        return summarize(store, rules.alarms, time.time(), args.minutes)


def _watch(running: Collector, seconds: float | None) -> None:
    """Wait for the end, and tell alarms as they come and go. Ctrl-C and SIGTERM are how a collector ends."""
    ended, until = threading.Event(), None if seconds is None else time.monotonic() + seconds
    on: dict[tuple[Any, ...], Alarm] = {}
    with _ended_by_signals(ended):
        while not ended.is_set() and (until is None or time.monotonic() < until):
            found = {(a.rule, a.group): a for a in running.summary().alarms}
            _tell("alarm", [a for key, a in found.items() if key not in on])
            _tell("over", [a for key, a in on.items() if key not in found])
            on = found
            ended.wait(_LOOK_S if until is None else min(_LOOK_S, max(0.0, until - time.monotonic())))


@contextmanager
def _ended_by_signals(ended: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets the main thread alone hear signals
        return
    before = {s: signal.signal(s, lambda *_: ended.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _tell(word: str, alarms: Sequence[Alarm]) -> None:
    for alarm in alarms:
        sys.stderr.write(f"{word}: {alarm.text} ({alarm.rule.text})\n")


COMMAND = Command(
    "monitor", "Collect what models in production tell: latency, errors, memory; with a live page, alarms, Prometheus.",
    (
        "tfjslab monitor --store monitor.sqlite --allow-origin https://example.com",
        "tfjslab monitor --alarm 'p95_ms>50' --alarm 'error_rate>1%' --alarm 'memory_growth>20%'",
        "tfjslab monitor --rules rules.json --trust-forwarded --allow-host monitor.example.com",
        "tfjslab monitor --store monitor.sqlite --check --alarm 'p95_ms>50' --keep",
    ),
    _configure, _run,
)
