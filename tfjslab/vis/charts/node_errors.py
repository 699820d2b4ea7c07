"""Which tensors quantization has changed most: each node's signal to noise, alone and with all before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tfjslab.base.errors import InputError, UsageError
from tfjslab.quantization.report import NodeReport, QuantizationReport
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart, canvas
from tfjslab.vis.given import takes

TOP = 30
_EXACT = 1.12  # where what has no noise at all stands, in parts of the largest that has some


@takes("the report of tf.quantize", lambda given: isinstance(given, QuantizationReport))
def node_errors(report: QuantizationReport, ax: Axes | None = None, *, top: int = TOP) -> Chart:
    """A row for each node that runs in integers, in the order of the model: two points of signal to noise in decibels.

    The hollow point is the node alone, on exact inputs: low means that it is hard to quantize and may better stay
    float32. The full point is with everything before it quantized as well: how damaged its tensor is. A node that only
    looks bad in the second inherits its noise. A square at the right edge has no noise at all.

    Args:
        report: from ``tf.quantize``, kind ``int8``.
        ax: where to draw; None for a new figure.
        top: of more nodes than that, those with the most noise are drawn.

    Example:
        >>> from tfjslab.vis.charts import node_errors
        >>> figure, axes = node_errors(tf.quantize(model, "int8", calibration).report)  # doctest: +SKIP

    """
    if isinstance(top, bool) or top < 1:
        raise UsageError(f"top is {top}; expected an integer >= 1")
    measured = [n for n in report.nodes if n.accumulated_db is not None and n.alone_db is not None]
    if not measured:
        raise InputError(f"no node of this report has an error of its own: {report.execution}; "
                         "int8 with calibration data measures them")
    worst = sorted(measured, key=_accumulated)[:top]
    shown = [n for n in measured if n in worst]
    figure, axes = canvas(ax, 760, 140 + 22 * len(shown))
    edge = _edge(shown)
    _draw(axes, shown, edge)
    axes.set_xlim(min(0.0, *(_at(v, edge) for n in shown for v in (n.alone_db, n.accumulated_db))), edge * 1.06)
    style.name_rows(axes, [f"{n.name} ({n.op})" for n in shown], 48)
    style.quiet(axes, "x")
    style.name_axes(axes, "signal to noise (dB), more is better", "", _title(report, len(shown), len(measured)))
    return Chart(figure, axes)


def _accumulated(node: NodeReport) -> float:
    return math.inf if node.accumulated_db is None else node.accumulated_db


def _edge(nodes: Sequence[NodeReport]) -> float:
    """Where what is exact stands: right of all others."""
    finite = [v for n in nodes for v in (n.alone_db, n.accumulated_db) if v is not None and math.isfinite(v)]
    return max([*finite, 1.0]) * _EXACT


def _at(value: float | None, edge: float) -> float:
    return edge if value is None or math.isinf(value) else value


def _draw(ax: Axes, nodes: Sequence[NodeReport], edge: float) -> None:
    rows = np.arange(len(nodes))
    alone = np.array([_at(n.alone_db, edge) for n in nodes])
    both = np.array([_at(n.accumulated_db, edge) for n in nodes])
    ax.hlines(rows, alone, both, color=style.GREY, linewidth=1.4, zorder=1)
    for values, given, name, colours in (
        (alone, [n.alone_db for n in nodes], "this node alone", ("white", style.BLUE)),
        (both, [n.accumulated_db for n in nodes], "with all before it", (style.VERMILION, style.VERMILION)),
    ):
        exact = np.array([v == math.inf for v in given])
        look: dict[str, Any] = {"facecolor": colours[0], "edgecolor": colours[1], "linewidth": 1.4}
        ax.scatter(values[~exact], rows[~exact], 38, zorder=3, label=name, **look)
        if exact.any():
            ax.scatter(values[exact], rows[exact], 38, marker="s", zorder=3, label=f"{name}: exact", **look)
    style.legend_below(ax)


def _title(report: QuantizationReport, shown: int, measured: int) -> str:
    part = "" if shown == measured else f", the {shown} noisiest of {measured}"
    kept = len(report.refused)
    left = f"\n{kept} of {len(report.nodes)} nodes stay float32" if kept else ""
    return f"Damage by {report.kind} {report.method}".rstrip() + part + left
