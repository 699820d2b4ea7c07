"""``tfjslab bench --ops``: single ops over a list of shapes, and beside TensorFlow.js with ``--compare``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.base.errors import UsageError
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.text import NOTHING, count, ms, percent, times
from tfjslab.bench.ops.bench import OpSettings, bench_ops
from tfjslab.bench.ops.reading import BUILTIN, read_rows
from tfjslab.bench.ops.result import WRONG, OpReport, OpResult, OpSummary
from tfjslab.bench.ops.rounds import ROUNDS
from tfjslab.bench.ops.row import OpRow
from tfjslab.bench.peers.process import PeerError
from tfjslab.bench.peers.tfjs import COMPILE_FOR_SPEED, find_peers, start_tfjs
from tfjslab.cli import command, compare
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress

BACKEND = "wasm-simd"
_OF_PEERS = ("tfjs", "tfjs/ours", "from", "to", "difference", "ours is")  # columns
# Options that are about models.
_OF_MODELS = {"runs": "--runs", "shape": "--shape", "input": "--input", "real_weights": "--real-weights",
              "roofline": "--roofline", "precision": "--precision", "max_time_s": "--max-time"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of single ops."""
    parser.add_argument(
        "--ops", metavar="FILE",
        help=f"instead of models, time single ops: a JSON list of them, or '{BUILTIN}' (backend {BACKEND} unless "
             f"another is named; {ROUNDS} rounds)",
    )
    parser.add_argument("--filter", metavar="TEXT",
                        help="of --ops, only the rows with TEXT in their group, op or shapes")


def check(args: argparse.Namespace) -> None:
    """UsageError for options that do not go together."""
    if not args.ops:
        if args.filter is not None:
            raise UsageError(f"--filter is for --ops; add --ops {BUILTIN}")
        if not args.models:
            raise UsageError("no MODEL is given, and no --ops; see 'tfjslab bench --help'")
        return
    if args.models:
        raise UsageError(f"--ops {args.ops} measures no models; leave out {' '.join(args.models)}")
    for name, option in _OF_MODELS.items():
        if getattr(args, name):
            raise UsageError(f"{option} is for models; leave it out with --ops")
    compare.check(args, ("peers",))


def run(args: argparse.Namespace) -> command.Outcome:
    """Measure the list. Exit code 4 when the peer was lost, after showing what was measured until then."""
    rows = _rows(args.ops, args.filter)
    start = partial(start_tfjs, find_peers(args.peers), flags=COMPILE_FOR_SPEED) if args.compare else None
    given = args.backend or BACKEND
    backends = compare.compared_backends(given) if args.compare else options.chosen_backends(given)
    with progress() as report:
        settings = OpSettings(args.rounds or ROUNDS, start, progress=report)
        found = bench_ops(rows, backends, args.threads, settings)
    return command.Outcome(found.to_json(), lambda console: show(console, found), _exit_code(found))


def _rows(source: str, wanted: str | None) -> list[OpRow]:
    rows = read_rows(source)
    words = (wanted or "").casefold()
    found = [r for r in rows if words in f"{r.group} {r.label}".casefold()]
    if not found:
        raise UsageError(f"--filter {wanted}: none of the {len(rows)} rows of {source} has that in its group, op or "
                         "shapes" if rows else f"--ops {source}: no rows")
    return found


def _exit_code(found: OpReport) -> int:
    if found.reason == BY_CTRL_C:
        return command.INTERRUPTED
    return PeerError.exit_code if found.failed else command.OK


def show(console: Console, found: OpReport) -> None:
    """A table for each backend, then what its rows come to, and what the figures mean."""
    for summary in found.summaries:
        rows = [r for r in found.rows if (r.backend, r.threads) == (summary.backend, summary.threads)]
        _show_rows(console, summary, rows, compared=bool(found.peer))
        for line in _summary_lines(summary):
            console.print(line)
    console.print(f"\n{'; '.join(_legend(compared=bool(found.peer)))}")
    for line in (*found.conditions, found.peer):
        if line:
            console.print(line)
    if found.reason:
        console.print(f"not all was measured: {found.reason}", style="bold")


def _legend(*, compared: bool) -> Iterator[str]:
    """What the columns mean."""
    yield "times are milliseconds of one call: the median over alternating rounds of the fastest undisturbed sample"
    yield "inputs lie where they are computed with, results are not read"
    if compared:
        yield "tfjs/ours: median of the rounds' ratios and their range, above 1 ours is faster"
    yield "GFLOP/s of nominal operations"
    yield ("of ceiling: the larger share of computing and of moving bytes, above 100% where a kernel needs less than "
           "the nominal work")
    if compared:
        yield "difference: of outputs, over the largest value"


def _show_rows(console: Console, summary: OpSummary, rows: Sequence[OpResult], *, compared: bool) -> None:
    print_table(
        console, f"{len(rows)} ops on {summary.backend}, {summary.threads} thread(s)",
        ("op", "shapes", "ours", "tfjs", "tfjs/ours", "from", "to", "GFLOP/s", "of ceiling", "on host", "difference",
         "rounds", "ours is", ""),
        [
            (r.op, r.text, ms(r.ms), ms(r.peer_ms), ratio(r.ratio), ratio(r.ratio_min), ratio(r.ratio_max),
             NOTHING if r.gflops_per_s is None else f"{r.gflops_per_s:.1f}", share(r.share), count(r.fallback_kernels),
             NOTHING if r.difference is None else f"{r.difference:.1e}", r.rounds, r.verdict.partition(" (")[0],
             remark(r))
            for r in rows
        ],
        left=2, wide=("difference", "rounds", "from", "to", "ours is"), without=() if compared else _OF_PEERS,
    )


def share(value: float | None) -> str:
    """A kernel that does less than the nominal work (Winograd, a gather of a few rows) can seem to pass the ceiling."""
    return ">100%" if value is not None and value > 1 else percent(value)


def ratio(value: float | None) -> str:
    """With one figure more than ``times``: ratios near 1 are what is being decided."""
    return f"{value:.2f}x" if value is not None else times(value)


def remark(r: OpResult) -> str:
    """What has to be said of a row."""
    if r.reason:
        return r.reason
    words = ["wrong: not counted"] if r.wrong else []
    return ", ".join([*words, *([f"{r.disturbed} rounds disturbed"] if r.disturbed else [])])


def _summary_lines(s: OpSummary) -> list[str]:
    lines = []
    if s.geometric_mean is not None:
        lines.append(f"geometric mean {ratio(s.geometric_mean)} of {s.compared} rows; worst {ratio(s.worst)}: "
                     f"{s.worst_row}; {len(s.slower)} below 1.0")
        lines += [f"  slower: {label}" for label in s.slower]
    if s.wrong:
        lines.append(f"outputs that differ by more than {WRONG:g}, not counted: {'; '.join(s.wrong)}")
    if s.on_host:
        lines.append(f"{len(s.on_host)} of {s.rows} rows run on the host, at least in part")
    if s.disturbed:
        lines.append(f"{s.disturbed} of {s.rows} rows were disturbed in rounds that count; measure on a quiet machine")
    return lines
