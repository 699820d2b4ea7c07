"""The chart of a figure over time: its points, its levels and the changes between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tfjslab.base.errors import InputError, UsageError
from tfjslab.store.history import FigureHistory, HistoryPoint, changes_of
from tfjslab.vis import charts, style


def history(values=(*[2.0, 2.02, 1.98, 2.01] * 4, *[2.4, 2.41, 2.39] * 3), disturbed=(6,), unit="ms"):
    points = tuple(
        HistoryPoint(i, f"2026-11-{i:02}", f"{i:040x}", dirty=False, digest="", value=v,
                     disturbed=float(i in disturbed))
        for i, v in enumerate(values, 1))
    return FigureHistory("median_ms", unit, "bench", "net", "wasm", 1, "a machine", points,
                         changes=changes_of("median_ms", points))


def test_points_levels_and_changes_are_drawn():
    axes = charts.figure_history(history()).axes
    counted, left_out, levels = axes.collections[0], axes.collections[1], axes.collections[2:]
    assert len(counted.get_offsets()) == 24
    assert left_out.get_offsets().tolist() == [[6.0, 2.02]]
    assert [c.get_segments()[0].tolist() for c in levels] == [[[0.5, 2.0], [16.5, 2.0]], [[16.5, 2.4], [25.5, 2.4]]]
    (mark,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert (mark.get_xdata()[0], mark.get_color()) == (16.5, style.VERMILION)
    assert axes.texts[0].get_text() == "1.20x\n0000000000"
    assert axes.get_ylabel() == "median_ms (ms)"


def test_a_change_that_is_too_small_to_matter_is_grey_and_one_for_the_better_green():
    small = charts.figure_history(history(), threshold=0.5).axes
    assert [line.get_color() for line in small.lines] == [style.GREY]
    better = charts.figure_history(history((*[2.0] * 10, *[1.0] * 10), ())).axes
    assert [line.get_color() for line in better.lines] == [style.GREEN]


def test_bytes_are_megabytes_and_without_points_there_is_no_chart():
    axes = charts.figure_history(history([3e6, 3e6], (), "B")).axes
    assert axes.collections[0].get_offsets()[0].tolist() == [1.0, 3.0]
    assert axes.get_title(loc="left") == "net on wasm\n2 results on a machine; no change beyond noise"
    with pytest.raises(InputError, match="has no points; keep results with --store"):
        charts.figure_history(replace(history(), points=()))
    with pytest.raises(UsageError, match=r"expected one history, from store.figure_history"):
        charts.figure_history([1.0])
