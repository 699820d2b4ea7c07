"""Pictures as inputs: what a module makes of pixels, against bilinear resizing in numpy."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from support.web import answers, exported, node

from tfjslab.base.errors import UsageError
from tfjslab.export.web.picture import Picture
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

LUMINANCE = np.array([0.299, 0.587, 0.114])


def identity(shape, dtype="float32"):
    """A model that gives its input."""
    b = GraphBuilder()
    x = b.input("x", shape, dtype)
    return b.build([Port("y", b.value("y", "Reshape", x, shape=[-1]), None, dtype)], {})


def positions(length, size, stretch, start):
    """The two neighbours and the weight of the second, of each of ``length`` places in ``size`` pixels."""
    at = np.clip((np.arange(length) + 0.5) * stretch + start - 0.5, 0, size - 1)
    low = np.floor(at).astype(int)
    return low, np.minimum(low + 1, size - 1), at - low


def resized(pixels, rows, columns, *, crop):
    """Bilinear between pixel centres, in double precision."""
    height, width, _ = pixels.shape
    sy, sx = height / rows, width / columns
    if crop:
        sx = sy = min(sx, sy)
    y0, y1, fy = positions(rows, height, sy, (height - sy * rows) / 2)
    x0, x1, fx = positions(columns, width, sx, (width - sx * columns) / 2)
    p, fy, fx = pixels.astype(np.float64), fy[:, None, None], fx[None, :, None]
    up = p[y0][:, x0] * (1 - fx) + p[y0][:, x1] * fx
    down = p[y1][:, x0] * (1 - fx) + p[y1][:, x1] * fx
    return up * (1 - fy) + down * fy


def wanted(pixels, shape, picture):
    """What a model should be fed."""
    _, rows, columns, channels = shape
    found = resized(pixels, rows, columns, crop=picture.fit == "crop")
    if channels == 1:
        found = found[..., :3] @ LUMINANCE
    else:
        order = [2, 1, 0, 3] if picture.order == "bgr" else [0, 1, 2, 3]
        found = found[..., order[:channels]]
    return found * (picture.high - picture.low) / 255 + picture.low


@pytest.mark.parametrize(("size", "shape", "picture"), [
    ((6, 9), (1, 6, 9, 3), Picture()),
    ((7, 5), (1, 4, 8, 3), Picture(-1, 1)),
    ((3, 2), (1, 9, 7, 3), Picture(0, 255, order="bgr")),
    ((20, 11), (1, 5, 5, 3), Picture(fit="crop")),
    ((11, 20), (1, 6, 4, 4), Picture(-1, 1, "crop", "bgr")),
    ((10, 10), (1, 3, 3, 1), Picture(0.5, -0.5)),
    ((1, 1), (1, 2, 2, 3), Picture()),
])
def test_pixels_become_the_tensor_that_was_declared(tmp_path, size, shape, picture):
    node()
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 4), dtype=np.uint8)
    folder, _ = exported(tmp_path / "web", identity(shape), image=picture)
    given = {"width": size[1], "height": size[0], "data": base64.b64encode(pixels.tobytes()).decode()}
    right = wanted(pixels, shape, picture).ravel()
    found = answers(folder, {}, picture=given)
    assert list(found) == ["plain", "simd", "relaxed"]
    for variant, outputs in found.items():
        scale = abs(picture.high - picture.low)
        assert np.abs(outputs["y"] - right).max() <= 1e-5 * scale, variant


def test_whole_numbers_are_rounded(tmp_path):
    node()
    shape = (1, 4, 4, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    folder, _ = exported(tmp_path / "web", identity(shape, "int32"), image=Picture(0, 255))
    given = {"width": 7, "height": 9, "data": base64.b64encode(pixels.tobytes()).decode()}
    right = wanted(pixels, shape, Picture(0, 255)).ravel()
    for outputs in answers(folder, {}, picture=given).values():
        assert np.abs(outputs["y"] - right).max() <= 0.5 + 1e-3


@pytest.mark.parametrize(("options", "message"), [
    ({"fit": "corp"}, "fit 'corp'; expected one of stretch, crop; did you mean 'crop'?"),
    ({"order": "rbg"}, "channel order 'rbg'; expected one of rgb, bgr; did you mean 'rgb'?"),
])
def test_unknown_ways_are_refused(options, message):
    with pytest.raises(UsageError) as caught:
        Picture(**options)
    assert str(caught.value) == message
