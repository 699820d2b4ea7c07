"""Where the time of one run went, by kind of kernel or by node."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes

from tfjslab.base.errors import UsageError
from tfjslab.base.text import ms, percent
from tfjslab.profiling.reduce import Row, by_kernel, by_layer, by_node
from tfjslab.records.profile import Profile
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart, canvas
from tfjslab.vis.charts.subject import PROFILE, AnyProfile, as_profile, is_profile, title_of
from tfjslab.vis.given import takes

GROUPINGS: dict[str, Callable[[Profile], list[Row]]] = {"kernel": by_kernel, "node": by_node, "layer": by_layer}
UNATTRIBUTED = "(no kernel)"
Bar = tuple[str, float, dict[str, Any]]  # name, milliseconds, and its look


@takes(PROFILE, is_profile)
def kernel_time(profile: AnyProfile, ax: Axes | None = None, *, by: str = "kernel", top: int = 15) -> Chart:
    """Bars of milliseconds, the slowest first, each with its share of the run's wall.

    What is left after the ``top`` bars is summed up in one, and time that no kernel accounts for is shown as its own;
    together they are the wall. Hatched bars ran on the host instead of on the backend.

    Args:
        profile: from ``tf.profile_model(...)`` or ``tf.profile(...)``.
        ax: where to draw; None for a new figure.
        by: ``kernel``, ``node`` or ``layer``.
        top: how many bars before the rest is summed up.

    Example:
        >>> import tfjslab as tf
        >>> from tfjslab.vis.charts import kernel_time
        >>> with tf.tidy():
        ...     figure, axes = kernel_time(tf.profile(lambda: tf.softmax(tf.tensor([1.0, 2.0]))))
        >>> axes.get_xlabel()
        'time (ms)'

    """
    if by not in GROUPINGS or top < 1:
        raise UsageError(f"by is {by!r} and top is {top}; expected one of {', '.join(GROUPINGS)} and at least 1")
    data = as_profile(profile)
    bars = [*_bars(GROUPINGS[by](data), top), (UNATTRIBUTED, data.unattributed_ms, style.hollow())]
    figure, axes = canvas(ax, 680, 130 + 24 * len(bars))
    for row, (_, time_ms, look) in enumerate(bars):
        axes.barh(row, time_ms, 0.72, **look)
    style.name_rows(axes, [b[0] for b in bars])
    ends = [max(b[1], 0.0) for b in bars]
    style.row_values(axes, ends, [f"{ms(b[1])}  {percent(b[1], data.wall_ms)}" for b in bars])
    style.room_for_values(axes, max(ends))
    style.quiet(axes, "x")
    style.name_axes(axes, "time (ms)", "", title_of(data, f"Time by {by}", f"{ms(data.wall_ms)} ms in all"))
    if any("hatch" in b[2] for b in bars):
        axes.barh(-9, 0, label="on the host (fallback)", **style.hatched())
        style.legend_below(axes)
    return Chart(figure, axes)


def _bars(rows: Sequence[Row], top: int) -> list[Bar]:
    shown, rest = rows[:top], rows[top:]
    bars = [_bar(r) for r in shown]
    if rest:
        bars.append((f"{len(rest)} others", math.fsum(r.time_ms for r in rest), {"color": style.REST}))
    return bars


def _bar(row: Row) -> Bar:
    name = f"{row.key}, {row.count}x" if row.count > 1 else row.key
    return name, row.time_ms, style.hatched() if row.fallback else {"color": style.BLUE}
