"""MobileNetV2 in int8, whole: all but the softmax in integers, nothing on the host, weights a quarter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo

SHARED = Path(__file__).parents[3] / "shared" / "models" / "mobilenet_v2_graph"


def test_mobilenet_runs_in_integers_that_equal_the_oracle():
    """Every integer tensor of the WebAssembly run, bit for bit. Random weights give one class: no word on accuracy."""
    with zoo.load("mobilenet_v2", backend="wasm-simd") as model:
        x = model.sample()
        q, report = tf.quantize(model, "int8", x)
        with q, tf.Model(q.graph, "cpu") as oracle:
            assert [(n.op, n.reason) for n in report.refused] == [("Softmax", "no integer form of Softmax")]
            assert [c.node for p in q.prepare(x) for c in p.commands if c.fallback] == []
            names = [n.name for n in q.graph.nodes if n.op.startswith("Quanti")]
            assert len(names) == 65
            for name, a, b in zip(names, q.execute(x, names), oracle.execute(x, names), strict=True):
                np.testing.assert_array_equal(a, b, err_msg=name)
    assert report.size_ratio >= 3.9
    assert report.weight_bytes_before == 13_951_264
    assert report.outputs[0].sqnr_db > 20


@pytest.mark.parametrize("method", ["minmax", "mse"])
def test_answers_agree_on_inputs_that_were_not_calibrated_on(method, capsys):
    """256 generated inputs, other seeds than the 48 of the calibration; how many classes there are is told."""
    if not SHARED.is_dir():
        pytest.skip("the real models are not beside this repository")
    with tf.load_model(SHARED, backend="wasm-simd") as model:
        known, new = (tf.generated_inputs(model.inputs, count, seed, -1, 1) for seed, count in ((0, 48), (1, 256)))
        q, report = tf.quantize(model, "int8", known, method, evaluation=new)
        q.dispose()
    (output,) = report.outputs
    with capsys.disabled():
        print(f"\nMobileNetV2 int8, {method}: top-1 agreement {output.top1_agreement:.2%} on {output.samples} inputs "  # noqa: T201
              f"of {output.classes} classes, SQNR {output.sqnr_db:.1f} dB")
    assert output.samples == 256
    assert output.classes >= 2
    assert output.top1_agreement >= 0.97
