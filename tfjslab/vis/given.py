"""What charts are given: a chart says what it takes, and which chart draws what another one was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from tfjslab.backends.ceilings import Ceilings
from tfjslab.base.errors import UsageError
from tfjslab.base.tables import Report
from tfjslab.bench.result import BenchResult
from tfjslab.bench.sizes import SizeSweep
from tfjslab.bench.sweep_result import Sweep
from tfjslab.engine.measure import MemoryInfo, ProfileInfo, TimeInfo
from tfjslab.evaluation.result import Evaluation
from tfjslab.graph.ir import Graph
from tfjslab.model.layers import Layer
from tfjslab.model.model import Model
from tfjslab.optimizer.optimize import Optimized
from tfjslab.profiling.memory import MemoryPoint
from tfjslab.profiling.reduce import Row
from tfjslab.quantization.report import QuantizationReport
from tfjslab.quantizer.result import Quantized
from tfjslab.records.profile import Profile
from tfjslab.records.stream import StreamResult
from tfjslab.store.history import FigureHistory

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """A kind of result: what it is called, and what draws it."""

    name: str
    types: tuple[type, ...]
    drawn_by: str

    @property
    def advice(self) -> str:
        """For the end of a message."""
        return f"{self.name} is for {self.drawn_by}" if self.drawn_by else f"no chart draws {self.name}"


KINDS = (
    Kind("a profile", (Profile, ProfileInfo),
         "charts.kernel_time, charts.layer_time, charts.memory_timeline and charts.roofline"),
    Kind("rows of a profile", (Row,), "charts.roofline"),
    Kind("memory points", (MemoryPoint,), "charts.memory_timeline"),
    Kind("benchmark results", (BenchResult,), "charts.backend_comparison (as a list) and, with their times_ms, "
         "charts.latency_distribution and charts.latency_trace"),
    Kind("a sweep", (Sweep,), "charts.pareto"),
    Kind("a sweep of sizes", (SizeSweep,), "charts.size_time"),
    Kind("a figure's history", (FigureHistory,), "charts.figure_history"),
    Kind("a report of quantization", (QuantizationReport,), "charts.node_errors"),
    Kind("what tf.quantize gives", (Quantized,), "charts.node_errors, with its report"),
    Kind("what tf.optimize gives", (Optimized,), "charts.graph_view, with its model"),
    Kind("an evaluation", (Evaluation,), "render.confusion_matrix, with its confusion_data()"),
    Kind("a model", (Model, Graph), "charts.graph_view, show.model_summary and show.layer"),
    Kind("a layer", (Layer,), "show.layer"),
    Kind("ceilings", (Ceilings,), "charts.roofline, behind a profile"),
    Kind("the result of a stream", (StreamResult,), "charts.stream_timeline"),
    Kind("tf.memory()", (MemoryInfo,), ""),
    Kind("tf.time()", (TimeInfo,), ""),
    Kind("this report", (Report,), ""),  # all others, which show themselves
)


def kind_of(given: object) -> Kind | None:
    """Which of our results that is, alone or as a list; None for data of other makes."""
    one = given[0] if isinstance(given, Sequence) and not isinstance(given, str) and given else given
    return next((k for k in KINDS if isinstance(one, k.types)), None)


def refusal(given: object, takes: str) -> UsageError:
    """The error of a chart that was given what it does not take."""
    kind = kind_of(given)
    found = f"a list of {type(given[0]).__name__}" if isinstance(given, (list, tuple)) and given else (
        type(given).__name__)
    return UsageError(f"got {found}; expected {takes}{f'; {kind.advice}' if kind else ''}", code="usage.chart")


def takes(
    what: str, fits: Callable[[Any], bool] = lambda given: kind_of(given) is None, *, at: int = 0,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a chart refuse data, its argument number ``at``, that do not fit: UsageError says ``what`` it takes.

    Without ``fits`` it takes data of any make but results of ours; those that are wrong have errors of their own.
    """
    def decorate(chart: Callable[P, T]) -> Callable[P, T]:
        name = list(signature(chart).parameters)[at]

        @wraps(chart)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            given = args[at:at + 1] or [kwargs[name]] * (name in kwargs)
            if given and not fits(given[0]):
                raise refusal(given[0], what)
            return chart(*args, **kwargs)

        vars(checked)["takes"] = what
        return checked

    return decorate


def is_model(given: object) -> bool:
    """Whether it is a model or its graph."""
    return isinstance(given, (Model, Graph))


def items(*types: type) -> Callable[[Any], bool]:
    """Whether it is a list or tuple of that, or an empty one; for ``takes``."""
    return lambda given: isinstance(given, Sequence) and all(isinstance(g, types) for g in given)
