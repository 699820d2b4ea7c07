"""``tfjslab inspect``: ops by backends with every step on the host, and what targets would refuse."""

import json

import numpy as np
import pytest

from tfjslab.cli.app import main
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

QUANTIZE = ("quantize", "digits", "--kind", "int8", "--generate", "2", "--report")
REASON = "its shape depends on data or it handles strings, lists or complex numbers"


@pytest.fixture
def grouped(tmp_path):
    """A convolution in groups, an op that TensorFlow.js does not have, and one whose shape depends on data."""
    b = GraphBuilder()
    x = b.input("x", (1, 4, 4, 4))
    w = b.constant("w", np.ones((1, 1, 2, 4), np.float32))
    y = b.value("conv", "Conv2D", x, w, strides=[1], padding="SAME")
    y = b.value("deep", "SpaceToDepth", y, block_size=2)
    y = b.value("where", "Where", y)
    return str(save_graph_model(b.build([Port("where", y, None, "int32")], {}), tmp_path / "m"))


def test_the_matrix_shows_how_each_op_runs_and_names_each_step_on_the_host(grouped, capsys):
    assert main(["inspect", grouped, "--matrix", "--backend", "cpu,wasm-simd"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()[:1] and len(line.split()) == 4}
    assert rows["op"] == ["nodes", "cpu", "wasm-simd"]
    assert rows["Conv2D"] == ["1", "kernel", "kernel"]
    assert rows["Where"] == ["1", "kernel", "host"]
    (step,) = [line for line in lines if line.startswith("where ") and " Where " in line]
    assert " ".join(step.split()) == f"where Where {REASON} wasm-simd"


def test_json_has_the_matrix_and_the_steps(grouped, capsys):
    assert main(["inspect", grouped, "--backend", "wasm-simd", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["matrix"]["Where"] == {"wasm-simd": {
        "nodes": 1, "kernel": 0, "host": 1, "later": 0, "executor": 0, "planned": 0, "reason": REASON}}
    assert data["matrix"]["Conv2D"]["wasm-simd"]["kernel"] == 1
    assert data["backends"][0]["host_steps"] == [{"node": "where", "op": "Where", "reason": REASON}]
    assert data["targets"] == []


def test_weights_that_files_hold_small_are_told_in_both_sizes(tmp_path, capsys):
    assert main(["quantize", "digits", "--kind", "uint8", "--out", str(tmp_path / "small")]) == 0
    capsys.readouterr()
    argv = ["inspect", str(tmp_path / "small"), "--backend", "cpu"]
    assert main([*argv, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["weight_bytes"], data["stored"]) == (4 * data["file_bytes"], "uint8")
    assert main(argv) == 0
    assert "42.9 kB of weights (10.7 kB in files, as uint8), FLOPs of one run: " in capsys.readouterr().out


def test_targets_say_what_they_would_refuse(grouped, capsys):
    assert main(["inspect", grouped, "--backend", "cpu", "--target", "tfjs-wasm,tflite", "--target", "web-module"]) == 0
    shown = capsys.readouterr().out
    assert "tfjs-wasm refuses 2 nodes (TensorFlow.js 4." in shown
    assert "  Conv2D: convolutions in groups are not known: filters are for 2 of 4 channels (1 node: conv)" in shown
    assert "  SpaceToDepth: TensorFlow.js has no op SpaceToDepth (1 node: deep)" in shown
    assert "tflite refuses nothing (builtin operators of TensorFlow Lite" in shown
    assert "web-module refuses " in shown
    assert "  Where: its shape depends on data, or it is control flow (1 node: where)" in shown


def test_all_targets_in_json(grouped, capsys):
    assert main(["inspect", grouped, "--backend", "cpu", "--target", "all", "--json", "-"]) == 0
    found = {t["name"]: t for t in json.loads(capsys.readouterr().out)["targets"]}
    assert list(found) == ["tfjs-cpu", "tfjs-wasm", "tfjs-webgl", "tfjs-webgpu", "tflite", "web-module"]
    assert [r["node"] for r in found["tfjs-webgpu"]["refused"]] == ["conv", "deep"]
    assert found["tflite"]["refused"] == []


def test_a_target_that_cannot_be_told_says_why(tmp_path, capsys):
    b = GraphBuilder()
    y = b.value("y", "Abs", b.input("x", None))
    folder = save_graph_model(b.build([Port("y", y, None, "float32")], {}), tmp_path / "m")
    argv = ["inspect", str(folder), "--backend", "cpu", "--target", "web-module,tfjs-cpu"]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "web-module cannot be told" in shown
    assert "  input 'x' " in shown
    assert "tfjs-cpu refuses nothing" in shown


def test_unknown_targets_are_told_at_once(grouped, capsys):
    assert main(["inspect", grouped, "--target", "tfjs-wsm,tflight"]) == 2
    assert capsys.readouterr().err == (
        "tfjslab: error: --target: these are no targets: 'tfjs-wsm' (did you mean 'tfjs-wasm'?), 'tflight' (did you "
        "mean 'tflite'?); known: tfjs-cpu, tfjs-wasm, tfjs-webgl, tfjs-webgpu, tflite, web-module, all\n")


@pytest.mark.parametrize(("argv", "message"), [
    (["inspect", "digits", "--backend", "wsm,webpgu"],
     "these are no backends: 'wsm' (did you mean 'wasm'?), 'webpgu' (did you mean 'webgpu'?); known: "),
    (["optimize", "digits", "--out", "x", "--skip", "pading", "--skip", "dead"],
     "these are no passes: 'pading' (did you mean 'padding'?), 'dead' "),
    ([*QUANTIZE, "--exclude", "men", "--exclude", "zzz"],
     "exclude: these are no nodes of the model: 'men' (did you mean 'mean'?), 'zzz'"),
])
def test_names_that_are_not_there_are_told_at_once(argv, message, capsys):
    assert main(argv) == 2
    assert message in capsys.readouterr().err
