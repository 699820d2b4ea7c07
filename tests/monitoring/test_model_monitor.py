"""``tf.monitor``: what it measures, sends, and leaves behind."""

from __future__ import annotations

import json
import queue
import threading

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import InputError
from tfjslab.monitoring import model_monitor
from tfjslab.monitoring.collector import collector
from tfjslab.monitoring.histogram import RELATIVE_ERROR
from tfjslab.monitoring.model_monitor import ModelMonitor


@pytest.fixture
def model():
    with zoo.load("digits") as loaded:
        yield loaded


@pytest.fixture
def running(tmp_path):
    with collector(tmp_path / "monitor.sqlite") as found:
        yield found


def clock_of(*took_ms):
    """A clock by which predictions take these milliseconds."""
    return iter([t for ms in took_ms for t in (0.0, ms / 1000)]).__next__


def test_predictions_are_measured_by_the_clock_and_the_first_apart(model):
    watched = ModelMonitor(model, clock=clock_of(500, *range(1, 101)))
    x = model.sample()
    for _ in range(101):
        watched.predict(x)
    found = watched.to_dict()
    assert (found["predictions"], found["first_ms"]) == (101, 500)
    assert found["p50_ms"] == pytest.approx(50, rel=RELATIVE_ERROR)
    assert found["p95_ms"] == pytest.approx(95, rel=RELATIVE_ERROR)
    assert found["now_bytes"] == tf.memory().num_bytes
    assert json.loads(json.dumps(found)) == found


def test_a_model_that_is_compiled_has_no_first_prediction(model):
    x = model.sample()
    model.predict(x)
    watched = ModelMonitor(model, clock=clock_of(3, 3))
    watched.predict(x)
    watched.execute(x)
    assert (watched.metrics().first_ms, len(watched.metrics().totals.predict)) == (None, 2)


def test_answers_and_all_else_are_the_models_own(model):
    watched, x = tf.monitor(model), model.sample()
    assert np.array_equal(watched.predict(x), model.predict(x))
    assert watched.inputs == model.inputs
    with pytest.raises(AttributeError, match="nonesuch"):
        watched.nonesuch  # noqa: B018 - asking is the point


def test_errors_are_counted_by_kind_and_go_on_to_the_caller(model, monkeypatch):
    watched = tf.monitor(model)
    for _ in range(2):
        with pytest.raises(tf.TfjslabError):
            watched.predict(np.zeros((3, 3)))
    monkeypatch.setattr(model, "predict", lambda _: (_ for _ in ()).throw(RuntimeError("/srv/ann/secret")))
    with pytest.raises(RuntimeError):
        watched.predict(model.sample())
    totals = watched.metrics().totals
    assert totals.errors == {"input.shape": (2, "input 'image': shape [3, 3]; expected [?, 8, 8, 1]"), "error": (1, "")}
    assert totals.error_rate == 1


def test_what_is_new_is_sent_once(model, running):
    watched = tf.monitor(model, name="digits in\nproduction")
    for _ in range(3):
        watched.predict(model.sample())
    assert [watched.send(running.batches_url) for _ in range(2)] == [1, 0]
    watched.predict(model.sample())
    assert watched.send(running.batches_url) == 1
    (group,) = running.summary().groups
    assert group.group == ("digits in production", "cpu", "python")
    assert (group.totals.batches, group.totals.predictions, len(group.totals.first)) == (2, 4, 1)


def test_what_could_not_be_sent_is_kept(model, running):
    watched = tf.monitor(model)
    watched.predict(model.sample())
    with pytest.raises(InputError, match="no collector answered") as caught:
        watched.send("http://127.0.0.1:9/v1/batches")
    assert caught.value.code == "monitor.send"
    with pytest.raises(InputError, match="the collector answered 404"):
        watched.send(running.url + "nothing")
    with pytest.raises(InputError, match="expected an http or https address"):
        watched.send("file:///etc/passwd")
    watched.predict(model.sample())
    assert watched.send(running.batches_url) == 2


def test_a_block_sends_at_its_end_and_leaves_no_thread(model, running):
    with tf.monitor(model, url=running.batches_url, every_s=3600) as watched:
        watched.predict(model.sample())
        assert running.summary().total_predictions == 0
    assert running._site.store.since_beginning()["digits", "cpu", "python"].predictions == 1
    assert "tfjslab-sender" not in {thread.name for thread in threading.enumerate()}


def test_it_sends_by_itself(model, monkeypatch):
    sent = queue.Queue()
    monkeypatch.setattr(model_monitor, "send_batch", lambda url, batch: sent.put((url, batch)) or 1)
    with tf.monitor(model, url="http://127.0.0.1:9/", every_s=0.01) as watched:
        watched.predict(model.sample())
        url, batch = sent.get(timeout=60)
    assert (url, batch.browser, sent.qsize()) == ("http://127.0.0.1:9/", "python", 0)


def test_a_collector_that_is_away_does_not_disturb(model):
    with tf.monitor(model, url="http://127.0.0.1:9/v1/batches", every_s=3600) as watched:
        watched.predict(model.sample())
    assert len(watched._unsent) == 1


def test_a_part_of_monitors_sends(model, monkeypatch):
    monkeypatch.setattr(model_monitor.random, "random", lambda: 0.5)
    for rate, threads in ((0.5, False), (0.6, True)):
        with tf.monitor(model, url="http://127.0.0.1:9/", rate=rate) as watched:
            assert (watched._thread is not None) == threads
    with pytest.raises(InputError, match=r"rate is 2 and every_s 30; expected 0 to 1, and a time above 0"):
        tf.monitor(model, rate=2)


def test_it_shows_itself(model):
    watched = ModelMonitor(model, clock=clock_of(500, 5))
    for _ in range(2):
        watched.predict(model.sample())
    assert repr(watched) == "<ModelMonitor: digits>"
    assert repr(watched.metrics()) == "<MonitorMetrics: digits on cpu>"
    assert ">p95</td>" in watched._repr_html_()
    assert "first 500.0 ms" in " ".join(str(watched.metrics()).split())
