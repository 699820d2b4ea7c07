"""Kernels of detectors against the numpy reference, bit for bit where both compute in float64."""

from __future__ import annotations

import numpy as np
import pytest
from support.wasm import run_node

from tfjslab.ops import registry


def boxes_and_scores(n, seed, *, levels=0):
    """Random boxes with corners in any order; scores of a few ``levels`` tie often."""
    rng = np.random.default_rng(seed)
    first, size = rng.uniform(0, 1, (n, 2)), rng.uniform(-0.3, 0.3, (n, 2))
    scores = rng.integers(0, levels, n) / levels if levels else rng.uniform(0, 1, n)
    return np.concatenate([first, first + size], axis=1).astype(np.float32), scores.astype(np.float32)


def assert_runs(sessions, name, inputs, attrs, *, close=False):
    """A kernel gives what the reference gives in float32, ``close`` but for roundings; gives that."""
    op = registry.get(name)
    given = op.resolve_attrs(attrs, "test")
    with np.errstate(all="ignore"):  # as on the host
        expected = op.run(inputs, given)
    for session in sessions:
        results, infos = run_node(session, op, inputs, given, len(expected), constant=False)
        assert [i.reason for i in infos if i.fallback] == []
        for found, wanted in zip(results.values(), expected, strict=True):
            if close and wanted.dtype == np.float32:
                np.testing.assert_allclose(found, wanted, rtol=3e-6, atol=1e-7)
            else:
                np.testing.assert_array_equal(found, wanted)
    return expected


def suppress(sessions, boxes, scores, *, close=False, **attrs):
    """A padded suppression keeps what the reference keeps; gives that."""
    given = {"pad_to_max_output_size": True, **attrs}
    return assert_runs(sessions, "NonMaxSuppressionV5", [boxes, scores], given, close=close)


@pytest.mark.parametrize("n", [1, 2, 17, 300, 3000])
@pytest.mark.parametrize("attrs", [
    {"max_output_size": 1}, {"max_output_size": 50, "iou_threshold": 0.3},
    {"max_output_size": 5000, "iou_threshold": 0.0, "score_threshold": 0.25},
    {"max_output_size": 40, "iou_threshold": 1.0, "score_threshold": 0.5}, {"max_output_size": 7, "score_threshold": 2},
])
def test_suppression_keeps_the_same_boxes(open_sessions, n, attrs):
    for levels in (0, 4):
        suppress(open_sessions, *boxes_and_scores(n, n, levels=levels), **attrs)


@pytest.mark.parametrize("sigma", [0.5, 0.1, 1.0, 1e-3])
def test_soft_suppression_lowers_the_same_scores(open_sessions, sigma):
    """The exponential is this kernel's own; a rounding of float64 shows in no float32."""
    for n, levels in ((3, 0), (200, 0), (200, 5)):
        sample = boxes_and_scores(n, 7 * n, levels=levels)
        suppress(open_sessions, *sample, close=True, max_output_size=60, soft_nms_sigma=sigma, score_threshold=0.01)
        suppress(open_sessions, *sample, close=True, max_output_size=60, soft_nms_sigma=sigma, iou_threshold=0.4)


def test_suppression_of_hostile_values(open_sessions):
    """NaN scores are no candidates; boxes of NaN or without area overlap nothing; infinite ones drop each other."""
    boxes, scores = boxes_and_scores(60, 3)
    boxes[3:6, 1], boxes[10:14] = np.nan, np.inf
    boxes[20:24] = [-np.inf, -np.inf, np.inf, np.inf]
    boxes[30:34] = boxes[30, [0, 1, 0, 1]]
    boxes[40:43] = [[-3e38, -3e38, 3e38, 3e38]] * 3
    scores[[0, 5, 21]], scores[[7, 22]], scores[8] = np.nan, np.inf, -np.inf
    for extra in ({}, {"score_threshold": 0.2}, {"iou_threshold": 0.0}):
        kept, _, count = suppress(open_sessions, boxes, scores, max_output_size=70, **extra)
        assert not {0, 5, 21, 8} & set(kept[:count].tolist())
    suppress(open_sessions, boxes, np.full_like(scores, np.nan), max_output_size=5)
    suppress(open_sessions, boxes, scores, close=True, max_output_size=70, soft_nms_sigma=0.5)


def test_suppression_without_scores(open_sessions):
    attrs = {"pad_to_max_output_size": True, "max_output_size": 20}
    assert_runs(open_sessions, "NonMaxSuppressionV4", boxes_and_scores(50, 1), attrs)


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (14, 14), (1, 4)])
@pytest.mark.parametrize("channels", [1, 3, 4, 9])
def test_crops_are_those_of_the_reference(open_sessions, method, size, channels):
    """Swapped ends, boxes that leave the image or are outside of it, NaN, infinity, images that do not exist."""
    rng = np.random.default_rng(5)
    image = rng.uniform(-1, 1, (3, 6, 7, channels)).astype(np.float32)
    boxes = rng.uniform(-0.2, 1.2, (40, 4)).astype(np.float32)
    boxes[0], boxes[1], boxes[2], boxes[3] = [0, 0, 1, 1], [1, 1, 0, 0], [2, 2, 3, 3], [0.5, 0.5, 0.5, 0.5]
    boxes[4, 0], boxes[5, 2], boxes[6], boxes[7, 3] = np.nan, np.inf, -np.inf, 3e38
    which = rng.integers(0, 3, 40).astype(np.int32)
    which[[10, 11, 12, 13]] = [3, -1, 2**31 - 1, -(2**31)]
    attrs = {"crop_size": size, "method": method, "extrapolation_value": -2.5}
    assert_runs(open_sessions, "CropAndResize", [image, boxes, which], attrs)


@pytest.mark.parametrize("attrs", [
    {"ksize": [1, 3, 2, 1], "strides": [1, 2, 1, 1], "padding": "SAME"}, {"ksize": [2], "strides": [3]},
    {"ksize": [3], "padding": "SAME", "include_batch_in_index": True},
])
def test_places_of_largest_values_with_ties_and_nan(open_sessions, attrs):
    x = np.random.default_rng(1).integers(-3, 3, (2, 7, 6, 5)).astype(np.float32)
    x[0, 2, 3], x[1, :3, :3] = np.nan, -np.inf
    assert_runs(open_sessions, "MaxPoolWithArgmax", [x], attrs)


@pytest.mark.parametrize("attrs", [{}, {"depth_radius": 0}, {"depth_radius": 2, "beta": 0.75}, {
    "depth_radius": 100, "bias": 0.5, "alpha": 2e-4, "beta": -1.5}])
def test_local_response_of_odd_images(open_sessions, attrs):
    x = np.random.default_rng(1).uniform(-3, 3, (2, 5, 3, 7)).astype(np.float32)
    assert_runs(open_sessions, "LRN", [x], attrs, close=True)
