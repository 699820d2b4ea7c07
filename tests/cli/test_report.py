"""``tfjslab report``: its tables, page and JSON, and its exit codes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfjslab.bench.peers.process import Peer
from tfjslab.cli.app import main
from tfjslab.cli.command import INTERRUPTED
from tfjslab.reports import local

QUICK = ["--rounds", "2", "--runs", "3", "--warmup", "0", "--no-profile"]


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    """Starts that nobody has to wait for."""
    monkeypatch.setattr(local, "_own_start", lambda runner, how, scratch: 5.0)  # noqa: ARG005 - as it is called


def test_the_page_the_data_and_the_tables_of_one_report(capsys, tmp_path, model):
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ["report", model, "--after", "optimized,wasm-plain", *QUICK, "-o", str(page), "--json", str(data)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    found = json.loads(data.read_text())
    assert [c["after"]["label"] for c in found["compared"]] == [
        "optimized (tfjslab, wasm-simd)", "original (tfjslab, wasm-plain)"]
    assert [f["key"] for f in found["compared"][0]["figures"]] == ["latency", "start", "memory", "size"]
    assert found["repeat"] == [f"tfjslab {' '.join(arguments)}"]
    assert found["headline"] in " ".join(shown.split())
    assert f"written to {page}" in shown
    assert found["repeat"][0] in page.read_text()


def test_two_models_are_compared_on_inputs_that_are_given(capsys, tmp_path, model, write_model, image):
    other = str(write_model(tmp_path / "other"))
    np.save(tmp_path / "x.npy", image)
    code = main(["report", model, other, "--before", "cpu", "--after", "wasm-plain", "--input", str(tmp_path / "x.npy"),
                 "--data", str(tmp_path / "x.npy"), *QUICK, "--json", "-"])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["before"]["label"] == "original (tfjslab, cpu)"
    assert found["compared"][0]["after"]["label"] == "other (tfjslab, wasm-plain)"
    assert found["compared"][0]["answers_text"].endswith("on 2 given inputs")
    assert "2x3" in found["environment"]["input"]


def test_records_of_bench_are_compared(capsys, tmp_path, model):
    file = tmp_path / "bench.json"
    assert main(["bench", model, "--backend", "cpu,wasm-plain", "--runs", "10", "--json", str(file)]) == 0
    capsys.readouterr()
    assert main(["report", f"{file}#0", f"{file}#1", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["compared"][0]["after"]["latency_ms"]) > 1
    assert found["compared"][0]["figures"][0]["ratio"] > 0


def test_ctrl_c_writes_what_there_is(capsys, tmp_path, monkeypatch, model):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "_starts", pressed)
    page = tmp_path / "report.html"
    assert main(["report", model, *QUICK, "-o", str(page), "--json", "-"]) == INTERRUPTED
    assert json.loads(capsys.readouterr().out)["reason"] == "interrupted"
    assert "Not all was measured: interrupted." in page.read_text()


def test_a_program_that_fails_is_told_and_is_exit_code_4(capsys, tmp_path, monkeypatch, model):
    monkeypatch.setattr(local.tfjs, "find_peers", lambda _given: tmp_path)
    monkeypatch.setattr(local.tfjs, "start_tfjs", lambda *_: Peer(["no-such-program"], "TensorFlow.js", 5.0))
    assert main(["report", model, "--before", "tfjs-wasm-simd", "--after", "wasm-simd", *QUICK, "--json", "-"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["before"]["reasons"] == {"": "TensorFlow.js cannot be started: No such file or directory"}
    assert found["headline"].startswith("Latency was not measured on both sides.")


@pytest.mark.parametrize(("arguments", "message"), [
    (["--labels", "y.npy"], "--labels are those of --data; add it"),
    (["--after", "int9"], "'int9' is no change and no program; expected one of: original, optimized"),
    (["--after", "web"], "'web' is a web module, which runs in browsers only; name one: --in chromium"),
    (["--before", "wasm-smid"], "'wasm-smid' runs no model on this machine"),
    (["-o", "report.pdf"], "report.pdf: the suffix is '.pdf'; expected .html or .json"),
])
def test_what_makes_no_sense_is_one_line_and_exit_code_2(capsys, model, arguments, message):
    assert main(["report", model, *QUICK, *arguments]) == 2
    assert message in capsys.readouterr().err
