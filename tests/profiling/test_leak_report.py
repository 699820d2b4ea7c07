"""The leak report finds planted leaks, and names the op and the very line."""

from __future__ import annotations

import inspect
import json
import threading

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import UsageError
from tfjslab.engine.state import STATE
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.profiling.leaks import Site, leak_report


def line_of(function, text):
    """The line of this file where ``function`` has ``text``."""
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if text in line)


@pytest.fixture(autouse=True)
def _all_is_disposed_in_the_end():
    with tf.tidy():
        yield


def test_a_planted_leak_is_found_and_named_with_its_line():
    x, history = tf.ones([10]), []

    def step():
        with tf.tidy():
            loss = tf.square(x + 1)
            history.append(tf.keep(loss))  # the leak: a tensor that nobody disposes

    report = leak_report(step, runs=3)
    (leak,) = report.leaks
    assert (leak.site.op, leak.site.line) == ("Square", line_of(step, "tf.square"))
    assert leak.site.file == __file__
    assert (leak.site.function, leak.site.source) == ("step", "loss = tf.square(x + 1)")
    assert (leak.shape, leak.dtype, leak.alive) == ((10,), "float32", (2, 3, 4))
    assert (leak.tensors_per_run, leak.bytes_per_run) == (1, 40)
    assert not report.ok
    assert report.other_per_run == (0, 0)
    assert report.num_tensors[-1] - report.num_tensors[0] == 3
    tf.dispose(history)


def leaky(kept):
    kept.append(tf.zeros([2, 2]))
    kept.append(kept[0] * 2)
    kept.append(kept[0].reshape([4]))
    kept.append(kept[0].clone())
    kept.append(tf.variable(kept[0]))


def test_every_way_to_make_a_tensor_has_its_name():
    kept = []
    report = leak_report(lambda: leaky(kept), runs=2)
    made = sorted((leak.site.line, leak.site.op) for leak in report.leaks)
    ops = ["zeros", "Multiply", "Reshape", "clone", "variable"]
    assert made == [(line_of(leaky, "tf.zeros") + i, op) for i, op in enumerate(ops)]
    tf.dispose(kept)


def test_code_that_tidies_up_leaks_nothing():
    x = tf.ones([3])
    report = leak_report(lambda: tf.tidy(lambda: len((x + 1).shape)))
    assert report.ok
    assert (report.leaks, report.returned) == ((), ())
    assert repr(report) == "LeakReport(the function: nothing leaks in 5 runs)"
    assert "nothing leaks" in str(report)


def test_what_is_set_up_once_or_replaced_each_time_is_no_leak():
    state = {}

    def step():
        if "weights" not in state:
            state["weights"] = tf.ones([4])
        last = state.get("last")
        state["last"] = state["weights"] + 1
        if last is not None:
            last.dispose()

    assert leak_report(step).ok


def test_a_leak_that_comes_only_now_and_then_is_found():
    runs, kept = iter(range(20)), []
    report = leak_report(lambda: kept.append(tf.ones([5])) if next(runs) % 3 == 0 else None, runs=6)
    (leak,) = report.leaks
    assert leak.alive == (1, 1, 2, 2, 2, 3)
    assert leak.tensors_per_run == pytest.approx(2 / 6)
    tf.dispose(kept)


def test_results_belong_to_the_caller_and_are_disposed_by_the_report():
    x = tf.ones([4])
    before = tf.memory().num_tensors
    report = leak_report(lambda: {"a": x + 1, "same": x}, runs=3)
    assert report.ok
    (given,) = report.returned
    assert (given.site.op, given.tensors_per_run, given.returned) == ("Add", 1, True)
    assert not x.is_disposed
    assert tf.memory().num_tensors == before
    assert "Returned to the caller, who has to dispose them (this report did)" in str(report)


def test_predicting_with_tensors_returns_what_the_model_made():
    port = Port("x", "x", (None, 2), "float32")
    with Model(Graph((port,), (Port("y", "y", None, ""),), (Node("y", "Relu", ("x",)),)), "cpu") as model:
        x, kept = tf.ones([1, 2]), []
        (leak,) = leak_report(lambda: kept.append(model.predict(x)), runs=2).leaks
    assert (leak.site.op, leak.site.line) == ("predict", line_of(inspect.currentframe(), "model.predict"))
    tf.dispose(kept)


def test_models_that_are_not_disposed_are_counted_though_not_named():
    port, kept = Port("x", "x", (2,), "float32"), []
    graph = Graph((port,), (port, Port("w", "w", None, "")), (), {"w": np.ones(2, np.float32)})
    report = leak_report(lambda: kept.append(Model(graph, "cpu")), runs=2)
    assert report.leaks == ()
    assert not report.ok
    assert report.other_per_run == (1, 8)
    assert "not made one by one: +1 tensors and +8 bytes a run" in str(report)
    for model in kept:
        model.dispose()


def test_other_threads_are_left_out():
    kept = []

    def step():
        worker = threading.Thread(target=lambda: kept.append(tf.ones([2])))
        worker.start()
        worker.join()

    report = leak_report(step, runs=2)
    assert (report.leaks, report.other_per_run) == ((), (1, 8))
    tf.dispose(kept)


def test_it_reads_as_text_page_and_json():
    kept = []

    def step():
        kept.append(tf.ones([1000]))

    report = leak_report(step, runs=2)
    place = f"test_leak_report.py:{line_of(step, 'tf.ones')}"
    assert repr(report).startswith("LeakReport(step: 1 leak in 2 runs, most by ones at ")
    assert repr(report).endswith(f"{place})")
    text = str(report)
    assert text.startswith("step: +1 tensors and +4000 bytes a run, over 2 runs")
    assert "ones (1000 float32)" in text
    assert place in report._repr_html_()
    assert "kept.append(tf.ones([1000]))" in report._repr_html_()
    assert json.loads(json.dumps(report.to_json()))["leaks"][0]["site"]["op"] == "ones"
    tf.dispose(kept)


@pytest.mark.parametrize(("file", "place"), [
    ("/some/ipykernel_12/3456.py", "cell:7"), ("<ipython-input-3-abc>", "cell:7"),
    ("/elsewhere/code.py", "/elsewhere/code.py:7"),
])
def test_cells_have_names_that_stay_the_same(file, place):
    assert Site("Add", file, 7, "f", "").place == place


def test_an_error_passes_through_and_turns_the_watch_off():
    def fail():
        raise KeyError("planned")

    with pytest.raises(KeyError):
        leak_report(fail)
    assert STATE.watch is None


async def coroutine():
    """Nothing that would be run."""


@pytest.mark.parametrize(("call", "message"), [
    (lambda: leak_report(coroutine), "leak_report: the function is a coroutine; give one that runs to its end"),
    (lambda: leak_report(list, runs=1), "leak_report: runs is 1; expected at least 2, since growth is between runs"),
    (lambda: leak_report(lambda: leak_report(list)),
     "leak_report: another one is running; only one at a time can follow tensors"),
])
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == message
