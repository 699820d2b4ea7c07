"""MobileNetV2 in int8, whole: all but the softmax in integers, nothing on the host, weights a quarter."""

from __future__ import annotations

import numpy as np

import tfjslab as tf
from tfjslab import zoo


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
