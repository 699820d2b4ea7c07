"""TensorFlow.js before and after, and ours: who runs when, what the figures are, and what ends it."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from support.tfjs import peers

from tfjslab.backends import registry
from tfjslab.base.errors import UsageError
from tfjslab.bench.before_after import before_after
from tfjslab.bench.comparison import Ratio
from tfjslab.bench.peers.process import Peer, PeerError
from tfjslab.bench.settings import Settings
from tfjslab.cli.app import main
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model

FAKE = Path(__file__).parents[1] / "support" / "fake_peer.py"
GRAPH = Graph(
    (Port("x", "x", (None, 4), "float32"),), (Port("y", "b", None, ""),),
    (Node("a", "Add", ("x", "w")), Node("b", "Relu", ("a",))), {"w": np.ones(4, np.float32)},
)
ONES = np.ones((1, 4), np.float32)


def fake(*behaviours):
    """Peers that behave so, one after the other."""
    each = iter(behaviours or ("well", "well"))
    return lambda _backend, threads: Peer([sys.executable, str(FAKE), next(each), str(threads)], "fake", 60.0)


def compared(tmp_path, start, rounds=3, **settings):
    model_file = tmp_path / "model.json"
    model_file.write_text("{}")
    clock = (i / 1e3 for i in itertools.count(1)).__next__
    how = Settings(**{"runs": 6, "warmup": 2, "clock": clock, **settings})
    with Model(GRAPH, "cpu", name="small") as before, Model(GRAPH, "cpu", name="small") as after:
        return before_after(model_file, model_file, (before, after), ONES, how, start, rounds)


def test_all_four_take_turns_and_every_figure_is_exact(tmp_path):
    found = compared(tmp_path, fake())
    assert [(r.program, r.model, r.median_ms, r.runs) for r in found.runners] == [
        ("TensorFlow.js", "original", 2.0, 6), ("TensorFlow.js", "optimized", 2.0, 6),
        ("ours", "original", pytest.approx(1.0), 6), ("ours", "optimized", pytest.approx(1.0), 6),
    ]
    assert found.peer_ratio == Ratio(1, 1, 1)
    assert found.ratio.median == pytest.approx(2)
    assert found.own_ratio.median == pytest.approx(1)
    assert found.latency_saved == pytest.approx(0.5)
    assert (found.runners[0].peak_bytes, found.runners[0].kernels) == (288, 2)
    assert found.peak_saved == pytest.approx(1 - found.runners[-1].peak_bytes / 288)
    assert (found.peer_difference, found.difference) == (0, 0)
    threads = f"{registry.backend('cpu').threads} thread(s)"  # of BLAS, on this machine
    assert found.conditions.startswith(
        f"TensorFlow.js 1.2.3 on fake, fake, {threads}, outputs read; ours on cpu, {threads}, ")
    assert found.reason == ""
    json.dumps(found.to_json(), allow_nan=False)


def test_a_peer_that_cannot_do_it_is_an_error(tmp_path):
    with pytest.raises(PeerError, match="refused to load"):
        compared(tmp_path, fake("well", "load:refuse"))
    with pytest.raises(UsageError, match=r"^rounds=0; expected 1 or more$"):
        compared(tmp_path, fake(), rounds=0)


def test_ctrl_c_keeps_what_was_measured(tmp_path):
    def stop(what, done, _total):
        if what == "interleaved rounds" and done == 2:
            raise KeyboardInterrupt

    found = compared(tmp_path, fake(), progress=stop)
    assert found.reason == "interrupted"
    assert [r.runs for r in found.runners] == [4, 4, 4, 4]
    assert found.ratio.median == pytest.approx(2)


def test_the_command_compares_with_the_real_one(tmp_path, capsys):
    argv = ["optimize", "digits", "--out", str(tmp_path / "m"), "--backend", "wasm-simd", "--compare", "tfjs",
            "--peers", peers(), "--rounds", "2"]
    assert main([*argv, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["compared"]
    assert [(r["program"], r["model"]) for r in found["runners"]] == [
        ("TensorFlow.js", "original"), ("TensorFlow.js", "optimized"), ("ours", "original"), ("ours", "optimized"),
    ]
    assert max(found["peer_difference"], found["difference"]) <= 1e-4
    assert found["runners"][1]["kernels"] < found["runners"][0]["kernels"]
    assert found["peak_saved"] > 0
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "Beside TensorFlow.js, alternating" in shown
    assert "ours on the optimized model against TensorFlow.js on the original: latency" in shown


@pytest.mark.parametrize(("extra", "message"), [
    (["--rounds", "3"], "--rounds is for --compare; add --compare tfjs"),
    (["--compare", "tfjs", "--target", "tfjslab"], "--target tfjslab: TensorFlow.js cannot run the result"),
])
def test_options_that_mean_nothing_are_refused(tmp_path, capsys, extra, message):
    assert main(["optimize", "digits", "--out", str(tmp_path / "m"), *extra]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
