"""``tfjslab stream``: a model on a real-time stream of frames; latency, its parts, and what had to be dropped."""

from __future__ import annotations

import argparse
from dataclasses import replace

from tfjslab import arguments as options
from tfjslab.cli.command import INTERRUPTED, OK, Command, Outcome
from tfjslab.cli.feeds import add_shape, settled
from tfjslab.cli.labelled import report_of
from tfjslab.cli.models import add_model, open_model, weights_note
from tfjslab.cli.progress import progress
from tfjslab.cli.samples import value_range
from tfjslab.export.web.picture import FITS, ORDERS, Picture, picture_of
from tfjslab.model.model import Model
from tfjslab.records.stream import LATEST, StreamResult
from tfjslab.streaming.stream import DEFAULT_WARMUP, Stream, stream

_STRETCH, _CROP = FITS
_NONE = "none"


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("source", metavar="FRAMES", help="a folder of pictures, an animated picture, a film, or "
                        "camera:0; films and cameras need the extra 'video'")
    parser.add_argument("--fps", metavar="N", type=options.above_zero,
                        help="frames a second (default: those of the film; a camera has its own)")
    parser.add_argument("--budget-ms", metavar="MS", type=options.above_zero,
                        help="the latency above which a frame counts as late")
    parser.add_argument("--frames", metavar="N", type=options.positive,
                        help="how many come; a source that has fewer begins anew (default: as many as there are)")
    parser.add_argument("--drop", choices=(LATEST, _NONE), default=LATEST,
                        help="latest: only the newest frame waits, older ones are dropped; none: all wait, and the "
                             f"wait grows where the model is too slow (default {LATEST})")
    parser.add_argument("--range", metavar="LOW,HIGH", help="what pixels from 0 to 255 become (default: as the "
                        "model's metadata say, else 0,1, or integers as they are)")
    parser.add_argument("--crop", action="store_true", help="crop frames to the input's proportions (else stretch)")
    parser.add_argument("--order", choices=tuple(ORDERS), help="of the channels (default rgb)")
    parser.add_argument("-w", "--warmup", metavar="N", type=options.natural, default=DEFAULT_WARMUP,
                        help=f"runs before the clock starts (default {DEFAULT_WARMUP})")
    options.add_backend(parser)
    options.add_adapter(parser)
    options.add_threads(parser)
    add_shape(parser)


def _run(args: argparse.Namespace) -> Outcome:
    with progress() as tell:
        opened = open_model(args.model, args.backend, args.threads, tell, real=args.real_weights)
    with opened, settled(opened, args.shape) as model:
        found, exit_code = _watched(_stream(model, args))
    note = weights_note([args.model], real=args.real_weights)
    return replace(report_of(found, note), exit_code=exit_code)


def _stream(model: Model, args: argparse.Namespace) -> Stream:
    return stream(model, args.source, fps=args.fps, budget_ms=args.budget_ms, count=args.frames, warmup=args.warmup,
                  drop=None if args.drop == _NONE else args.drop, preprocess=_picture(model, args))


def _picture(model: Model, args: argparse.Namespace) -> Picture | None:
    """How frames become the input, where that is said; None leaves it to the model."""
    if not (args.range or args.crop or args.order):
        return None
    base = Picture(*value_range(args.range)) if args.range else picture_of(model.inputs[0])
    return replace(base, fit=_CROP if args.crop else _STRETCH, order=args.order or base.order)


def _watched(frames: Stream) -> tuple[StreamResult, int]:
    """Go through all; Ctrl-C leaves what was measured until then."""
    try:
        return frames.watch(), OK
    except KeyboardInterrupt:
        return frames.result, INTERRUPTED


COMMAND = Command(
    "stream", "Run a model on a real-time stream of frames: latency and its parts, late and dropped frames.",
    (
        "tfjslab stream mobilenet_v2 pictures/ --fps 30 --budget-ms 33 --frames 300",
        "tfjslab stream path/to/face.tflite film.mp4 --backend wasm-simd --drop none --json stream.json",
        "tfjslab stream blazeface camera:0 --range=-1,1 --crop",
    ),
    _configure, _run,
)
