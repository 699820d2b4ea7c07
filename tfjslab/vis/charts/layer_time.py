"""The time of each layer, in the order in which they ran."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from tfjslab.base.colours import HOST
from tfjslab.base.errors import UsageError
from tfjslab.base.text import ms, percent
from tfjslab.records.profile import KernelRecord, Profile
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart, canvas
from tfjslab.vis.charts.subject import PROFILE, AnyProfile, as_profile, is_profile, title_of
from tfjslab.vis.given import takes

MAX_KINDS = 6  # as many colours as can be distinguished beside grey
ON_HOST = "on the host (fallback)"


@dataclass
class LayerTime:
    """A layer's time by kind of kernel."""

    name: str
    times: dict[str, float]

    @property
    def total(self) -> float:
        """Milliseconds of the layer."""
        return math.fsum(self.times.values())


@takes(PROFILE, is_profile)
def layer_time(profile: AnyProfile, ax: Axes | None = None, *, top: int = 40) -> Chart:
    """Bars of milliseconds from the first layer at the top to the last, coloured by kind of kernel.

    With more than ``top`` layers the quickest are left out; the bar at the end sums them up. A fused kernel counts for
    the layer of its last node.

    Args:
        profile: from ``tf.profile_model(...)`` or ``tf.profile(...)``.
        ax: where to draw; None for a new figure.
        top: how many layers to show.

    Example:
        >>> import tfjslab as tf
        >>> from tfjslab.vis.charts import layer_time
        >>> with tf.tidy():
        ...     figure, axes = layer_time(tf.profile(lambda: tf.softmax(tf.tensor([1.0, 2.0]))))
        >>> axes.get_xlabel()
        'time (ms)'

    """
    if top < 1:
        raise UsageError(f"top is {top}; expected at least 1")
    data = as_profile(profile)
    layers = _shown(_layers(data), top)
    kinds = _kinds(data)
    figure, axes = canvas(ax, 720, 170 + 17 * len(layers))
    for row, layer in enumerate(layers):
        left = 0.0
        for kind, time_ms in sorted(layer.times.items(), key=lambda kv: list(kinds).index(kv[0])):
            axes.barh(row, time_ms, 0.76, left=left, **_look(kind, kinds))
            left += time_ms
    style.name_rows(axes, [layer.name for layer in layers])
    ends = [layer.total for layer in layers]
    style.row_values(axes, ends, [f"{ms(t)}  {percent(t, data.wall_ms)}" for t in ends])
    style.room_for_values(axes, max(ends, default=0), 0.2)
    style.quiet(axes, "x")
    style.name_axes(axes, "time (ms)", "", title_of(data, "Time by layer", f"{ms(data.kernel_ms)} ms in kernels"))
    _legend(axes, kinds)
    return Chart(figure, axes)


def _layers(profile: Profile) -> list[LayerTime]:
    found: dict[str, LayerTime] = {}
    for k in profile.kernels:
        name = k.layer or k.node or k.name
        times = found.setdefault(name, LayerTime(name, {})).times
        times[kind_of(k)] = times.get(kind_of(k), 0.0) + k.kernel_time_ms
    return list(found.values())


def kind_of(kernel: KernelRecord) -> str:
    """A kernel's name as legends group it; all that fell back count as one."""
    return ON_HOST if kernel.fallback else kernel.name


def _shown(layers: list[LayerTime], top: int) -> list[LayerTime]:
    if len(layers) <= top:
        return layers
    slow = {layer.name for layer in sorted(layers, key=lambda layer: -layer.total)[:top]}
    rest = [layer for layer in layers if layer.name not in slow]
    times: dict[str, float] = {}
    for layer in rest:
        for kind, time_ms in layer.times.items():
            times[kind] = times.get(kind, 0.0) + time_ms
    return [*(layer for layer in layers if layer.name in slow), LayerTime(f"{len(rest)} quicker layers", times)]


def _kinds(profile: Profile) -> dict[str, str]:
    """Kinds of kernels with their colours, those with the most time first; a light grey for the many."""
    times: dict[str, float] = {}
    for k in profile.kernels:
        times[kind_of(k)] = times.get(kind_of(k), 0.0) + k.kernel_time_ms
    ranked = sorted(times, key=lambda kind: -times[kind])
    own = iter(style.OKABE_ITO[:MAX_KINDS])
    return {kind: HOST if kind == ON_HOST else next(own, style.REST) for kind in ranked}


def _look(kind: str, kinds: dict[str, str]) -> dict[str, Any]:
    return style.hatched() if kind == ON_HOST else {"color": kinds[kind]}


def _legend(ax: Axes, kinds: dict[str, str]) -> None:
    """One patch for each colour; those of the rest share one."""
    for kind in [k for k, c in kinds.items() if c != style.REST]:
        ax.barh(-9, 0, label=style.legend_label(kind, 44), **_look(kind, kinds))
    if style.REST in kinds.values():
        ax.barh(-9, 0, color=style.REST, label="other kernels")
    if kinds:
        style.legend_below(ax)
