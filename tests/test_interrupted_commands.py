"""Ctrl-C at any moment of a command: exit code 130, one line, nothing half written and nothing left."""

import argparse
import random
import signal
import sys

import pytest

from tfjslab.base.files import replacing

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")

LEFT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"

# Ctrl-C comes when the program begins to load the command line.
LOADS = """
import signal, sys
from tfjslab import __main__
class Press:
    def find_spec(name, *_more):
        if name == "tfjslab.cli.app":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Press)
__main__.program()
"""
# Commands that take a while: one ends as it should, one leaves a file and half of its result.
GOOD = """
import sys, time
try:
    time.sleep(0.6)
    open("out.json", "w").write('{"model": "digits"}')
except KeyboardInterrupt:
    sys.exit(sys.stderr.write("tfjslab: interrupted\\n") and 130)
"""
BAD = GOOD.replace("except KeyboardInterrupt:", "except KeyboardInterrupt:\n    open('out.json', 'w').write('{')")


@pytest.fixture
def interrupts(tool):
    return tool("interrupts")


@pytest.fixture
def place(interrupts, tool, tmp_path):
    """The folders of a job, without what jobs read."""
    inputs = tmp_path / "inputs"
    inputs.mkdir()

    def make(name):
        job = next(j for j in tool("interrupts_jobs").JOBS if j.name == name)
        return interrupts.Place(tmp_path / "place", inputs, job, "")

    (tmp_path / "place").mkdir()
    return make


def test_moments_of_a_real_command_and_the_run_after_them(interrupts, place):
    """What the tool does with all commands."""
    where = place("run")
    rng = random.Random(5)  # noqa: S311 - no secret
    for at in (rng.uniform(0.5, 2), rng.uniform(0.5, 2)):
        ended = where.run((at, at + 0.05))
        assert interrupts.still_starts(ended) or interrupts.wrong(where, ended, 20.0) in (
            [], ["exit code 0 without the whole result"])  # nothing tells yet what that is
    ended = where.run()
    where.before = interrupts.facts(where.result())
    assert (ended.code, interrupts.wrong(where, ended, 20.0)) == (0, [])
    assert {p.name for p in where.work.iterdir()} == {"out.json", "out.npz"}


def test_while_packages_are_loaded_it_is_one_line(interrupts, place, monkeypatch):
    monkeypatch.setattr(interrupts, "_COMMAND", (sys.executable, "-c", LOADS))
    ended = place("backends").run()
    assert (ended.code, ended.out, ended.err) == (130, "", "tfjslab: interrupted\n")


@pytest.mark.parametrize(("command", "failed"), [(GOOD, 0), (BAD, 3)])
def test_a_command_is_tried_at_moments_all_over_its_time(interrupts, place, monkeypatch, command, failed):
    monkeypatch.setattr(interrupts, "_COMMAND", (sys.executable, "-c", command))
    monkeypatch.setattr(interrupts, "_STARTING", 0.15)
    monkeypatch.setattr(interrupts, "_REAPED_S", 0.0)
    args = argparse.Namespace(seconds=20.0, verbose=False)
    row = interrupts.tried_command(place("run threads"), 3, random.Random(3), args)  # noqa: S311 - no secret
    assert (row.tries, row.hit, row.failed) == (3, 3, failed)


@pytest.mark.parametrize(("code", "out", "err", "left", "found"), [
    (130, "", "tfjslab: interrupted\n", (), []),
    (130, "a part of the table", "tfjslab: interrupted\n", (), []),
    (130, "a part of the table", "", (), ["nothing says that it was interrupted"]),
    (3, "", "tfjslab: error: it ended\n", (), ["exit code 3"]),
    (130, "", "", (), ["nothing says that it was interrupted"]),
    (130, "", "tfjslab: interrupted\n", ("node",), ["process node left"]),
    (130, "", "Traceback ..\nKeyboardInterrupt\n", (), [
        "traceback: KeyboardInterrupt", "nothing says that it was interrupted"]),
    (130, "", "tfjslab: interrupted\nkilled\n", (), ["stderr: killed"]),
    (0, "all", "", (), ["exit code 0 without the whole result"]),
])
def test_the_tool_sees_what_must_not_be(interrupts, place, code, out, err, left, found):
    where = place("run")
    where.before = [("sha256", "1")]
    assert interrupts.wrong(where, interrupts.Ended(code, out, err, 1.0, 0.0, left), 2.0) == found


def test_the_tool_sees_files_and_ends_that_must_not_be(interrupts, place):
    where = place("run")
    (where.tmp / "tfjslab-x").mkdir()
    (where.cache / "entry.part").touch()
    (where.work / "out.json").write_text('{"half":')
    (where.work / "mine.txt").touch()
    found = interrupts.wrong(where, interrupts.Ended(130, "", "tfjslab: interrupted\n", 90.0, 80.0, ()), 1e-9)
    assert sorted(found) == ["half out.json", "in the cache entry.part", "stray mine.txt", "temporary tfjslab-x",
                             "took 80.0 s, exit code 130"]


def test_the_tool_finds_and_ends_processes_that_are_left(interrupts, place, monkeypatch):
    where = place("run")
    monkeypatch.setattr(interrupts, "_REAPED_S", 0.2)
    monkeypatch.setattr(interrupts, "_COMMAND", (sys.executable, "-c", LEFT))
    assert len(where.run().left) == 1


def test_a_call_that_leaves_a_file_or_gives_another_answer_is_told(tool, tmp_path, monkeypatch):
    calls = tool("interrupts_calls")
    made = iter(range(100))

    def careless(folder):
        (folder / f"left-{next(made)}").touch()
        return next(made)

    monkeypatch.setitem(calls.CALLS, "careless", careless)
    monkeypatch.setattr(calls, "_SETTLED_S", 0.0)
    monkeypatch.setattr(calls.tempfile, "tempdir", str(tmp_path))
    before = signal.getsignal(signal.SIGALRM)
    told = calls.interrupted("careless", 2, 0, tmp_path)
    assert told["tries"] == 2
    assert any("temporary files" in what for what in told["failures"])
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_call_that_holds_nothing_passes(tool, tmp_path, monkeypatch):
    calls = tool("interrupts_calls")

    def careful(folder):
        with replacing(folder / "file") as work:
            work.write_text("text")
        return (folder / "file").read_text()

    monkeypatch.setitem(calls.CALLS, "careful", careful)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(calls.tempfile, "tempdir", str(tmp_path / "temporary"))
    told = calls.interrupted("careful", 8, 0, tmp_path)
    assert (told["hit"] > 0, told["failures"]) == (True, {})
