"""What integers cost on a real model with labels: digits, calibrated on training images, judged on the test split."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tfjslab as tf
from tfjslab import zoo
from tfjslab.zoo import digits


@pytest.mark.parametrize("kind", ["minmax", "percentile", "mse", "dynamic-int8", "uint8", "uint16", "float16"])
def test_accuracy_drops_by_a_point_at_most(kind):
    """Whatever the method of calibration or the kind; weights for size as well."""
    found = load_digits()
    images = (found.images / 16).astype(np.float32)[..., None]
    learn, test = map(list, digits.split(len(images)))
    static = kind in ("minmax", "percentile", "mse")
    with zoo.load("digits", backend="wasm-simd") as model:
        calibration = [images[learn[i : i + 64]] for i in range(0, 512, 64)]
        q, report = tf.quantize(
            model, "int8" if static else kind, calibration if static else None, kind if static else "minmax",
            evaluation=images[test],
        )
        with q:
            answers = [m.predict(images[test]).argmax(1) for m in (model, q)]
    before, after = (float((a == found.target[test]).mean()) for a in answers)
    assert before - after <= 0.01
    assert report.outputs[0].samples == 360
    assert report.outputs[0].classes == 10
    assert report.outputs[0].top1_agreement >= 0.97
