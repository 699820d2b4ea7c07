"""Measures this package beside TensorFlow.js and writes docs/performance.md: one command, for a quiet machine.

    python tools/measure_performance.py "MobileNetV2, graph model=path/to/model.json" BlazeFace=blazeface --peers FOLDER

Each figure comes from ``tfjslab bench --compare tfjs``, whose runs alternate with those of TensorFlow.js. The page
tells the machine, the versions, and how loaded the machine was when each line began.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.machine import cpu_model, usable_cores
from tfjslab.base.text import NOTHING, ms
from tfjslab.base.version import __version__

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BACKENDS = "wasm-plain,wasm-simd,wasm-threads"
_INT8 = ("--kind", "int8", "--generate", "48", "--range=-1,1", "--method", "mse", "--report")

INTRODUCTION = """\
# Performance

Written by `tools/measure_performance.py`; do not edit. [How a number is measured](how/measuring.md) tells what the
columns are. Steady times are medians in milliseconds. The ratio is TensorFlow.js over ours: above 1, ours is faster. It
is the median of the ratios of the rounds, with their range. *Start* is load + compile + first run with what an earlier
start left on disk, beside load + first run of TensorFlow.js, once each. *Difference* is the largest of any output, over
the largest value; where outputs are boxes in the order of their scores, equal scores may stand in another order, which
makes it large. *Load* is the average load of the machine in the minute before the model, where 0 is idle.
"""
FLOAT32 = ("model", "backend, threads", "ours", "TensorFlow.js", "ratio", "our start", "its start", "ratio",
           "difference", "load")
INT8 = ("model", "float32", "int8", "ratio", "TensorFlow.js, float32", "weights, times smaller", "load")
OPTIMIZED = ("model", "before", "after", "ratio", "difference", "load")
ABOUT_INT8 = f"`tfjslab quantize MODEL {' '.join(_INT8)} --backend wasm-simd --compare tfjs`."
ABOUT_OPTIMIZED = ("`tfjslab optimize MODEL --out DIR --backend wasm-simd --compare tfjs`: TensorFlow.js itself, on "
                   "the model as it was and as it was written.")
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figures:
    """One run of a command: what the model is called, the load before it, and the JSON."""

    label: str
    load: float | None
    data: Any


def table(columns: Sequence[str], rows: Rows) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *rows))


def bench_rows(found: Figures) -> list[list[str]]:
    """A line for each backend; model and load stand in the first."""
    return [
        [found.label if i == 0 else "", f"`{c['backend']}`, {c['threads']}", ms(c["median_ms"]),
         ms(c["peer"]["median_ms"]), ratio(c["peer"]), ms(_sum(c, "load_ms", "compile_ms", "first_ms")),
         ms(_sum(c["peer"], "load_ms", "first_ms")), _times(c["peer"]["load_first_ratio"]),
         _small(c["peer"]["difference"]), _load(found) if i == 0 else ""]
        for i, c in enumerate(found.data)
    ]


def int8_row(found: Figures) -> list[str]:
    """float32 and int8 of ours, and TensorFlow.js, which runs float32."""
    speed = found.data["speed"]
    between = {"ratio": speed["speed_ratio"], "ratio_min": speed["speed_ratio_min"],
               "ratio_max": speed["speed_ratio_max"]}
    return [found.label, ms(speed["before_ms"]), ms(speed["after_ms"]), ratio(between),
            ms(speed["compared"][0]["peer"]["median_ms"]), _times(found.data["size_ratio"]), _load(found)]


def optimized_row(found: Figures) -> list[str]:
    """TensorFlow.js before and after."""
    compared = found.data["compared"]
    before, after = (r["median_ms"] for r in compared["runners"] if r["program"] == "TensorFlow.js")
    r = compared["peer_ratio"] or {"median": None, "least": None, "most": None}
    between = {"ratio": r["median"], "ratio_min": r["least"], "ratio_max": r["most"]}
    return [found.label, ms(before), ms(after), ratio(between), _small(compared["peer_difference"]), _load(found)]


def _sum(of: Mapping[str, Any], *keys: str) -> float | None:
    parts = [of[k] for k in keys]
    return None if None in parts else sum(parts)


def ratio(of: Mapping[str, Any]) -> str:
    """A median with the range it lies in."""
    return NOTHING if of["ratio"] is None else f"{of['ratio']:.2f} ({of['ratio_min']:.2f} to {of['ratio_max']:.2f})"


def _times(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def _small(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1e}"


def _load(found: Figures) -> str:
    return NOTHING if found.load is None else f"{found.load:.2f}"


def page(where: str, bench: Rows, int8: Rows, optimized: Rows) -> str:
    """The whole page."""
    parts = [INTRODUCTION, where, "## Float32", table(FLOAT32, bench)]
    if int8:
        parts += ["## int8", ABOUT_INT8, table(INT8, int8)]
    if optimized:
        parts += ["## Optimized for TensorFlow.js", ABOUT_OPTIMIZED, table(OPTIMIZED, optimized)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def measured_here() -> str:
    """When, on which machine, with which version."""
    return (
        f"Measured on {dt.datetime.now(dt.UTC).date()} on {usable_cores()} cores of {cpu_model()}, "
        f"{platform.system()}, Python {platform.python_version()}: tfjslab {__version__}"
    )


def conditions(first: Mapping[str, Any], command: Sequence[str]) -> str:
    """Machine, versions and command."""
    peer = first["peer"]
    return (
        f"{measured_here()}, {first['engine']}; TensorFlow.js {peer['version']} in "
        f"{peer['runtime']}; {len(peer['rounds_ms'])} rounds, {first['runs']} runs each: `{' '.join(command)}`."
    )


def run(label: str, command: Sequence[str]) -> Figures:
    """Run one command of tfjslab and read its JSON."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    sys.stderr.write(f"{dt.datetime.now(dt.UTC):%H:%M:%S}  {label}: tfjslab {' '.join(command)}\n")
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "figures.json")
        asked = [sys.executable, "-m", "tfjslab", *command, "--json", str(told)]
        if "optimize" in command:
            asked += ["--out", str(Path(folder, "optimized"))]
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        return Figures(label, load, json.loads(told.read_text()))


