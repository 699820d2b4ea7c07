"""``tfjslab bench --compare``: its tables, its JSON, its exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import Peer
from tfjslab.cli import compare, output
from tfjslab.cli.app import main
from tfjslab.cli.commands import bench

FAKE = Path(__file__).parents[1] / "support" / "fake_peer.py"


@pytest.fixture
def peer(monkeypatch, tmp_path):
    """Let a fake program stand for TensorFlow.js; call it with what goes wrong."""
    def use(behaviour):
        def start(_folder, _backend, threads):
            return Peer([sys.executable, str(FAKE), behaviour, str(threads)], "fake", 60.0)

        monkeypatch.setattr(compare, "find_peers", lambda _given: tmp_path)
        monkeypatch.setattr(compare, "start_tfjs", start)
        monkeypatch.setattr(bench, "DEFAULT_WARMUP", 0)

    return use


@pytest.fixture
def fitting(tmp_path, write_model):
    """A model whose input is the four numbers that the fake peer takes."""
    def damage(description):
        first, *rest = description["modelTopology"]["node"]
        first["attr"]["shape"]["shape"]["dim"] = [{"size": "4"}]
        add = {"name": "answer", "op": "Relu", "input": ["x"], "attr": {"T": {"type": "DT_FLOAT"}}}
        description["modelTopology"]["node"] = [first, add, *rest[:2]]

    return str(write_model(tmp_path / "fitting", damage))


def arguments_for(path):
    return ["bench", path, "--backend", "cpu", "--compare", "tfjs", "--runs", "4", "--rounds", "2", "--warmup", "0"]


def test_both_sides_are_in_the_json_and_in_the_tables(capsys, fitting, peer):
    peer("well")
    assert main([*arguments_for(fitting), "--json", "-"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["runs"], row["peer"]["runs"], row["peer"]["median_ms"], row["peer"]["reason"]) == (4, 4, 2.0, "")
    assert row["peer"]["ratio_min"] <= row["peer"]["ratio"] <= row["peer"]["ratio_max"]
    assert main(arguments_for(fitting)) == 0
    text = capsys.readouterr().out
    for piece in ("tfjs/ours", "steady runs", "start, milliseconds, and memory", "TensorFlow.js 1.2.3",
                  "in 2 alternating rounds"):
        assert piece in text


def test_the_tables_fit_a_narrow_terminal(capsys, fitting, peer, monkeypatch):
    peer("well")
    monkeypatch.setattr(output, "_WIDTH_WITHOUT_TERMINAL", 80)
    assert main(arguments_for(fitting)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if line.startswith("cpu ")]) == 2  # no row is folded


def test_outputs_that_are_not_the_same_are_said_so(capsys, fitting, peer, monkeypatch):
    peer("lie")
    assert main([*arguments_for(fitting), "--json", "-"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["peer"]["agreement"] == "wrong"
    assert row["peer"]["agreement_text"] == "answer has shapes [4] and [1, 4]"
    assert main(arguments_for(fitting)) == 0
    text = capsys.readouterr().out
    assert " - wrong" in text  # there is no figure
    assert "on cpu, outputs: NOT the same: answer has shapes [4] and [1, 4]" in " ".join(text.split())
    monkeypatch.setattr(output, "_WIDTH_WITHOUT_TERMINAL", 80)
    assert main(arguments_for(fitting)) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_model_that_the_peer_refuses_is_measured_on_our_side(capsys, model, peer):
    peer("well")
    assert main([*arguments_for(model), "--json", "-"]) == 4
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["runs"], row["peer"]["runs"], row["peer"]["reason"]) == (4, 0, "fake refused to load: no files")


def test_a_peer_that_fails_is_exit_code_4_and_ours_is_shown(capsys, fitting, peer):
    peer("profile:die")
    assert main(arguments_for(fitting)) == 4
    text = capsys.readouterr().out
    assert "fake ended when asked to profile; it said: first words / last words" in text


def usage(capsys, *argv):
    """The one line of a command that was used wrongly."""
    assert main(list(argv)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("tfjslab: error: ")


def test_missing_packages_are_wrong_usage(capsys, model, tmp_path, monkeypatch):
    monkeypatch.setattr(tfjs.shutil, "which", lambda _name: "node")
    line = usage(capsys, "bench", model, "--compare", "tfjs", "--peers", str(tmp_path))
    assert line == (
        f"@tensorflow/tfjs and @tensorflow/tfjs-backend-wasm not found in {tmp_path / 'node_modules'}; run: "
        f"npm install --prefix {tmp_path} @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0"
    )


@pytest.mark.parametrize("option", ["peers", "rounds"])
def test_options_of_a_comparison_want_a_comparison(capsys, model, option):
    line = usage(capsys, "bench", model, f"--{option}", "1")
    assert line == f"--{option} is for --compare; add --compare tfjs"


def test_without_a_choice_all_backends_with_a_counterpart_are_compared():
    assert set(compare.compared_backends(None)) <= set(tfjs.VARIANTS)
    (resolved,) = compare.compared_backends("wasm")
    assert resolved in tfjs.VARIANTS
