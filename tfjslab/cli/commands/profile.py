"""``tfjslab profile``: every kernel's time, and the time that no kernel accounts for."""

from __future__ import annotations

import argparse
from dataclasses import replace

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.text import ms, percent, rate, scaled
from tfjslab.cli import processes, roofline
from tfjslab.cli.command import Command, Outcome
from tfjslab.cli.feeds import add_shape
from tfjslab.cli.inputs import add_input, feeds_for
from tfjslab.cli.models import add_model, loader, weights_note
from tfjslab.cli.output import print_table, write_json
from tfjslab.cli.progress import progress
from tfjslab.cli.store import add_store
from tfjslab.profiling.captions import certainty, evidence, totals
from tfjslab.profiling.collect import LEAST_RUNS, profile_model
from tfjslab.profiling.compare import ProfileDiff, diff
from tfjslab.profiling.export import to_chrome_trace
from tfjslab.profiling.files import load
from tfjslab.profiling.memory import alive_at_peak
from tfjslab.profiling.reduce import Row, by_kernel, by_node
from tfjslab.records.enough import MAX_TIME_S, PRECISION
from tfjslab.records.profile import Profile, to_json
from tfjslab.views.timeline import timeline

DEFAULT_TOP = 15
_NARROW = 80  # columns of a terminal, below which names would have no room beside all of the numbers
_BESIDE = ("calls", "GB/s", "FLOPs")


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    options.add_backend(parser)
    options.add_adapter(parser)
    options.add_threads(parser)
    options.add_repeats(
        parser, runs=None, warmup=options.DEFAULT_WARMUP,
        runs_help=f"profiled runs, and as many plain ones (default: {LEAST_RUNS}, and more until they are precise)",
        warmup_help=f"runs before those, which are not counted (default {options.DEFAULT_WARMUP})",
    )
    options.add_precision(parser, PRECISION, MAX_TIME_S)
    options.add_profile_results(parser)
    add_shape(parser)
    add_input(parser)
    parser.add_argument("--top", metavar="N", type=options.positive, default=DEFAULT_TOP,
                        help=f"how many of the slowest nodes to show (default {DEFAULT_TOP}); JSON always has all")
    parser.add_argument("--processes", metavar="N", type=options.positive, default=1,
                        help="measure in N fresh processes, of which the first is shown, so that the noise between "
                             "processes is known to --diff (default 1)")
    parser.add_argument("--diff", metavar="OTHER.json",
                        help="also compare with a profile that --json wrote before: what changed from that one to this")
    roofline.configure(parser)
    add_store(parser)


def _run(args: argparse.Namespace) -> Outcome:
    before = load(args.diff) if args.diff is not None else None  # a damaged file is better known at once
    with progress() as report:
        source = loader(args.model, report, real=args.real_weights)
        x = feeds_for(args.model, args.shape, args.input, report, real=args.real_weights)
        profile = profile_model(source, x, args.backend, args.threads, runs=args.runs, warmup=args.warmup,
                                precision=args.precision, max_time_s=args.max_time_s)
        profile = replace(profile, processes=processes.measure(args, report))
        held = roofline.hold(profile) if args.roofline else None
    note = weights_note([args.model], real=args.real_weights)
    found = diff(before, profile) if before else None
    if args.trace is not None:
        write_json(to_chrome_trace(profile), args.trace, "--trace")
    if args.view is not None:
        timeline(profile).save(args.view)

    def show(console: Console) -> None:
        _show(console, profile, args.top, note)
        if args.memory:
            _show_peak(console, profile)
        if found:
            _show_diff(console, found, args.top)
        if held:
            roofline.show(console, held)

    beside = {"diff": found, "roofline": held}
    return Outcome({**to_json(profile), **{key: part.to_json() for key, part in beside.items() if part}}, show)


def _show(console: Console, profile: Profile, top: int, note: str) -> None:
    """Kernels by time, the slowest nodes, and the sum that gives the wall time."""
    show_kernels(console, profile)
    nodes = by_node(profile)
    _print_rows(console, f"The slowest {min(top, len(nodes))} of {len(nodes)} nodes", "node", nodes[:top])
    show_totals(console, profile)
    if note:
        console.print(note)


def _show_peak(console: Console, profile: Profile) -> None:
    """What is alive when the most is."""
    for table in alive_at_peak(profile).tables():
        print_table(console, table.title, table.columns, table.rows, left=table.left)


def _show_diff(console: Console, found: ProfileDiff, top: int) -> None:
    """In total, by kernel and by node; of the nodes those that changed most."""
    for table in found.tables():
        print_table(console, table.title, table.columns, table.rows[:top], left=table.left)
        for note in table.notes:
            console.print(note)


def show_kernels(console: Console, profile: Profile, top: int | None = None) -> None:
    """Kernels of a kind together, those that take the most time first."""
    where = profile.environment
    on = f" on {where.backend} ({where.engine}, {where.threads} thread(s))" if where else ""
    rows = by_kernel(profile)
    kinds = f"the {top} of {len(rows)} kinds that take the most time" if top and top < len(rows) else "all kinds"
    _print_rows(console, f"{profile.model}{on}: kernels, {kinds}", "kernel", rows[:top])


def show_totals(console: Console, profile: Profile) -> None:
    """Kernels + unattributed = wall, what profiling itself costs, and what these figures rest on."""
    console.print(totals(profile))
    console.print(certainty(profile))
    for line in evidence(profile):
        console.print(line, style="bold" if line == profile.disturbance.text and profile.disturbance.mostly else "")
    if profile.processes:
        console.print(f"steady runs by process: {', '.join(ms(f.median_ms) for f in profile.figures)} ms")


def _print_rows(console: Console, title: str, key: str, rows: list[Row]) -> None:
    columns = (key, "calls", "ms", "fastest", "spread", "share", "GFLOP/s", "GB/s", "FLOPs", "on host")
    print_table(console, title, columns, [
        (r.key, r.count, ms(r.time_ms), ms(r.fastest_ms), ms(r.iqr_ms), percent(r.share),
         rate(r.gflops_per_s, r.flops), rate(r.gbytes_per_s, r.bytes_moved), scaled(r.flops), r.fallback)
        for r in rows
    ], wide=("fastest", "spread", *(_BESIDE if console.width < _NARROW else ())))


COMMAND = Command(
    "profile", "Show the time of every kernel, and the time that no kernel accounts for.",
    ("tfjslab profile mobilenet_v2 --backend wasm-simd", "tfjslab profile model/ --backend cpu --json profile.json"),
    _configure, _run,
)
