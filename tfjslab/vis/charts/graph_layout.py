"""Places for boxes: layers from top to bottom by longest path, wrapped into columns like text.

The method is Sugiyama's (1981) without its refinements: a model's graph is long and thin, so one sweep of averages
puts each box near those it reads from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_COLUMNS = 6
ASPECT = 1.2  # width over height that the number of columns aims at
BOX_ASPECT = 3.0  # a box is about three times as wide as it is high
STEP_X, STEP_Y, GAP = 1.12, 1.0, 0.45  # a box is 1 wide; GAP separates columns


@dataclass(frozen=True)
class GraphLayout:
    """The centre of each box, its column and level, where columns begin, and how large the whole is.

    All in widths and heights of boxes; y grows upwards from the first level at 0.
    """

    places: tuple[tuple[float, float], ...]
    columns: tuple[int, ...]
    levels: tuple[int, ...]
    lefts: tuple[float, ...]
    width: float
    height: float


def place(count: int, edges: Sequence[tuple[int, int]]) -> GraphLayout:
    """Place ``count`` boxes; each edge goes from a lower number to a higher one."""
    levels = _levels(count, edges)
    rows = [[i for i in range(count) if levels[i] == level] for level in range(max(levels, default=0) + 1)]
    candidates = [_placed(rows, levels, edges, columns) for columns in range(1, min(MAX_COLUMNS, len(rows)) + 1)]
    return min(candidates, key=lambda found: abs(math.log(BOX_ASPECT * found.width / found.height / ASPECT)))


def _placed(
    rows: list[list[int]], levels: list[int], edges: Sequence[tuple[int, int]], column_count: int,
) -> GraphLayout:
    """The layout with that many columns of equal height (the last may be shorter)."""
    per_column = math.ceil(len(rows) / column_count)
    before: dict[int, list[int]] = {}
    for a, b in edges:
        before.setdefault(b, []).append(a)
    xs: dict[int, float] = {}
    left, lefts, centres = 0.0, [], []
    for c in range(math.ceil(len(rows) / per_column)):
        inside = rows[c * per_column : (c + 1) * per_column]
        width = max(1, *(len(r) for r in inside)) * STEP_X
        lefts.append(left)
        centres.append(left + width / 2)
        left += width + GAP
        for row in inside:
            _spread(row, before, xs, centres, levels, per_column)
    places = tuple((xs[i], -STEP_Y * (level % per_column)) for i, level in enumerate(levels))
    columns = tuple(level // per_column for level in levels)
    return GraphLayout(places, columns, tuple(levels), tuple(lefts), left - GAP, per_column * STEP_Y)


def _levels(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    levels = [0] * count
    for a, b in sorted(edges, key=lambda e: e[1]):
        levels[b] = max(levels[b], levels[a] + 1)
    return levels


def _spread(
    row: list[int], before: dict[int, list[int]], xs: dict[int, float], centres: list[float], levels: list[int],
    per_column: int,
) -> None:
    """Put a level's boxes side by side, ordered by where the boxes they read from lie within their own columns."""

    def preferred(i: int) -> float:
        offsets = [xs[a] - centres[levels[a] // per_column] for a in before.get(i, []) if a in xs]
        return sum(offsets) / len(offsets) if offsets else 0.0

    row.sort(key=preferred)
    for position, i in enumerate(row):
        xs[i] = centres[-1] + (position - (len(row) - 1) / 2) * STEP_X
