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


@takes("a list of benchmark results, from tf.bench_models", items(BenchResult))
def backend_comparison(results: Sequence[BenchResult], ax: Axes | None = None) -> Chart:
    """Bars of median milliseconds, with a whisker from the fastest run to the 95th percentile, in the given order.

    Behind each bar: the median, how many times slower than the fastest of the same model it is, and what part of the
    time the host had, where it had any. A hatched bar is mostly the host's time. A backend that was not measured has
    no bar but the reason.

    Args:
        results: from ``tf.bench_model`` or ``tf.bench_models``.
        ax: where to draw; None for a new figure.

    Example:
        >>> from tfjslab.vis.charts import backend_comparison
        >>> figure, axes = backend_comparison(tf.bench_models(["blazeface"], ["cpu", "wasm"]))  # doctest: +SKIP

    """
    if not results:
        raise InputError("there are no results; expected at least one, from tf.bench_models")
    figure, axes = canvas(ax, 720, 130 + 30 * len(results))
    models = list(dict.fromkeys(r.model for r in results))
    medians = [r.median_ms or 0.0 for r in results]
    ends = [max(m, r.p95_ms or 0.0) for m, r in zip(medians, results, strict=True)]
    for row, (r, median) in enumerate(zip(results, medians, strict=True)):
        axes.barh(row, median, 0.66, **_look(r))
        if r.median_ms is not None and r.min_ms is not None and r.p95_ms is not None:
            spread = [[median - r.min_ms], [max(r.p95_ms - median, 0.0)]]
            axes.errorbar(median, row, xerr=spread, color=style.ink(), capsize=3, linewidth=1.1)
    style.name_rows(axes, [_name(r, models) for r in results], 44)
    style.row_values(axes, ends, [_value(r, ratio) for r, ratio in zip(results, ratios(results), strict=True)])
    style.room_for_values(axes, max(ends), 0.6 if any(r.host_share for r in results) else 0.3)
    for row in [i for i in range(1, len(results)) if results[i].model != results[i - 1].model]:
        axes.axhline(row - 0.5, color=style.ink(), alpha=0.3, linewidth=0.8)
    style.quiet(axes, "x")
    title = f"{style.label(models[0])} on each backend" if len(models) == 1 else "Models on each backend"
    style.name_axes(axes, "time of a run (ms): median, fastest to 95th percentile", "", title)
    if any(r.host.is_most for r in results):
        axes.barh(-9, 0, label="mostly on the host, by numpy", **style.hatched())
        style.legend_below(axes)
    return Chart(figure, axes)


def _look(result: BenchResult) -> dict[str, Any]:
    colour = COLOURS.get(result.backend, style.PURPLE)
    return style.hatched(colour) if result.host.is_most else {"color": colour}


def _name(result: BenchResult, models: list[str]) -> str:
    where = f"{result.where}, {result.threads} threads" if result.threads > 1 else result.where
    where = f"{where}, {result.device}" if result.device else where
    return where if len(models) == 1 else f"{style.elide(result.model, 18)}  {where}"


def _value(result: BenchResult, ratio: float | None) -> str:
    if result.median_ms is None:
        return style.label(f"not measured: {result.reason or 'no reason given'}", 70)
    host = f"  {result.host.part} on the host" if result.host_share else ""
    return f"{ms(result.median_ms)} ms  {times(ratio)}{host}"
