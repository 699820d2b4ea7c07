"""What is to be measured: models, what was done to them, and who runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfjslab.backends.rows import ROWS
from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.base.progress import Progress, no_progress
from tfjslab.base.text import counted, scaled
from tfjslab.bench.peers.tfjs import VARIANTS
from tfjslab.browser.jobs.programs import PROGRAMS
from tfjslab.model.model import Model
from tfjslab.optimizer.optimize import optimize
from tfjslab.optimizer.report import OptimizeReport
from tfjslab.quantization.generate import generated_inputs
from tfjslab.quantization.report import QuantizationReport
from tfjslab.quantizer import INT8, KINDS, quantize
from tfjslab.reports.side import Lines

ORIGINAL, OPTIMIZED, WEB = "original", "optimized", "web"
OURS = "wasm-simd"  # runs what TensorFlow.js cannot, such as int8: the instructions that every browser has
TFJS = "tfjs-"
MODULE_WORDS = "web module"
_CALIBRATION, _SEED = 32, 0
CHANGES = (ORIGINAL, OPTIMIZED, *KINDS)
NODE_PROGRAMS = {f"{TFJS}{name}": name for name in VARIANTS}
LEAST_RUNS, MOST_RUNS, ROUND_MS = 10, 300, 200.0
Span = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Planned:
    """A model that a program runs. ``source`` is the file or name it came from; None for one made in this process."""

    label: str
    model: Model
    program: str
    source: str | Path | None = None
    changes: Lines = ()
    export: Path | None = None  # the web module that was made of it before


@dataclass(frozen=True)
class Wanted:
    """An entry such as ``int8:wasm-simd``: what is done to the model, and who runs the result; None: as before."""

    change: str
    program: str | None = None


def programs(*, in_browser: bool) -> tuple[str, ...]:
    """Who can run a side: of browsers, or of this machine, TensorFlow.js in Node included."""
    return tuple(PROGRAMS) if in_browser else (*(r.name for r in ROWS), *NODE_PROGRAMS)


def program_called(name: str, *, in_browser: bool) -> str:
    """The program of that name; UsageError with all there are."""
    known = programs(in_browser=in_browser)
    if name not in known:
        where = "in browsers" if in_browser else "on this machine (for others, name a browser: --in chromium)"
        raise UsageError(f"'{name}' runs no model {where}; expected one of: {', '.join(known)}"
                         f"{did_you_mean(name, known)}")
    return name


def wanted(text: str, *, in_browser: bool) -> Wanted:
    """``CHANGE``, ``PROGRAM`` or ``CHANGE:PROGRAM``; UsageError for what is neither."""
    change, colon, program = text.partition(":")
    if colon:
        if change not in CHANGES:
            raise UsageError(f"'{change}' is no change; expected one of: {', '.join(CHANGES)}"
                             f"{did_you_mean(change, CHANGES)}")
        return Wanted(change, program_called(program, in_browser=in_browser))
    if change == WEB:
        if not in_browser:
            raise UsageError(f"'{WEB}' is a web module, which runs in browsers only; name one: --in chromium")
        return Wanted(ORIGINAL, OURS)
    if change in (ORIGINAL, OPTIMIZED, *(k for k in KINDS if "int8" not in k)):
        return Wanted(change)
    if change in KINDS:  # TensorFlow.js has no integer kernels
        return Wanted(change, OURS)
    known = programs(in_browser=in_browser)
    if text in known:
        return Wanted(ORIGINAL, text)
    every = (*CHANGES, WEB, *known)
    raise UsageError(f"'{text}' is no change and no program; expected one of: {', '.join(every)}"
                     f"{did_you_mean(text, every)}")


def is_wanted(text: str, *, in_browser: bool) -> bool:
    """Whether a text is an entry of that kind, and so no path."""
    change, _, program = text.partition(":")
    return change in (*CHANGES, WEB) or (not program and text in programs(in_browser=in_browser))


def program_words(name: str, *, in_browser: bool) -> str:
    """A program as people know it: ``TensorFlow.js, SIMD``, ``web module, SIMD``, ``tfjslab, wasm-simd``."""
    if in_browser:
        return PROGRAMS[name].text.removeprefix("our ").removesuffix(", for .tflite files")
    return f"TensorFlow.js in Node, {NODE_PROGRAMS[name]}" if name in NODE_PROGRAMS else f"tfjslab, {name}"


@dataclass(frozen=True)
class Making:
    """How variants are made: the data that int8 finds its ranges on, or the span of generated values."""

    calibration: Any = None
    span: Span = (0.0, 1.0)
    progress: Progress = no_progress


def _original(_model: Model, _change: str, _how: Making) -> tuple[Model | None, Lines]:
    return None, ()


def _optimized(model: Model, _change: str, how: Making) -> tuple[Model | None, Lines]:
    how.progress(f"{model.name}: optimize", 0, 1)
    made, report = optimize(model, measure=False)
    return made, optimize_lines(report)


def _quantized(model: Model, change: str, how: Making) -> tuple[Model | None, Lines]:
    how.progress(f"{model.name}: {change}", 0, 1)
    data = how.calibration
    if change == INT8 and data is None:
        data = generated_inputs(model.inputs, _CALIBRATION, _SEED, *how.span)
    made, report = quantize(model, change, data if change == INT8 else None)
    return made, quantize_lines(report)


_MAKERS: dict[str, Callable[[Model, str, Making], tuple[Model | None, Lines]]] = {
    ORIGINAL: _original, OPTIMIZED: _optimized, **dict.fromkeys(KINDS, _quantized),
}


def make(model: Model, change: str, how: Making) -> tuple[Model | None, Lines]:
    """The changed model, which the caller disposes, and what was done; None for a model that stays as it is."""
    return _MAKERS[change](model, change, how)


def optimize_lines(report: OptimizeReport) -> Lines:
    """What each pass did and left."""
    before, after = report.before, report.after
    whole = (f"{counted(before.nodes, 'node')} -> {counted(after.nodes, 'node')}; weights in files "
             f"{scaled(before.file_bytes, 'B')} -> {scaled(after.file_bytes, 'B')}")
    return (("the whole", whole), *report.told())


def quantize_lines(report: QuantizationReport) -> Lines:
    """What runs in integers or is stored small, what is not, and why."""
    left: dict[str, int] = {}
    for node in report.refused:
        left[node.reason] = left.get(node.reason, 0) + 1
    return (
        (report.kind, report.execution), ("weights", report.size()),
        *(("left in float32", f"{counted(count, 'node')}: {reason}") for reason, count in left.items() if reason),
        *((f"output {o.name}", f"largest error {o.max_error:.3g}, on {report.evaluated_on}") for o in report.outputs),
    )


@dataclass(frozen=True)
class HowToMeasure:
    """Rounds in which the sides take turns, runs of each in a round, and runs before them; for all alike.

    ``x`` is what the sides run on, by input name. Without ``runs`` there are as many in a round as a short model needs,
    and a long one bears.
    """

    x: Mapping[str, Any]
    rounds: int = 7
    runs: int | None = None
    warmup: int = 10
    threads: int | None = None
    peers: str | None = None
    profile: bool = True
    progress: Progress = field(default=no_progress, repr=False)

    def check(self) -> None:
        """UsageError for numbers that make no sense."""
        if self.rounds < 2 or (self.runs is not None and self.runs < 1) or self.warmup < 0:  # noqa: PLR2004 - one round has no spread
            raise UsageError(f"rounds={self.rounds}, runs={self.runs}, warmup={self.warmup}; expected rounds >= 2, "
                             "runs >= 1 and warmup >= 0")

    def runs_for(self, least_ms: float) -> int:
        """Runs in a round, given how long one takes on the fastest side."""
        affordable = int(ROUND_MS / least_ms) if least_ms > 0 else MOST_RUNS
        return self.runs or min(max(LEAST_RUNS, affordable), MOST_RUNS)
