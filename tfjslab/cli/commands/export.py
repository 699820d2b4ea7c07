"""``tfjslab export``: a folder that runs the model in any browser, and the proof that it answers as the model does.

Or a .tflite file, see ``tfjslab.cli.tflite_export``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.shapes import Shape
from tfjslab.base.text import ms, scaled
from tfjslab.bench.peers.tfjs import PEERS_VARIABLE
from tfjslab.cli import tflite_export
from tfjslab.cli.command import INTERRUPTED, OK, Command, Outcome
from tfjslab.cli.feeds import add_shape, sampled, shaped, split_name
from tfjslab.cli.models import add_model, model_file, open_model, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.cli.samples import samples, value_range
from tfjslab.cli.values import read_inputs
from tfjslab.export.web.export import WebExport, export_web
from tfjslab.export.web.in_chromium import chromium_tuners
from tfjslab.export.web.picture import FITS, ORDERS, Picture, picture_of, range_of_bytes
from tfjslab.export.web.proof import prove
from tfjslab.export.web.report import WebReport
from tfjslab.export.web.tuning import default_tuners
from tfjslab.export.web.variants import VARIANTS
from tfjslab.export.web.weights import ENCODINGS, FLOAT32
from tfjslab.formats.tflite.reader import FORMAT as TFLITE
from tfjslab.graph.ir import Port
from tfjslab.model.inputs import check_array
from tfjslab.model.model import Model
from tfjslab.ops.tflite.values import BYTES
from tfjslab.quantization.calibrate import METHODS
from tfjslab.quantization.generate import generated_inputs
from tfjslab.quantizer import DYNAMIC, INT8, quantize

LIMIT_BROKEN = 1  # the folder does not answer as the model does
_STRETCH, _CROP = FITS
_IMAGE, _CHROMIUM = "image", "chromium"


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("-o", "--out", metavar="PATH", required=True,
                        help="where the folder is written, or the file, whose name then ends in .tflite")
    tflite_export.configure(parser)
    listed = "; ".join(f"{v.name}: {v.doc}" for v in VARIANTS)
    parser.add_argument("--only", metavar="V", action="append", default=[],
                        help=f"write this variant and no others; may be repeated ({listed}; default: all)")
    parser.add_argument("--weights", choices=ENCODINGS, default=FLOAT32,
                        help=f"how weights travel; float16 halves them and rounds them (default {FLOAT32})")
    parser.add_argument("--no-optimize", action="store_true", help="leave out the passes of 'tfjslab optimize'")
    add_shape(parser)
    _configure_inputs(parser)
    _configure_int8(parser)
    parser.add_argument("--tune", choices=(_CHROMIUM,), help="measure tiles in the system's Chromium; what is found is "
                        "kept for its version (default: rules that were measured there before)")
    parser.add_argument("--no-proof", action="store_true", help="write the folder and do not try it out")
    parser.add_argument("--peers", metavar="FOLDER", help="where npm installed TensorFlow.js, which is then asked too "
                        f"(default ${PEERS_VARIABLE}, else the current folder)")


def _configure_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", metavar="[NAME=]image|F", action="append", default=[],
        help="'image': pages may give pictures for this input; or a .npy file that the folder is tried out on "
             "(default: generated inputs); may be repeated",
    )
    parser.add_argument("--range", metavar="LOW,HIGH", default=None,
                        help="what pixels from 0 to 255 become, in real numbers, and the range of --generate (default "
                             "0,1, or what the metadata of a .tflite file say; one that takes bytes gets the pixels "
                             "themselves)")
    parser.add_argument("--crop", action="store_true", help="crop pictures to the input's proportions (else stretch)")
    parser.add_argument("--order", choices=tuple(ORDERS), default=None, help="of a picture's channels (default rgb)")


def _configure_int8(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=(INT8, DYNAMIC), help="quantize the model first, see 'tfjslab quantize'")
    parser.add_argument("--calibration", metavar="[NAME=]F.npy", action="append", default=[],
                        help="inputs for int8, samples along a leading axis; may be repeated")
    parser.add_argument("--generate", metavar="N", type=options.positive, help="calibrate on N generated inputs")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="how ranges follow from the calibration")


@dataclass(frozen=True)
class _Wanted:
    """What the options say about inputs: which are pictures, and values; those named in ``given`` are from files."""

    pictures: Mapping[str, Picture]
    values: Mapping[str, Array]
    given: frozenset[str]

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shapes that are exported."""
        return {name: array.shape for name, array in self.values.items()}


