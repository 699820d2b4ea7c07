"""The panel that follows a monitor: what it shows, that it follows, and that it ends."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("ipywidgets", reason="the panel needs ipywidgets")

import tfjslab as tf
from tfjslab import zoo
from tfjslab.lab.monitor_panel import distribution, over_time
from tfjslab.monitoring.collector import collector
from tfjslab.monitoring.histogram import LatencyHistogram

STEP_S = 60


def shown(panel, text):
    """Wait until the panel tells a text."""
    seen = threading.Event()
    panel.told.observe(lambda change: text in change["new"] and seen.set(), "value")
    return text in panel.told.value or seen.wait(STEP_S)


def test_it_follows_a_model_and_then_ends():
    with zoo.load("digits") as model, tf.monitor(model) as watched, tf.monitoring.panel(watched, every_s=0.02) as panel:
        assert "no predictions yet" in panel.chart.value
        for _ in range(7):
            watched.predict(model.sample())
        assert shown(panel, '<td style="text-align:right">7</td>')
        assert "median" in panel.chart.value
    assert "tfjslab-monitor-panel" not in {t.name for t in threading.enumerate()}


def test_it_follows_a_collector(tmp_path):
    with collector(tmp_path / "monitor.sqlite") as running, zoo.load("digits") as model, \
            tf.monitoring.panel(running, every_s=0.02) as panel:
        assert "nothing came yet" in panel.chart.value
        watched = tf.monitor(model)
        for _ in range(7):
            watched.predict(model.sample())
        watched.send(running.batches_url)
        assert shown(panel, "python")
        assert 'class="tfl-p95"' in panel.chart.value


def test_what_goes_wrong_is_said():
    with zoo.load("digits") as model, tf.monitor(model) as watched, tf.monitoring.panel(watched, every_s=0.02) as panel:
        watched.metrics = None
        assert shown(panel, "TypeError")


def test_bars_are_few_and_hold_every_prediction():
    times = LatencyHistogram.of([(-300, 1), (0, 10), (400, 2)])
    drawn = distribution(times)
    assert drawn.count("<rect") == 3
    assert "distribution of 13 predictions" in drawn
    alone = distribution(LatencyHistogram.of([(5, 3)]))
    assert alone.count("<rect") == 1


def test_a_single_minute_is_a_line_too(tmp_path):
    with collector(tmp_path / "monitor.sqlite") as running, zoo.load("digits") as model:
        watched = tf.monitor(model)
        for _ in range(3):
            watched.predict(model.sample())
        watched.send(running.batches_url)
        drawn = over_time(running.summary())
    points = drawn.partition('<polyline class="tfl-p95" points="')[2].partition('"')[0]
    assert len(points.split()) == 2
