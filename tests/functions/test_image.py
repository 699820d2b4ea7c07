"""``tf.image`` and pictures as tensors, against numpy."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import DTypeError, InputError, ShapeError, UsageError

RNG = np.random.default_rng(4)
IMAGES = RNG.uniform(0, 255, (2, 5, 4, 3)).astype(np.float32)
LEVELS = RNG.integers(0, 256, (5, 4, 3)).astype(np.int32)
LUMA = np.array([0.2989, 0.587, 0.114], np.float32)
BOXES = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.05, 1.0, 1.05], [2.0, 2.0, 3.0, 3.0]]
SCORES = [0.9, 0.8, 0.7]


@pytest.fixture(autouse=True)
def _tidy():
    with tf.tidy():
        yield


def test_flips_and_colours():
    np.testing.assert_array_equal(tf.image.flip_left_right(IMAGES).numpy(), IMAGES[:, :, ::-1])
    np.testing.assert_array_equal(
        tf.image.grayscale_to_rgb(IMAGES[..., :1]).numpy(), np.repeat(IMAGES[..., :1], 3, -1))
    np.testing.assert_allclose(tf.image.rgb_to_grayscale(IMAGES).numpy()[..., 0], IMAGES @ LUMA, rtol=1e-5)
    gray = tf.image.rgb_to_grayscale(LEVELS)
    assert gray.dtype == "int32"
    np.testing.assert_array_equal(gray.numpy()[..., 0], np.trunc(LEVELS @ LUMA))


def test_a_threshold_is_a_part_of_255_and_may_be_inverted():
    bright = (LEVELS @ LUMA)[..., None] > 0.3 * 255
    found = tf.image.threshold(LEVELS, "binary", thresh_value=0.3)
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found.numpy(), bright * 255)
    np.testing.assert_array_equal(tf.image.threshold(LEVELS, inverted=True, thresh_value=0.3).numpy(), ~bright * 255)


def _otsu(levels):
    """The level with the largest variance between the classes, one after the other."""
    best, found = 0.0, -1
    for level in range(255):
        dark, light = levels[levels <= level], levels[levels > level]
        if dark.size and light.size:
            variance = dark.size * light.size * (dark.mean() - light.mean()) ** 2
            best, found = (variance, level) if variance > best else (best, found)
    return found


def test_otsu_finds_the_level_between_two_classes():
    gray = np.concatenate([RNG.normal(60, 15, 40), RNG.normal(180, 15, 40)]).round().astype(np.int32).reshape(8, 10, 1)
    np.testing.assert_array_equal(tf.image.threshold(gray, "otsu").numpy(), (gray > _otsu(gray)) * 255)
    flat = np.full((3, 3, 1), 7, np.int32)
    assert tf.image.threshold(flat, "otsu").numpy().min() == 255  # one class only: nothing is dark, as in TensorFlow.js


def test_a_quarter_turn_moves_every_pixel():
    square = RNG.normal(size=(1, 5, 5, 2)).astype(np.float32)
    turned = tf.image.rotate_with_offset(square, math.pi / 2, 0, 0.4).numpy()  # 0.4 of 5 is the middle pixel
    np.testing.assert_array_equal(turned[0], np.rot90(square[0]))


def test_what_a_turn_brings_in_from_outside_is_filled():
    pixels = np.zeros((1, 5, 5, 4), np.float32)
    corner = tf.image.rotate_with_offset(pixels, math.pi / 4, [1, 2, 3], 0.4).numpy()[0, 0, 0]
    assert corner.tolist() == [1, 2, 3, 255]
    assert tf.image.rotate_with_offset(pixels[..., :1], math.pi / 4, 9, 0.4).numpy()[0, 0, 0, 0] == 9


def test_suppression_by_name_and_awaited():
    scored = tf.image.non_max_suppression_with_score(BOXES, SCORES, 3, 0.5)
    assert scored.names == ("selected_indices", "selected_scores")
    assert scored.selected_indices.numpy().tolist() == [0, 2]
    padded = tf.image.non_max_suppression_padded(BOXES, SCORES, 3, 0.5, pad_to_max_output_size=True)
    assert padded.selected_indices.numpy().tolist() == [0, 2, 0]
    assert padded.valid_outputs.numpy() == 2

    async def awaited():
        return [
            await tf.image.non_max_suppression_async(BOXES, SCORES, 3),
            (await tf.image.non_max_suppression_with_score_async(BOXES, SCORES, 3, 1, 0, 0.5)).selected_scores,
            (await tf.image.non_max_suppression_padded_async(BOXES, SCORES, 1)).valid_outputs,
        ]

    indices, scores, valid = (t.numpy() for t in asyncio.run(awaited()))
    assert (indices.tolist(), int(valid)) == ([0, 2], 1)
    overlap = 0.95 / 1.05  # of the first two boxes
    np.testing.assert_allclose(scores, [0.9, 0.7, 0.8 * math.exp(-(overlap**2))], rtol=1e-5)


class Raw:
    """What a canvas gives."""

    data, width, height = bytes(range(24)), 3, 2


@pytest.mark.parametrize(("pixels", "channels", "expected"), [
    (LEVELS.astype(np.uint8), 3, LEVELS),
    (LEVELS.tolist(), 3, LEVELS),
    (LEVELS[..., 0], 3, np.repeat(LEVELS[..., :1], 3, -1)),
    (LEVELS[..., :1], 1, LEVELS[..., :1]),
    (LEVELS, 4, np.concatenate([LEVELS, np.full((5, 4, 1), 255)], -1)),
    (Raw(), 4, np.arange(24).reshape(2, 3, 4)),
    ({"data": np.arange(24, dtype=np.uint8), "width": 3, "height": 2}, 3, np.arange(24).reshape(2, 3, 4)[..., :3]),
])
def test_pixels_become_int32_levels(pixels, channels, expected):
    found = tf.browser.from_pixels(pixels, channels)
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found.numpy(), expected)


def test_pil_images_of_any_mode_become_tensors():
    image = pytest.importorskip("PIL.Image")
    picture = image.fromarray(LEVELS.astype(np.uint8))
    np.testing.assert_array_equal(tf.browser.from_pixels(picture).numpy(), LEVELS)
    np.testing.assert_array_equal(
        asyncio.run(tf.browser.from_pixels_async(picture.convert("L"), 1)).numpy()[..., 0],
        np.asarray(picture.convert("L")))
    palette = picture.convert("P")
    np.testing.assert_array_equal(tf.browser.from_pixels(palette).numpy(), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize(("values", "expected"), [
    ([[0, 255]], [[[0, 0, 0, 255], [255, 255, 255, 255]]]),
    (np.array([[[0.0, 0.5, 1.0]]], np.float32), [[[0, 128, 255, 255]]]),
    (np.array([[[1, 2, 3, 4]]], np.int32), [[[1, 2, 3, 4]]]),
])
def test_tensors_become_rgba_pixels(values, expected):
    given = tf.tensor(values) if isinstance(values, np.ndarray) else values
    found = asyncio.run(tf.browser.to_pixels(given))
    assert (found.dtype, found.tolist()) == (np.uint8, expected)


def _to(values):
    return asyncio.run(tf.browser.to_pixels(values))


@pytest.mark.parametrize(("run", "error", "message"), [
    (lambda: tf.image.flip_left_right(LEVELS), ShapeError,
     "image.flip_left_right: image has shape [5, 4, 3]; expected rank 4"),
    (lambda: tf.image.rgb_to_grayscale(IMAGES[..., :2]), ShapeError,
     "image.rgb_to_grayscale: image [2, 5, 4, 2]; expected rank 2 or more, the last axis 3 channels"),
    (lambda: tf.image.threshold(LEVELS, "mean"), UsageError,
     "image.threshold: method is 'mean'; expected one of binary, otsu"),
    (lambda: tf.image.threshold(LEVELS > 3), DTypeError, "image.threshold: image is bool; expected int32 or float32"),
    (lambda: tf.image.rotate_with_offset(IMAGES, 1, [1, 2]), ShapeError,
     "image.rotate_with_offset: fill_value [1, 2]; expected a number or one for each of 3 channels, for an image of 3"),
    (lambda: tf.browser.from_pixels(LEVELS, 5), InputError,
     "browser.from_pixels: num_channels is 5; expected 1 to 4"),
    (lambda: tf.browser.from_pixels(IMAGES[0]), DTypeError,
     "browser.from_pixels: pixels of float32; expected whole numbers from 0 to 255"),
    (lambda: tf.browser.from_pixels(LEVELS - 300), InputError,
     f"browser.from_pixels: levels from {LEVELS.min() - 300} to {LEVELS.max() - 300}; expected 0 to 255"),
    (lambda: tf.browser.from_pixels(LEVELS[..., :2]), ShapeError,
     "browser.from_pixels: pixels [5, 4, 2]; expected [height, width] or [height, width, 1, 3 or 4 channels]"),
    (lambda: tf.browser.from_pixels({"data": b"123", "width": 1, "height": 1}), ShapeError,
     "browser.from_pixels: 3 bytes; expected 4, four for each of 1 x 1 pixels"),
    (lambda: _to(tf.tensor([[2.0]])), InputError,
     "browser.to_pixels: values from 2.0 to 2.0; expected 0 to 1 for float32"),
    (lambda: _to(tf.ones([1, 1, 2])), ShapeError, "browser.to_pixels: img [1, 1, 2]; expected 1, 3 or 4 channels"),
    (lambda: _to(tf.tensor([[True]])), DTypeError, "browser.to_pixels: img is bool; expected float32 or int32"),
])
def test_what_is_no_picture_is_refused(run, error, message):
    with pytest.raises(error) as caught:
        run()
    assert str(caught.value) == message