def _run(args: argparse.Namespace) -> Outcome:
    if tflite_export.wanted(args):
        return tflite_export.run(args)
    _check(args)
    found = None
    with progress() as tell, open_model(args.model, "cpu", None, tell, real=args.real_weights) as model:
        wanted = _wanted(args, model)
        with _exported(args, model) as exported:
            with chromium_tuners() if args.tune else nullcontext(default_tuners) as tuners:
                made = export_web(
                    exported, args.out, only=args.only or None, weights=args.weights, optimize=not args.no_optimize,
                    image=wanted.pictures, shapes=wanted.shapes, tuners=tuners, progress=tell,
                )
            if not args.no_proof:
                with _source(args, model) as source:
                    found = prove(exported, made, inputs=[wanted.values] if wanted.given else (), source=source,
                                  peers=args.peers, progress=tell)
    note = weights_note([args.model], real=args.real_weights)
    data = {
        "model": args.model, "out": args.out, "kind": args.kind, "weights": args.weights, "note": note,
        "variants": list(made.variants), "left_out": dict(made.left_out), "tiles": made.tiles,
        "files": dict(made.files), "report": found and found.data(),
    }
    return Outcome(data, lambda console: _show(console, args, made, found, note), _exit_code(found))


def _check(args: argparse.Namespace) -> None:
    """UsageError for options that mean nothing without others."""
    if args.kind is None:
        for name in ("calibration", "generate"):
            if getattr(args, name):
                raise UsageError(f"--{name} is for --kind {INT8}; add it")
    if args.kind == INT8 and bool(args.calibration) == bool(args.generate):
        raise UsageError(f"--kind {INT8} needs either --calibration F.npy or --generate N")
    if args.kind == DYNAMIC and (args.calibration or args.generate):
        raise UsageError(f"--kind {DYNAMIC} finds ranges at every run; leave out --calibration and --generate")
    pictures = any(_image(text) for text in args.input)
    if not pictures and (args.crop or args.order or (args.range and not args.generate)):
        name = "crop" if args.crop else "order" if args.order else "range"
        raise UsageError(f"--{name} is for pictures; add --input {_IMAGE}")


def _image(text: str) -> bool:
    return text == _IMAGE or text.endswith(f"={_IMAGE}")


def _wanted(args: argparse.Namespace, model: Model) -> _Wanted:
    ports = shaped(model.inputs, args.shape)
    seen = [split_name("--input", t, ports)[0] for t in args.input if _image(t)]
    pictures = {p.name: _picture(args, p, model) for p in seen}
    read = read_inputs([t for t in args.input if not _image(t)], ports)
    values = sampled([p for p in ports if p.name not in read])
    values |= {p.name: check_array(p, read[p.name][0]) for p in ports if p.name in read}
    return _Wanted(pictures, values, frozenset(read))


def _picture(args: argparse.Namespace, port: Port, model: Model) -> Picture:
    """Without a range, pixels are the bytes of an input that takes bytes, or become what the file says."""
    stands_for = model.graph.metadata.get("quantization", {}).get(port.name)
    if args.range is not None:
        base = Picture(*value_range(args.range))
    elif stands_for is not None and port.dtype in BYTES:
        base = Picture(*range_of_bytes(port.dtype, stands_for))
    else:
        base = picture_of(port)
    return replace(base, fit=_CROP if args.crop else _STRETCH, order=args.order or base.order)


