"""Custom operators of .tflite files, whose options are flex buffers or C structures."""

from __future__ import annotations

import contextlib
import random
import struct

import numpy as np
import pytest
from support.flex import flex_map
from support.tflite import ran, single

from tfjslab.base.errors import ModelError
from tfjslab.formats.tflite import flexbuffer

RNG = np.random.default_rng(17)
SAME, VALID = 1, 2
SCALES = {"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}
DETECTION = "TFLite_Detection_PostProcess"


def numbers(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def corners(codes, anchors):
    """Boxes from what the model says of each anchor."""
    centre = codes[:, :2] / 10 * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(codes[:, 2:] / 5) * anchors[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], 1)


def overlap(a, b):
    inner = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return inner / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inner)


def kept(boxes, scores, threshold, most):
    """One box after the other, best first."""
    found = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if scores[i] >= threshold and len(found) < most and all(overlap(boxes[i], boxes[j]) <= 0.5 for j in found):
            found.append(i)
    return found


@pytest.mark.parametrize("regular", [False, True])
def test_the_best_boxes_of_a_detector(tmp_path, regular):
    codes, scores = numbers(1, 40, 4), RNG.uniform(0, 1, (1, 40, 4)).astype(np.float32)
    anchors = RNG.uniform(0.1, 0.6, (40, 4)).astype(np.float32)
    told = {"max_detections": 6, "max_classes_per_detection": 1, "num_classes": 3, "nms_iou_threshold": 0.5,
            "nms_score_threshold": 0.4, "use_regular_nms": regular, "detections_per_class": 4, **SCALES}
    data = single(DETECTION, [codes, scores], [anchors], [(1, 6, 4), (1, 6), (1, 6), (1,)], custom=flex_map(told))
    ((boxes, classes, best, count),) = ran(tmp_path, data, [codes, scores])
    made, known = corners(codes[0].astype(float), anchors), scores[0, :, 1:]  # the first class is the background
    if regular:
        pairs = [(i, c) for c in range(3) for i in kept(made, known[:, c], 0.4, 4)]
        pairs = sorted(pairs, key=lambda p: -known[p])[:6]
    else:
        pairs = [(i, int(known[i].argmax())) for i in kept(made, known.max(1), 0.4, 6)]
    assert count == [len(pairs)]
    np.testing.assert_allclose(boxes[0, : len(pairs)], [made[i] for i, _ in pairs], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(classes[0, : len(pairs)], [c for _, c in pairs])
    np.testing.assert_array_equal(best[0, : len(pairs)], [known[p] for p in pairs])


def test_options_that_are_missing_or_no_map(tmp_path):
    codes, scores, anchors = numbers(1, 4, 4), numbers(1, 4, 2), numbers(4, 4)
    outputs = [(1, 2, 4), (1, 2), (1, 2), (1,)]
    with pytest.raises(ModelError, match=r"operator 0 \(TFLite_Detection_PostProcess\): option num_classes is missing"):
        ran(tmp_path, single(DETECTION, [codes, scores], [anchors], outputs, custom=flex_map({"max_detections": 2})),
            [codes, scores])
    with pytest.raises(ModelError, match="options are of type 0; expected a map"):
        ran(tmp_path, single(DETECTION, [codes, scores], [anchors], outputs, custom=bytes(8)), [codes, scores])


def test_a_flex_map_is_read_and_any_other_bytes_are_refused():
    told = {"whole": -7, "real": 0.5, "yes": True, "": 3}
    data = flex_map(told)
    assert flexbuffer.numbers(data, "here") == told
    rng = random.Random(2)  # noqa: S311 - no secret
    for _ in range(2000):
        made = bytearray(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.3 else data)
        for _ in range(rng.randint(1, 3)):
            if made:
                made[rng.randrange(len(made))] = rng.choice((0, 1, 255, rng.randrange(256)))
        with contextlib.suppress(ModelError):
            flexbuffer.numbers(bytes(made), "here")


@pytest.mark.parametrize(("size", "stride", "window", "padding"), [
    ((4, 6), 2, 2, SAME), ((5, 6), 2, 3, SAME), ((5, 7), 1, 2, VALID),
])
def test_where_the_largest_elements_stand_in_their_windows(tmp_path, size, stride, window, padding):
    x = numbers(1, *size, 3)
    x[0, 1, 1] = x[0, 0, 0]  # of equal ones the first counts
    count = [-(-n // stride) if padding == SAME else (n - window) // stride + 1 for n in size]
    before = [max(0, (c - 1) * stride + window - n) // 2 if padding == SAME else 0
              for n, c in zip(size, count, strict=True)]
    values, places = np.zeros((2, 1, *count, 3))
    for i, j, c in np.ndindex(*count, 3):
        best = -np.inf
        for a, b in np.ndindex(window, window):
            h, w = i * stride - before[0] + a, j * stride - before[1] + b
            if 0 <= h < size[0] and 0 <= w < size[1] and x[0, h, w, c] > best:
                best = values[0, i, j, c] = x[0, h, w, c]
                places[0, i, j, c] = a * window + b
    options = struct.pack("<6i", padding, stride, stride, window, window, 0)
    data = single("MaxPoolingWithArgmax2D", [x], [], [values.shape, places.shape], custom=options)
    ((found, at),) = ran(tmp_path, data, [x])
    np.testing.assert_array_equal(found, values.astype(np.float32))
    np.testing.assert_array_equal(np.floor(at), places)


def test_elements_go_back_where_they_were(tmp_path):
    x = numbers(1, 4, 6, 2)
    options = struct.pack("<6i", SAME, 2, 2, 2, 2, 0)
    pool = single("MaxPoolingWithArgmax2D", [x], [], [(1, 2, 3, 2)] * 2, custom=options)
    ((values, places),) = ran(tmp_path, pool, [x])
    unpool = single("MaxUnpooling2D", [values, places], [], [x.shape], custom=options)
    ((found,),) = ran(tmp_path, unpool, [values, places])
    windows = x.reshape(2, 2, 3, 2, 2)
    np.testing.assert_array_equal(found[0], np.where(windows == windows.max((1, 3), keepdims=True), windows, 0)
                                  .reshape(4, 6, 2))
    apart = single("MaxUnpooling2D", [values, places], [], [x.shape], custom=struct.pack("<6i", SAME, 1, 1, 2, 2, 0))
    with pytest.raises(ModelError, match="windows that overlap, or leave gaps, are not supported"):
        ran(tmp_path, apart, [values, places])


@pytest.mark.parametrize(("size", "padding"), [((3, 4), SAME), ((3, 4), VALID)])
def test_a_transposed_convolution_with_a_bias(tmp_path, size, padding):
    x, filters, bias = numbers(1, *size, 2), numbers(3, 3, 3, 2), numbers(3)
    full = np.zeros((2 * size[0] + 1, 2 * size[1] + 1, 3))
    for i, j in np.ndindex(*size):
        full[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += np.einsum("i,ohwi->hwo", x[0, i, j].astype(float), filters)
    cut = [max(0, 3 - (n - 1) % 2 - 1) if padding == SAME else 0 for n in size]
    made = full[cut[0] // 2 : full.shape[0] - (cut[0] + 1) // 2, cut[1] // 2 : full.shape[1] - (cut[1] + 1) // 2] + bias
    data = single("Convolution2DTransposeBias", [x], [filters, bias], [(1, *made.shape)],
                  custom=struct.pack("<3i", padding, 2, 2))
    ((found,),) = ran(tmp_path, data, [x])
    np.testing.assert_allclose(found[0], made, rtol=1e-4, atol=1e-5)
    with pytest.raises(ModelError, match="4 bytes of options; expected 12"):
        ran(tmp_path, single("Convolution2DTransposeBias", [x], [filters, bias], [(1, 1, 1, 3)], custom=bytes(4)), [x])
