"""Small files: TensorFlow.js itself loads them and computes what this package computes from the same files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from support.tfjs import peers, predict

import tfjslab as tf
from tfjslab import zoo
from tfjslab.zoo import digits

SHARED = Path(__file__).parents[3] / "shared" / "models"
SMALL = ["float16", "uint8", "uint16"]


def saved(model, kind, folder, *, optimized):
    """The model, after the passes of the optimizer if wanted, written with small weights; and the report on them."""
    made = tf.optimize(model, measure=False).model if optimized else model
    q, report = tf.quantize(made, kind)
    with q:
        q.save(folder)
    if optimized:
        made.dispose()
    return report


@pytest.mark.parametrize("optimized", [True, False], ids=["optimized", "as it came"])
@pytest.mark.parametrize("kind", SMALL)
def test_tfjs_answers_like_our_own_run_of_the_file(kind, optimized, tmp_path):
    """Every image of the test split: the same class, probabilities within rounding of float32 sums."""
    peers()
    found = load_digits()
    images = (found.images / 16).astype(np.float32)[..., None][list(digits.split(len(found.images))[1])]
    with zoo.load("digits", backend="cpu") as model:
        saved(model, kind, tmp_path / "m", optimized=optimized)
        with tf.load_model(tmp_path / "m", backend="wasm-simd") as back:
            ours, name = back.predict(images), back.inputs[0].name
        ((_, theirs),) = predict([(tmp_path / "m", {name: images})])[0]
        plain = model.predict(images)
    # Sums in another order, in float32: 2.5e-6 of a probability seen. A weight read wrongly is off by far more.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    assert (ours.argmax(1) == theirs.argmax(1)).all()
    target = found.target[list(digits.split(len(found.images))[1])]
    assert (plain.argmax(1) == target).mean() - (theirs.argmax(1) == target).mean() <= 0.01


@pytest.mark.parametrize("kind", SMALL)
def test_real_models_of_faces_answer_alike(kind, tmp_path):
    """Fused PRelu, padding and residuals, with weights that TensorFlow.js dequantizes when it loads them."""
    peers()
    folder = SHARED / "blazeface-front"
    if not folder.is_dir():
        pytest.skip("the real models are not beside this repository")
    with tf.load_model(folder, backend="cpu") as model:
        x = model.sample()
        report = saved(model, kind, tmp_path / "m", optimized=True)
    with tf.load_model(tmp_path / "m", backend="wasm-simd") as back:
        ours = dict(zip([p.name for p in back.outputs], back.predict(x), strict=True))
    theirs = predict([(tmp_path / "m", x)])[0]
    for name, value in theirs:
        a = ours[name.removesuffix(":0")]
        assert np.abs(a - value).max() <= 1e-5 * np.abs(value).max(), name
    bits = {"float16": 2, "uint16": 2, "uint8": 4}[kind]
    assert report.size_ratio == pytest.approx(bits, rel=0.02)


@pytest.mark.parametrize("kind", SMALL)
def test_the_manifest_and_the_files_hold_what_the_report_says(kind, tmp_path):
    """Kinds for each weight, bytes on disk, and the largest error, none above half a step."""
    with zoo.load("digits", backend="cpu") as model:
        report = saved(model, kind, tmp_path / "m", optimized=True)
        manifest = json.loads((tmp_path / "m" / "model.json").read_bytes())["weightsManifest"]
    stored = {w["name"]: w for g in manifest for w in g["weights"]}
    told = {w.name: w for w in report.weights}
    # What an attribute is here (axes, shapes) is an input in files, and never small.
    added = [stored.pop(name) for name in set(stored) - set(told)]
    assert {w["dtype"] for w in added} <= {"int32"}
    assert set(stored) == set(told)
    for name, entry in stored.items():
        assert entry.get("quantization", {"dtype": entry["dtype"]})["dtype"] == told[name].stored
        if "scale" in entry.get("quantization", {}):
            assert told[name].max_error <= 0.51 * entry["quantization"]["scale"]
    files = sum((tmp_path / "m" / p).stat().st_size for g in manifest for p in g["paths"])
    assert files == report.weight_bytes_after + sum(4 * int(np.prod(w["shape"])) for w in added)
