"""``tfjslab history``: a figure of the results store over time, and exit code 1 where it became worse beyond noise."""

from __future__ import annotations

import argparse
from functools import partial

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.errors import UsageError
from tfjslab.base.files import replacing
from tfjslab.base.text import percent
from tfjslab.cli.command import OK, Command, Outcome
from tfjslab.cli.output import print_table
from tfjslab.cli.store import add_place
from tfjslab.records.change_points import LEVEL
from tfjslab.store.history import FigureHistories, FigureHistory
from tfjslab.store.results_store import open_store
from tfjslab.store.series import LAST

_BROKEN_LIMIT = 1


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", metavar="FIGURE", nargs="?", default="median_ms",
                        help="its name among the keys of --json: median_ms (default), p95_ms, peak_bytes, ...; of a "
                             "sweep with the setting, 'int8 minmax/top1'")
    parser.add_argument("--model", metavar="MODEL", help="only that of this model: its name, or its digest's beginning")
    parser.add_argument("-b", "--backend", metavar="B", help="only on this backend")
    parser.add_argument("--kind", metavar="KIND", help="only from such results: bench, profile, browser, sweep, ...")
    parser.add_argument("--machine", metavar="NAME", help="only from this machine, as it is called in the table")
    parser.add_argument("--since", metavar="WHEN", help="only from a date, a time, or the first result of a commit on")
    parser.add_argument("--last", metavar="N", type=options.positive, default=LAST,
                        help=f"only the newest N results of each series (default {LAST})")
    parser.add_argument("--level", metavar="P", type=options.part, default=LEVEL,
                        help=f"the chance of a false alarm at each look (default {LEVEL:g})")
    parser.add_argument("--fail-on", metavar="PART", type=options.part,
                        help="exit with 1 where it became worse by more than this part, such as 5%%, beyond noise, and "
                             "still is")
    parser.add_argument("--chart", metavar="FILE", help="draw the series to a file (.png, .svg, .pdf)")
    add_place(parser)


def _run(args: argparse.Namespace) -> Outcome:
    with open_store(args.store, make=False) as store:
        found = store.figure_history(args.figure, args.model, args.since, kind=args.kind, backend=args.backend,
                                     machine=args.machine, last=args.last, level=args.level)
    if args.chart and len(found) > 1:
        named = "; ".join(f"{h.label} ({h.kind}, {h.threads} threads, {h.machine})" for h in found)
        raise UsageError(f"--chart draws one series, and these are {len(found)}: {named}; choose by --model, "
                         "--backend, --kind or --machine")
    broken = args.fail_on is not None and bool(found.regressions(args.fail_on))
    return Outcome(found.to_json(), partial(_show, found, args.fail_on), _BROKEN_LIMIT if broken else OK,
                   partial(_draw, found[0], args.chart, args.fail_on or 0.0) if args.chart else None)


def _show(found: FigureHistories, fail_on: float | None, console: Console) -> None:
    for table in found.tables():
        if table.rows:
            print_table(console, table.title, table.columns, table.rows, left=table.left)
        else:
            console.print(f"\n{table.title}", style="bold")
        for note in table.notes:
            console.print(note)
    for history in found:
        for change in history.regressions(fail_on) if fail_on is not None else ():
            console.print(f"regression: {history.label} is more than {percent(fail_on)} worse since "
                          f"{change.revision or change.at[:16]}", style="bold")


def _draw(history: FigureHistory, target: str, threshold: float) -> None:
    try:
        from tfjslab.vis.charts import figure_history  # noqa: PLC0415 - matplotlib is loaded for those who want a chart

        with replacing(target) as work:
            figure_history(history, threshold=threshold).figure.savefig(work)
    except Exception as e:  # noqa: BLE001 - whatever it is, the results are there
        raise UsageError(f"--chart {target}: cannot be written ({e})") from None


COMMAND = Command(
    "history", "Show a figure of kept results over time, with the points at which it changed; fail on a regression.",
    (
        "tfjslab history --model mobilenet_v2 --backend wasm-simd",
        "tfjslab history peak_bytes --since 2026-11-01 --json history.json",
        "tfjslab history median_ms --model path/to/model.json --fail-on 5% --chart history.png",
    ),
    _configure, _run,
)
