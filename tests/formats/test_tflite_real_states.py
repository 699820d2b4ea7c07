"""Stateful and detecting models on quantized tensors: small ones, and real ones with the reference's answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.flex import flex_map

import tfjslab as tf

SHARED = Path(__file__).parents[2].parent / "shared" / "tflite"
STORED = {"float32": "<f4", "int8": "i1", "uint8": "u1"}


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the development models beside the repository")
@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
@pytest.mark.parametrize("name", ["mww_v2_vad", "tls_coco_ssd_mobilenet_v1_uint8"])
def test_each_step_is_the_reference_to_the_byte(name, backend):
    folder = SHARED / "golden" / name
    told = json.loads((folder / "meta.json").read_text())

    def stored(entry):
        return np.fromfile(folder / entry["file"], STORED[entry["dtype"]]).reshape(entry["shape"])

    with tf.load_model(SHARED / told["model"], backend=backend) as model:
        for step in told.get("steps", [told]):
            found = model.execute([stored(e) for e in step["inputs"]], [p.name for p in model.outputs])
            for array, entry in zip(found, step["outputs"], strict=True):
                np.testing.assert_array_equal(array, stored(entry))


def test_a_variable_of_bytes_begins_as_stored(tmp_path):
    """It gives what was fed before; at first the constant of the file."""
    scale, named, path = {"scale": 0.5, "zero_point": -3}, {0: "", 1: "kept"}, tmp_path / "m.tflite"
    tensors = [tensor("x", (2,), "int8", **scale), tensor("h", (), "resource"), tensor("y", (2,), "int8", **scale)]
    ops = [operator(0, [], [], {0: ("<i", 1)}), operator(1, [], [1], named), operator(2, [1], [2]),
           operator(3, [1, 0], [])]
    begin = subgraph([tensor("h", (), "resource"), tensor("first", (2,), "int8", 1, **scale)],
                     [operator(1, [], [0], named), operator(3, [0, 1], [])], [], [])
    path.write_bytes(tflite(["CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"],
                            [subgraph(tensors, ops, [0], [2]), begin], [np.int8([7, -8])]))
    for backend in ("cpu", "wasm-simd"):
        with tf.load_model(path, backend=backend) as model:
            found = [model.predict(np.int8([i, -i])) for i in (1, 2)]
        np.testing.assert_array_equal(found, [[7, -8], [1, -1]])


def test_detections_from_bytes_are_those_from_what_they_mean(tmp_path):
    rng = np.random.default_rng(1)
    codes, scores = rng.integers(0, 256, (1, 30, 4)).astype(np.uint8), rng.integers(0, 256, (1, 30, 3)).astype(np.uint8)
    anchors = rng.uniform(0.1, 0.5, (30, 4)).astype(np.float32)
    told = flex_map({"max_detections": 5, "max_classes_per_detection": 1, "num_classes": 2, "nms_iou_threshold": 0.5,
                     "nms_score_threshold": 0.3, "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0})
    answers = []
    for dtype, more in (("uint8", ({"scale": 0.125, "zero_point": 128}, {"scale": 1 / 256})), ("float32", ({}, {}))):
        tensors = [tensor("b", (1, 30, 4), dtype, **more[0]), tensor("s", (1, 30, 3), dtype, **more[1]),
                   tensor("a", (30, 4), "float32", 1), tensor("ob", (1, 5, 4)), tensor("oc", (1, 5)),
                   tensor("os", (1, 5)), tensor("on", (1,))]
        made = {**operator(0, [0, 1, 2], [3, 4, 5, 6]), 5: np.frombuffer(told, np.uint8)}
        path = tmp_path / f"{dtype}.tflite"
        path.write_bytes(tflite(["TFLite_Detection_PostProcess"], [subgraph(tensors, [made], [0, 1], [3, 4, 5, 6])],
                                [anchors]))
        feeds = [codes, scores]
        if dtype == "float32":
            feeds = [((codes - 128.0) * 0.125).astype(np.float32), (scores / 256).astype(np.float32)]
        with tf.load_model(path, backend="cpu") as model:
            answers.append(model.execute(feeds, [p.name for p in model.outputs]))
    for a, b in zip(*answers, strict=True):
        np.testing.assert_array_equal(a, b)
