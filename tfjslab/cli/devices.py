"""What ``bench --in`` and ``serve`` share: the jobs, and the table of what browsers found."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console

from tfjslab import arguments as options
from tfjslab import zoo
from tfjslab.base.text import NOTHING, counted, ms, scaled
from tfjslab.bench.result import compare_results
from tfjslab.browser.jobs.bench import DEFAULT_BACKENDS, bench
from tfjslab.browser.jobs.job import HowToRun
from tfjslab.browser.jobs.litert_source import set_litert
from tfjslab.browser.jobs.programs import COUNTERPARTS, PROGRAMS
from tfjslab.browser.jobs.results import DeviceResult
from tfjslab.browser.jobs.session import STOPPED, DeviceSession
from tfjslab.browser.jobs.tfjs_source import set_tfjs
from tfjslab.cli.command import INTERRUPTED, OK, Outcome
from tfjslab.cli.inputs import feeds_for
from tfjslab.cli.models import loader
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.profiling.captions import totals

PROGRAM_NAMES = ", ".join(PROGRAMS)
_FAILED = 4  # a program could not do what was asked


def add_tfjs(parser: argparse.ArgumentParser) -> None:
    """The --tfjs option."""
    parser.add_argument(
        "--tfjs", metavar="WHERE", help="a folder in which npm installed TensorFlow.js, or an http(s) address of its "
        "packages (default: $TFJSLAB_PEERS, else the current folder or one above it)")


def add_litert(parser: argparse.ArgumentParser) -> None:
    """The --litert option."""
    parser.add_argument(
        "--litert", metavar="FOLDER", help="in which npm installed LiteRT.js, for the programs litert-... "
        "(default: as for --tfjs)")


def measure(args: argparse.Namespace, session: DeviceSession, how: HowToRun) -> Outcome:
    """Run all jobs in the page of ``session``; exit code 4 when a program could not do what was asked."""
    if args.tfjs:
        set_tfjs(args.tfjs)
    if args.litert:
        set_litert(args.litert)
    default = [b for b in DEFAULT_BACKENDS if b in COUNTERPARTS] if args.compare else DEFAULT_BACKENDS
    names = [b.strip() for b in args.backend.split(",")] if args.backend else default
    found: list[DeviceResult] = []
    try:
        with progress() as report:
            for model in args.models:
                source = loader(model, report, real=args.real_weights) if model in zoo.ENTRIES else model
                fed = args.shape or args.input
                feeds = feeds_for(model, args.shape, args.input, report, real=args.real_weights) if fed else None
                bench([source], names, inputs=feeds, compare=bool(args.compare), how=how, session=session,
                      progress=report, seen=found.append)
    except KeyboardInterrupt:
        return Outcome([r.to_json() for r in found], lambda console: show(console, found), INTERRUPTED)
    code = _FAILED if any(r.bench.reason for r in found) else OK
    return Outcome([r.to_json() for r in found], lambda console: show(console, found), code)


def how_to_run(args: argparse.Namespace) -> HowToRun:
    """The options that say how."""
    given = {"runs": args.runs, "warmup": args.warmup, "rounds": args.rounds, "budget_s": args.max_time_s,
             "threads": args.threads}
    return HowToRun(**{name: value for name, value in given.items() if value is not None})


def add_repeats(parser: argparse.ArgumentParser) -> None:
    """The options of ``how_to_run``, for a command that has no others of these names."""
    default = HowToRun()
    options.add_threads(parser)
    options.add_repeats(parser, runs=default.runs, warmup=default.warmup,
                        runs_help=f"steady runs of each program (default {default.runs})",
                        warmup_help=f"runs before those, which are not counted (default {default.warmup})")
    parser.add_argument("--rounds", metavar="N", type=options.positive, default=default.rounds,
                        help=f"how many turns the runs are split into (default {default.rounds})")
    parser.add_argument("--max-time", metavar="S", type=options.seconds, dest="max_time_s", default=default.budget_s,
                        help=f"seconds after which a program's runs end all the same (default {default.budget_s:g})")


def show(console: Console, results: Sequence[DeviceResult]) -> None:
    """A table for each model and device, then what has to be said of them."""
    for (model, device), rows in groupby(results, lambda r: (r.bench.model, r.device)):
        _show(console, f"{model} in {device}: steady runs, milliseconds", list(rows))
    for line in dict.fromkeys(line for r in results for line in _remarks(r)):
        console.print(line)
    for r in results:
        if r.bench.reason and r.bench.reason != STOPPED:
            console.print(f"{r.bench.model}, {r.bench.backend}: {r.bench.reason}", style="bold")


def _show(console: Console, title: str, rows: Sequence[DeviceResult]) -> None:
    columns = ("program", "median", "spread", "p95", "runs", "against the one above", "load", "first", "weights",
               "difference")
    cells = []
    for above, r in zip([None, *rows[:-1]], rows, strict=True):
        b = r.bench
        apart = NOTHING if r.difference is None else f"{r.difference:.1e}"
        cells.append((
            b.where, ms(b.median_ms), ms(b.iqr_ms), ms(b.p95_ms), b.runs, _against(above, r), ms(b.load_ms),
            ms(b.first_ms), scaled(b.weight_bytes, "B"), apart,
        ))
    print_table(console, title, columns, cells, wide=("load", "first", "weights"))


def _against(above: DeviceResult | None, r: DeviceResult) -> str:
    """Only what took turns in one page is compared; other jobs are too far apart in time."""
    if above is None or above.job != r.job or not above.bench.times_ms or not r.bench.times_ms:
        return NOTHING
    return compare_results(above.bench, r.bench).short


def _remarks(r: DeviceResult) -> Iterator[str]:
    where = f"{r.bench.model}, {r.bench.backend}"
    yield from (f"{where}: {note}" for note in r.notes)
    if r.bench.disturbance.text:
        yield f"{where}: {r.bench.disturbance.text}"
    if r.profile is not None:
        yield f"{where}: {counted(len(r.profile.kernels), 'kernel')}; {totals(r.profile)}"
