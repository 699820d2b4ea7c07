"""``tfjslab optimize``: graph passes on a model, what they did, and the result as a TensorFlow.js model."""

from __future__ import annotations

import argparse
from dataclasses import replace

from rich.console import Console

from tfjslab.bench.settings import Settings
from tfjslab.cli.command import INTERRUPTED, OK, Command, Report
from tfjslab.cli.feeds import add_shape, sampled, shaped
from tfjslab.cli.models import add_model, open_model, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.optimizer.optimize import BUDGET_S, RUNS, WARMUP, optimize
from tfjslab.optimizer.report import OptimizeReport
from tfjslab.passes.base import TARGETS
from tfjslab.passes.registry import PASSES, chosen, target_called
from tfjslab.profiling import options


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--out", metavar="DIR", required=True, help="where the optimized model is written")
    parser.add_argument("--skip", metavar="PASS", action="append", default=[],
                        help=f"leave out a pass; may be repeated: {', '.join(PASSES)}")
    parser.add_argument("--only", metavar="PASS", action="append", default=[],
                        help="run this pass and no others; may be repeated")
    listed = "; ".join(f"{t.name}: {t.doc}" for t in TARGETS.values())
    parser.add_argument("--target", metavar="T", default="tfjs", help=f"{listed} (default tfjs)")
    parser.add_argument("--no-measure", action="store_true", help="do not run the models, only rewrite")
    options.add_backend(parser)
    options.add_threads(parser)
    add_shape(parser)


def _run(args: argparse.Namespace) -> Report:
    chosen(args.only or None, args.skip)  # a wrong name is better known before a model is loaded
    target_called(args.target)
    with progress() as tell, open_model(args.model, args.backend, args.threads, tell, real=args.real_weights) as model:
        settings = Settings(RUNS, WARMUP, BUDGET_S, progress=tell)
        x = sampled(shaped(model.inputs, args.shape)) if args.shape and not args.no_measure else None
        made, report = optimize(
            model, args.only or None, args.skip, args.target, x=x, measure=not args.no_measure, settings=settings,
        )
        report = replace(report, model=args.model)
        with made:
            path = made.save(args.out)
    note = weights_note([args.model], real=args.real_weights)
    data = {**report.to_json(), "out": str(path), "note": note}
    # Ctrl-C while measuring: the model is written all the same, and the report says what is missing.
    code = INTERRUPTED if report.reason == "interrupted" else OK
    return Report(data, lambda console: _show(console, report, str(path), note), code)


def _show(console: Console, report: OptimizeReport, path: str, note: str) -> None:
    print_table(console, f"{report.model}, optimized for {report.target}", ("", "before", "after", "less"),
                report.rows())
    console.print(report.accuracy())
    console.print(report.conditions())
    print_table(console, "Passes", ("pass", "what"), list(report.told()), left=2)
    if note:
        console.print(note)
    console.print(f"written to {path}")


COMMAND = Command(
    "optimize", "Make a model faster without changing what it computes, and write it for TensorFlow.js.",
    ("tfjslab optimize models/mobilenet --out models/fast",
     "tfjslab optimize digits --out digits_fast --skip padding --json -"),
    _configure, _run,
)
