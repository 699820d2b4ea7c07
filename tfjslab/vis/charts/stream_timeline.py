"""A stream over its time: the latency of each frame, the budget, and the frames that were dropped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes

from tfjslab.base.errors import InputError
from tfjslab.base.text import ms
from tfjslab.records.stream import StreamResult
from tfjslab.vis import style, vega
from tfjslab.vis.canvas import Chart, Limits, canvas, explorable, limits
from tfjslab.vis.given import takes

_MARK = 0.04  # of the height: a dropped frame


@takes("the result of a stream, from tf.stream", lambda given: isinstance(given, StreamResult))
def stream_timeline(result: StreamResult, ax: Axes | None = None) -> Chart:
    """Latency by when a frame was due, with p95 and the budget as lines, and a mark below for each dropped frame.

    Args:
        result: from ``tf.stream``, also of a stream that has not ended.
        ax: where to draw; None for a new figure.

    Example:
        >>> import numpy as np, tfjslab as tf
        >>> from tfjslab.vis.charts import stream_timeline
        >>> with tf.zoo.load("digits", backend="cpu") as model:
        ...     result = tf.stream(model, [np.zeros((8, 8), np.uint8)], fps=500, count=5, drop=None).run()
        >>> stream_timeline(result).axes.get_xlabel()
        'time since the start of the stream (s)'

    """
    if not result.frames:
        raise InputError("no frame of this stream is done; expected at least one")
    figure, axes = canvas(ax, height=340)
    axes.plot([f.due_ms / 1e3 for f in result.frames], result.latencies_ms, "-o", color=style.BLUE, linewidth=0.8,
              markersize=3, label="latency")
    for value, name, colour, dash in _lines(result):
        axes.axhline(value, color=colour, linestyle=dash, linewidth=1.4, label=name)
    axes.set_ylim(0, max(*result.latencies_ms, result.settings.budget_ms or 0.0) * 1.1 or 1)
    lost = _dropped_s(result)
    if lost:
        axes.vlines(lost, 0, _MARK, transform=axes.get_xaxis_transform(), color=style.ORANGE, linewidth=1,
                    label=f"{result.dropped} of {result.n} dropped")
    style.legend_below(axes)
    style.quiet(axes, "y")
    title = _title(result)
    style.name_axes(axes, "time since the start of the stream (s)", "latency (ms)", title)
    return explorable(figure, axes, ax, partial(_spec, result, title, limits(axes)))


def _lines(result: StreamResult) -> list[tuple[float, str, str, str]]:
    p95, budget = result.percentiles_ms["p95"] or 0.0, result.settings.budget_ms
    found = [(p95, f"p95 {ms(p95)} ms", style.GREEN, "--")]
    return found if budget is None else [*found, (budget, f"budget {budget:.4g} ms", style.VERMILION, ":")]


def _dropped_s(result: StreamResult) -> list[float]:
    """When the frames were due that were dropped; those of a camera have no such time."""
    fps, done = result.settings.fps, {f.index for f in result.frames}
    if fps is None:
        return []
    return [i / fps for i in range(result.n) if i not in done]


def _title(result: StreamResult) -> str:
    s, where = result.settings, f" on {result.environment.where}" if result.environment else ""
    rate = f" at {s.fps:g} frames/s" if s.fps else ""
    lost = f", {result.dropped} of {result.n} dropped" if result.dropped else ""
    return f"{style.label(s.model)}{where}{rate}\n{style.label(s.source, 60)}{lost}"


def _spec(result: StreamResult, title: str, ends: Limits) -> vega.Spec:
    x, y = (vega.number("due", "time since the start of the stream (s)", ends[0]),
            vega.number("ms", "latency (ms)", ends[1]))
    rows = [{"due": f.due_ms / 1e3, "ms": f.latency_ms, "frame": f.index, "waiting": f.waiting_ms, "model": f.model_ms}
            for f in result.frames]
    told = vega.told(frame="frame", due="due (s)", ms="latency (ms)", waiting="waiting (ms)", model="model (ms)")
    line = vega.layer(rows, {"type": "line", "color": style.BLUE, "point": True, "strokeWidth": 1}, x=x, y=y,
                      tooltip=told)
    lost = vega.layer([{"due": at, "ms": 0.0, "to": ends[1][1] * _MARK} for at in _dropped_s(result)],
                      {"type": "rule", "color": style.ORANGE}, x=x, y=y, y2={"field": "to"},
                      tooltip=vega.told(due="dropped, due (s)"))
    return vega.chart(title, [vega.zoomed(line, "x", "y"), lost, _rules(_lines(result))])


def _rules(lines: Sequence[tuple[float, str, str, str]]) -> vega.Spec:
    rows = [{"value": value, "name": name} for value, name, _, _ in lines]
    colours = {name: colour for _, name, colour, _ in lines}
    return vega.layer(rows, {"type": "rule", "strokeWidth": 2}, y={"field": "value", "type": "quantitative"},
                      color=vega.coloured("name", colours), tooltip=vega.told(name="line"))
