"""``tfjslab profile`` writes traces and timelines, and compares with what it wrote before."""

from __future__ import annotations

import json
import re

import pytest

from tfjslab.cli.app import main
from tfjslab.profiling.files import load


@pytest.fixture
def before(model, tmp_path, capsys):
    """A profile that the command wrote."""
    path = tmp_path / "before.json"
    assert main(["profile", model, "--backend", "cpu", "--json", str(path)]) == 0
    capsys.readouterr()
    return path


def test_a_trace_is_written_for_viewers(model, tmp_path, capsys):
    path = tmp_path / "trace.json"
    assert main(["profile", model, "--backend", "cpu", "--trace", str(path)]) == 0
    kinds = [e["ph"] for e in json.loads(path.read_text())["traceEvents"]]
    assert {"M", "X", "C"} == set(kinds)


def test_a_timeline_is_written_as_one_page(model, tmp_path, capsys):
    path = tmp_path / "view.html"
    assert main(["profile", model, "--backend", "cpu", "--view", str(path)]) == 0
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert re.search("<title>timeline of .* on cpu</title>", page)


def test_a_timeline_that_cannot_be_written_ends_with_2(model, tmp_path, capsys):
    path = tmp_path / "no" / "view.html"
    assert main(["profile", model, "--backend", "cpu", "--view", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.endswith(f"tfjslab: error: {path}: cannot be written (No such file or directory)\n")


def test_a_diff_shows_what_changed_from_the_other_profile(model, before, capsys):
    assert main(["profile", model, "--backend", "wasm-plain", "--diff", str(before)]) == 0
    shown = capsys.readouterr().out
    name = load(before).model
    assert f"{name} on cpu (a) and {name} on wasm-plain (b)" in shown
    assert "they differ in backend: cpu and wasm-plain" in shown
    assert "By node, the largest changes first" in shown


def test_json_has_the_diff_beside_the_profile_and_can_be_read_again(model, before, tmp_path, capsys):
    path = tmp_path / "after.json"
    assert main(["profile", model, "--backend", "cpu", "--diff", str(before), "--json", str(path)]) == 0
    data = json.loads(path.read_text())
    assert {n["status"] for n in data["diff"]["nodes"]} == {"both"}
    assert data["diff"]["total"]["a_runs"] == len(load(before).phases.steady_ms)
    assert len(load(path).kernels) == len(data["kernels"])


def test_a_file_that_is_no_profile_ends_with_3_before_anything_is_measured(model, tmp_path, capsys):
    path = tmp_path / "no.json"
    path.write_text("{}")
    assert main(["profile", model, "--backend", "cpu", "--diff", str(path)]) == 3
    told = capsys.readouterr().err
    assert told == f"tfjslab: error: {path}: this is not a profile written by tfjslab: it has no version; expected 1\n"
