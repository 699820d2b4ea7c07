"""All charts: one row each. Menus, documentation and tests read this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfjslab.vis import charts, render, show


@dataclass(frozen=True)
class ChartEntry:
    """A chart: where it is found below ``tf.vis``, the function, and what its data are."""

    name: str
    function: Callable[..., Any]
    takes: str

    @property
    def doc(self) -> str:
        """What it shows: the first line of the function's documentation."""
        return (self.function.__doc__ or "").partition("\n")[0]


CHARTS = (
    ChartEntry("render.barchart", render.barchart, "a list of {index, value}, or numbers [n]"),
    ChartEntry("render.linechart", render.linechart, "{values, series} of {x, y}, or numbers [n] or [series, n]"),
    ChartEntry("render.scatterplot", render.scatterplot, "{values, series} of {x, y}, or numbers [series, n, 2]"),
    ChartEntry("render.histogram", render.histogram, "numbers of any shape, or a list of {value}"),
    ChartEntry("render.heatmap", render.heatmap, "{values, x_tick_labels, y_tick_labels}, values [columns, rows]"),
    ChartEntry("render.confusion_matrix", render.confusion_matrix, "{values, tick_labels}, values [classes, classes]"),
    ChartEntry("render.table", render.table, "{headers, values}"),
    ChartEntry("show.history", show.history, "logs of a training and names of metrics"),
    ChartEntry("show.per_class_accuracy", show.per_class_accuracy, "a list of {accuracy, count}"),
    ChartEntry("show.values_distribution", show.values_distribution, "a tensor"),
    ChartEntry("show.layer", show.layer, "a model and the name or number of a layer"),
    ChartEntry("show.model_summary", show.model_summary, "a model"),
    ChartEntry("charts.kernel_time", charts.kernel_time, "a profile"),
    ChartEntry("charts.layer_time", charts.layer_time, "a profile"),
    ChartEntry("charts.memory_timeline", charts.memory_timeline, "memory points"),
    ChartEntry("charts.backend_comparison", charts.backend_comparison, "benchmark results"),
    ChartEntry("charts.roofline", charts.roofline, "kernels or rows of a profile, and ceilings"),
    ChartEntry("charts.graph_view", charts.graph_view, "a graph, and a profile if there is one"),
    ChartEntry("charts.latency_distribution", charts.latency_distribution, "milliseconds [n]"),
    ChartEntry("charts.latency_trace", charts.latency_trace, "milliseconds [n]"),
    ChartEntry("charts.pareto", charts.pareto, "a sweep"),
    ChartEntry("charts.node_errors", charts.node_errors, "a report of quantization"),
)
