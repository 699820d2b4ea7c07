"""Backends side by side, model by model, with their spread and with what could not be measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from tfjslab.base.colours import HOST
from tfjslab.base.errors import InputError
from tfjslab.base.text import ms, times
from tfjslab.bench.result import BenchResult, ratios
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart, canvas
from tfjslab.vis.given import items, takes

COLOURS = {
    "cpu": HOST, "wasm": style.BLUE, "wasm-plain": style.SKY, "wasm-simd": style.BLUE,
    "wasm-threads": style.GREEN, "webgpu": style.VERMILION, "webgl": style.ORANGE,
}  # a backend looks the same in every chart
HERE = "this process"


@takes("a list of benchmark results, from tf.bench_models", items(BenchResult))
def backend_comparison(results: Sequence[BenchResult], ax: Axes | None = None) -> Chart:
    """Bars of median milliseconds, with a whisker from the fastest run to the 95th percentile, in the given order.

    Results of browsers stand in groups under the name of their device, those of this process under theirs. Behind each
    bar: the median, how many times slower than the fastest of the same model it is, and what part of the
    time the host had, where it had any. A hatched bar is mostly the host's time. A backend that was not measured has
    no bar but the reason.

    Args:
        results: from ``tf.bench_model`` or ``tf.bench_models``.
        ax: where to draw; None for a new figure.

    Example:
        >>> from tfjslab.vis.charts import backend_comparison
        >>> figure, axes = backend_comparison(tf.bench_models(["model.json"], ["cpu", "wasm"]))  # doctest: +SKIP

    """
    if not results:
        raise InputError("there are no results; expected at least one, from tf.bench_models")
    rows = _rows(results)
    figure, axes = canvas(ax, 720, 130 + 30 * len(rows))
    models = list(dict.fromkeys(r.model for r in results))
    shown = {row: r for row, r in enumerate(rows) if isinstance(r, BenchResult)}
    for row, r in shown.items():
        _bar(axes, row, r)
    names = [_name(r, models) if isinstance(r, BenchResult) else "" for r in rows]
    style.name_rows(axes, names, 44)
    _name_devices(axes, rows)
    ends = [_end(r) if isinstance(r, BenchResult) else 0.0 for r in rows]
    relative = dict(zip(map(id, results), ratios(results), strict=True))
    values = [_value(r, relative[id(r)]) if isinstance(r, BenchResult) else "" for r in rows]
    style.row_values(axes, ends, values)
    style.room_for_values(axes, max(ends), 0.6 if any(r.host_share for r in results) else 0.3)
    for row in [i for i in shown if i - 1 in shown and shown[i].model != shown[i - 1].model]:
        axes.axhline(row - 0.5, color=style.ink(), alpha=0.3, linewidth=0.8)
    style.quiet(axes, "x")
    title = f"{style.label(models[0])} on each backend" if len(models) == 1 else "Models on each backend"
    style.name_axes(axes, "time of a run (ms): median, fastest to 95th percentile", "", title)
    if any(r.host.is_most for r in results):
        axes.barh(-9, 0, label="mostly on the host, by numpy", **style.hatched())
        style.legend_below(axes)
    return Chart(figure, axes)


def _rows(results: Sequence[BenchResult]) -> list[BenchResult | str]:
    """The results in their order; where devices are known, in groups by model and device, under the device's name."""
    if not any(r.device for r in results):
        return list(results)
    groups: dict[tuple[str, str], list[BenchResult]] = {}
    for r in results:
        groups.setdefault((r.model, r.device), []).append(r)
    rows: list[BenchResult | str] = []
    for (_, device), some in groups.items():
        rows += [device or HERE, *some]
    return rows


def _bar(axes: Axes, row: int, r: BenchResult) -> None:
    """The median, and the spread around it."""
    median = r.median_ms or 0.0
    axes.barh(row, median, 0.66, **_look(r))
    if r.median_ms is not None and r.min_ms is not None and r.p95_ms is not None:
        spread = [[median - r.min_ms], [max(r.p95_ms - median, 0.0)]]
        axes.errorbar(median, row, xerr=spread, color=style.ink(), capsize=3, linewidth=1.1)


def _name_devices(axes: Axes, rows: Sequence[BenchResult | str]) -> None:
    """The name of each device above its rows, and a line between groups."""
    for row, name in enumerate(rows):
        if isinstance(name, str):
            axes.annotate(style.label(name, 60), (0, row), (4, -4), textcoords="offset points", va="center",
                          fontsize=style.SMALL, fontweight="bold")
            if row:
                axes.axhline(row - 0.5, color=style.ink(), alpha=0.3, linewidth=0.8)


def _end(r: BenchResult) -> float:
    return max(r.median_ms or 0.0, r.p95_ms or 0.0)


def _look(result: BenchResult) -> dict[str, Any]:
    colour = COLOURS.get(result.backend, style.PURPLE)
    return style.hatched(colour) if result.host.is_most else {"color": colour}


def _name(result: BenchResult, models: list[str]) -> str:
    where = f"{result.where}, {result.threads} threads" if result.threads > 1 else result.where
    return where if len(models) == 1 else f"{style.elide(result.model, 18)}  {where}"


def _value(result: BenchResult, ratio: float | None) -> str:
    if result.median_ms is None:
        return style.label(f"not measured: {result.reason or 'no reason given'}", 70)
    host = f"  {result.host.part} on the host" if result.host_share else ""
    return f"{ms(result.median_ms)} ms  {times(ratio)}{host}"
