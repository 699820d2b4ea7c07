"""``tfjslab recommend``: the backend, variant and precision for a scenario, by measurements and stated rules."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from tfjslab import arguments as options
from tfjslab import zoo
from tfjslab.base.errors import UsageError
from tfjslab.bench.settings import MAX_TIME_S, settings_for
from tfjslab.browser.jobs.headless import BROWSERS
from tfjslab.browser.jobs.job import HowToRun
from tfjslab.browser.jobs.litert_source import set_litert
from tfjslab.browser.jobs.tfjs_source import set_tfjs
from tfjslab.cli import devices
from tfjslab.cli.command import OK, Command, Outcome
from tfjslab.cli.labelled import in_batches, samples
from tfjslab.cli.models import add_model, loader, open_model, weights_note
from tfjslab.cli.output import print_report
from tfjslab.cli.progress import Report, progress
from tfjslab.cli.sizes import batches
from tfjslab.decide.decision import BATCHES, recommend
from tfjslab.decide.measure import HERE_NAME
from tfjslab.decide.precision import FLOAT32
from tfjslab.decide.recommendation import Recommendation
from tfjslab.decide.scenario import OPTIONS, SCENARIOS, Scenario, scenario_of
from tfjslab.model.input_files import read_array
from tfjslab.model.model import Model
from tfjslab.quantizer import KINDS
from tfjslab.targets.features import FEATURES

NOTHING_FITS = 1
WARMUP = 5
# How the limits of a scenario are read: field -> metavar, kind, help. OPTIONS has their names.
_LIMITS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "target_latency_ms": ("MS", float, "milliseconds that a run may take, at --percentile of the runs"),
    "percentile": ("P", float, "of the runs, that --target is for (default 95)"),
    "memory_mb": ("MB", float, "millions of bytes of weights and intermediates"),
    "download_mb": ("MB", float, "millions of bytes of the weights as files"),
    "accuracy_floor": ("SHARE", float, "least share of right answers, 0 to 1; needs --input"),
    "missing": ("F[,F]", lambda text: tuple(f.strip() for f in text.split(",")),
                f"features to do without: {', '.join(FEATURES)}"),
    "batch": ("N", options.positive, "examples in a run"),
}


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--scenario", metavar="S",
                        help=f"{', '.join(SCENARIOS)}; the options below change its limits, or make one's own")
    for field, (metavar, kind, text) in _LIMITS.items():
        parser.add_argument(OPTIONS[field], metavar=metavar, type=kind, dest=field, help=text)
    parser.add_argument("--in", metavar="WHERE", dest="places", action="append", default=[],
                        choices=[HERE_NAME, *BROWSERS],
                        help=f"where to measure: {', '.join((HERE_NAME, *BROWSERS))} (default {HERE_NAME}, or nowhere "
                             "with --records); may be repeated")
    parser.add_argument("--records", metavar="[PRECISION=]F.json", action="append", default=[],
                        help="what 'bench --json' or 'serve --json' wrote before; may be repeated")
    parser.add_argument("-b", "--backend", metavar="B[,B]", help="only these backends, or with --in a browser these "
                        f"programs: {devices.PROGRAM_NAMES}")
    options.add_threads(parser)
    parser.add_argument("--calibration", metavar="[NAME=]F.npy", action="append", default=[],
                        help="inputs that int8 finds its ranges on; with them int8 is a candidate, too")
    parser.add_argument("--input", metavar="[NAME=]F.npy", action="append", default=[],
                        help="samples along the first axis, for the accuracy of each precision")
    parser.add_argument("--labels", metavar="F.npy",
                        help="their right classes; without them agreement with the model as it is given")
    parser.add_argument("--batch", metavar="N[,N]", type=batches, dest="sizes", default=BATCHES,
                        help="sizes to look for a turn of the order at (default 1,2,4,8)")
    devices.add_tfjs(parser)
    devices.add_litert(parser)
    options.add_repeats(parser, runs=None, warmup=WARMUP, runs_help="steady runs of each candidate (default 50)",
                        warmup_help=f"runs before them (default {WARMUP})")
    parser.add_argument("--max-time", metavar="S", type=options.seconds, dest="max_time_s",
                        help=f"seconds after which a candidate's runs end (default {MAX_TIME_S:g})")


def _run(args: argparse.Namespace) -> Outcome:
    scenario = _scenario(args)
    if args.tfjs:
        set_tfjs(args.tfjs)
    if args.litert:
        set_litert(args.litert)
    with progress() as report:
        found = recommend(
            _source(args, report), scenario, devices=args.places or None, records=_records(args) or None,
            backends=[b.strip() for b in args.backend.split(",")] if args.backend else None, threads=args.threads,
            batches=args.sizes, **_data(args, report), how=_how(args), progress=report,
            settings=settings_for(args.runs, args.warmup, None, args.max_time_s),
        )
    note = weights_note([args.model], real=args.real_weights)
    return _outcome(found, note)


def _outcome(found: Recommendation, note: str) -> Outcome:
    def show(console: Console) -> None:
        print_report(console, found)
        if note:
            console.print(note)

    return Outcome({**found.to_json(), "note": note}, show, OK if found.choice else NOTHING_FITS)


def _scenario(args: argparse.Namespace) -> Scenario:
    """The scenario of --scenario with what other options change; UsageError where nothing says what is wanted."""
    given: dict[str, Any] = {f: getattr(args, f) for f in _LIMITS if getattr(args, f) is not None}
    if args.scenario is None and not given:
        names = ", ".join(SCENARIOS)
        raise UsageError(f"--scenario names one of {names}; or say what is wanted: --target 33 --memory 256")
    return replace(scenario_of(args.scenario), **given) if args.scenario else Scenario(**given)


def _source(args: argparse.Namespace, report: Report) -> Any:
    """A path goes as it is, so that browsers read the same file."""
    is_ours = args.model in zoo.ENTRIES or args.real_weights or not Path(args.model).exists()
    return loader(args.model, report, real=args.real_weights) if is_ours else args.model


def _records(args: argparse.Namespace) -> list[str] | dict[str, list[str]]:
    """Files, by precision where that is told."""
    told = [text.partition("=") for text in args.records]
    named = [(name, path) for name, equals, path in told if equals and name in (FLOAT32, *KINDS)]
    if not named:
        return list(args.records)
    if len(named) < len(told):
        raise UsageError("--records: some name a precision and others none; write PRECISION=FILE for each")
    return {name: [path for n, path in named if n == name] for name, _ in named}


def _data(args: argparse.Namespace, report: Report) -> dict[str, Any]:
    """Calibration data, samples and labels; the model is opened for the names of its inputs."""
    if args.labels and not args.input:
        raise UsageError("--labels are of --input; give that, too")
    if not args.calibration and not args.input:
        return {}
    with open_model(args.model, "cpu", None, report, real=args.real_weights) as model:
        return {"calibration": _calibration(args, model), "labels": read_array(args.labels) if args.labels else None,
                "evaluation": samples("--input", args.input, model.inputs) if args.input else None}


def _calibration(args: argparse.Namespace, model: Model) -> Any:
    if not args.calibration:
        return None
    return in_batches(samples("--calibration", args.calibration, model.inputs), model.inputs)


def _how(args: argparse.Namespace) -> HowToRun:
    default = HowToRun()
    return replace(default, runs=args.runs or default.runs, warmup=args.warmup, profiles=1,
                   budget_s=args.max_time_s or default.budget_s, threads=args.threads or default.threads)


COMMAND = Command(
    "recommend", "Recommend a backend, a variant and a precision for a scenario, by measurements and stated rules.",
    (
        "tfjslab recommend blazeface --scenario mobile-detection",
        "tfjslab recommend path/to/model.json --scenario mobile-detection --in chromium --tfjs path/to/npm --json -",
        "tfjslab recommend mobilenet_v2 --scenario mobile-detection --records phone.json",
        "tfjslab recommend digits --target 5 --memory 64 --missing threads,webgpu --in here --in chromium",
        "tfjslab recommend digits --scenario desktop-batch --calibration train.npy --input test.npy --labels y.npy",
    ),
    _configure, _run,
)
