"""The proof: what it compares, what it says when something is wrong or missing, and what it leaves."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from support.web import node, small_graph

from tfjslab.base.errors import BackendError, BackendUnavailableError, InputError, ShapeError
from tfjslab.browser.node import NodeProgram
from tfjslab.export.web import engines, proof, sizes
from tfjslab.export.web.engines import Engine, in_node
from tfjslab.export.web.export import export_web
from tfjslab.export.web.proof import Effort, prove
from tfjslab.export.web.report import LIMIT, VariantTrial, WebReport
from tfjslab.model.model import Model

QUICK = Effort(runs=3, warm_ms=0, budget_ms=50)


@contextmanager
def absent(_folder):
    """An engine that is not there."""
    raise BackendUnavailableError("it is not there", code="node.unavailable")
    yield


def answering(answer):
    """A kind of engine that answers as the function ``answer`` does."""
    @contextmanager
    def opened(_folder):
        yield Engine("Fake 1.0", answer)

    return opened


@pytest.fixture
def made(tmp_path):
    """A model and its export."""
    with Model(small_graph(), "cpu", name="small") as model:
        yield model, export_web(model, tmp_path / "web")


@pytest.fixture
def only(monkeypatch):
    """Set the engines that are asked; TensorFlow.js is not at hand."""
    monkeypatch.delenv("TFJSLAB_PEERS", raising=False)
    return lambda **given: monkeypatch.setattr(proof, "ENGINES", given)


def test_node_agrees_with_cpu_and_the_report_has_all_of_it(made, only):
    node()
    only(node=in_node)
    model, found = made
    report = prove(model, found, effort=QUICK, peers=str(found.folder))
    assert report.agrees is True
    assert [t.variant for t in report.trials] == list(found.variants)
    for trial in report.trials:
        assert trial.engine == node().engine
        assert trial.threads >= 1
        assert None not in (trial.load_ms, trial.first_ms, trial.median_ms, trial.min_ms, trial.iqr_ms, trial.clock_ms)
        assert trial.runs >= 1
        assert trial.batch >= 1
        assert set(trial.differences) == {"y"}
        assert trial.difference <= LIMIT
    assert {s.name for s in report.files} == set(found.files)
    assert all(s.brotli_bytes for s in report.files if s.raw_bytes)
    assert [s.name for s in report.downloads] == [*(f"code, {v}" for v in found.variants), "weights"]
    assert report.absent.keys() == {"TensorFlow.js"}
    written = json.loads((found.folder / "report.json").read_text())
    assert written["agrees"] is True
    assert written["limit"] == LIMIT
    assert written["trials"][0]["difference"] == report.trials[0].difference
    assert written["inputs"] == "3 inputs, generated (seeds 0 to 2)"
    page = (found.folder / "report.html").read_text()
    assert "small as WebAssembly" in page
    assert "<script" not in page


def test_wrong_answers_are_said_so(made, only):
    node()
    model, found = made
    only(node=in_node)
    other = small_graph().constants
    wrong = {n: a * np.float32(1.01) if a.ndim == 2 else a for n, a in other.items()}
    report = prove(model, replace(found, reference=model.graph.with_(constants=wrong)), effort=QUICK)
    assert report.agrees is False
    assert report.verdict().startswith("WRONG ANSWERS against cpu (numpy ")
    assert all(f"{v} in Node.js" in report.verdict() for v in found.variants)
    assert json.loads((found.folder / "report.json").read_text())["agrees"] is False


def test_without_any_engine_nothing_is_claimed(made, only):
    only(one=absent, two=absent)
    report = prove(*made, effort=QUICK)
    assert report.agrees is None
    assert report.trials == ()
    assert report.absent["one"] == report.absent["two"] == "it is not there"
    assert report.verdict().startswith("nothing was compared: it is not there; it is not there; ")


def test_an_engine_that_fails_is_no_agreement(made, only):
    def fail(_job):
        raise BackendError("check.mjs failed: it broke")

    only(one=answering(fail))
    report = prove(*made, effort=QUICK)
    assert report.agrees is False
    assert {t.reason for t in report.trials} == {"check.mjs failed: it broke"}
    assert {t.apart() for t in report.trials} == {"failed"}


def test_what_an_engine_cannot_run_is_no_disagreement(made, only):
    only(one=answering(lambda _: {"able": ["plain"]}))
    report = prove(*made, effort=QUICK)
    assert report.agrees is None
    assert {t.reason for t in report.trials} == {"this engine cannot run it"}


def test_ctrl_c_leaves_what_was_found_and_says_so(made, only):
    def interrupt(job):
        if job["variant"] != "plain":
            raise KeyboardInterrupt
        return {"able": []}

    only(one=answering(interrupt))
    report = prove(*made, effort=QUICK)
    assert report.reason == "interrupted"
    assert [t.variant for t in report.trials] == ["plain"]
    assert json.loads((made[1].folder / "report.json").read_text())["reason"] == "interrupted"


def test_given_inputs_are_what_it_runs_on(made, only):
    jobs = []
    only(one=answering(lambda job: jobs.append(job) or {"able": []}))
    x = np.zeros((1, 8, 8, 3), np.float32)
    report = prove(*made, inputs=[x, {"x": x + 1}], effort=QUICK)
    assert report.inputs == "2 inputs, given"
    assert [len(j["feeds"]) for j in jobs] == [2] * len(made[1].variants)


@pytest.mark.parametrize(("value", "error", "message"), [
    ({"z": 1}, InputError, "input 'z' is not an input of the model; inputs: x"),
    ({}, InputError, "no value for input 'x'; inputs: x"),
    (np.zeros((2, 8, 8, 3), np.float32), ShapeError, "input 'x': shape [2, 8, 8, 3]; expected [1, 8, 8, 3]"),
])
def test_inputs_that_do_not_fit_are_refused(made, value, error, message):
    with pytest.raises(error) as caught:
        prove(*made, inputs=[value])
    assert str(caught.value) == message


def test_sizes_without_node_have_no_brotli(tmp_path):
    (tmp_path / "a").write_bytes(b"a" * 1000)
    (found,) = sizes.sizes([tmp_path / "a"], None)
    assert (found.name, found.raw_bytes, found.brotli_bytes) == ("a", 1000, None)
    assert 10 < found.gzip_bytes < 100
    assert sizes.together("both", [found, found]) == sizes.Size("both", 2000, 2 * found.gzip_bytes, None)


def test_a_node_that_fails_leaves_brotli_out(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    broken = NodeProgram(str(tmp_path / "no-such-program"), "20.0.0", "11")
    assert sizes.sizes([tmp_path / "a"], broken)[0].brotli_bytes is None


@pytest.mark.parametrize(("trial", "agrees", "words"), [
    (VariantTrial("simd", "E", differences={"a": 1e-6, "b": 0.0}), True, "1.0e-06"),
    (VariantTrial("simd", "E", differences={"a": 1e-6, "b": 1e-4}), False, "1.0e-04"),
    (VariantTrial("simd", "E", differences={"a": 1e-6, "b": None}), False, "does not agree"),
    (VariantTrial("simd", "E", reason="broke"), False, "failed"),
    (VariantTrial("simd", "E", able=False), None, "-"),
])
def test_what_agrees(trial, agrees, words):
    assert trial.agrees is agrees
    assert trial.apart() == words


def test_a_report_reads_the_same_each_time():
    report = WebReport("m", "1", "float32", "1 input, given", "cpu", (), (), (), (), "", None, {})
    assert repr(report) == "WebReport(m: 0 trials, agrees=None)"
    assert engines.CHECK.is_file()
