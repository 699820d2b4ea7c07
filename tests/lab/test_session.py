"""What a session keeps, and files that are none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tfjslab.base.errors import InputError, UsageError
from tfjslab.lab import export, session
from tfjslab.lab.inputs import InputChoice
from tfjslab.lab.memory_trace import MemorySample
from tfjslab.lab.session import LabSession, RunSettings, Snapshot


@pytest.fixture
def two_runs(measure, settings):
    """A session of two runs of the small model."""
    first, second = (measure(s)[-1] for s in (settings, RunSettings("small", "cpu", batch=3, runs=5)))
    kept = LabSession(notes="<b>why</b>").with_run(first.settings, first.result, first.profile)
    return kept.with_run(second.settings, second.result, second.profile)


def test_a_session_survives_a_file(two_runs, tmp_path):
    path = session.save(two_runs, tmp_path / "s.json")
    assert session.load(path) == two_runs


def test_inputs_memory_and_the_time_of_a_run_survive_a_file_and_files_without_them_are_read(two_runs, tmp_path):
    first = two_runs.runs[0]
    chosen = replace(first.settings, inputs=(InputChoice("x", (1, 4), 2), InputChoice("y", file="a.npy")))
    kept = LabSession().with_run(chosen, first.result, None, None, "2026-11-27T09:08:07",
                                 (MemorySample(0.5, 10**6, None, 4),))
    assert session.load(session.save(kept, tmp_path / "s.json")) == kept
    assert kept.runs[0].name == "#1 small on cpu (inputs as chosen), 09:08:07"
    assert kept.run(1) is kept.runs[0]
    assert kept.run(2) is None
    older = session.to_json(kept)
    del older["runs"][0]["ended"], older["runs"][0]["memory"], older["runs"][0]["settings"]["inputs"]
    assert session.from_json(older).runs[0].name == "#1 small on cpu"


def test_runs_are_numbered_and_named(two_runs):
    assert [r.label for r in two_runs.runs] == ["#1 small on cpu", "#2 small on cpu (batch 3)"]


@pytest.mark.parametrize(("content", "message"), [
    ("[]", "this is not a session of the lab; expected an object with format 'tfjslab-session'"),
    ('{"format": "tfjslab-session", "version": 2}', "this session has version 2; expected 1"),
    ('{"format": "tfjslab-session", "version": 1, "runs": 3}', "session.runs is 3; expected a list"),
    ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
])
def test_a_file_that_is_no_session_says_why(tmp_path, content, message):
    path = tmp_path / "s.json"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        session.load(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.json: No such file or directory"):
        session.load(tmp_path / "gone.json")


@pytest.mark.parametrize(("wrong", "message"), [
    ({"model": " "}, "no model is given; choose one of the zoo, or give a path, an address or files"),
    ({"threads": 0}, "threads is 0; expected an integer >= 1"),
    ({"batch": 0}, "batch is 0; expected an integer >= 1"),
    ({"warmup": -1}, "warmup is -1; expected an integer >= 0"),
    ({"runs": True}, "runs is True; expected an integer >= 1"),
])
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(UsageError) as caught:
        RunSettings(**{"model": "m", "backend": "cpu"} | wrong).check()
    assert str(caught.value) == message


def test_the_line_of_the_progress_bar(two_runs):
    result = two_runs.runs[0].result.__class__(**vars(two_runs.runs[0].result) | {"median_ms": 12.44})
    assert Snapshot("running", done=23, total=50, result=result).text == "run 23/50, median 12.4 ms"
    assert Snapshot("warming", done=1, total=5).text == "warm-up 1/5"
    assert Snapshot().text == "ready"


def test_csv_has_a_line_for_each_run_and_json_the_keys_of_the_command_line(two_runs, tmp_path):
    lines = export.write(two_runs, tmp_path / "r.csv").read_text().splitlines()
    assert lines[0].startswith("run,batch,real_weights,model,backend,threads,load_ms,compile_ms,first_ms,median_ms")
    assert [line.split(",")[:5] for line in lines[1:]] == [
        ["1", "1", "False", "small", "cpu"], ["2", "3", "False", "small", "cpu"]]
    data = json.loads(export.write(two_runs, tmp_path / "r.json").read_text())
    assert [r["median_ms"] for r in data["bench"]] == [r.result.median_ms for r in two_runs.runs]
    assert [len(p["kernels"]) for p in data["profiles"]] == [2, 2]


def test_an_unknown_suffix_is_refused(two_runs, tmp_path):
    with pytest.raises(UsageError, match=r"the suffix is '\.xls'; expected one of '\.html', '\.csv', '\.json'"):
        export.write(two_runs, tmp_path / "r.xls")


def test_the_report_stands_alone(two_runs):
    page = export.report_html(two_runs, lambda _number: None)
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "&lt;b&gt;why&lt;/b&gt;" in page
    for text in ("#2 small on cpu (batch 3)", "Latency distribution", "Kernels", "Layers", "Roofline", "first"):
        assert text in page
    assert page.count('<img class="tfl-chart"') == 1 + 2 * 2, "the comparison, and layers and memory of each run"


def test_the_report_of_nothing_says_so():
    assert "nothing was measured" in export.report_html(LabSession(), lambda _number: None)
