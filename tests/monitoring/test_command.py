"""``tfjslab monitor``: options, alarms and exit codes; and a short run of the tool that checks the collector."""

from __future__ import annotations

import contextlib
import importlib
import json
import threading
import time
from pathlib import Path

import pytest

from tfjslab.cli.app import main
from tfjslab.cli.commands import monitor as command
from tfjslab.monitoring.batch import Batch
from tfjslab.monitoring.histogram import bucket_of
from tfjslab.monitoring.sending import send_batch
from tfjslab.monitoring.store import MonitorStore
from tfjslab.store.results_store import open_store

REPO = Path(__file__).parents[2]
SLOW = Batch("pose", "simd", "chrome", predict=((bucket_of(80.0), 100),))


@pytest.fixture
def store(tmp_path):
    """A store with a slow model in it."""
    path = tmp_path / "monitor.sqlite"
    with MonitorStore(path) as opened:
        opened.add([SLOW], time.time())
    return path


@pytest.mark.parametrize(("rule", "code"), [("p95_ms>50", 1), ("p95_ms>100", 0)])
def test_check_judges_what_is_stored(store, rule, code, capsys):
    assert main(["monitor", "--store", str(store), "--check", "--alarm", rule, "--json", "-"]) == code
    found = json.loads(capsys.readouterr().out)
    assert [a["model"] for a in found["alarms"]] == ["pose"] * code
    assert found["rules"] == [f"{rule} minutes=5 at_least=20"]


def test_check_shows_figures_and_alarms(store, capsys):
    assert main(["monitor", "--store", str(store), "--check", "--alarm", "p95_ms>50"]) == 1
    shown = capsys.readouterr().out
    assert "alarm: pose, simd, chrome: p95 is 80.65 ms, above 50.00 ms, in the last 5 minutes" in shown
    assert "since the beginning: 100 predictions" in shown


def test_a_summary_is_kept_for_the_history(store, tmp_path, capsys):
    kept = tmp_path / "results.sqlite"
    assert main(["monitor", "--store", str(store), "--check", f"--keep={kept}"]) == 0
    with open_store(kept) as results:
        (row,) = results.results(kind="monitor")
    (p95,) = [f for f in row.figures if f.name == "pose, simd, chrome/p95_ms"]
    assert (p95.unit, p95.n) == ("ms", 100)
    assert p95.value == pytest.approx(80.65, abs=0.01)


def test_it_collects_tells_alarms_as_they_come_and_ends_with_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "_LOOK_S", 0.05)
    tell, seen = command._tell, threading.Event()
    monkeypatch.setattr(command, "_tell", lambda word, alarms: tell(word, alarms) or (alarms and seen.set()))
    codes, ends = [], []
    monkeypatch.setattr(command, "_ended_by_signals", lambda ended: ends.append(ended) or contextlib.nullcontext())
    arguments = ["--store", str(tmp_path / "m.sqlite"), "--port", "0", "--alarm", "p95_ms>50"]
    thread = threading.Thread(target=lambda: codes.append(main(["monitor", *arguments])))
    thread.start()
    told = ""
    while "batches go to: " not in told and thread.is_alive():
        told += capsys.readouterr().err
    send_batch(told.partition("batches go to: ")[2].partition("\n")[0], SLOW)
    assert seen.wait(60)
    ends[0].set()
    thread.join()
    assert codes == [1]
    captured = capsys.readouterr()
    assert captured.err.startswith("alarm: pose, simd, chrome: p95 is 80.65 ms, above 50.00 ms")
    assert "alarm: pose" in captured.out


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["--check"], 3, "missing.sqlite: there is no such store"),
    (["--port", "70000"], 2, "--port 70000: expected at most 65535"),
    (["--alarm", "p95"], 2, "alarm 'p95': expected FIGURE>LIMIT"),
    (["--allow-origin", "example.com"], 2, "origin 'example.com': expected a scheme and a host alone"),
    (["--host", "203.0.113.1"], 2, "cannot listen on 203.0.113.1:8480"),
])
def test_what_makes_no_sense_is_told_in_one_line(tmp_path, arguments, code, message, capsys):
    assert main(["monitor", "--store", str(tmp_path / "missing.sqlite"), *arguments]) == code
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_it_ends_by_itself_after_a_time(tmp_path, capsys):
    arguments = ["--store", str(tmp_path / "m.sqlite"), "--port", "0", "--seconds", "0.01", "--json", "-"]
    assert main(["monitor", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == {"predictions": 0, "batches": 0}


def test_the_collector_counts_all_refuses_all_and_loses_nothing(monkeypatch, tmp_path):
    """A short run beside other tests: how fast it is and how memory goes is for the tool itself."""
    monkeypatch.syspath_prepend(REPO / "tools")
    tool = importlib.import_module("check_monitor")
    found = tool.check(1.5, 100, kill=True, folder=tmp_path)
    assert [fault for fault in found.faults if not fault.startswith("memory grew")] == []
    assert found.counted >= len(found.seen.acknowledged) > 0
    assert found.seen.refused > 0


def test_the_tool_finds_what_does_not_hold(monkeypatch):
    monkeypatch.syspath_prepend(REPO / "tools")
    tool = importlib.import_module("check_monitor")
    fine = tool.Seen({"a", "b"}, {"c"}, refused=1, predictions={"a": 2, "b": 3, "c": 4})
    assert tool.faults_of(fine, 2, 5, [10.0, 11.0], 0) == tool.faults_of(fine, 3, 9, [], 0) == []
    assert tool.faults_of(fine, 1, 2, [], 0) == ["1 batches are counted; 2 were acknowledged, and 3 sent"]
    assert tool.faults_of(fine, 4, 2, [], 0) == ["4 batches are counted; 2 were acknowledged, and 3 sent"]
    assert tool.faults_of(fine, 2, 6, [], 0) == ["6 predictions are counted; 5 were acknowledged"]
    assert tool.faults_of(fine, 2, 5, [10.0, 13.0], 130) == [
        "memory grew from 10.0 to 13.0 MB", "the collector ended with 130 after Ctrl-C"]
    fine.refused, fine.wrong = 0, ["NaN: answered 200 {}"] * 2
    assert tool.faults_of(fine, 2, 5, [], 0) == ["NaN: answered 200 {}", "no hostile batch was sent"]
