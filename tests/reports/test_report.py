"""Reports that measure: what sides may be, who runs them, what is said of changes and answers, and what ends one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import BackendError, UsageError
from tfjslab.bench.peers.process import Peer
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.reports import local
from tfjslab.reports.fresh import start_ms
from tfjslab.reports.planned import HowToMeasure, Planned, wanted

FAKE = Path(__file__).parents[1] / "support" / "fake_peer.py"
QUICK = {"rounds": 2, "runs": 3, "warmup": 0, "profile": False}


@pytest.fixture
def no_processes(monkeypatch):
    """Starts that nobody has to wait for."""
    monkeypatch.setattr(local, "_own_start", lambda runner, how, scratch: 5.0)  # noqa: ARG005 - as it is called


@pytest.fixture
def digits():
    with zoo.load("digits", backend="wasm-simd") as model:
        yield model


def test_changes_of_a_model_are_made_measured_and_explained(digits, no_processes):
    # More rounds than elsewhere: two of three runs may tell anything where a machine does something else.
    how = {**QUICK, "profile": True, "rounds": 7, "runs": 21}
    found = tf.report(digits, ["optimized", "int8:wasm-simd", "wasm-plain"], **how)
    assert [s.label for s in found.sides] == [
        "original (tfjslab, wasm-simd)", "optimized (tfjslab, wasm-simd)", "int8 (tfjslab, wasm-simd)",
        "original (tfjslab, wasm-plain)"]
    optimized, int8, plain = found.compared
    assert ("batch_norm", "4 changes, 18 -> 14 nodes") in optimized.side.changes
    assert int8.side.changes[0] == ("int8", "9 of 10 nodes run in int8, the others in float32")
    assert plain.side.changes == ()
    assert int8.by_key["memory"].ratio < 0.5
    assert int8.by_key["size"].ratio < 0.3
    assert int8.by_key["start"].reason.startswith(
        "int8 (tfjslab, wasm-simd): it cannot be written to a file, to be loaded by a fresh process: this model runs")
    assert optimized.side.answers.agreed == 64
    assert plain.answers.startswith("the same on the measured input: values within")
    assert plain.by_key["latency"].ratio > 1  # scalar kernels
    assert "digit" in {s.key for s in optimized.steps}
    assert found.repeat == ("tf.report(before, after) with the same objects",)


def test_what_optimize_and_quantize_gave_are_sides_with_their_reports(digits, no_processes):
    with tf.optimize(digits, measure=False).model as made, tf.quantize(digits, "float16").model as small:
        given = tf.optimize(digits, measure=False)
        found = tf.report(digits, [given, small], **QUICK)
        given.model.dispose()
        assert found.compared[0].side.label == "optimized (tfjslab, wasm-simd)"
        assert found.compared[0].side.changes[0][0] == "the whole"
        assert found.compared[1].side.changes == ()
        assert found.compared[1].by_key["size"].ratio == pytest.approx(0.5, abs=0.05)
        # Both rounds; where others disturbed all of one, the runs of the other.
        assert tf.report(made, small, **QUICK).compared[0].by_key["latency"].before.n in (2, 3)


def test_labels_count_right_answers(digits, no_processes):
    x = np.random.default_rng(0).uniform(0, 1, (20, 8, 8, 1)).astype(np.float32)
    labels = np.argmax(digits.predict(x), 1)
    found = tf.report(digits, "int8", data=x, labels=labels, **QUICK)
    said = found.compared[0].side.answers
    assert (said.samples, said.right_before) == (20, 1.0)
    assert found.compared[0].answers.startswith(f"{100 * said.right_after:.1f}% right, 100.0% before: ")


def test_a_start_is_measured_in_a_fresh_process(digits):
    found = tf.report(digits, "optimized", **QUICK)
    start = found.compared[0].by_key["start"]
    assert start.before.n == 2
    assert min(found.before.start_ms) > 1


def test_a_fresh_process_that_cannot_start_a_model_says_why(tmp_path):
    with pytest.raises(BackendError, match=r"a fresh process ended with 3: .*nowhere.json: model cannot be opened"):
        start_ms(tmp_path / "nowhere.json", "cpu", None, {}, tmp_path)


def test_tensorflow_js_in_node_takes_turns_with_ours(monkeypatch, tmp_path):
    """Steady runs of the fake take 2 ms; where a program is not watched, all runs of all sides count."""
    def start(_folder, _backend, threads):
        return Peer([sys.executable, str(FAKE), "well", str(threads)], "fake", 60.0)

    monkeypatch.setattr(local.tfjs, "find_peers", lambda _given: tmp_path)
    monkeypatch.setattr(local.tfjs, "start_tfjs", start)
    monkeypatch.setattr(local, "_own_start", lambda runner, how, scratch: 5.0)  # noqa: ARG005 - as it is called
    graph = Graph((Port("x", "x", (None, 4), "float32"),), (Port("y", "a", None, ""),),
                  (Node("a", "Add", ("x", "w")),), {"w": np.ones(4, np.float32)})
    with Model(graph, "cpu", name="four") as model:
        plans = [Planned("theirs", model, "tfjs-wasm-simd"), Planned("ours", model, "cpu")]
        theirs, ours = local.measure(plans, HowToMeasure({"x": np.ones((1, 4), np.float32)}, 2, 3, 1))
    assert theirs.latency_ms == ((2.0,) * 3,) * 2
    assert [len(r) for r in ours.latency_ms] == [3, 3]
    assert theirs.runtime.startswith("TensorFlow.js 1.2.3 on fake")
    assert len(theirs.start_ms) == 2


def test_ctrl_c_gives_what_was_measured_until_then(digits, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "_starts", pressed)
    found = tf.report(digits, "optimized", **QUICK)
    assert found.reason == "interrupted"
    assert len(found.before.latency_ms) == 2
    assert found.compared[0].by_key["start"].reason.endswith(": interrupted")


def test_ctrl_c_before_all_sides_have_begun_leaves_nothing_to_report(digits, no_leaks):
    def pressed(what, *_):
        if what.startswith("optimized ("):
            raise KeyboardInterrupt

    with no_leaks(), pytest.raises(KeyboardInterrupt):
        tf.report(digits, "optimized", progress=pressed, **QUICK)


def test_progress_is_told(digits, no_processes):
    heard = []
    tf.report(digits, "optimized", progress=lambda what, *_: heard.append(what), **QUICK)
    assert "interleaved rounds" in heard
    assert any(what.endswith(": answers") for what in heard)


@pytest.mark.parametrize(("text", "message"), [
    ("int9:wasm-simd", "'int9' is no change; expected one of: original, optimized, .*; did you mean 'int8'"),
    ("int8:wasm", None),
    ("int8:tfjs-webgl", r"'tfjs-webgl' runs no model on this machine \(for others, name a browser: --in chromium\)"),
    ("web", "'web' is a web module, which runs in browsers only; name one: --in chromium"),
])
def test_entries_that_make_no_sense_are_refused(text, message):
    if message is None:
        assert wanted(text, in_browser=False).program == "wasm"
        return
    with pytest.raises(UsageError, match=message):
        wanted(text, in_browser=False)


def test_arguments_that_make_no_sense_are_refused(digits, tmp_path):
    with pytest.raises(UsageError, match="rounds=1, runs=None, warmup=10; expected rounds >= 2"):
        tf.report(digits, rounds=1)
    with pytest.raises(UsageError, match="there is nothing after: give at least one"):
        tf.report(digits, [])
    with pytest.raises(UsageError, match="a side is a int; expected a path, a model"):
        tf.report(digits, 3)
    with pytest.raises(UsageError, match="a web module runs in browsers only"):
        tf.report(digits, tf.export_web(digits, tmp_path / "web", only=["simd"]))
