"""``tfjslab report``: what a change was worth, as one page for those who decide and those who check."""

from __future__ import annotations

import argparse
import shlex
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.errors import UsageError
from tfjslab.bench.peers.process import PeerError
from tfjslab.bench.peers.tfjs import PEERS_VARIABLE
from tfjslab.browser.jobs.headless import BROWSERS
from tfjslab.browser.jobs.tfjs_source import set_tfjs
from tfjslab.cli.command import INTERRUPTED, OK, Command, Outcome
from tfjslab.cli.feeds import add_shape
from tfjslab.cli.inputs import add_input, feeds_for
from tfjslab.cli.labelled import in_batches, samples
from tfjslab.cli.models import MODEL_HELP, open_model
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import Report, progress
from tfjslab.cli.samples import value_range
from tfjslab.model.input_files import read_array
from tfjslab.model.model import Model
from tfjslab.reports.build import report
from tfjslab.reports.given import recorded
from tfjslab.reports.planned import CHANGES, OPTIMIZED, OURS, WEB, HowToMeasure, wanted
from tfjslab.reports.result import BeforeAfterReport, check_target

_HOW = HowToMeasure({})


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="BEFORE",
        help=f"{MODEL_HELP}; or a record: a file of 'bench --json' or 'profile --json' (FILE.json#1 is the second of "
             "several), of the dashboard's session (FILE.json#3 is its run #3), or a results store (FILE.sqlite#12 "
             "is its result 12)")
    parser.add_argument("others", metavar="AFTER", nargs="*", help="the same, to be compared with it")
    parser.add_argument("--before", metavar="PROGRAM", help="who runs BEFORE: a backend, tfjs-wasm-simd for "
                        "TensorFlow.js (in Node, without --in), or with --in a program of 'bench --in' (default "
                        "wasm-simd)")
    parser.add_argument(
        "--after", metavar="A[,A]", help="what is compared: CHANGE, PROGRAM or CHANGE:PROGRAM, with the changes "
        f"{', '.join(CHANGES)}, and {WEB} for the web module (default {OPTIMIZED}); with AFTER models, the program "
        "that runs them (default: that of BEFORE)")
    parser.add_argument("--in", dest="browser", choices=BROWSERS, help="measure in this browser, headless")
    parser.add_argument("-o", "--out", metavar="FILE.html", help="write the page, or its data where it ends in .json")
    parser.add_argument("--title", metavar="TEXT", default="", help="of the page")
    add_shape(parser)
    add_input(parser)
    parser.add_argument("--data", metavar="[NAME=]F.npy", action="append", default=[],
                        help="inputs on which answers are compared, samples along the first axis (default: generated)")
    parser.add_argument("--labels", metavar="F.npy", help="right classes of --data, so that accuracy is counted")
    parser.add_argument("--calibration", metavar="[NAME=]F.npy", action="append", default=[],
                        help="inputs that int8 finds its ranges on (default: generated)")
    parser.add_argument("--range", metavar="LOW,HIGH", default="0,1", help="of generated values (default 0,1)")
    parser.add_argument("--rounds", metavar="N", type=options.positive, default=_HOW.rounds,
                        help=f"how often the sides take turns (default {_HOW.rounds})")
    options.add_repeats(parser, runs=_HOW.runs, warmup=_HOW.warmup,
                        runs_help="predictions of each side in a round (default: 10 or more, by how long one takes)",
                        warmup_help=f"runs before them, which are not counted (default {_HOW.warmup})")
    options.add_threads(parser)
    parser.add_argument("--no-profile", action="store_true", help="do not compare kernels")
    parser.add_argument("--peers", metavar="FOLDER", help="where npm installed TensorFlow.js (default "
                        f"${PEERS_VARIABLE}, else the current folder or one above it)")
    parser.add_argument("--real-weights", action="store_true",
                        help="give zoo models the published weights, downloaded once; default: seeded random ones")


def _run(args: argparse.Namespace) -> Outcome:
    if args.labels and not args.data:
        raise UsageError("--labels are those of --data; add it")
    if args.out:
        check_target(args.out)  # better known before an hour of measuring
    if args.peers:
        set_tfjs(args.peers)
    with progress() as tell, ExitStack() as stack:
        found = report(
            _model(args, stack, tell), _after(args), on=args.before, after_on=args.after if args.others else None,
            browser=args.browser, threads=args.threads, rounds=args.rounds, runs=args.runs, warmup=args.warmup,
            peers=args.peers,
            profile=not args.no_profile, title=args.title, span=value_range(args.range), progress=tell,
            repeat=[_command(args)], **_values(args, tell),
        )
    if args.out:
        found.save(args.out)
    return Outcome(found.to_dict(), lambda console: _show(console, found, args.out), _exit_code(found))


def _exit_code(found: BeforeAfterReport) -> int:
    """Whether Ctrl-C ended it, or a program could not do what was asked."""
    if found.reason:
        return INTERRUPTED
    return PeerError.exit_code if any("" in s.reasons for s in found.sides) else OK


def _model(args: argparse.Namespace, stack: ExitStack, tell: Report) -> str | Model:
    """The name of the first side, or its model where it is to have published weights."""
    name: str = args.model
    return stack.enter_context(open_model(name, OURS, None, tell, real=True)) if args.real_weights else name


def _after(args: argparse.Namespace) -> list[str]:
    """The models after, or what --after says about the one before."""
    if args.others:
        return list(args.others)
    if recorded(args.model) is not None:
        raise UsageError(f"{args.model} is a record; give another one to compare it with")
    entries = [part.strip() for part in (args.after or OPTIMIZED).split(",")]
    for entry in entries:
        wanted(entry, in_browser=bool(args.browser))  # here a wrong one is no path
    return entries


def _values(args: argparse.Namespace, tell: Report) -> dict[str, Any]:
    """Arrays of the options that name files: what is run, what answers are compared on, what int8 is calibrated on."""
    before = args.model
    found: dict[str, Any] = {"labels": read_array(args.labels) if args.labels else None}
    if args.shape or args.input:
        found["x"] = feeds_for(before, args.shape, args.input, tell, real=args.real_weights)
    if args.data or args.calibration:
        with open_model(before, "cpu", None, tell, real=args.real_weights) as model:
            for name in ("data", "calibration"):
                if given := getattr(args, name):
                    whole = samples(f"--{name}", given, model.inputs)
                    found[name] = in_batches(whole, model.inputs) if name == "calibration" else whole
    return found


def _command(args: argparse.Namespace) -> str:
    """The command line itself, as it can be typed again."""
    return shlex.join(["tfjslab", *args.argv])


def _show(console: Console, found: BeforeAfterReport, out: str | None) -> None:
    for table in found.tables():
        print_table(console, table.title, table.columns, table.rows, left=table.left)
        for line in table.notes:
            console.print(line)
    if out:
        console.print(f"\nwritten to {out}")


COMMAND = Command(
    "report", "Before and after: what a change was worth in latency, start, memory, size and accuracy, as one page.",
    (
        "tfjslab report path/to/model.json -o report.html",
        "tfjslab report digits --after optimized,int8 --data images.npy --labels classes.npy -o report.html",
        "tfjslab report path/to/model.json --before tfjs-wasm-simd --after optimized,web --in chromium -o all.html",
        "tfjslab report models/v1 models/v2 --before tfjs-webgl --in chromium --json -",
        "tfjslab report monday.json friday.json -o week.html",
        "tfjslab report session.json#1 session.json#4 -o tuning.html",
    ),
    _configure, _run,
)
