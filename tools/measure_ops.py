"""Measures single ops beside TensorFlow.js and writes docs/op_performance.md: one command, for a quiet machine.

    python tools/measure_ops.py --peers FOLDER

The figures are those of ``tfjslab bench --ops builtin --compare tfjs``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from measure_performance import BACKENDS, Figures, measured_here, ratio, run, table

from tfjslab.base.machine import usable_cores
from tfjslab.base.text import NOTHING, ms
from tfjslab.bench.ops.rounds import ROUNDS
from tfjslab.cli.ops import share

PAGE = Path(__file__).parents[1] / "docs" / "op_performance.md"
MAIN = "wasm-simd"  # whose times are shown beside the ratios of all
INTRODUCTION = """\
# Performance of single ops

Written by `tools/measure_ops.py`; do not edit. [How a number is measured](how/measuring.md#single-ops) tells what is
inside of the time. The ratio is TensorFlow.js over ours, the median of alternating rounds with their range: above 1,
ours is faster. Times are milliseconds of one call. GFLOP/s are of the op's definition; the share is of what the
machine reaches at most, computing or moving bytes.
"""
SUMMARY = ("backend, threads", "rows", "compared", "geometric mean", "worst", "below 1", "on the host", "disturbed")
Row = Mapping[str, Any]


def summary_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """What the rows of each backend come to."""
    return [
        [f"`{s['backend']}`, {s['threads']}", str(s["rows"]), str(s["compared"]), _number(s["geometric_mean"]),
         f"{_number(s['worst'])} {s['worst_row']}".strip(), str(len(s["slower"])), str(len(s["on_host"])),
         str(s["disturbed"])]
        for s in found["summaries"]
    ]


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def columns(backends: Sequence[str], shown: str) -> list[str]:
    """Ratios of every backend, then the figures of one."""
    return ["op", "shapes", *(f"`{b}`" for b in backends), f"ours, `{shown}`", "TensorFlow.js", "GFLOP/s", "of ceiling"]


def op_rows(rows: Sequence[Row], backends: Sequence[str], shown: str) -> list[list[str]]:
    """A line for each op with its backends side by side."""
    lines = []
    for (op, text), same in _by_op(rows):
        of = {r["backend"]: r for r in same}
        main = of.get(shown, same[0])
        lines.append([
            op, f"`{text}`", *(_ratio(of.get(b)) for b in backends), ms(main["ms"]), ms(main["peer_ms"]),
            NOTHING if main["gflops_per_s"] is None else f"{main['gflops_per_s']:.1f}", _share(main),
        ])
    return lines


def _by_op(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, str], list[Row]]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for r in rows:
        found.setdefault((r["op"], r["text"]), []).append(r)
    yield from found.items()


def _ratio(row: Row | None) -> str:
    if row is None or row["ratio"] is None:
        return NOTHING
    return f"{ratio(row)}{', wrong' if row['wrong'] else ''}{', disturbed' if row['disturbed'] else ''}"


def _share(row: Row) -> str:
    return share(max((s for s in (row["compute_share"], row["memory_share"]) if s is not None), default=None))


def page(where: str, found: Mapping[str, Any]) -> str:
    """The whole page."""
    backends = [s["backend"] for s in found["summaries"]]
    shown = MAIN if MAIN in backends else backends[0]
    parts = [INTRODUCTION, where, table(SUMMARY, summary_rows(found))]
    # A group may be spread over the list.
    rows = sorted(found["rows"], key=lambda r: list(dict.fromkeys(x["group"] for x in found["rows"])).index(r["group"]))
    for group, members in groupby(rows, key=lambda r: r["group"]):
        parts += [f"## {group.capitalize()}", table(columns(backends, shown), op_rows(list(members), backends, shown))]
    notes = dict.fromkeys(f"- {r['op']} {r['text']}: {r['reason']}" for r in found["rows"] if r["reason"])
    if notes:
        parts += ["## Not measured or not compared", "\n".join(notes)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def conditions(found: Figures, command: Sequence[str]) -> str:
    """Machine, versions, load and command."""
    engines = "; ".join(found.data["conditions"])
    load = "" if found.load is None else f"; load of the machine before it {found.load:.2f}, where 0 is idle"
    return f"{measured_here()}; {engines}; {found.data['peer']}{load}: `{' '.join(command)}`."


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default="builtin")
    parser.add_argument("--filter")
    parser.add_argument("--backend", default=BACKENDS)
    parser.add_argument("--threads", default=str(usable_cores()))
    parser.add_argument("--rounds", default=str(ROUNDS))
    parser.add_argument("--peers", help="where npm installed TensorFlow.js (default $TFJSLAB_PEERS)")
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    chosen = ["--filter", args.filter] if args.filter else []
    command = ["bench", "--ops", args.ops, *chosen, "--compare", "tfjs", "--backend", args.backend, "--threads",
               args.threads, "--rounds", args.rounds]
    where = ["--peers", args.peers] if args.peers else []
    found = run("single ops", [*command, *where])
    args.out.write_text(page(conditions(found, ["tfjslab", *command]), found.data), encoding="utf-8")
    sys.stderr.write(f"written to {args.out}\n")


if __name__ == "__main__":
    main()
