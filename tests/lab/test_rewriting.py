"""The switches Optimize and Quantize: what is measured, what is reported, and that every step can be stopped."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from tfjslab import zoo
from tfjslab.base.errors import UsageError
from tfjslab.lab import panels, session
from tfjslab.lab.dashboard import Lab
from tfjslab.lab.rewriting import GENERATED, rewrite, variant
from tfjslab.lab.session import LabSession, RunSettings
from tfjslab.lab.worker import Job
from tfjslab.passes.registry import PASSES
from tfjslab.quantizer import KINDS

DIGITS = RunSettings("digits", "cpu", runs=3, warmup=0)


def digits(backend, threads):
    return zoo.load("digits", backend=backend, threads=threads)


def after(passes=(), kind="", calibration=None):
    """The report of rewriting digits, and the progress calls."""
    steps = []
    with digits("cpu", None) as model, ExitStack() as made:
        _, report = rewrite(model, passes, kind, calibration, lambda *s: steps.append(s), made)
    return report, steps


def test_a_name_says_what_became_of_the_model():
    assert variant((), "") == ""
    assert variant(tuple(PASSES), "int8") == "optimized, int8"
    assert variant(("padding", "dead_code"), "") == f"optimized (2 of {len(PASSES)})"
    assert variant((), "float16") == "float16"


def test_optimizing_shows_changes_refusals_and_the_error():
    report, steps = after(tuple(PASSES))
    assert steps[:2] == [("optimizing: all passes", 0, 2), ("comparing outputs", 1, 2)]
    assert steps[2:] == [("comparing outputs", n, GENERATED) for n in range(1, GENERATED + 1)]
    assert report.summary[0].startswith("18 -> 10 nodes, ")
    titles = [s.title for s in report.sheets]
    assert titles == ["Error", "What each pass did, and what it left", "Every change"]
    whole = " ".join(" ".join(row) for sheet in report.sheets for row in sheet.rows)
    assert "4 changes, 18 -> 14 nodes" in whole
    assert "left 1: sum of two results (residual)" in whole
    assert "folded into the weights of" in whole
    assert report.data.startswith(f"errors on {GENERATED} generated inputs. ")


def test_int8_without_data_says_that_its_ranges_were_generated():
    report, _ = after(kind="int8")
    assert report.data == (
        f"ranges from {GENERATED} generated inputs; errors on {GENERATED} others. Only real data can show what "
        "this does to accuracy: tf.Lab(calibration=...), tf.evaluate"
    )
    nodes = next(s for s in report.sheets if s.title.startswith("Nodes"))
    assert ("digit", "Softmax", "float32", "no integer form of Softmax", "-", "-") in nodes.rows
    assert "run in int8, the others in float32" in report.summary[1]


def test_int8_with_data_says_so():
    report, _ = after(kind="int8", calibration=np.random.default_rng(1).uniform(0, 1, (5, 8, 8, 1)).astype(np.float32))
    assert report.data == "errors on 5 samples of the data that were given"


def test_weights_that_are_stored_small_are_listed_with_what_they_take_in_files():
    report, _ = after(kind="uint8")
    (sheet,) = (s for s in report.sheets if s.title.startswith("Weights in files"))
    assert "smaller" in sheet.title
    assert all(len(row) == len(sheet.columns) == len(sheet.widths) for row in sheet.rows)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_runs_after_all_passes_under_a_name_of_its_own(measure, kind):
    seen = measure(replace(DIGITS, passes=tuple(PASSES), quantize=kind), source=digits)
    assert seen[-1].phase == "done", seen[-1].message
    assert seen[-1].result.model == f"digits, optimized, {kind}"
    phases = [s.phase for s in seen]
    assert phases.index("rewriting") < phases.index("compiling")
    assert list(dict.fromkeys(s.text for s in seen if s.phase == "rewriting")) == [
        "optimizing: all passes", f"quantizing to {kind}", "comparing outputs",
    ]


def test_memory_is_that_of_the_model_that_runs(measure):
    """The model that it was made of, which is four times as large, is gone by then."""
    last = measure(replace(DIGITS, quantize="int8"), source=digits)[-1]
    most = max(k.total_bytes_snapshot for k in last.profile.kernels)
    assert most == last.result.peak_bytes
    assert most < 20_000


def test_a_run_as_loaded_has_no_such_phase(measure):
    seen = measure(DIGITS, source=digits)
    assert "rewriting" not in {s.phase for s in seen}
    assert seen[-1].result.model == "digits"


@pytest.mark.parametrize("step", ["optimizing: padding", "quantizing to int8", "comparing outputs"])
def test_stop_ends_it_between_steps(clock, step):
    at, seen = threading.Event(), []

    def publish(snapshot):
        seen.append(snapshot)
        if snapshot.message == step:
            job._stop.set()
            at.set()

    job = Job(replace(DIGITS, passes=("padding",), quantize="int8"), publish, source=digits, clock=clock)
    job.start()
    assert at.wait(30)
    assert job.wait(30)
    assert seen[-1].phase == "stopped"
    assert seen[-1].result is None or not seen[-1].result.runs


def test_what_cannot_be_quantized_is_reported(measure, load, settings):
    last = measure(replace(settings, quantize="dynamic-int8"), source=load)[-1]
    assert last.phase == "failed"
    assert "can run in integers (dynamic-int8)" in last.message


@pytest.mark.parametrize(("wrong", "message"), [
    ({"passes": ("padings",)}, "pass 'padings' is not one of"),
    ({"quantize": "int9"}, "quantize is 'int9'; expected one of int8, dynamic-int8"),
])
def test_settings_with_wrong_names_are_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        replace(DIGITS, **wrong).check()


@pytest.fixture
def lab(clock, no_widgets_left):
    with Lab("digits", "cpu", clock=clock) as made:
        made._view.side.runs.value, made._view.side.warmup.value = 3, 0
        yield made


@pytest.mark.usefixtures("no_widgets_left")
def test_the_switches_are_those_of_the_registries(lab):
    assert list(lab._view.side.passes) == list(PASSES)
    assert [value for _, value in lab._view.header.quantize.options] == ["", *KINDS]
    assert (lab.settings.passes, lab.settings.quantize) == ((), "")
    lab._view.header.optimize.value = True
    assert lab.settings.passes == tuple(PASSES)
    lab._view.side.passes["padding"].value = False
    assert "padding" not in lab.settings.passes
    for box in lab._view.side.passes.values():
        box.value = False
    with pytest.raises(UsageError, match="Optimize is on, but no pass is checked"):
        lab.run()


def test_runs_are_compared_under_names_that_say_what_was_done(lab):
    lab.run(wait=True)
    lab._view.header.optimize.value = True
    lab.run(wait=True)
    lab._view.header.quantize.value = "int8"
    lab.run(wait=True)
    assert [r.label for r in lab.session.runs] == [
        "#1 digits on cpu", "#2 digits, optimized on cpu", "#3 digits, optimized, int8 on cpu",
    ]
    compared = [panels._relabelled(r, lab.session.runs) for r in lab.session.runs]
    assert [(r.model, r.backend) for r in compared] == [
        ("digits", "cpu"), ("digits", "cpu, optimized"), ("digits", "cpu, optimized, int8"),
    ]
    assert lab.session.runs[0].rewrite is None
    shown = panels.changes(lab.session.runs[2], None)
    assert "ranges from 8 generated inputs" in shown
    assert "no integer form of Softmax" in shown
    assert "as it was loaded" in panels.changes(lab.session.runs[0], None)


def test_a_session_keeps_what_was_done(lab, tmp_path):
    lab._view.header.optimize.value = True
    lab._view.header.quantize.value = "float16"
    lab.run(wait=True)
    again = session.load(session.save(lab.session, tmp_path / "s.json"))
    assert again == lab.session
    assert again.runs[0].rewrite.sheets == lab.session.runs[0].rewrite.sheets
    assert again.runs[0].settings.quantize == "float16"
    assert "Changes" in lab.report_html()


def test_a_session_from_before_the_switches_can_be_read():
    found = session.from_json({"format": session.FORMAT, "version": 1, "runs": [], "notes": ""})
    assert found == LabSession()


def test_calibration_data_are_for_the_model_that_they_came_with(clock, no_widgets_left):
    images = np.random.default_rng(2).uniform(0, 1, (6, 8, 8, 1)).astype(np.float32)
    with Lab("digits", "cpu", clock=clock, optimize=True, quantize="int8", calibration=images) as lab:
        lab._view.side.runs.value = 3
        lab.run(wait=True)
        assert lab.session.runs[0].label == "#1 digits, optimized, int8 on cpu"
        assert lab.session.runs[0].rewrite.data == "errors on 6 samples of the data that were given"
    with pytest.raises(UsageError, match="quantize is 'int9'"):
        Lab("digits", quantize="int9")
