"""``tfjslab export``: what it writes, says and refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfjslab.cli.app import main
from tfjslab.cli.commands import export
from tfjslab.export.web import proof
from tfjslab.export.web.engines import Engine, in_node
from tfjslab.export.web.proof import Effort
from tfjslab.export.web.report import REPORTS


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Node alone is asked, and not for long; TensorFlow.js is not at hand."""
    monkeypatch.setattr(proof, "ENGINES", {"Node.js": in_node})
    monkeypatch.setattr(proof, "Effort", lambda: Effort(runs=3, warm_ms=0, budget_ms=50))
    monkeypatch.delenv("TFJSLAB_PEERS", raising=False)


def refused(capsys, *argv, code=2):
    """The one line of a command that fails."""
    assert main([str(a) for a in argv]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line.removeprefix("tfjslab: error: ")


def test_json_and_the_folder(capsys, model, tmp_path):
    out = tmp_path / "web"
    assert main(["export", model, "--out", str(out), "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"model", "out", "kind", "weights", "note", "variants", "left_out", "tiles", "files",
                         "report"}
    assert set(data["files"]) | set(REPORTS) == {p.name for p in out.iterdir()}
    assert data["report"]["verdict"]
    assert json.loads((out / "report.json").read_text()) == data["report"]


def test_people_are_told_what_there_is_and_what_to_do_next(capsys, model, tmp_path):
    assert main(["export", model, "--out", str(tmp_path / "web"), "--only", "plain"]) == 0
    shown = capsys.readouterr().out
    assert f"python3 -m http.server --directory {tmp_path / 'web'}" in shown
    assert "report.json and report.html" in shown


def test_without_proof_nothing_runs(capsys, model, tmp_path):
    out = tmp_path / "web"
    assert main(["export", model, "--out", str(out), "--no-proof", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] is None
    assert not (out / "report.json").exists()


def test_wrong_answers_are_exit_code_1(capsys, model, tmp_path, monkeypatch):
    def zeros(job):
        return {"threads": 1, "load_ms": 1, "first_ms": 1, "times_ms": [1], "batch": 1, "clock_ms": 1,
                "memory_bytes": 1, "outputs": [{"answer": "AAAAAAAAAAA="}] * len(job["feeds"])}

    class Fake:
        def __enter__(self):
            return Engine("Fake 1.0", zeros)

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(proof, "ENGINES", {"Fake": lambda _: Fake()})
    x = tmp_path / "x.npy"
    np.save(x, np.ones((1, 3), np.float32))
    argv = ["export", model, "--out", str(tmp_path / "web"), "--only", "plain", "--input", str(x)]
    assert main(argv) == export.LIMIT_BROKEN == 1
    assert "WRONG ANSWERS against cpu" in capsys.readouterr().out


def test_int8_is_quantized_first(capsys, tmp_path):
    out = tmp_path / "web"
    argv = ["export", "digits", "--out", str(out), "--kind", "int8", "--generate", "4", "--no-proof", "--json", "-"]
    assert main(argv) == 0
    small = json.loads(capsys.readouterr().out)["files"]["weights.bin"]
    assert main(["export", "digits", "--out", str(out), "--no-proof", "--json", "-"]) == 0
    assert small < 0.6 * json.loads(capsys.readouterr().out)["files"]["weights.bin"]


@pytest.mark.parametrize(("options", "line"), [
    (["--only", "smid"],
     "variant 'smid' is unknown; known: plain, simd, relaxed, threads, threads-relaxed; did you mean 'simd'?"),
    (["--crop"], "--crop is for pictures; add --input image"),
    (["--order", "bgr"], "--order is for pictures; add --input image"),
    (["--range=-1,1"], "--range is for pictures; add --input image"),
    (["--input", "image", "--range=1,-1"],
     "--range 1,-1: expected two numbers, the smaller first, such as -1,1"),
    (["--input", "image"],
     "input 'x' has shape [1, 3]; a picture needs [1, height, width, channels] with 1, 3 or 4 channels"),
    (["--input", "z=image"], "--input z=image: the model has no input 'z'; inputs: x"),
    (["--generate", "4"], "--generate is for --kind int8; add it"),
    (["--calibration", "f.npy"], "--calibration is for --kind int8; add it"),
    (["--kind", "int8"], "--kind int8 needs either --calibration F.npy or --generate N"),
    (["--kind", "dynamic-int8", "--generate", "4"],
     "--kind dynamic-int8 finds ranges at every run; leave out --calibration and --generate"),
])
def test_options_that_make_no_sense(capsys, model, tmp_path, options, line):
    assert refused(capsys, "export", model, "--out", tmp_path / "web", *options) == line
    assert not (tmp_path / "web").exists()


def test_a_folder_of_something_else_is_refused(capsys, model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    named = ", ".join(sorted(p.name for p in tmp_path.iterdir()))
    line = refused(capsys, "export", model, "--out", tmp_path, code=3)
    assert line == f"{tmp_path} holds what no export writes ({named}); choose another folder"
