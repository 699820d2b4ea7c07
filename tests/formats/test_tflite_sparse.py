"""Sparse constants of .tflite files: a tree of levels, expanded when they are read, with every count checked."""

from __future__ import annotations

import contextlib
import random
import struct
import time

import numpy as np
import pytest
from support.flat import ints, operator, subgraph, tensor, tflite

import tfjslab as tf
from tfjslab.base.errors import LimitError, ModelError, TfjslabError
from tfjslab.formats.tflite.file import parse

KINDS = {1: np.int32, 2: np.uint16, 3: np.uint8}


def dense(size):
    return {0: ("<b", 0), 1: ("<i", size)}


def listed(segments, indices, kind=1):
    vectors = [{0: np.array(v, KINDS[kind])} for v in (segments, indices)]
    return {0: ("<b", 1), 2: ("<B", kind), 3: vectors[0], 4: ("<B", kind), 5: vectors[1]}


def sparse(shape, order, levels, values, blocks=()):
    """A file that adds a sparse constant, through DENSIFY, to its input."""
    weight = tensor("w", shape, "float32", 1)
    weight[6] = {0: ints(*order), 1: ints(*blocks), 2: levels}
    tensors = [tensor("x", shape), weight, tensor("d", shape), tensor("y", shape)]
    ops = [operator(0, [1], [2]), operator(1, [0, 2], [3], {0: ("<b", 0)})]
    return tflite(["DENSIFY", "ADD"], [subgraph(tensors, ops, [0], [3])], [np.array(values, np.float32)])


CASES = [
    (sparse((3, 2, 2), (0, 1, 2), [listed([0, 2], [0, 2]), dense(2), listed([0, 1, 3, 4, 5], [0, 0, 1, 0, 1])],
            [6, 9, 8, 5, 7]),
     [6, 0, 9, 8, 0, 0, 0, 0, 5, 0, 0, 7]),
    (sparse((3, 2, 4), (0, 2, 1), [listed([0, 2], [0, 2]), listed([0, 2, 5], [0, 2, 0, 2, 3], 2),
                                   listed([0, 2, 3, 4, 6, 8], [0, 1, 1, 1, 0, 1, 0, 1], 3)], [1, 7, 5, 2, 4, 8, 3, 9]),
     [1, 0, 0, 0, 7, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 0, 8, 9]),
    (sparse((4, 4), (0, 1, 2, 3), [dense(2), listed([0, 1, 2], [1, 0]), dense(2), dense(2)], range(1, 9), (0, 1)),
     [0, 0, 1, 2, 0, 0, 3, 4, 5, 6, 0, 0, 7, 8, 0, 0]),
]


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_elements_stand_where_the_levels_say(tmp_path, data, expected):
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    with tf.load_model(path, backend="cpu") as model:
        zeros = np.zeros(model.inputs[0].shape, np.float32)
        np.testing.assert_array_equal(model.predict(zeros).ravel(), expected)


@pytest.mark.parametrize(("data", "message"), [
    (sparse((2, 2), (0, 1), [dense(2), dense(2)], [1, 2, 3]), "12 bytes for 4 elements of float32"),
    (sparse((2, 2), (0, 0), [dense(2), dense(2)], [1, 2, 3, 4]), "levels in the order"),
    (sparse((2, 2), (0, 1, 2), [dense(2), dense(2), dense(2)], [1] * 8, (7,)), "with blocks of"),
    (sparse((2, 2), (0, 1), [dense(2), listed([0, 1], [0])], [1]), "segments of 1 indices for 2 elements above"),
    (sparse((2, 2), (0, 1), [dense(2), listed([0, 1, 2], [0, 5])], [1, 2]), "an element lies outside of"),
    (sparse((2, 2), (0, 1), [dense(2**31 - 1), dense(0)], []), "a length of 0"),
    (sparse((2, 2), (0, 1), [dense(2), listed([0, 1, 2], [0, 1], 3) | {4: ("<B", 9)}], [1, 2]), "indices are missing"),
])
def test_what_does_not_fit(data, message):
    with pytest.raises(ModelError, match=message):
        parse(data, "m")


def test_few_bytes_that_would_become_many(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(sparse((1 << 15, 1 << 14), (0, 1), [listed([0, 1], [0]), listed([0, 1], [0])], [1]))
    with pytest.raises(LimitError, match="elements that are not stored one by one"):
        tf.load_model(path)


def test_an_operator_that_gives_nothing(tmp_path):
    path = tmp_path / "m.tflite"
    ops = [operator(0, [0], []), operator(1, [0], [1])]
    path.write_bytes(tflite(["DENSIFY", "ABS"], [subgraph([tensor("x", (2,)), tensor("y", (2,))], ops, [0], [1])]))
    with tf.load_model(path, backend="cpu") as model:
        np.testing.assert_array_equal(model.predict(np.float32([-1, 2])), [1, 2])


def test_any_bytes_give_a_model_or_a_typed_error(tmp_path):
    rng, path = random.Random(1), tmp_path / "m.tflite"  # noqa: S311 - no secret
    for data, _ in CASES:
        for _ in range(150):
            made = bytearray(data)
            for _ in range(rng.randint(1, 3)):
                value = rng.choice((0, 1, 2, 3, 0x7FFFFFFF, 0xFFFFFFFF, rng.randrange(64)))
                struct.pack_into("<I", made, rng.randrange(0, len(made) - 4) & ~3, value)
            path.write_bytes(made)
            began = time.monotonic()
            with contextlib.suppress(TfjslabError):
                tf.load_model(path, backend="cpu").dispose()
            assert time.monotonic() - began < 5
