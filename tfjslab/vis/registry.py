"""All charts: one row each. Menus, documentation and tests read this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfjslab.vis import charts, render, show


@dataclass(frozen=True)
class ChartEntry:
    """A chart: where it is found below ``tf.vis``, and the function."""

    name: str
    function: Callable[..., Any]

    @property
    def takes(self) -> str:
        """What its data are, as the function itself says when it is given others."""
        return str(vars(self.function)["takes"])

    @property
    def doc(self) -> str:
        """What it shows: the first line of the function's documentation."""
        return (self.function.__doc__ or "").partition("\n")[0]


CHARTS = (
    ChartEntry("render.barchart", render.barchart),
    ChartEntry("render.linechart", render.linechart),
    ChartEntry("render.scatterplot", render.scatterplot),
    ChartEntry("render.histogram", render.histogram),
    ChartEntry("render.heatmap", render.heatmap),
    ChartEntry("render.confusion_matrix", render.confusion_matrix),
    ChartEntry("render.table", render.table),
    ChartEntry("show.history", show.history),
    ChartEntry("show.per_class_accuracy", show.per_class_accuracy),
    ChartEntry("show.values_distribution", show.values_distribution),
    ChartEntry("show.layer", show.layer),
    ChartEntry("show.model_summary", show.model_summary),
    ChartEntry("charts.kernel_time", charts.kernel_time),
    ChartEntry("charts.layer_time", charts.layer_time),
    ChartEntry("charts.memory_timeline", charts.memory_timeline),
    ChartEntry("charts.backend_comparison", charts.backend_comparison),
    ChartEntry("charts.roofline", charts.roofline),
    ChartEntry("charts.graph_view", charts.graph_view),
    ChartEntry("charts.latency_distribution", charts.latency_distribution),
    ChartEntry("charts.latency_trace", charts.latency_trace),
    ChartEntry("charts.pareto", charts.pareto),
    ChartEntry("charts.node_errors", charts.node_errors),
    ChartEntry("charts.stream_timeline", charts.stream_timeline),
    ChartEntry("charts.size_time", charts.size_time),
    ChartEntry("charts.figure_history", charts.figure_history),
)
