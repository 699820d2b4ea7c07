"""``tfjslab sweep``: a model in every setting, what each gives and costs, and which one a rule chooses."""

from __future__ import annotations

import argparse
from functools import partial

from tfjslab import arguments as options
from tfjslab.bench.settings import Settings
from tfjslab.bench.sweep import RUNS, SETTINGS, WARMUP, sweep
from tfjslab.bench.sweep_result import GOALS
from tfjslab.cli.charts import save_chart
from tfjslab.cli.command import Command, Outcome
from tfjslab.cli.commands.bench import exit_code
from tfjslab.cli.feeds import add_shape, settled
from tfjslab.cli.labelled import add_data, in_batches, report_of, samples
from tfjslab.cli.models import add_model, open_model, weights_note
from tfjslab.cli.progress import progress
from tfjslab.cli.scheduler import add_scheduler, cluster_of
from tfjslab.cli.store import add_store
from tfjslab.model.input_files import read_array


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_data(parser, "right classes of the inputs; without them, agreement with float32 decides")
    parser.add_argument("--calibration", metavar="[NAME=]F.npy", action="append", default=[],
                        help="inputs that int8 finds its ranges on, other ones than --input; may be repeated")
    parser.add_argument("--kind", metavar="KIND", action="append", default=[],
                        help=f"only this setting; may be repeated: {', '.join(SETTINGS)}")
    parser.add_argument("--max-accuracy-drop", metavar="SHARE", type=float, default=0.01,
                        help="the share of right answers that may be lost (default 0.01)")
    parser.add_argument("--goal", choices=list(GOALS), default="speed", help="what to choose by (default speed)")
    parser.add_argument("--chart", metavar="FILE", help="draw accuracy against the goal to a file (.png, .svg, .pdf)")
    options.add_backend(parser)
    options.add_threads(parser)
    add_shape(parser)
    options.add_repeats(parser, runs=RUNS, warmup=WARMUP, runs_help=f"measured runs of each (default {RUNS})",
                        warmup_help=f"runs before them (default {WARMUP})")
    add_scheduler(parser)
    add_store(parser)


def _run(args: argparse.Namespace) -> Outcome:
    labels = read_array(args.labels) if args.labels else None
    with (
        cluster_of(args) as client,
        progress() as tell,
        open_model(args.model, args.backend, args.threads, tell, real=args.real_weights) as opened,
        settled(opened, args.shape) as model,
    ):
        data = samples("--input", args.input, model.inputs)
        given = samples("--calibration", args.calibration, model.inputs) if args.calibration else None
        found = sweep(
            model, None if given is None else in_batches(given, model.inputs), data, args.kind or SETTINGS,
            max_accuracy_drop=args.max_accuracy_drop, labels=labels, goal=args.goal,
            settings=Settings(args.runs, args.warmup, progress=tell), client=client,
        )
    made = report_of(found, weights_note([args.model], real=args.real_weights), chart=args.chart)
    code = exit_code(found.results)
    return Outcome(made.data, made.show, code, partial(save_chart, "pareto", found, args.chart) if args.chart else None)


COMMAND = Command(
    "sweep", "Optimize and quantize a model in every way, and choose by accuracy, speed, size and memory.",
    ("tfjslab sweep digits --input test.npy --labels test_labels.npy --calibration train.npy --chart sweep.png",
     "tfjslab sweep path/to/model.json --input images.npy --kind uint8 --kind float16 --goal size --json -"),
    _configure, _run,
)
