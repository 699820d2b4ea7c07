"""``tfjslab evaluate``: how often a model is right on labelled data, or how far it is from another model."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from tfjslab import arguments as options
from tfjslab.base.errors import UsageError
from tfjslab.cli.command import Command, Outcome
from tfjslab.cli.feeds import add_shape, settled
from tfjslab.cli.labelled import BATCH, add_data, report_of, samples
from tfjslab.cli.models import add_model, open_model, weights_note
from tfjslab.cli.progress import progress
from tfjslab.evaluation.evaluate import evaluate
from tfjslab.model.input_files import read_array
from tfjslab.model.model import Model


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_data(parser, "class numbers [n], or rows [n, classes] with one 1")
    parser.add_argument("--reference", metavar="MODEL", help="measure errors against this model, as before quantizing")
    parser.add_argument("--top-k", metavar="K[,K]", default="1", help="which accuracies to count (default 1)")
    parser.add_argument("--output", metavar="NAME", help="the output with scores of classes (default: the first)")
    parser.add_argument("--batch", metavar="N", type=options.positive, default=BATCH,
                        help=f"samples in a run, where the model leaves that open (default {BATCH})")
    options.add_backend(parser)
    options.add_threads(parser)
    add_shape(parser)


def _run(args: argparse.Namespace) -> Outcome:
    if not args.labels and not args.reference:
        raise UsageError("give --labels, to count right answers, or --reference, to measure errors against a model")
    ranks = _ranks(args.top_k)
    labels = read_array(args.labels) if args.labels else None
    with progress() as tell, ExitStack() as stack:
        def opened(name: str) -> Model:
            found = stack.enter_context(open_model(name, args.backend, args.threads, tell, real=args.real_weights))
            return stack.enter_context(settled(found, args.shape))

        model, reference = opened(args.model), opened(args.reference) if args.reference else None
        data = samples("--input", args.input, model.inputs)
        found = evaluate(model, data, labels, reference=reference, output=args.output, top_k=ranks,
                         batch_size=args.batch, progress=tell)
    note = weights_note([m for m in (args.model, args.reference) if m], real=args.real_weights)
    return report_of(found, note)


def _ranks(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(p.strip().isdecimal() and int(p) for p in parts):
        raise UsageError(f"--top-k {text}: expected numbers from 1 with commas, such as 1,5")
    return tuple(int(p) for p in parts)


COMMAND = Command(
    "evaluate", "Count how often a model is right on labelled data, or how far it is from another model.",
    ("tfjslab evaluate digits --input images.npy --labels digits.npy --top-k 1,3",
     "tfjslab evaluate small/ --reference path/to/model.json --input images.npy --json errors.json"),
    _configure, _run,
)
