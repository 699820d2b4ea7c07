"""A model's graph from top to bottom, its boxes coloured by the time they took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from tfjslab.base.errors import UsageError
from tfjslab.base.text import ms, percent
from tfjslab.graph.ir import Graph
from tfjslab.model.model import Model
from tfjslab.records.profile import Profile
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart, canvas
from tfjslab.vis.charts.graph_groups import Grouping, NodeGroup, grouping_of
from tfjslab.vis.charts.graph_labels import distinct_labels
from tfjslab.vis.charts.graph_layout import GAP, GraphLayout, place
from tfjslab.vis.charts.subject import AnyProfile, as_profile, title_of
from tfjslab.vis.given import is_model, takes

BOX_PX = (184, 62)  # what one box and the room around it take
HALF_W, HALF_H = 0.47, 0.29
HEAT = "YlOrRd"  # ever darker, so that it reads in grey and without red
COLD = "#DCE6EE"  # no time of its own
SMALL = 8.0
NAME_WIDTH = 24  # characters that a box has room for


@dataclass(frozen=True)
class Heat:
    """Milliseconds by group, by group the one whose kernel did its work, and the time of kernels in no box."""

    times: dict[int, float]
    absorbed: dict[int, int]
    elsewhere_ms: float


@takes("a model or its graph, and a profile if there is one", is_model)
def graph_view(
    graph: Graph | Model, profile: AnyProfile | None = None, ax: Axes | None = None, *, max_boxes: int = 48,
) -> Chart:
    """Draw a graph in levels, each box below those it reads from; long graphs continue in the next column.

    A graph with more than ``max_boxes`` nodes is grouped by layer, then by block (``block_12_expand`` is part of
    ``block_12``), then by chains without branches. With a profile each box is coloured by its milliseconds; a box
    whose work was fused into another one's kernel says so.

    Args:
        graph: a ``Model`` or its ``graph``.
        profile: of that model, or None.
        ax: where to draw; None for a new figure as large as the graph needs.
        max_boxes: how many boxes are too many.

    Example:
        >>> from tfjslab import zoo
        >>> from tfjslab.vis.charts import graph_view
        >>> figure, axes = graph_view(zoo.build("mobilenet_v2"))
        >>> axes.get_title(loc="left").startswith("Graph by block")
        True

    """
    if max_boxes < 1:
        raise UsageError(f"max_boxes is {max_boxes}; expected at least 1")
    shown = graph.graph if isinstance(graph, Model) else graph
    grouping = grouping_of(shown, max_boxes)
    layout = place(len(grouping.groups), grouping.edges)
    data = None if profile is None else as_profile(profile)
    heat = None if data is None else _heat(grouping, data)
    width, height = layout.width * BOX_PX[0] + 40, layout.height * BOX_PX[1] + 70
    figure, axes = canvas(ax, width if heat is None else width + 100, max(height, 200))
    norm = Normalize(0, max([*heat.times.values(), 1e-9]) if heat else 1)
    labels = distinct_labels([g.name for g in grouping.groups], NAME_WIDTH)
    for edge in grouping.edges:
        axes.add_patch(_arrow(layout, *edge))
    for i, group in enumerate(grouping.groups):
        second = _second_line(i, grouping, labels, heat, data)
        _box(axes, group, labels[i], layout.places[i], second, _fill(i, heat, norm))
    axes.set_xlim(-0.1, layout.width + 0.1)
    axes.set_ylim(-layout.height + 0.45, 0.55)
    axes.set_axis_off()
    if heat is not None:
        bar = figure.colorbar(ScalarMappable(norm, HEAT), ax=axes, label="time (ms)", shrink=0.6, pad=0.01)
        bar.ax.tick_params(labelsize=style.SMALL)
    text = f"Graph by {grouping.by}: {len(shown.nodes)} nodes in {len(grouping.groups)} boxes"
    if heat is not None and data is not None:
        lost = f", {ms(heat.elsewhere_ms)} ms in no box" if heat.elsewhere_ms > 0 else ""
        text = title_of(data, text, f"{ms(data.kernel_ms)} ms in kernels{lost}")
    axes.set_title(text, fontsize=style.TITLE, loc="left")
    return Chart(figure, axes)



def _heat(grouping: Grouping, profile: Profile) -> Heat:
    """Each kernel's time to the box of its node; the boxes of other nodes fused into it name that box."""
    owner = {n.name: i for i, g in enumerate(grouping.groups) for n in g.nodes}
    times: dict[int, list[float]] = {}
    absorbed: dict[int, int] = {}
    elsewhere: list[float] = []
    for k in profile.kernels:
        box = owner.get(k.node)
        if box is None:  # a node inside of a loop's body, or made while the graph was optimized
            elsewhere.append(k.kernel_time_ms)
            continue
        times.setdefault(box, []).append(k.kernel_time_ms)
        for name in k.nodes:
            other = owner.get(name, box)
            if other != box:
                absorbed[other] = box
    sums = {i: math.fsum(t) for i, t in times.items()}
    return Heat(sums, {i: by for i, by in absorbed.items() if i not in sums}, math.fsum(elsewhere))


