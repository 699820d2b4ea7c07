"""``tfjslab profile``: every kernel's time, and the time that no kernel accounts for."""

from __future__ import annotations

import argparse

from rich.console import Console

from tfjslab.cli import roofline
from tfjslab.cli.command import Command, Report
from tfjslab.cli.feeds import add_shape, sampled_for
from tfjslab.cli.models import add_model, loader, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.cli.text import NOTHING, ms, percent, rate, scaled, tail
from tfjslab.profiling import options
from tfjslab.profiling.collect import profile_model
from tfjslab.profiling.record import Profile, to_json
from tfjslab.profiling.reduce import Row, by_kernel, by_node, overhead_ms, overhead_share

DEFAULT_TOP = 15
_WIDTH_OF_NUMBERS = 56  # what the columns beside a name take


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    options.add_backend(parser)
    options.add_threads(parser)
    add_shape(parser)
    parser.add_argument("--top", metavar="N", type=options.positive, default=DEFAULT_TOP,
                        help=f"how many of the slowest nodes to show (default {DEFAULT_TOP}); JSON always has all")
    roofline.configure(parser)


def _run(args: argparse.Namespace) -> Report:
    with progress() as report:
        source = loader(args.model, report, real=args.real_weights)
        x = sampled_for(args.model, args.shape, report, real=args.real_weights)
        profile = profile_model(source, x, args.backend, args.threads)
        held = roofline.hold(profile) if args.roofline else None
    note = weights_note([args.model], real=args.real_weights)

    def show(console: Console) -> None:
        _show(console, profile, args.top, note)
        if held:
            roofline.show(console, held)

    return Report({**to_json(profile), **({"roofline": held.to_json()} if held else {})}, show)


def _show(console: Console, profile: Profile, top: int, note: str) -> None:
    """Kernels by time, the slowest nodes, and the sum that gives the wall time."""
    show_kernels(console, profile)
    nodes = by_node(profile)
    _print_rows(console, f"The slowest {min(top, len(nodes))} of {len(nodes)} nodes", "node", nodes[:top])
    show_totals(console, profile)
    if note:
        console.print(note)


def show_kernels(console: Console, profile: Profile, top: int | None = None) -> None:
    """Kernels of a kind together, those that take the most time first."""
    where = profile.environment
    on = f" on {where.backend} ({where.engine}, {where.threads} thread(s))" if where else ""
    rows = by_kernel(profile)
    kinds = f"the {top} of {len(rows)} kinds that take the most time" if top and top < len(rows) else "all kinds"
    _print_rows(console, f"{profile.model}{on}: kernels, {kinds}", "kernel", rows[:top])


def show_totals(console: Console, profile: Profile) -> None:
    """One line: kernels + unattributed = wall; and what profiling itself costs."""
    cost = overhead_ms(profile)
    share = overhead_share(profile)
    shown = NOTHING if cost is None or share is None else f"{cost:+.3f} ms ({100 * share:+.1f}%)"
    console.print(
        f"kernels {ms(profile.kernel_ms)} ms + unattributed {ms(profile.unattributed_ms)} ms "
        f"({percent(profile.unattributed_ms, profile.wall_ms)}) = wall {ms(profile.wall_ms)} ms; "
        f"profiling adds {shown} to a run; peak {scaled(profile.peak_bytes, 'B')}",
    )


def _print_rows(console: Console, title: str, key: str, rows: list[Row]) -> None:
    print_table(console, title, (key, "calls", "ms", "share", "GFLOP/s", "GB/s", "FLOPs", "on host"), [
        (tail(r.key, console.width - _WIDTH_OF_NUMBERS), r.count, ms(r.time_ms), percent(r.share),
         rate(r.gflops_per_s, r.flops), rate(r.gbytes_per_s, r.bytes_moved), scaled(r.flops), r.fallback)
        for r in rows
    ])


COMMAND = Command(
    "profile", "Show the time of every kernel, and the time that no kernel accounts for.",
    ("tfjslab profile mobilenet_v2 --backend wasm-simd", "tfjslab profile model/ --backend cpu --json profile.json"),
    _configure, _run,
)
