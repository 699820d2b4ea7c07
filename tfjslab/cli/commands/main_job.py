"""What bare ``tfjslab`` does: the zoo's models on every backend, and where their time goes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.machine import cpu_model, usable_cores
from tfjslab.bench.result import BenchResult
from tfjslab.bench.settings import Settings
from tfjslab.cli.command import OK, Command, Outcome
from tfjslab.cli.commands import bench
from tfjslab.cli.commands.profile import show_kernels, show_totals
from tfjslab.cli.models import loader, weights_note
from tfjslab.cli.progress import progress
from tfjslab.profiling.collect import profile_model
from tfjslab.records.profile import Profile, to_json

MODELS = ("mobilenet_v2", "blazeface")
BUDGET_S = 4.0  # for each model on each backend: the whole job stays within a minute or so
TOP = 5


def _configure(_parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def _run(_args: argparse.Namespace) -> Outcome:
    backends = options.chosen_backends(None)
    settings = Settings(bench.DEFAULT_RUNS, bench.DEFAULT_WARMUP, BUDGET_S)
    results = bench.measure(MODELS, backends, None, (), settings, real=False)
    code = bench.exit_code(results)
    profiles = [_profile_fastest(results, name) for name in MODELS] if code == OK else []
    data = {
        "machine": {"cpu": cpu_model(), "cores": usable_cores()},
        "bench": [r.to_json() for r in results],
        "profiles": [to_json(p) for p in profiles],
    }
    return Outcome(data, lambda console: _show(console, results, profiles), code)


def _profile_fastest(results: Sequence[BenchResult], model: str) -> Profile:
    """A profile of ``model`` on the backend whose median was the lowest."""
    timed = [(r.median_ms, r.backend) for r in results if r.model == model and r.median_ms is not None]
    with progress() as report:
        report(f"{model}: profile", 0, None)
        return profile_model(loader(model, report, real=False), backend=min(timed)[1], max_time_s=BUDGET_S)


def _show(console: Console, results: Sequence[BenchResult], profiles: Sequence[Profile]) -> None:
    console.print(f"{cpu_model()}, {usable_cores()} core(s)")
    bench.show(console, results, weights_note(MODELS, real=False))
    for profile in profiles:
        show_kernels(console, profile, TOP)
        show_totals(console, profile)


COMMAND = Command(
    "", "A performance lab for TensorFlow.js models. Without a command: measure MobileNetV2 and BlazeFace on every "
        "backend that this machine has, and show where their time goes.",
    (
        "tfjslab",
        "tfjslab run mobilenet_v2 --backend wasm-simd",
        "tfjslab bench path/to/model.json --backend cpu,wasm --json -",
        "tfjslab COMMAND --help",
    ),
    _configure, _run,
)
