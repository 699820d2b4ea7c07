"""Trainings: metrics over epochs or batches, from any framework."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfjslab.base.errors import InputError, UsageError
from tfjslab.vis import live
from tfjslab.vis.canvas import Charts, blank
from tfjslab.vis.data import is_list, numbers
from tfjslab.vis.given import takes
from tfjslab.vis.options import HistoryOptions, XYOptions, chosen, snake_case
from tfjslab.vis.render.linechart import linechart
from tfjslab.vis.surfaces import SurfaceLike, size
from tfjslab.vis.visor import Surface, surface_of

Callback = Callable[[int, Mapping[str, Any]], Charts]
CALLBACKS = ("on_epoch_end", "on_batch_end")
UNIT = (0.0, 1.0)


@takes("logs of a training and names of metrics", at=1)
def history(
    surface: SurfaceLike, history: Any, metrics: Sequence[str], opts: Mapping[str, Any] | None = None, *,
    part: str = "", **options: Any,
) -> Charts:
    """Draw a line chart for each metric; ``val_loss`` joins ``loss``. Accuracies have a y axis from 0 to 1.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        history: a list of logs (``{"loss": 1.2, "acc": 0.5}``), a list of such lists, one a metric, or
            ``{"history": {"loss": [...]}}``, an object with such a ``history``, or its inside.
        metrics: which metrics, in order.
        opts: options as a mapping; see ``HistoryOptions``.
        part: which part of the surface to replace, where it has several.
        options: options by keyword: those of ``render.linechart`` and ``zoom_to_fit_accuracy``.

    Example:
        >>> logs = [{"loss": 2.0, "val_loss": 2.2}, {"loss": 1.0, "val_loss": 1.5}]
        >>> figure, (axes,) = history(None, logs, ["loss", "val_loss"])
        >>> [line.get_ydata().tolist() for line in axes.lines]
        [[2.0, 1.0], [2.2, 1.5]]

    """
    chose = chosen(HistoryOptions, opts, options)
    if isinstance(metrics, str) or not metrics:
        raise UsageError(f"metrics is {metrics!r}; expected a list of names")
    plots: dict[str, dict[str, Any]] = {}
    for index, metric in enumerate(metrics):
        plots.setdefault(metric.replace("val_", "", 1), {})[metric] = _values(history, metric, index)
    width, height = size(surface, chose, height=280)
    figure = blank(width, height * len(plots))
    axes = figure.subplots(len(plots), squeeze=False)[:, 0]
    for place, series in zip(axes, plots.values(), strict=True):
        linechart(None, {"values": list(series.values()), "series": list(series)}, _options(chose, series), ax=place)
        if len(series) == 1:
            place.set_title(next(iter(series)), fontsize=chose.points, loc="left")
    shown = surface_of(surface)
    if shown is not None:
        shown.show(figure, part)
    return Charts(figure, tuple(axes))


def fit_callbacks(
    surface: SurfaceLike, metrics: Sequence[str], opts: Mapping[str, Any] | None = None, **options: Any,
) -> dict[str, Callback]:
    """Callbacks for a training loop: ``on_epoch_end(epoch, logs)`` and ``on_batch_end(batch, logs)``.

    Each adds the logs' metrics to what it has seen and draws the history so far, in its own part of the surface. In a
    notebook the surface appears with the first call and follows the training, unless the visor is shown, which does.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        metrics: which metrics; logs may lack some.
        opts: options as a mapping; see ``HistoryOptions``.
        options: options by keyword: those of ``history`` and ``callbacks``, the names of those to make.

    Example:
        >>> callbacks = fit_callbacks({"name": "Training"}, ["loss"], callbacks=["on_epoch_end"])
        >>> figure, (axes,) = callbacks["on_epoch_end"](0, {"loss": 2.0})
        >>> axes.get_xlabel()
        'Epoch'

    """
    chose = chosen(HistoryOptions, opts, options)
    names = CALLBACKS if chose.callbacks is None else tuple(chose.callbacks)
    for name in names:
        if not isinstance(name, str) or snake_case(name) not in CALLBACKS:
            raise UsageError(f"callback {name!r} is not one of {', '.join(CALLBACKS)}")
    place = surface_of(surface)
    return {name: _callback(place, metrics, chose, name) for name in names}


def _callback(place: Surface | None, metrics: Sequence[str], options: HistoryOptions, name: str) -> Callback:
    seen: dict[str, list[float]] = {}
    label = "Batch" if "batch" in name.lower() else "Epoch"
    given = {k: v for k, v in dataclasses.asdict(options).items() if k != "callbacks"} | {"x_label": label}

    def callback(_iteration: int, logs: Mapping[str, Any]) -> Charts:
        for metric in metrics:
            if logs.get(metric) is not None:
                seen.setdefault(metric, []).append(float(logs[metric]))
        if not seen:
            raise InputError(f"the logs have {', '.join(logs) or 'no metrics'}; expected one of {', '.join(metrics)}")
        known = [m for m in metrics if m in seen]
        drawn = history(place, {"history": seen}, known, given, part=name)
        if place is not None and not live.follows(place, place.visor) and live.in_notebook():
            live.show(place)
        return drawn

    return callback


def _options(options: HistoryOptions, series: Mapping[str, Any]) -> dict[str, Any]:
    """Options of one plot; only its own series decide whether it is one of accuracies."""
    found = {f.name: getattr(options, f.name) for f in dataclasses.fields(XYOptions)}
    found["x_label"], found["y_label"] = options.x_label or "Iteration", options.y_label or "Value"
    if all("acc" in name for name in series):
        if options.zoom_to_fit_accuracy:
            found["zoom_to_fit"] = True
        else:
            found |= {"y_axis_domain": UNIT, "zoom_to_fit": False}
    return found


def _values(given: Any, metric: str, index: int) -> Any:
    """The values of a metric, in order; NaN where a log lacks it. InputError lists the metrics there are."""
    inside = getattr(given, "history", given)
    if isinstance(inside, Mapping):
        by_name = inside.get("history", inside)
        if metric not in by_name:
            raise InputError(f"metric '{metric}' is not in the history; it has {', '.join(by_name) or 'no metrics'}")
        return numbers(by_name[metric], f"metric '{metric}'", 1)
    logs = inside[index] if is_list(inside) and len(inside) and is_list(inside[0]) else inside
    if not is_list(logs) or not all(isinstance(log, Mapping) for log in logs):
        raise InputError("the history is neither a list of logs nor a mapping of lists")
    if not any(metric in log for log in logs):
        known = dict.fromkeys(name for log in logs for name in log)
        raise InputError(f"metric '{metric}' is in no log; they have {', '.join(known) or 'no metrics'}")
    return np.array([log.get(metric, np.nan) for log in logs], dtype=np.float64)