def _fill(box: int, heat: Heat | None, norm: Normalize) -> object:
    if heat is None or box not in heat.times:
        return COLD
    return mpl.colormaps[HEAT](norm(heat.times[box]))


def _second_line(
    box: int, grouping: Grouping, labels: Sequence[str], heat: Heat | None, profile: Profile | None,
) -> str:
    """Time and share where known, else what the box holds."""
    if heat is not None and profile is not None:
        if box in heat.times:
            return f"{ms(heat.times[box])} ms  {percent(heat.times[box], profile.wall_ms)}"
        if box in heat.absorbed:
            return style.label(f"in {labels[heat.absorbed[box]]}", NAME_WIDTH + 3)
    group = grouping.groups[box]
    if len(group.nodes) == 1:
        return style.label(group.nodes[0].op, 26)
    op, count = Counter(n.op for n in group.nodes).most_common(1)[0]
    return style.label(f"{len(group.nodes)} nodes, {count} {op}", 26)


def _box(ax: Axes, group: NodeGroup, label: str, at: tuple[float, float], second: str, fill: object) -> None:
    x, y = at
    ax.add_patch(FancyBboxPatch(
        (x - HALF_W, y - HALF_H), 2 * HALF_W, 2 * HALF_H, boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=fill, edgecolor="#5A5A5A", linewidth=0.7, zorder=3, label=group.name,
    ))
    text = style.on(fill)
    ax.text(x, y + 0.12, style.label(label, NAME_WIDTH), ha="center", va="center", fontsize=SMALL, color=text, zorder=4)
    ax.text(x, y - 0.14, second, ha="center", va="center", fontsize=SMALL - 0.5, color=text, alpha=0.85, zorder=4)


def _arrow(layout: GraphLayout, a: int, b: int) -> FancyArrowPatch:
    """Down to the next level, past what lies between, or through the gap before the next column."""
    (xa, ya), (xb, yb) = layout.places[a], layout.places[b]
    move, line, curve = Path.MOVETO, Path.LINETO, Path.CURVE3
    if layout.columns[a] != layout.columns[b]:
        x = layout.lefts[layout.columns[b]] - GAP / 2
        turn = math.copysign(min(0.4, abs(yb - ya) / 2), yb - ya)
        points = [
            (xa + HALF_W, ya), (x - 0.15, ya), (x, ya), (x, ya + turn), (x, yb - turn), (x, yb), (xb - HALF_W, yb),
        ]
        codes = [move, line, curve, curve, line, curve, curve]
    elif layout.levels[b] - layout.levels[a] == 1:
        points = [(xa, ya - HALF_H), (xa, (ya + yb) / 2), (xb, (ya + yb) / 2), (xb, yb + HALF_H)]
        codes = [move, *[Path.CURVE4] * 3]
    elif abs(xa - xb) > HALF_W:
        points = [(xa, ya - HALF_H), (xb, ya - HALF_H), (xb, ya - 2 * HALF_H), (xb, yb + HALF_H)]
        codes = [move, curve, curve, line]
    else:
        side = max(xa, xb) + HALF_W + 0.2
        points = [(xa + HALF_W, ya), (side, ya), (side, yb), (xb + HALF_W, yb)]
        codes = [move, *[Path.CURVE4] * 3]
    return FancyArrowPatch(
        path=Path(points, codes), arrowstyle="-|>", mutation_scale=8, color="#7A7A7A", linewidth=0.9, zorder=2,
        shrinkA=0, shrinkB=0,
    )
