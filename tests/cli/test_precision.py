"""``--precision``, ``--max-time`` and ``--processes``: how many runs, and in how many processes."""

from __future__ import annotations

import json
import subprocess

import pytest

from tfjslab.cli import processes
from tfjslab.cli.app import main
from tfjslab.profiling.files import load


def result(capsys, *argv):
    assert main([*argv, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("precision", ["50%", "0.5"])
def test_runs_end_when_they_are_precise(capsys, model, precision):
    """So rough that six runs or a few more are enough, long before the time is over."""
    common = (model, "-b", "cpu", "--precision", precision, "--max-time", "20")
    walls = result(capsys, "profile", *common, "-r", "6")["profiled_ms"]
    assert len(walls) >= 6
    assert sum(walls) < 5e3
    (row,) = result(capsys, "bench", *common, "-r", "6")
    assert row["runs"] >= 6
    assert sum(row["times_ms"]) < 5e3
    assert row["runs"] == len(row["times_ms"]) == len(row["states"]) == sum(row["rounds"])


def test_runs_end_when_the_time_is_over(capsys, model):
    (row,) = result(capsys, "bench", model, "-b", "cpu", "--precision", "0.0001%", "--max-time", "0.05")
    assert 0.05 <= sum(row["times_ms"]) / 1e3 < 5


def test_a_number_of_runs_alone_is_kept_to(capsys, model):
    assert len(result(capsys, "profile", model, "-b", "cpu", "-r", "4")["profiled_ms"]) == 4
    assert result(capsys, "bench", model, "-b", "cpu", "-r", "4")[0]["runs"] == 4


@pytest.mark.parametrize(("option", "value", "expected"), [
    ("--precision", "0", "a part such as 3% or 0.03"), ("--precision", "100%", "a part such as 3% or 0.03"),
    ("--precision", "x%", "a part such as 3% or 0.03"), ("--max-time", "-1", "a number of seconds above 0"),
])
def test_what_is_no_part_and_no_time_is_refused(capsys, option, value, expected):
    assert main(["bench", "m", option, value]) == 2
    assert capsys.readouterr().err == (
        f"tfjslab: error: argument {option}: '{value}' is not {expected}; see 'tfjslab bench --help'\n")


def test_precision_is_not_for_single_ops(capsys):
    assert main(["bench", "--ops", "builtin", "--precision", "3%"]) == 2
    assert "--precision is for models; leave it out with --ops" in capsys.readouterr().err


def test_other_processes_measure_the_same_and_their_medians_are_kept(capsys, model, tmp_path):
    path = tmp_path / "p.json"
    argv = ["profile", model, "-b", "cpu", "-r", "6", "-w", "1", "--shape", "2,3", "--processes", "3"]
    assert main([*argv, "--json", str(path)]) == 0
    found = load(path)
    assert len(found.processes) == 2
    assert all(f.median_ms > 0 and f.runs > 0 for f in found.processes)
    assert len({f.median_ms for f in found.figures}) == 3
    assert "steady runs by process: " in capsys.readouterr().out


def test_a_process_that_fails_is_an_error_with_its_words(capsys, model, monkeypatch):
    failed = subprocess.CompletedProcess([], 3, "", "a line\ntfjslab: error: no such model\n")
    monkeypatch.setattr(processes, "run_child", lambda *_a, **_k: failed)
    assert main(["profile", model, "-b", "cpu", "-r", "1", "--processes", "2"]) == 2
    assert capsys.readouterr().err == (
        "tfjslab: error: --processes 2: a process ended with 3: no such model\n")
