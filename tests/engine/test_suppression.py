"""Eager non-maximum suppression: a kernel that makes outputs of the largest size, cut to what was kept."""

from __future__ import annotations

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.ops.registry import get

RNG = np.random.default_rng(4)
FIRST = RNG.uniform(0, 1, (60, 2))
BOXES = np.concatenate([FIRST, FIRST + RNG.uniform(0, 0.4, (60, 2))], axis=1).astype(np.float32)
SCORES = RNG.uniform(0, 1, 60).astype(np.float32)
HOW = {"max_output_size": 40, "iou_threshold": 0.3, "score_threshold": 0.2}


@pytest.fixture(name="backend", params=["cpu", "wasm-plain", "wasm-simd", "wasm-threads"])
def _backend(request):
    before = tf.get_backend()
    tf.set_backend(request.param)
    yield request.param
    tf.set_backend(before)


def counted():
    """Tensors, buffers and bytes that there are."""
    found = tf.memory()
    return found.num_tensors, found.num_data_buffers, found.num_bytes


@pytest.mark.usefixtures("backend")
def test_what_is_kept_is_what_the_reference_keeps():
    wanted = get("NonMaxSuppressionV5").run(
        [BOXES, SCORES], {**HOW, "soft_nms_sigma": 0.0, "pad_to_max_output_size": False})
    before = counted()
    with tf.tidy():
        boxes, scores = tf.tensor(BOXES), tf.tensor(SCORES)
        np.testing.assert_array_equal(tf.non_max_suppression(boxes, scores, **HOW).numpy(), wanted[0])
        for found, expected in zip(tf.non_max_suppression_with_score(boxes, scores, **HOW), wanted, strict=True):
            np.testing.assert_array_equal(found.numpy(), expected)
    assert counted() == before


@pytest.mark.usefixtures("backend")
def test_it_is_a_kernel():
    boxes, scores = tf.tensor(BOXES), tf.tensor(SCORES)
    info = tf.profile(lambda: tf.non_max_suppression(boxes, scores, **HOW).dispose())
    assert not any(k.fallback for k in info.kernels)
    assert (info.new_bytes, info.new_tensors) == (0, 0)
    tf.dispose([boxes, scores])
