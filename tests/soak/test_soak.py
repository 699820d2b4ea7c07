"""The script, with processes of its own."""

import json
import subprocess
from pathlib import Path

import pytest

LEAKING = """
import sys
sys.path.insert(0, {tools!r})
import soak_case, soak_cycles
from contextlib import contextmanager

cache = []

@contextmanager
def growing(name):
    yield lambda: cache.append(bytearray(100_000))

soak_cycles.KINDS["eager"] = soak_cycles.Kind("planted", 20, growing)
soak_case.main()
"""


def test_a_cache_that_grows_fails_and_the_rest_holds(tool, monkeypatch, tmp_path, capsys):
    soak = tool("soak")
    script = tmp_path / "leaking.py"
    script.write_text(LEAKING.format(tools=str(Path(soak.__file__).parent)))
    monkeypatch.setattr(soak.soak_case, "__file__", str(script))
    told = tmp_path / "soak.json"
    assert soak.main(["--only", "predict-simd,eager", "--count", "20", "--json", str(told)]) == 1
    printed = capsys.readouterr().out
    assert "1 of 2 hold" in printed
    assert "FAULT: resident memory went from" in printed
    holds, leaks = json.loads(told.read_text())["outcomes"]
    assert (holds["kind"], holds["holds"], holds["faults"]) == ("predict-simd", True, [])
    assert (leaks["kind"], leaks["holds"], len(leaks["looks"])) == ("eager", False, 22)
    assert holds["looks"][0]["memory"] == holds["looks"][-1]["memory"] == {}
    assert holds["looks"][1]["memory"]["num_tensors"] > 0


def test_what_a_model_is_nothing_for_is_not_run(tool, monkeypatch, tmp_path, capsys):
    soak = tool("soak")
    script = tmp_path / "refusing.py"
    script.write_text("""print('{"not_run": "it runs in int8 already"}')""")
    monkeypatch.setattr(soak.soak_case, "__file__", str(script))
    assert soak.main(["--only", "quantize"]) == 0
    printed = capsys.readouterr().out
    assert "not run: it runs in int8 already" in printed
    assert "0 of 0 hold" in printed


@pytest.mark.parametrize(("script", "fault"), [
    ("import os; os.abort()", "the process ended with -6"),
    ("import tempfile; tempfile.mkdtemp(prefix='left-')", "temporary files left: left-"),
])
def test_a_crash_and_a_file_that_is_left_are_faults(tool, monkeypatch, tmp_path, capsys, script, fault):
    soak = tool("soak")
    (tmp_path / "child.py").write_text(script)
    monkeypatch.setattr(soak.soak_case, "__file__", str(tmp_path / "child.py"))
    assert soak.main(["--only", "predict-simd"]) == 1
    assert f"FAULT: {fault}" in capsys.readouterr().out


def test_ctrl_c_ends_the_process_and_removes_its_files(tool, monkeypatch, tmp_path):
    soak, begun = tool("soak"), []
    (tmp_path / "child.py").write_text("""
import tempfile, time
tempfile.mkdtemp()
print('{"cycle": 0}', flush=True)
time.sleep(600)
""")

    def interrupted(name, model, count, done):
        raise_at_once = lambda _n: (_ for _ in ()).throw(KeyboardInterrupt)  # noqa: E731
        return soaked(name, model, count, raise_at_once)

    class Started(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            begun.append(self)

    soaked = soak.soaked
    monkeypatch.setattr(soak, "soaked", interrupted)
    monkeypatch.setattr(soak.subprocess, "Popen", Started)
    monkeypatch.setattr(soak.soak_case, "__file__", str(tmp_path / "child.py"))
    assert soak.main(["--only", "predict-simd"]) == 130
    (process,) = begun
    assert process.returncode == -9
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(("given", "message"), [
    (["--only", "nonesuch"], "nonesuch: no such kind; expected some of predict-simd"),
    (["--models", "no/such/model"], "no/such/model: no such file or folder, and no such model in the zoo"),
    (["--count", "9"], "9: expected 10 or more"), (["--share", "-1"], "-1: expected a number above 0"),
    (["--share", "all"], "invalid positive value: 'all'"),
])
def test_what_makes_no_sense_is_refused(tool, capsys, given, message):
    with pytest.raises(SystemExit):
        tool("soak").main(given)
    assert message in capsys.readouterr().err


def test_the_kinds_are_listed(tool, capsys):
    assert tool("soak").main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert "predict-webgpu     1000  predictions on webgpu" in listed
    assert len(listed) == len(tool("soak_cycles").KINDS)
