"""How well figures of this package predict a browser: measures both and writes docs/prediction.md.

    python tools/measure_prediction.py "MobileNetV2, graph model=path/to/model.json" BlazeFace=blazeface --peers FOLDER

Predicted are our backends in wasmtime and TensorFlow.js in Node (``tfjslab bench --compare tfjs``); measured are our
web module and TensorFlow.js in headless Chromium (``tfjslab bench --in chromium --compare tfjs``). What a lab is asked
is which is faster; so the order of pairs is counted, and then how far the times are apart.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.machine import usable_cores

sys.path.insert(0, str(Path(__file__).parent))
from measure_performance import labelled, measured_here, table

PAGE = Path(__file__).parents[1] / "docs" / "prediction.md"
BACKENDS = "wasm-plain,wasm-simd,wasm-threads"
TIMES = ("model", "program", "predicted", "measured", "measured / predicted")
SAME = 1.05  # times that are closer have no order worth predicting

INTRODUCTION = """\
# How well the lab predicts a browser

Written by `tools/measure_prediction.py`; do not edit. Predicted times are of our backends in wasmtime and of
TensorFlow.js in Node; measured ones of our web module and of TensorFlow.js in headless Chromium on the same machine.
The *order* counts pairs of (model, program): whether the one that is predicted to be faster is. Pairs that are measured
within 5% of each other have none. The *factor* is measured over predicted, the geometric mean over models, with what
one model is away from it (a standard deviation): multiply a predicted time by it.

Threads are predicted worst: where there are few cores, a browser's own threads take turns with them. Scalar code
differs next, which another compiler writes there (V8, and not Cranelift). Pairs of these, and pairs whose times are
close, are most of those in another order.
"""


@dataclass(frozen=True)
class Point:
    """A model in a program: predicted and measured milliseconds."""

    model: str
    program: str
    predicted: float
    measured: float


@dataclass(frozen=True)
class Order:
    """How many pairs there are, how many of them are in the predicted order, and the others."""

    pairs: int
    right: int
    wrong: tuple[tuple[Point, Point], ...]


def order_of(points: Sequence[Point]) -> Order:
    """Count all pairs whose measured times differ by more than 5%."""
    apart = [(a, b) for a, b in itertools.combinations(points, 2)
             if max(a.measured, b.measured) > SAME * min(a.measured, b.measured)]
    wrong = [(a, b) for a, b in apart if (a.predicted - b.predicted) * (a.measured - b.measured) <= 0]
    return Order(len(apart), len(apart) - len(wrong), tuple(wrong))


def factor_of(points: Sequence[Point]) -> tuple[float, float]:
    """The transfer factor, and the factor that one model is away from it."""
    logs = [math.log(p.measured / p.predicted) for p in points]
    return math.exp(statistics.fmean(logs)), math.exp(statistics.stdev(logs)) if len(logs) > 1 else math.nan


def points_of(label: str, here: Sequence[Mapping[str, Any]], there: Sequence[Mapping[str, Any]]) -> list[Point]:
    """The points of one model; programs that were not measured on both sides are left out."""
    predicted = {r["backend"]: r["median_ms"] for r in here}
    predicted |= {f"tfjs-{r['backend']}": r["peer"]["median_ms"] for r in here}
    measured = {r["backend"]: r["median_ms"] for r in there}
    return [Point(label, name, predicted[name], measured[name])
            for name in predicted if predicted[name] and measured.get(name)]


def first_line(reason: str) -> str:
    """Enough of a reason for a page."""
    return reason.partition("\n")[0].rstrip(":")


def page(points: Sequence[Point], refused: Sequence[str], where: str) -> str:
    """The whole page."""
    order = order_of(points)
    programs = dict.fromkeys(p.program for p in points)
    factors = {name: factor_of([p for p in points if p.program == name]) for name in programs}
    times = [[p.model, f"`{p.program}`", f"{p.predicted:.2f}", f"{p.measured:.2f}", f"{p.measured / p.predicted:.2f}"]
             for p in points]
    wrong = [f"- {a.model} on `{a.program}` ({a.predicted:.2f} predicted, {a.measured:.2f} measured) and {b.model} on "
             f"`{b.program}` ({b.predicted:.2f}, {b.measured:.2f})" for a, b in order.wrong]
    share = f"{order.right / order.pairs:.1%}" if order.pairs else "none"
    parts = [
        INTRODUCTION, where, "## Order", f"{order.right} of {order.pairs} pairs are in the predicted order: {share}.",
        *(["These are not:\n\n" + "\n".join(wrong)] if wrong else []),
        "## Factors", table(("program", "factor", "one model"),
                            [[f"`{n}`", f"{f:.2f}", f"within {e:.2f}x"] for n, (f, e) in factors.items()]),
        "## Times, in milliseconds", table(TIMES, times),
        *(["Not measured: " + "; ".join(refused)] if refused else []),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _run(arguments: Sequence[str]) -> Any:
    """The JSON of a command of tfjslab; a program that failed stands in it with its reason."""
    sys.stderr.write(f"tfjslab {' '.join(arguments)}\n")
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "figures.json")
        asked = [sys.executable, "-m", "tfjslab", *arguments, "--json", str(told)]
        subprocess.run(asked, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        return json.loads(told.read_text())


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="LABEL=MODEL", type=labelled)
    parser.add_argument("--backend", default=BACKENDS)
    parser.add_argument("--threads", default=str(usable_cores()))
    parser.add_argument("--rounds", default="5")
    parser.add_argument("--peers", required=True, help="where npm installed TensorFlow.js")
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    shared = ["--backend", args.backend, "--compare", "tfjs", "--threads", args.threads, "--rounds", args.rounds]
    points, refused, engines = [], [], {}
    for label, model in args.models:
        here = _run(["bench", model, *shared, "--peers", args.peers])
        there = _run(["bench", model, *shared, "--in", "chromium", "--tfjs", args.peers])
        points += points_of(label, here, there)
        refused += [f"{label}, `{r['backend']}`: {first_line(r['reason'])}" for r in there if r["reason"]]
        engines |= {r["engine"]: None for r in there if not r["reason"]}
    text = page(points, refused, f"{measured_here()}; {'; '.join(engines)}.")
    args.out.write_text(text, encoding="utf-8")
    order = order_of(points)
    sys.stderr.write(f"{order.right} of {order.pairs} pairs in order; written to {args.out}\n")


if __name__ == "__main__":
    main()