@contextmanager
def _exported(args: argparse.Namespace, model: Model) -> Iterator[Model]:
    """The model that is written: this one, or what quantizing makes of it."""
    if args.kind is None:
        yield model
        return
    low, high = value_range(args.range or "0,1")
    data: Any = None
    if args.kind == INT8:
        data = (generated_inputs(model.inputs, args.generate, 0, low, high) if args.generate
                else samples("--calibration", args.calibration, model.inputs))
    with quantize(model, args.kind, data, args.method).model as made:
        yield made


@contextmanager
def _source(args: argparse.Namespace, model: Model) -> Iterator[Path | None]:
    """The model.json that TensorFlow.js runs: the file that was named, else the model written for that.

    None for a .tflite file: the proof writes what is exported, or says why that cannot be written.
    """
    if model.graph.metadata.get("format") == TFLITE and args.kind is None:
        yield None
        return
    if path := model_file(args.model):
        yield path
        return
    with scratch_folder() as scratch:
        yield model.save(scratch) / "model.json"


def _exit_code(found: WebReport | None) -> int:
    if found is None:
        return OK
    return INTERRUPTED if found.reason == BY_CTRL_C else LIMIT_BROKEN if found.agrees is False else OK


def _show(
    console: Console, args: argparse.Namespace, made: WebExport, found: WebReport | None, note: str,
) -> None:
    console.print(f"{args.model}: {', '.join(made.variants)}; {len(made.files)} files, "
                  f"{scaled(sum(made.files.values()), 'B')} in {args.out}")
    for variant, reason in made.left_out.items():
        console.print(f"without the variant {variant}: {reason}")
    if found is not None:
        _show_report(console, found)
    if note:
        console.print(note)
    console.print(f"\ntry it: python3 -m http.server --directory {args.out}, then open http://localhost:8000")
    console.print("threads need a page with two more headers; README.md of the folder says which, and how to load it")


def _show_report(console: Console, found: WebReport) -> None:
    code = {s.name: s.gzip_bytes for s in found.downloads}
    rows = [
        (t.variant, t.engine, t.threads, scaled(code.get(f"code, {t.variant}"), "B"), ms(t.load_ms), ms(t.first_ms),
         ms(t.median_ms), ms(t.min_ms), ms(t.iqr_ms), t.runs or None, t.apart(), t.reason)
        for t in found.trials
    ]
    columns = ("variant", "engine", "threads", "code, gzipped", "load", "first", "median", "min", "spread", "runs",
               "difference", "remark")
    print_table(console, "Milliseconds of each variant", columns, rows, left=2, wide=("min", "runs"))
    sizes = [(s.name, scaled(s.raw_bytes, "B"), scaled(s.gzip_bytes, "B"), scaled(s.brotli_bytes, "B"))
             for s in found.downloads]
    if sizes:
        print_table(console, "Downloads of one page", ("", "raw", "gzip", "brotli"), sizes)
    for line in found.notes():
        console.print(line)
    console.print("all of it: report.json and report.html in the folder")


COMMAND = Command(
    "export", "Write a folder that runs a model in any browser as WebAssembly, and try it out; or a .tflite file.",
    (
        "tfjslab export mobilenet_v2 --out web/ --input image --range=-1,1",
        "tfjslab export path/to/model.json --out web/ --weights float16 --only simd --only threads",
        "tfjslab export path/to/model.json --out web/ --kind int8 --calibration images.npy",
        "tfjslab export path/to/model.json --out web/ --shape 1,224,224,3 --input image.npy --json -",
        "tfjslab export mobilenet_v2 --to tflite --precision float16 -o mobilenet.tflite",
        "tfjslab export path/to/model.json --precision int8 --data images/ --range=-1,1 -o model.tflite",
    ),
    _configure, _run,
)
