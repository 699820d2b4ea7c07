"""``tfjslab bench``: models on backends, side by side; with ``--ops``, single ops."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.backends import registry
from tfjslab.base.errors import UsageError
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.machine import crowding
from tfjslab.base.text import NOTHING, count, counted, ms, scaled
from tfjslab.bench.bench import bench_models
from tfjslab.bench.result import BenchResult, verdicts
from tfjslab.bench.settings import MAX_TIME_S, Settings, settings_for
from tfjslab.browser.jobs.headless import BROWSERS, headless_session
from tfjslab.cli import compare, devices, ops, roofline, sizes
from tfjslab.cli.command import INTERRUPTED, OK, Command, Outcome
from tfjslab.cli.feeds import add_shape
from tfjslab.cli.inputs import add_input, feeds_for
from tfjslab.cli.models import add_model, loader, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.cli.scheduler import add_scheduler, cluster_of
from tfjslab.cli.store import add_store
from tfjslab.records.enough import PRECISION
from tfjslab.records.verdict import SpeedVerdict

DEFAULT_RUNS, DEFAULT_WARMUP = 50, 5


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser, many=True)
    options.add_backend(parser, many=True)
    options.add_adapter(parser)
    options.add_threads(parser)
    add_shape(parser)
    add_input(parser)
    options.add_repeats(
        parser, runs=None, warmup=DEFAULT_WARMUP,
        runs_help=f"steady runs of each model on each backend (default {DEFAULT_RUNS}, more until they are precise, "
                  f"and fewer once they took {MAX_TIME_S:.0f} s)",
        warmup_help=f"runs before those, which are not counted (default {DEFAULT_WARMUP})",
    )
    options.add_precision(parser, PRECISION, MAX_TIME_S)
    compare.configure(parser)
    parser.add_argument("--in", dest="browser", choices=BROWSERS,
                        help="measure in this browser, headless; --backend then takes "
                             f"{devices.PROGRAM_NAMES}, and --compare takes turns in one page")
    devices.add_tfjs(parser)
    devices.add_litert(parser)
    sizes.configure(parser)
    roofline.configure(parser)
    ops.configure(parser)
    add_scheduler(parser)
    add_store(parser)


def _run(args: argparse.Namespace) -> Outcome:
    ops.check(args)
    many_sizes = sizes.is_asked(args)
    if args.scheduler and (args.browser or args.ops or args.compare or args.roofline or many_sizes):
        raise UsageError("--scheduler is for models on our backends, in one size; leave out --in, --ops, --compare, "
                         "--roofline and more than one --batch or --shape")
    if args.browser and not many_sizes:
        return _in_browser(args)
    if args.ops:
        return ops.run(args)
    compare.check(args)
    settings = settings_for(args.runs, args.warmup, args.precision, args.max_time_s, default_runs=DEFAULT_RUNS)
    if many_sizes:
        return sizes.run(args, settings)
    report = compare.run(args, settings) if args.compare else _alone(args, settings)
    return report if not args.roofline or report.exit_code == INTERRUPTED else roofline.extend(report, args)


def _in_browser(args: argparse.Namespace) -> Outcome:
    """A headless browser in place of this process."""
    with headless_session(args.browser) as session:
        return devices.measure(args, session, devices.how_to_run(args))


def _alone(args: argparse.Namespace, settings: Settings) -> Outcome:
    """Our backends, side by side."""
    backends = options.chosen_backends(args.backend)
    crowded = crowding(args.threads or registry.get_threads_count()) if any(map(registry.is_threaded, backends)) else ""
    with cluster_of(args) as client:
        results = measure(args.models, backends, args.threads, args.shape, settings, real=args.real_weights,
                          inputs=args.input, client=client)
    note = "\n".join(filter(None, [crowded, weights_note(args.models, real=args.real_weights)]))
    return Outcome([r.to_json() for r in results], lambda console: show(console, results, note), exit_code(results))


def measure(
    models: Sequence[str], backends: Sequence[str], threads: int | None, shapes: Sequence[str], settings: Settings, *,
    real: bool, inputs: Sequence[str] = (), client: Any = None,
) -> list[BenchResult]:
    """Bench every model on every backend, with a progress bar."""
    with progress() as report:
        sources = [
            (m, loader(m, report, real=real), feeds_for(m, shapes, inputs, report, real=real)) for m in models
        ]
        return bench_models(sources, backends, threads, replace(settings, progress=report), client=client)


def exit_code(results: Sequence[BenchResult]) -> int:
    """Whether Ctrl-C ended the measuring early."""
    return INTERRUPTED if any(r.reason == BY_CTRL_C for r in results) else OK


def show(console: Console, results: Sequence[BenchResult], note: str) -> None:
    """A table for each model, the fastest backend being 1.0x."""
    rows = list(zip(results, verdicts(results), strict=True))
    for model in dict.fromkeys(r.model for r in results):
        _show_model(console, model, [(r, verdict) for r, verdict in rows if r.model == model])
    console.print(
        f"\nmedian, p95, min and spread (the middle half) are of steady runs, after {_warmups(results)} warm-up runs; "
        "against the fastest: the median of the ratios of alternating rounds, with its 95% interval",
    )
    for r, verdict in rows:
        if verdict is not None:
            console.print(f"{_where(r)}: {verdict.text}")
    for r in results:
        if r.disturbance.text:
            console.print(f"{_where(r)}: {r.disturbance.text}", style="bold" if r.disturbance.mostly else "")
    for engine in dict.fromkeys(f"{r.backend}: {r.engine}, {r.threads} thread(s), {r.clock}" for r in results):
        console.print(engine)
    for line in (line for r in results for line in _remarks(r)):
        console.print(line)
    if note:
        console.print(note)
    for reason in dict.fromkeys(r.reason for r in results if r.reason):
        console.print(f"not all was measured: {reason}", style="bold")


def _where(r: BenchResult) -> str:
    return f"{r.model} on {r.backend}"


def _remarks(r: BenchResult) -> Iterator[str]:
    """What has to be said of a result besides."""
    if r.compile_cached_in_process:
        yield f"{_where(r)}: compile: {r.compile_text}"
    if r.fallback_kernels:
        share = f"their share of the time is not known: {r.host_reason}" if r.host_share is None else r.host.part
        yield f"{_where(r)}: {r.fallback_kernels} of {r.num_kernels} kernels ran on the host, {share} of the time"
    if r.pipelines is not None:
        yield (f"{_where(r)}: {counted(r.pipelines, 'pipeline')} made in {ms(r.pipeline_compile_ms)} ms; drivers "
               "compile more in the first run")
    if r.precision:
        yield f"{r.model}: {r.precision['text']}"


def _show_model(console: Console, model: str, rows: Sequence[tuple[BenchResult, SpeedVerdict | None]]) -> None:
    columns = ("backend", "load", "compile", "first", "median", "spread", "p95", "runs", "vs fastest", "peak",
               "min", "kernels", "on host", "host time")
    print_table(
        console, f"{model}: milliseconds; {scaled(rows[0][0].weight_bytes, 'B')} of weights", columns,
        [
            (r.place, ms(r.load_ms), ms(r.compile_ms), ms(r.first_ms), ms(r.median_ms), ms(r.iqr_ms), ms(r.p95_ms),
             r.runs, _against(r, verdict), scaled(r.peak_bytes, "B"), ms(r.min_ms), count(r.num_kernels),
             count(r.fallback_kernels), r.host.part)
            for r, verdict in rows
        ],
        wide=("min", "kernels", "on host", "host time"),
    )


def _against(r: BenchResult, verdict: SpeedVerdict | None) -> str:
    return NOTHING if r.median_ms is None else "1.0x" if verdict is None else verdict.short


def _warmups(results: Sequence[BenchResult]) -> str:
    return " or ".join(str(n) for n in sorted({r.warmup for r in results}))


COMMAND = Command(
    "bench", "Measure models on backends: load, compile, first and steady time, memory; or single ops.",
    (
        "tfjslab bench mobilenet_v2",
        "tfjslab bench path/to/model.json other/ --backend cpu,wasm-simd --runs 100 --json times.json",
        "tfjslab bench blazeface --backend wasm-threads --threads 2 --input face.npy",
        "tfjslab bench blazeface --precision 1% --max-time 60",
        "tfjslab bench digits --backend wasm-simd,wasm-threads --batch 1,4,16,64 --chart sizes.png",
        "tfjslab bench path/to/model.json --shape 1,128,128,3 --shape 1,256,256,3 --json sizes.json",
        "tfjslab bench path/to/model.json --backend wasm-simd --compare tfjs --peers path/to/npm",
        "tfjslab bench path/to/model.json --in chromium --backend wasm-simd --compare tfjs --tfjs path/to/npm",
        "tfjslab bench blazeface --in chromium --backend wasm-threads,tfjs-webgl --json browser.json",
        "tfjslab bench mobilenet_v2 --backend wasm-simd --roofline",
        "tfjslab bench --ops builtin --compare tfjs --peers path/to/npm",
        "tfjslab bench --ops builtin --filter Conv2D --backend wasm-plain,wasm-simd --json ops.json",
    ),
    _configure, _run,
)
