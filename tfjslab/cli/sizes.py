"""``tfjslab bench --batch 1,2,4,8`` and several ``--shape``: one model at many sizes, in one run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.errors import UsageError
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.shapes import Shape
from tfjslab.bench.settings import Settings
from tfjslab.bench.sizes import RunSize, SizeSweep, bench_sizes, run_sizes
from tfjslab.browser.jobs.bench import DEFAULT_BACKENDS
from tfjslab.browser.jobs.tfjs_source import set_tfjs
from tfjslab.cli import devices
from tfjslab.cli.charts import save_chart
from tfjslab.cli.command import INTERRUPTED, OK, Outcome
from tfjslab.cli.feeds import split_names
from tfjslab.cli.models import loader, open_model, weights_note
from tfjslab.cli.output import print_report
from tfjslab.cli.progress import Report, progress
from tfjslab.decide.measure import Measuring, ModelForm, sizes_in
from tfjslab.decide.precision import precision_of
from tfjslab.graph.ir import Port
from tfjslab.model.inputs import settled_shape
from tfjslab.model.model import Model


def configure(parser: argparse.ArgumentParser) -> None:
    """The options --batch and --chart."""
    parser.add_argument("--batch", metavar="N[,N]", type=batches,
                        help="measure at these batch sizes in one run; --shape that is repeated for an input gives "
                             "other sizes")
    parser.add_argument("--chart", metavar="FILE", help="for several sizes: draw time against size to a file (.png, "
                                                        ".svg, .pdf)")


def batches(text: str) -> tuple[int, ...]:
    """Whole numbers with commas, for argparse."""
    return tuple(options.positive(part) for part in text.split(","))


def is_asked(args: argparse.Namespace) -> bool:
    """Whether several sizes are to be measured. UsageError for what does not go together with that."""
    names = [name if equals else "" for name, equals, _ in (text.partition("=") for text in args.shape)]
    asked = args.batch is not None or len(set(names)) < len(names)
    if args.chart and not asked:
        raise UsageError("--chart is for several sizes; add --batch 1,2,4,8, or --shape more than once")
    others = [f"--{n}" for n in ("compare", "input", "roofline", "ops") if getattr(args, n)]
    if asked and others:
        raise UsageError(f"several sizes (--batch, repeated --shape) do not go together with {others[0]}")
    if asked and len(args.models) != 1:
        raise UsageError(f"several sizes are of one model; {len(args.models)} are given")
    return asked


def choices(ports: Sequence[Port], given: Sequence[str]) -> list[Mapping[str, Shape]]:
    """The shapes that repeated ``--shape`` arguments choose from: inputs that are named as often go together."""
    by_input: dict[str, list[Shape]] = {}
    for port, dims in split_names("--shape", given, ports):
        by_input.setdefault(port.name, []).append(settled_shape(port, dims, f"--shape {dims}"))
    count = max(map(len, by_input.values()), default=0)
    if uneven := [n for n, shapes in by_input.items() if len(shapes) not in (1, count)]:
        raise UsageError(f"--shape: input '{uneven[0]}' has {len(by_input[uneven[0]])} shapes and another one {count}; "
                         "give as many of each, or one")
    return [{n: shapes[min(i, len(shapes) - 1)] for n, shapes in by_input.items()} for i in range(count)]


def run(args: argparse.Namespace, settings: Settings) -> Outcome:
    """Measure all sizes on all backends, here or in a browser."""
    (model,) = args.models
    with progress() as report:
        with open_model(model, "cpu", None, report, real=args.real_weights) as opened:
            sizes = run_sizes(opened.inputs, args.batch or (), choices(opened.inputs, args.shape))
            found = _in_browser(args, opened, sizes, report) if args.browser else None
        if found is None:
            found = bench_sizes(loader(model, report, real=args.real_weights), model,
                                options.chosen_backends(args.backend), sizes, args.threads,
                                replace(settings, progress=report))
    note = weights_note(args.models, real=args.real_weights)
    code = INTERRUPTED if any(r.reason == BY_CTRL_C for r in found.results) or len(found.sizes) < len(sizes) else OK
    return _outcome(found, note, code, args.chart)


def _in_browser(args: argparse.Namespace, model: Model, sizes: Sequence[RunSize], report: Report) -> SizeSweep:
    names = [b.strip() for b in args.backend.split(",")] if args.backend else DEFAULT_BACKENDS
    if args.tfjs:
        set_tfjs(args.tfjs)
    by = Measuring(Settings(), progress=report, how=replace(devices.how_to_run(args), profiles=0))
    return sizes_in(args.browser, ModelForm(precision_of(model.graph), model), names, sizes, by)


def _outcome(found: SizeSweep, note: str, code: int, chart: str | None) -> Outcome:
    def show(console: Console) -> None:
        print_report(console, found)
        if note:
            console.print(note)

    return Outcome(found.to_json(), show, code, partial(save_chart, "size_time", found, chart) if chart else None)
