"""tf.quantize on whole models: what runs in integers is told node by node, and the engine agrees with the oracle."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import InputError, UsageError
from tfjslab.bench.settings import Settings
from tfjslab.bench.sweep import sweep
from tfjslab.cli.app import main
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port


def small_net():
    """Padding, convolutions, a residual, poolings, a node without integer form, and a dense layer with classes."""
    rng = np.random.default_rng(1)

    def weight(*shape):
        return rng.normal(size=shape).astype(np.float32)

    b = GraphBuilder()
    x = b.input("x", (None, 12, 12, 3))
    x = b.value("pad", "Pad", x, paddings=[[0, 0], [0, 1], [0, 1], [0, 0]])
    x = b.value("first", "_FusedConv2D", x, b.constant("w1", weight(3, 3, 3, 16)), b.constant("b1", weight(16)),
                fused_ops=["BiasAdd", "Relu6"], strides=[2], padding="VALID")
    y = b.value("depth", "FusedDepthwiseConv2dNative", x, b.constant("w2", weight(3, 3, 16, 1)),
                b.constant("b2", weight(16)), fused_ops=["BiasAdd", "Relu"], strides=[1], padding="SAME")
    x = b.value("sum", "AddV2", x, y)
    x = b.value("largest", "MaxPool", x, ksize=[2], strides=[2], padding="VALID")
    x = b.value("soft", "Softplus", x)
    x = b.value("point", "Conv2D", x, b.constant("w3", weight(1, 1, 16, 24)), strides=[1], padding="SAME")
    x = b.value("mean", "Mean", x, axis=[1, 2], keep_dims=False)
    x = b.value("scores", "_FusedMatMul", x, b.constant("w4", weight(24, 10)), b.constant("b4", weight(10)),
                fused_ops=["BiasAdd"])
    return b.build([Port("scores", x, (None, 10), "float32")], {"name": "small"})


@pytest.fixture(name="model", params=["cpu", "wasm-plain", "wasm-simd", "wasm-threads"])
def _model(request):
    with tf.Model(small_net(), request.param) as m:
        yield m


def batches(n=4, rows=8):
    rng = np.random.default_rng(5)
    return [rng.normal(size=(rows, 12, 12, 3)).astype(np.float32) for _ in range(n)]


def test_every_backend_gives_the_integers_of_the_oracle(model):
    """Value for value, and only what has a reason stays float32."""
    q, report = tf.quantize(model, "int8", batches())
    with q, tf.Model(q.graph, "cpu") as oracle:
        integers = [n.name for n in q.graph.nodes if n.op.startswith("Quanti")]
        assert len(integers) >= 8
        feeds = {"x": batches(1, 3)[0]}
        for name, a, b in zip(integers, q.execute(feeds, integers), oracle.execute(feeds, integers), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)
    assert {n.name: n.reason for n in report.refused} == {"soft": "no integer form of Softplus"}
    assert report.execution == "7 of 8 nodes run in int8, the others in float32"
    assert all(n.alone_db > 15 and n.accumulated_db > 15 for n in report.quantized)
    assert report.outputs[0].samples == 32
    assert report.outputs[0].sqnr_db > 25
    assert report.outputs[0].top1_agreement is not None
    assert report.evaluated_on == "the calibration data"


def test_no_kernel_of_an_integer_model_falls_back():
    with tf.Model(small_net(), "wasm-simd") as m, tf.quantize(m, "int8", batches()).model as q:
        assert [c.reason for p in q.prepare(batches(1)[0]) for c in p.commands if c.fallback] == []


def test_excluded_nodes_stay_float32(model):
    """Also when fusing has given them another name: the bias of a convolution is the convolution."""
    q, report = tf.quantize(model, "int8", batches(), exclude=["first", "scores"])
    assert {n.name: n.reason for n in report.refused if n.name != "soft"} == dict.fromkeys(
        ["first", "scores"], "excluded by the caller")
    assert {n.op for n in q.graph.nodes if n.name in ("first", "scores")} == {"FusedConv2D", "_FusedMatMul"}
    q.dispose()


def test_dynamic_needs_no_data(model):
    q, report = tf.quantize(model, "dynamic-int8")
    x = batches(1)[0]
    wanted, found = model.predict(x), q.predict(x)
    assert [n.name for n in report.quantized] == ["scores"]
    assert np.abs(wanted - found).max() <= 0.03 * np.abs(wanted).max()
    q.dispose()


@pytest.mark.parametrize(("kind", "ratio", "least_db"), [("float16", 2, 60), ("uint16", 2, 80), ("uint8", 4, 30)])
def test_weights_for_size_run_as_float32_and_are_written_small(tmp_path, kind, ratio, least_db):
    """What is reported is what a reader of the file gets."""
    with tf.Model(small_net(), "cpu") as model:
        q, report = tf.quantize(model, kind, batches())
        assert report.size_ratio == pytest.approx(ratio, rel=0.01)
        assert report.quantized == ()
        assert report.outputs[0].sqnr_db > least_db
        q.save(tmp_path / "m")
        manifest = json.loads((tmp_path / "m" / "model.json").read_bytes())["weightsManifest"]
        stored = {w["name"]: w.get("quantization", {}).get("dtype") for g in manifest for w in g["weights"]}
        assert {w.stored for w in report.weights} == {kind} <= set(stored.values())
        with tf.load_model(tmp_path / "m", backend="cpu") as back, q:
            np.testing.assert_array_equal(back.predict(batches(1)[0]), q.predict(batches(1)[0]))


def test_an_integer_model_cannot_be_saved(tmp_path):
    """The format has no such ops; a float model must not come out instead."""
    with tf.Model(small_net(), "cpu") as m, tf.quantize(m, "int8", batches()).model as q:
        with pytest.raises(tf.TfjslabError, match="runs in int8"):
            q.save(tmp_path / "m")
        assert not (tmp_path / "m").exists()


def test_wrong_calls_are_refused():
    with tf.Model(small_net(), "cpu") as m:
        for kind, error, message in (
            ("int9", UsageError, ("kind is 'int9'; expected one of int8, dynamic-int8, float16, uint8, uint16; "
                                 "did you mean 'int8'?")),
            ("int8", InputError, "int8 needs calibration data: arrays like the model's inputs"),
        ):
            with pytest.raises(error) as e:
                tf.quantize(m, kind)
            assert str(e.value) == message
        with pytest.raises(UsageError) as e:
            tf.quantize(m, "int8", batches(), exclude=["frist"])
        assert str(e.value) == "exclude: 'frist' is not a node of the model; did you mean 'first'?"


def test_a_model_that_cannot_run_in_integers_is_not_called_int8():
    b = GraphBuilder()
    y = b.value("y", "Exp", b.input("x", (2, 3)))
    with tf.Model(b.build([Port("y", y, (2, 3), "float32")], {"name": "curve"}), "cpu") as m:
        with pytest.raises(InputError) as e:
            tf.quantize(m, "int8", np.arange(6.0).reshape(2, 3))
        assert str(e.value) == "no node of model 'curve' can run in integers (int8): no integer form of Exp"


def test_a_file_that_computes_in_integers_is_told_so():
    b = GraphBuilder()
    stored = b.value("q", "TflQuantize", b.input("x", (1, 4, 4, 3)), out_scale=0.1, out_zero=3, dtype="int8")
    y = b.value("y", "TflDequantize", b.value("pool", "TflMaxPool2D", stored, ksize=[2]), x_scale=0.1, x_zero=3)
    with tf.Model(b.build([Port("y", y, None, "")], {"name": "file"}), "cpu") as m:
        with pytest.raises(InputError) as e:
            tf.quantize(m, "int8", np.arange(48.0).reshape(1, 4, 4, 3))
        assert str(e.value) == "no node of model 'file' can run in integers (int8): it computes in int8 already"


def test_a_sweep_keeps_its_verdicts_apart_and_states_its_rule():
    with tf.Model(small_net(), "wasm-simd") as m:
        found = sweep(m, batches(2), kinds=("int8", "uint8"), methods=("minmax",), max_accuracy_drop=0.2,
                      settings=Settings(3, 1))
    assert [r.setting for r in found.rows] == ["float32", "int8 minmax", "uint8"]
    assert [r.size for r in found.rows] == ["same", "better", "better"]
    assert found.recommended in {r.setting for r in found.rows}
    assert found.rule.startswith("the fastest of those whose accuracy passes (")
    json.dumps(found.data(), allow_nan=False)


def test_the_command_line_refuses_int8_files_and_writes_small_ones(tmp_path, capsys):
    """It says what the format cannot hold and what to do instead."""
    with tf.Model(small_net(), "cpu") as m:
        m.save(tmp_path / "m")
    path, out = str(tmp_path / "m"), str(tmp_path / "out")
    assert main(["quantize", path, "--kind", "int8", "--out", out]) == 2
    assert capsys.readouterr().err == (
        "tfjslab: error: --kind int8 with --out: a TensorFlow.js model stores weights as float16, uint8, uint16 and "
        "runs them as float32, it cannot hold int8 execution; use --report to see what int8 gives here\n"
    )
    assert main(["quantize", path, "--kind", "uint8"]) == 2
    assert capsys.readouterr().err == (
        "tfjslab: error: give either --out DIR, to write the model, or --report, to see what it would change\n"
    )
    assert main(["quantize", path, "--kind", "uint8", "--out", out, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["size_ratio"] == pytest.approx(4, rel=0.01)
    assert main(["run", out, "--backend", "cpu"]) == 0
    capsys.readouterr()
    np.save(tmp_path / "c.npy", np.concatenate(batches(1)))
    args = ["quantize", path, "--kind", "int8", "--report", "--calibration", str(tmp_path / "c.npy"), "-r", "2"]
    assert main([*args, "--backend", "wasm-simd"]) == 0
    shown = capsys.readouterr().out
    assert "7 of 8 nodes run in int8, the others in float32" in shown
    assert "no integer form of Softplus" in shown
