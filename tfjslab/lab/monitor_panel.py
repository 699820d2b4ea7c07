"""A panel for notebooks that follows a monitor: of a model in this process, or a collector of many pages."""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets as widgets

from tfjslab.base.closing import Closing
from tfjslab.base.messages import escaped
from tfjslab.base.plots import EMPTY, HEIGHT, WIDTH, AxisTick, line_at, nice_top, plot, y_of
from tfjslab.base.tables import as_html
from tfjslab.base.text import counted, ms
from tfjslab.base.threads import start_thread
from tfjslab.lab import markup
from tfjslab.lab.style import CSS
from tfjslab.monitoring.collector import Collector
from tfjslab.monitoring.histogram import LatencyHistogram, bucket_of, value_of
from tfjslab.monitoring.model_monitor import ModelMonitor
from tfjslab.monitoring.summary import Line, MonitorSummary

_EVERY_S = 1.0
_BARS = 48  # at most
_CARD = '<div class="tfl-live"><div class="tfl-card">{}</div></div>'


class MonitorPanel(Closing):
    """The panel, shown by its ``box``; ``close`` ends what follows, and takes it away."""

    def __init__(self, source: ModelMonitor | Collector, every_s: float = _EVERY_S, minutes: int = 60) -> None:
        self._source, self._every_s, self._minutes = source, every_s, minutes
        self._over = threading.Event()
        self.chart, self.told = widgets.HTML(), widgets.HTML()
        self.box = widgets.VBox([widgets.HTML(f"<style>{CSS}</style>"), self.chart, self.told])
        self.show()
        self._thread = threading.Thread(target=self._follow, name="tfjslab-monitor-panel", daemon=True)
        try:
            start_thread(self._thread)
        except BaseException:
            self.box.close()
            raise

    def show(self) -> None:
        """Show what there is now."""
        if isinstance(self._source, Collector):
            summary = self._source.summary(self._minutes)
            chart, tables = over_time(summary), summary.tables()
        else:
            metrics = self._source.metrics()
            chart, tables = distribution(metrics.totals.predict), metrics.tables()
        self.chart.value = f'<div class="tfl">{_CARD.format(chart)}</div>'
        self.told.value = f'<div class="tfl tfl-scroll tfl-told">{"".join(map(as_html, tables))}</div>'

    def _follow(self) -> None:
        while not self._over.wait(self._every_s):
            try:
                self.show()
            except Exception as e:  # noqa: BLE001 - whatever happens, the panel says so and ends
                self.told.value = f'<div class="tfl">{markup.message(f"{type(e).__name__}: {e}", error=True)}</div>'
                return

    def close(self) -> None:
        """End what follows, and take the panel away. The monitor stays."""
        self._over.set()
        self._thread.join()
        self.box.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook shows."""
        return self.box._repr_mimebundle_(**options)  # the protocol of notebooks


def distribution(times: LatencyHistogram) -> str:
    """How many predictions took how long: bars of buckets, which are equally wide on a logarithmic axis."""
    if not times.counts:
        return markup.card("Latency", EMPTY.format("no predictions yet"))
    first, last = min(times.counts), max(times.counts)
    step = -(-(last - first + 1) // _BARS)  # buckets in a bar
    bars = -(-(last - first + 1) // step)
    heights = [0] * bars
    for bucket, count in times.counts.items():
        heights[(bucket - first) // step] += count
    most, width = max(heights), WIDTH / bars
    drawn = "".join(
        f'<rect x="{i * width:.1f}" width="{width * 0.9:.1f}" y="{y_of(n / most)}" height="{HEIGHT * n / most:.1f}"/>'
        for i, n in enumerate(heights) if n
    )
    p50, p95 = times.quantile(0.5) or 0.0, times.quantile(0.95) or 0.0
    lines = "".join(_upright(kind, (bucket_of(value) - first + 0.5) / (bars * step)) for kind, value in
                    (("tfl-median", p50), ("tfl-p95", p95)))
    key = _key(("tfl-median", f"median {ms(p50)} ms"), ("tfl-p95", f"p95 {ms(p95)} ms"))
    ends = [AxisTick(0, f"{ms(value_of(first))} ms"), AxisTick(1, f"{ms(value_of(first + bars * step))} ms")]
    label = f"distribution of {counted(len(times), 'prediction')}, median {ms(p50)} ms, p95 {ms(p95)} ms"
    return markup.card("Latency", key + plot(f'<g class="tfl-bars">{drawn}</g>{lines}',
                                             [AxisTick(0, "0"), AxisTick(1, str(most))], ends, label))


def _upright(kind: str, at: float) -> str:
    return f'<line class="{kind}" x1="{WIDTH * at:.1f}" x2="{WIDTH * at:.1f}" y1="0" y2="{HEIGHT}"/>'


def _key(*entries: tuple[str, str]) -> str:
    shown = "".join(f'<i class="{kind}"></i>{escaped(text)}' for kind, text in entries)
    return f'<div class="tfl-key">{shown}</div>'


def over_time(summary: MonitorSummary) -> str:
    """Median and p95 of all groups by minute."""
    line = next(iter(summary.lines["all"]), None)
    if line is None:
        return markup.card("Latency", EMPTY.format("nothing came yet"))
    top = nice_top(max((v for v in line.p95_ms if v is not None), default=1.0))
    drawn = "".join(_polyline(kind, line, values, top) for kind, values in
                    (("tfl-median", line.p50_ms), ("tfl-p95", line.p95_ms)))
    key = _key(("tfl-median", "median"), ("tfl-p95", "p95"))
    ends = [AxisTick(0, f"{summary.minutes} minutes ago"), AxisTick(1, "now")]
    return markup.card("Latency", key + plot(drawn, [AxisTick(0, "0"), AxisTick(1, f"{top:g} ms")], ends,
                                             "latency of all groups by minute"))


def _polyline(kind: str, line: Line, values: Any, top: float) -> str:
    """Points in order; minutes in which nothing came are left out. One alone is a short line."""
    wide = max(len(line.minutes) - 1, 1)
    places = [(i / wide, value / top) for i, value in enumerate(values) if value is not None]
    if len(places) == 1:
        places = [(max(places[0][0] - 1 / wide, 0.0), places[0][1]), *places]
    return f'<polyline class="{kind}" points="{line_at(places)}"/>' if places else ""


def panel(source: ModelMonitor | Collector, *, every_s: float = _EVERY_S, minutes: int = 60) -> MonitorPanel:
    """A panel that follows ``tf.monitor(model)``, or a collector, while the notebook is open.

    Args:
        source: what is followed.
        every_s: seconds between two looks.
        minutes: of a collector, how far back the line goes.

    ``close`` ends it; cells that run meanwhile are not held up.

    """
    return MonitorPanel(source, every_s, minutes)