def labelled(text: str) -> tuple[str, str]:
    """``LABEL=MODEL``, or the name of a model of the zoo. Paths are no labels: the page must not name them."""
    label, _, model = text.rpartition("=")
    if not label and os.sep in model:
        raise argparse.ArgumentTypeError(f"{text}: give a label, as in LABEL={text}")
    return label or model, model


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="LABEL=MODEL", type=labelled)
    parser.add_argument("--int8", action="append", default=[], metavar="LABEL=MODEL", type=labelled,
                        help="also measure this model in int8; may be repeated")
    parser.add_argument("--optimize", action="append", default=[], metavar="LABEL=MODEL", type=labelled,
                        help="also measure what optimizing this model gives TensorFlow.js; may be repeated")
    parser.add_argument("--backend", default=BACKENDS)
    parser.add_argument("--threads", default=str(usable_cores()))
    parser.add_argument("--rounds", default="5")
    parser.add_argument("--peers", help="where npm installed TensorFlow.js (default $TFJSLAB_PEERS)")
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    shared = ["--compare", "tfjs", "--rounds", args.rounds]
    where = ["--peers", args.peers] if args.peers else []
    bench = ["--backend", args.backend, "--threads", args.threads, *shared]
    one = ["--backend", "wasm-simd", *shared, *where]
    for _, model in args.models:  # a first start compiles and measures tiles; start times are of the second
        run("warm-up", ["bench", model, *bench, *where, "--runs", "5"])
    found = [run(label, ["bench", model, *bench, *where]) for label, model in args.models]
    text = page(
        conditions(found[0].data[0], ["tfjslab", "bench", "MODEL", *bench]), [r for f in found for r in bench_rows(f)],
        [int8_row(run(label, ["quantize", model, *_INT8, *one])) for label, model in args.int8],
        [optimized_row(run(label, ["optimize", model, *one])) for label, model in args.optimize],
    )
    args.out.write_text(text, encoding="utf-8")
    sys.stderr.write(f"written to {args.out}\n")


if __name__ == "__main__":
    main()
