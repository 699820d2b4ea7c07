"""``tfjslab optimize``: graph passes on a model, what they did, and the result as a TensorFlow.js model."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.errors import UsageError
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.text import count, ms, percent, scaled, times
from tfjslab.bench.before_after import BeforeAfter, before_after
from tfjslab.bench.interleaved import ROUNDS
from tfjslab.bench.peers.tfjs import check_backend, find_peers, start_tfjs
from tfjslab.bench.settings import Settings
from tfjslab.cli import compare as beside
from tfjslab.cli.command import INTERRUPTED, OK, Command, Outcome
from tfjslab.cli.feeds import add_shape, sampled, shaped
from tfjslab.cli.models import add_model, model_file, open_model, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.formats.graph_model.reader import FORMAT as TFJS_GRAPH
from tfjslab.formats.registry import format_written, write_model
from tfjslab.formats.sources import MODEL_FILE
from tfjslab.formats.stored import PRECISIONS, check_precision
from tfjslab.model.model import Model
from tfjslab.optimizer.optimize import BUDGET_S, RUNS, TFJS, WARMUP, optimize
from tfjslab.optimizer.report import OptimizeReport
from tfjslab.passes.base import TARGETS
from tfjslab.passes.registry import PASSES, chosen, target_called

RUNS_COMPARED = 49


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--out", metavar="PATH", required=True,
                        help="where the optimized model is written: a folder, or a file that ends in .tflite")
    parser.add_argument("--skip", metavar="PASS", action="append", default=[],
                        help=f"leave out a pass; may be repeated: {', '.join(PASSES)}")
    parser.add_argument("--only", metavar="PASS", action="append", default=[],
                        help="run this pass and no others; may be repeated")
    listed = "; ".join(f"{t.name}: {t.doc}" for t in TARGETS.values())
    parser.add_argument("--target", metavar="T", default=TFJS, help=f"{listed} (default {TFJS})")
    parser.add_argument("--precision", metavar="P",
                        help=f"how files hold float weights: {', '.join(PRECISIONS)} (default: as the model's do)")
    parser.add_argument("--no-measure", action="store_true", help="do not run the models, only rewrite")
    options.add_backend(parser)
    options.add_adapter(parser)
    options.add_threads(parser)
    add_shape(parser)
    beside.configure(parser)


def _run(args: argparse.Namespace) -> Outcome:
    chosen(args.only or None, args.skip)  # a wrong name is better known before a model is loaded
    target_called(args.target)
    if args.precision is not None:
        check_precision(args.precision)
    folder = _peers(args)
    compared = None
    with progress() as tell, open_model(args.model, args.backend, args.threads, tell, real=args.real_weights) as model:
        settings = Settings(RUNS, WARMUP, BUDGET_S, progress=tell)
        if folder is not None:
            check_backend(model.backend.name)
        x = sampled(shaped(model.inputs, args.shape)) if args.shape and not args.no_measure else None
        made, report = optimize(
            model, args.only or None, args.skip, args.target, x=x, measure=not args.no_measure, settings=settings,
            precision=args.precision,
        )
        report = replace(report, model=args.model)
        with made:
            # What only our backends run is written without a word about TensorFlow.js.
            path = made.save(args.out) if args.target == TFJS else write_model(made.graph, args.out)
            if folder is not None and report.reason != BY_CTRL_C:  # then nothing more is measured
                compared = _compare(args, (model, made), x, folder, settings)
    note = weights_note([args.model], real=args.real_weights)
    data = {**report.to_json(), "out": str(path), "note": note, "compared": compared and compared.to_json()}
    # Ctrl-C while measuring: the model is written all the same, and the report says what is missing.
    code = INTERRUPTED if BY_CTRL_C in (report.reason, compared and compared.reason) else OK
    return Outcome(data, lambda console: _show(console, report, str(path), note, compared), code)


def _peers(args: argparse.Namespace) -> Path | None:
    """Where TensorFlow.js is, when it is to be compared with; UsageError for what it cannot run or is not there."""
    beside.check(args)
    if not args.compare:
        return None
    if args.target != TFJS:
        raise UsageError(f"--compare {args.compare} with --target {args.target}: TensorFlow.js cannot run the result")
    if format_written(args.out) != TFJS_GRAPH:
        raise UsageError(f"--compare {args.compare} with --out {args.out}: TensorFlow.js runs models in folders")
    return find_peers(args.peers)


def _compare(
    args: argparse.Namespace, models: tuple[Model, Model], x: Any, folder: Path, settings: Settings,
) -> BeforeAfter:
    """TensorFlow.js on the model as it lies on disk (or is written here, of the zoo) and on what was written."""
    model = models[0]
    with scratch_folder() as scratch:
        path = model_file(args.model) or model.save(scratch / "original") / MODEL_FILE
        how = replace(settings, runs=RUNS_COMPARED, budget_s=None)
        return before_after(path, Path(args.out) / MODEL_FILE, models, model.sample() if x is None else x, how,
                            partial(start_tfjs, folder), args.rounds or ROUNDS)


def _show(
    console: Console, report: OptimizeReport, path: str, note: str, compared: BeforeAfter | None,
) -> None:
    print_table(console, f"{report.model}, optimized for {report.target}", ("", "before", "after", "less"),
                report.rows())
    console.print(report.accuracy())
    console.print(report.conditions())
    print_table(console, "Passes", ("pass", "what"), list(report.told()), left=2)
    if compared is not None:
        _show_compared(console, compared)
    if note:
        console.print(note)
    console.print(f"written to {path}")


def _show_compared(console: Console, found: BeforeAfter) -> None:
    rows = [(r.program, r.model, ms(r.median_ms), ms(r.iqr_ms), r.runs, scaled(r.peak_bytes, "B"), count(r.kernels))
            for r in found.runners]
    columns = ("program", "model", "median ms", "spread", "runs", "peak memory", "kernels")
    print_table(console, "Beside TensorFlow.js, alternating", columns, rows, left=2)
    for what, ratio in (("TensorFlow.js, the optimized against the original", found.peer_ratio),
                        ("ours on the optimized against TensorFlow.js on the original", found.ratio),
                        ("ours, the optimized against the original", found.own_ratio)):
        if ratio is not None:
            console.print(f"{what}: {ratio.verdict.text if ratio.verdict else times(ratio.median)}")
    console.print(f"ours on the optimized model against TensorFlow.js on the original: latency "
                  f"{percent(found.latency_saved)} less, peak memory {percent(found.peak_saved)} less")
    console.print(f"outputs, against TensorFlow.js on the original, over the largest value: TensorFlow.js on the "
                  f"optimized {_apart(found.peer_difference)}, ours {_apart(found.difference)}")
    console.print(found.conditions)
    if found.reason:
        console.print(f"not all was measured: {found.reason}", style="bold")


def _apart(value: float | None) -> str:
    return "do not agree" if value is None else f"{value:.1e} apart"


COMMAND = Command(
    "optimize", "Make a model faster without changing what it computes, and write it for TensorFlow.js.",
    ("tfjslab optimize models/mobilenet --out models/fast",
     "tfjslab optimize digits --out digits_fast --skip padding --json -",
     "tfjslab optimize models/mobilenet --out models/fast --backend wasm-simd --compare tfjs --peers path/to/npm"),
    _configure, _run,
)
