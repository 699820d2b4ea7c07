"""``tfjslab export --to tflite``: a .tflite file, what it costs, and what stayed in floats."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.shapes import Shape
from tfjslab.cli.command import Outcome
from tfjslab.cli.feeds import shaped
from tfjslab.cli.models import open_model, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import Report, progress
from tfjslab.cli.samples import folder_samples, samples, value_range
from tfjslab.export.targets import WEB_MODULE
from tfjslab.export.tflite import PRECISIONS, TfliteExport, export_tflite
from tfjslab.export.tflite.precisions import FLOAT32, INT8
from tfjslab.formats.registry import format_written
from tfjslab.formats.tflite.reader import FORMAT
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model
from tfjslab.quantization.generate import generated_inputs

TARGETS = {WEB_MODULE: "a folder that runs in browsers", FORMAT: "one file for TensorFlow Lite"}
# Options that mean something for one target only, with what they are when nobody gives them.
_OWN: dict[str, dict[str, Any]] = {
    FORMAT: {"precision": None, "data": None, "float_io": False, "labels": None},
    WEB_MODULE: {"only": [], "weights": FLOAT32, "input": [], "crop": False, "order": None, "kind": None, "tune": None,
                 "no_proof": False, "peers": None},
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The target, and the options of .tflite files."""
    listed = "; ".join(f"{name}: {doc}" for name, doc in TARGETS.items())
    parser.add_argument("--to", choices=TARGETS, help=f"{listed} (default: by the name of --out)")
    group = parser.add_argument_group("for --to tflite")
    listed = "; ".join(f"{name}: {doc}" for name, doc in PRECISIONS.items())
    group.add_argument("--precision", choices=PRECISIONS, help=f"{listed} (default {FLOAT32})")
    group.add_argument("--data", metavar="DIR", help="a folder of inputs to calibrate int8 on, and to tell the "
                       "accuracy on: pictures, or .npy and other files as for 'tfjslab run --input'")
    group.add_argument("--float-io", action="store_true", help="int8: inputs and outputs stay float32")
    group.add_argument("--labels", metavar="F.txt", help="what the classes of the first output are called, one a line")


def wanted(args: argparse.Namespace) -> bool:
    """Whether a .tflite file is asked for. UsageError for options that are for the other target."""
    target = args.to or (FORMAT if format_written(args.out) == FORMAT else WEB_MODULE)
    for other, own in _OWN.items():
        given = next((name for name, default in own.items() if getattr(args, name) != default), None)
        if other != target and given is not None:
            raise UsageError(f"--{given.replace('_', '-')} is for --to {other}; this is a {target}")
    return target == FORMAT


def run(args: argparse.Namespace) -> Outcome:
    """Write the file, and tell about it."""
    precision = args.precision or FLOAT32
    _check(args, precision)
    with progress() as tell, open_model(args.model, None, None, tell, real=args.real_weights) as model:
        made = export_tflite(
            model, args.out, precision, _data(args, model, tell), method=args.method, float_io=args.float_io,
            labels=_lines(args.labels), optimize=not args.no_optimize, progress=tell,
            shapes=_shapes(shaped(model.inputs, args.shape)),
        )
    note = weights_note([args.model], real=args.real_weights)
    data = {"model": args.model, "out": args.out, "note": note, **made.to_json()}
    return Outcome(data, lambda console: _show(console, made, note))


def _shapes(ports: Sequence[Port]) -> dict[str, Shape]:
    """Those of inputs that leave no length open."""
    known = {p.name: tuple(d for d in p.shape or () if d is not None) for p in ports}
    return {p.name: known[p.name] for p in ports if p.shape is not None and len(known[p.name]) == len(p.shape)}


def _check(args: argparse.Namespace, precision: str) -> None:
    """UsageError for options that mean nothing with this precision, and for data that is missing or there twice."""
    if args.float_io and precision != INT8:
        raise UsageError(f"--float-io is for --precision {INT8}; {precision} has inputs of float32 anyway")
    given = [name for name in ("data", "calibration", "generate") if getattr(args, name)]
    if len(given) > 1:
        raise UsageError(f"--{given[0]} and --{given[1]} are two ways to say one thing; give one of them")
    if precision == INT8 and not given:
        raise UsageError(f"--precision {INT8} needs data for its ranges: --data DIR, --calibration F.npy or "
                         "--generate N")


def _data(args: argparse.Namespace, model: Model, tell: Report) -> Any:
    """What calibrates, and is measured on; None where nothing is given."""
    range_ = value_range(args.range) if args.range else None
    ports = shaped(model.inputs, args.shape)
    if args.generate:
        return generated_inputs(ports, args.generate, 0, *(range_ or (0.0, 1.0)))
    if args.data:
        return folder_samples(Path(args.data), ports, range_, tell)
    return samples("--calibration", args.calibration, ports) if args.calibration else None


def _lines(path: str | None) -> list[str]:
    """The lines of a text file. InputError when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines() if path else []
    except (OSError, ValueError) as e:
        raise InputError(f"--labels {path}: cannot be read: {e}") from None


def _show(console: Console, made: TfliteExport, note: str) -> None:
    first, *others = made.tables()
    console.print(first.title)
    for line in (*first.notes, *filter(None, [note])):
        console.print(line)
    for table in others:
        print_table(console, table.title, table.columns, table.rows, left=table.left)
    console.print(f"written to {made.path}")
