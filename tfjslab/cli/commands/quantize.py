"""``tfjslab quantize``: smaller files, or what int8 would do here. The two are never mixed up."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.errors import UsageError
from tfjslab.cli import compare, quantize_speed
from tfjslab.cli.command import Command, Outcome
from tfjslab.cli.feeds import add_shape, sampled, settled
from tfjslab.cli.models import add_model, open_model, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.cli.samples import samples, value_range
from tfjslab.cli.store import add_store
from tfjslab.formats.registry import format_written
from tfjslab.formats.tflite.reader import FORMAT as TFLITE
from tfjslab.formats.weight_writer import QUANTIZATIONS
from tfjslab.quantization.calibrate import METHODS
from tfjslab.quantization.generate import generated_inputs
from tfjslab.quantization.report import QuantizationReport
from tfjslab.quantizer import INT8, KINDS, quantize

_JUDGED = 256  # generated inputs on which answers are compared; their seed is not that of the calibration


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--kind", choices=KINDS, required=True,
                        help="float16, uint8 and uint16 store weights small; int8 kinds run in integers")
    parser.add_argument("--out", metavar="DIR", help="write the model there (kinds that store weights only)")
    parser.add_argument("--report", action="store_true", help="show what it would change and cost, and write nothing")
    parser.add_argument("--calibration", metavar="[NAME=]F.npy", action="append", default=[],
                        help="inputs for int8, one array an input, samples along a leading axis; may be repeated")
    parser.add_argument("--evaluation", metavar="[NAME=]F.npy", action="append", default=[],
                        help="inputs like those of --calibration on which errors are measured (default: the same)")
    parser.add_argument("--generate", metavar="N", type=options.positive,
                        help=f"calibrate on N generated, varied inputs, and measure errors on {_JUDGED} others")
    parser.add_argument("--range", metavar="LOW,HIGH", default="0,1", help="of generated values (default 0,1)")
    parser.add_argument("--method", choices=METHODS, default="minmax", help="how ranges follow from the calibration")
    parser.add_argument("--exclude", metavar="NODE", action="append", default=[],
                        help="a node that stays float32; may be repeated")
    parser.add_argument("--min-db", metavar="DB", type=float,
                        help="int8: a node stays float32 when its signal to noise alone is below DB decibels")
    options.add_backend(parser)
    options.add_adapter(parser)
    add_shape(parser)
    options.add_repeats(parser, runs=20, warmup=3, runs_help="measured runs (default 20)",
                        warmup_help="runs before them (default 3)")
    compare.configure(parser)
    add_store(parser)


def _check(args: argparse.Namespace) -> None:
    """UsageError for what the format cannot hold and for a call that would do nothing."""
    if args.out and args.kind not in QUANTIZATIONS:
        listed = ", ".join(QUANTIZATIONS)
        raise UsageError(
            f"--kind {args.kind} with --out: a TensorFlow.js model stores weights as {listed} and runs them as "
            f"float32, it cannot hold {args.kind} execution; use --report to see what {args.kind} gives here",
        )
    if args.out and format_written(args.out) == TFLITE:
        raise UsageError(f"--out {args.out}: 'tfjslab export --precision float16 -o {args.out}' writes .tflite; here a "
                         "TensorFlow.js model is written, to a folder")
    if bool(args.out) == args.report:
        raise UsageError("give either --out DIR, to write the model, or --report, to see what it would change")
    if args.compare and not args.report:
        raise UsageError("--compare is for --report; add it")
    compare.check(args)
    if args.generate and (args.calibration or args.evaluation):
        raise UsageError("--generate makes what --calibration and --evaluation would read; give one or the other")


def _run(args: argparse.Namespace) -> Outcome:
    _check(args)
    low, high = value_range(args.range)
    with (
        progress() as report,
        open_model(args.model, args.backend, None, report, real=args.real_weights) as opened,
        settled(opened, args.shape) as model,
    ):
        if args.generate:
            calibration: Any = generated_inputs(model.inputs, args.generate, 0, low, high)
            evaluation: Any = generated_inputs(model.inputs, _JUDGED, 1, low, high)
        else:
            calibration, evaluation = (samples(name, given, model.inputs) if given else None for name, given in (
                ("--calibration", args.calibration), ("--evaluation", args.evaluation)))
        # Other kinds need no ranges: data given for them are what errors are measured on.
        given = (calibration, evaluation) if args.kind == INT8 else (None, evaluation or calibration)
        made = quantize(model, args.kind, given[0], args.method, args.exclude, given[1], min_db=args.min_db)
        with made.model as new:
            speed = None
            if args.out:
                with new.with_graph(new.graph.with_inputs(opened.inputs)) as whole:
                    whole.save(args.out)
            else:
                x = (evaluation or calibration or [sampled(model.inputs)])[0]
                speed = quantize_speed.speed(model, new, x, args, report)
            note = weights_note([args.model], real=args.real_weights)
            told = made.report
            if args.generate:
                told = replace(told, evaluated_on=f"{_JUDGED} generated inputs")
            data = {"model": args.model, "model_digest": opened.digest, "backend": model.backend.name,
                    "out": args.out, "note": note, **told.to_json(), "speed": speed}
    return Outcome(data, lambda console: _show(console, data, told), quantize_speed.exit_code(speed))


def _show(console: Console, data: dict[str, Any], report: QuantizationReport) -> None:
    console.print(f"{data['model']}, {report.kind}: {report.execution}")
    if data["note"]:
        console.print(data["note"])
    console.print(f"size: weights {report.size()}")
    quantize_speed.show(console, data)
    for table in (report.output_table(), report.detail_table()):
        print_table(console, table.title, table.columns, table.rows, left=table.left)
    if data["out"]:
        console.print(f"written to {data['out']}")


COMMAND = Command(
    "quantize", "Store weights small, or report what running in int8 gives and costs.",
    (
        "tfjslab quantize mobilenet_v2 --kind uint8 --out small/",
        "tfjslab quantize path/to/model.json --kind int8 --calibration images.npy --report",
        "tfjslab quantize path/to/model.json --kind int8 --generate 64 --report --backend wasm-simd --compare tfjs",
    ),
    _configure, _run,
)
