"""``tfjslab bench --ops``: its table, its JSON, its exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tfjslab.bench.peers.process import Peer
from tfjslab.cli import ops, output
from tfjslab.cli.app import main

FAKE = Path(__file__).parents[1] / "support" / "fake_peer.py"
TWOS = {"group": "maps", "op": "Relu", "inputs": [{"shape": [1, 4], "low": 2, "high": 2}]}
THREES = {"group": "maps", "op": "Abs", "inputs": [{"shape": [1, 4], "low": 3, "high": 3}]}


@pytest.fixture
def listed(tmp_path):
    """A list of two ops, of which the fake peer computes the first."""
    path = tmp_path / "ops.json"
    path.write_text(json.dumps({"rows": [TWOS, THREES]}))
    return str(path)


@pytest.fixture
def peer(monkeypatch, tmp_path):
    """Let a fake program stand for TensorFlow.js; call it with what goes wrong."""
    def use(behaviour):
        def start(_folder, _backend, threads, flags):
            return Peer([sys.executable, str(FAKE), behaviour, str(threads)], "fake", 60.0)

        monkeypatch.setattr(ops, "find_peers", lambda _given: tmp_path)
        monkeypatch.setattr(ops, "start_tfjs", start)

    return use


def asked(listed, *more):
    return ["bench", "--ops", listed, "--backend", "cpu", "--rounds", "2", *more]


def test_rows_summary_and_conditions_are_in_the_json_and_in_the_table(capsys, listed, peer):
    peer("well")
    assert main([*asked(listed), "--compare", "tfjs", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    first, second = found["rows"]
    assert (first["op"], first["text"], first["peer_ms"], first["wrong"], second["wrong"]) == (
        "Relu", "1x4", 4.0, False, True)
    (summary,) = found["summaries"]
    assert (summary["backend"], summary["compared"], summary["wrong"]) == ("cpu", 1, ["Abs 1x4"])
    assert summary["geometric_mean"] == pytest.approx(first["ratio"])
    assert found["ceilings"] == {"cpu": None}
    assert (found["reason"], found["failed"]) == ("", False)
    assert main([*asked(listed), "--compare", "tfjs"]) == 0
    text = capsys.readouterr().out
    for piece in ("2 ops on cpu, ", "tfjs/ours", "of ceiling", "geometric mean", "worst",
                  "wrong: not counted", "outputs that differ by more than 0.0001, not counted: Abs 1x4",
                  "fake of TensorFlow.js 1.2.3"):
        assert piece in text


def test_the_table_fits_a_narrow_terminal(capsys, listed, peer, monkeypatch):
    peer("well")
    monkeypatch.setattr(output, "_WIDTH_WITHOUT_TERMINAL", 80)
    assert main([*asked(listed), "--compare", "tfjs"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_only_ours_without_compare_and_only_what_the_filter_lets_through(capsys, listed):
    assert main([*asked(listed), "--filter", "relu", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(r["op"], r["peer_ms"], r["ratio"]) for r in found["rows"]] == [("Relu", None, None)]
    assert found["summaries"][0]["geometric_mean"] is None
    assert found["rows"][0]["ms"] > 0
    assert main([*asked(listed), "--filter", "relu"]) == 0
    text = capsys.readouterr().out
    assert "GFLOP/s" in text
    assert "tfjs" not in text
    assert "difference" not in text


def test_a_peer_that_is_lost_is_exit_code_4_after_what_was_measured(capsys, listed, peer, monkeypatch):
    peer("well")
    asks = Peer.ask

    def lost(self, command, **arguments):
        self.ops = getattr(self, "ops", 0) + (command == "op")
        return asks(self, "die" if self.ops > 1 else command, **arguments)

    peer("die:die")
    monkeypatch.setattr(Peer, "ask", lost)
    assert main([*asked(listed), "--compare", "tfjs"]) == 4
    text = capsys.readouterr().out
    assert "Relu" in text
    assert "not all was measured: fake ended when asked to die; it said: first words / last words" in text


def test_ctrl_c_is_exit_code_130_with_what_was_measured(capsys, listed, monkeypatch):
    def interrupted(rows, backends, threads, settings):
        def progress(_what, done, _total):
            if done == 1:
                raise KeyboardInterrupt

        return bench(rows, backends, threads, ops.OpSettings(settings.rounds, None, progress=progress))

    bench = ops.bench_ops
    monkeypatch.setattr(ops, "bench_ops", interrupted)
    assert main([*asked(listed), "--json", "-"]) == 130
    found = json.loads(capsys.readouterr().out)
    assert (len(found["rows"]), found["reason"]) == (1, "interrupted")


@pytest.mark.parametrize(("words", "message"), [
    (["bench"], "no MODEL is given, and no --ops; see 'tfjslab bench --help'"),
    (["bench", "m", "--ops", "builtin"], "--ops builtin measures no models; leave out m"),
    (["bench", "m", "--filter", "x"], "--filter is for --ops; add --ops builtin"),
    (["bench", "--ops", "builtin", "--runs", "3"], "--runs is for models; leave it out with --ops"),
    (["bench", "--ops", "builtin", "--roofline"], "--roofline is for models; leave it out with --ops"),
    (["bench", "--ops", "builtin", "--peers", "x"], "--peers is for --compare; add --compare tfjs"),
    (["bench", "--ops", "builtin", "--filter", "zzz"],
     "--filter zzz: none of the {n} rows of builtin has that in its group, op or shapes"),
    (["bench", "--ops", "builtin", "--compare", "tfjs", "--backend", "webgpu"],
     ("backend 'webgpu' has no counterpart in TensorFlow.js under Node; those with one: cpu, wasm-plain, wasm-simd, "
      "wasm-threads")),
])
def test_options_that_do_not_go_together_are_named(capsys, peer, words, message):
    peer("well")
    assert main(words) == 2
    expected = message.format(n=len(ops.read_rows("builtin")))
    assert capsys.readouterr().err == f"tfjslab: error: {expected}\n"


def test_a_folder_without_the_packages_says_what_to_install(capsys, listed, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert main([*asked(listed), "--compare", "tfjs", "--peers", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f"not found in {tmp_path}/node_modules; run: npm install --prefix {tmp_path} @tensorflow/tfjs@" in error
