"""The kind of difference between two sets of outputs: each kind by an example, and what must not pass for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfjslab.bench.agreement import ARGMAX, EXACT, ORDER, ROUNDING, TIE, WRONG, agreement

RNG = np.random.default_rng(5)
SCORES = np.array([[0.9, 0.8, 0.8, 0.5]], np.float32)
BOXES = RNG.random((1, 4, 4), np.float32)
CLASSES = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)


def kind(ours, theirs):
    return agreement(list(ours.items()), list(theirs.items())).kind


def detector(order=(0, 1, 2, 3), **changes):
    picked = list(order)
    return {"scores": SCORES[:, picked], "boxes": BOXES[:, picked], "classes": CLASSES[:, picked]} | changes


def test_equal_bits_are_exact_and_names_of_the_peer_may_end_in_a_number():
    assert kind({"a": SCORES}, {"a:0": SCORES.copy()}) == EXACT
    assert kind({"a": np.array([np.nan, 1], np.float32)}, {"a": np.array([np.nan, 1], np.float32)}) == EXACT


def test_small_differences_are_rounding_and_not_larger_ones():
    assert kind(detector(), detector(boxes=BOXES * np.float32(1 + 1e-6))) == ROUNDING
    assert kind(detector(), detector(boxes=BOXES + np.float32(0.01))) == WRONG


def test_boxes_with_equal_scores_may_change_places():
    found = agreement(list(detector().items()), list(detector((0, 2, 1, 3)).items()))
    assert found.kind == ORDER
    assert found.text == "2 of 4 rows of boxes, classes in another order, at equal scores (scores)"


def test_rows_in_another_order_without_scores_are_told_as_such():
    ids = np.array([7, 5, 3], np.int32)
    found = agreement([("ids", ids)], [("ids", ids[::-1].copy())])
    assert (found.kind, found.text) == (ORDER, "2 of 3 rows of ids in another order")


def test_classes_and_examples_have_an_order():
    scores = np.array([[1.0, 0.0, 0.0]], np.float32)
    assert kind({"s": scores}, {"s": scores[:, [1, 0, 2]]}) == WRONG
    batch = np.random.default_rng(0).random((5, 3), np.float32)
    assert kind({"s": batch}, {"s": batch[::-1].copy()}) == WRONG


def test_rows_change_places_together_or_it_is_wrong():
    """A box with the class of another one is no order."""
    assert kind(detector(), detector(classes=CLASSES[:, [0, 2, 1, 3]])) != ORDER


def test_another_box_of_the_same_score_is_a_tie_and_of_another_score_wrong():
    other = BOXES.copy()
    other[0, 2] = 0.123
    assert kind(detector(), detector(boxes=other)) == TIE
    other = BOXES.copy()
    other[0, 0] = 0.123
    assert kind(detector(), detector(boxes=other)) == WRONG


def test_a_class_that_ties_with_another_may_be_either():
    scores = np.array([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0]], np.float32)
    assert kind({"s": scores, "c": np.array([0, 0])}, {"s": scores, "c": np.array([1, 0])}) == TIE
    assert kind({"s": scores, "c": np.array([0, 0])}, {"s": scores, "c": np.array([0, 1])}) == WRONG


def test_answers_that_stay_are_told_from_values_that_move():
    scores = np.array([[0.7, 0.2, 0.1]], np.float32)
    moved = np.array([[0.6, 0.3, 0.1]], np.float32)
    assert kind({"s": scores}, {"s": moved}) == ARGMAX
    assert kind({"s": scores}, {"s": moved[:, ::-1].copy()}) == WRONG
    # Regressions have no argmax.
    assert kind({"b": BOXES}, {"b": BOXES * 1.1}) == WRONG


def test_one_wrong_output_is_not_hidden_by_the_others():
    assert kind(detector(count=np.array([4.0])), detector((0, 2, 1, 3), count=np.array([3.0]))) == WRONG


@pytest.mark.parametrize("theirs", [
    {"a": np.zeros((2, 3), np.float32)}, {"a": np.array([np.nan, 1, 1], np.float32)},
    {"a": np.ones(3, np.float32), "b": np.ones(1)},
])
def test_other_shapes_numbers_and_values_that_are_not_finite_are_wrong(theirs):
    assert kind({"a": np.ones(3, np.float32)}, theirs) == WRONG


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(2, 30), seed=st.integers(0, 1000), data=st.data())
def test_any_permutation_is_found_and_a_damaged_one_is_not(rows, seed, data):
    values = np.random.default_rng(seed).random((rows, 3), np.float32)
    order = data.draw(st.permutations(range(rows)))
    permuted = values[list(order)]
    assert kind({"v": values[None]}, {"v": permuted[None]}) == (EXACT if list(order) == list(range(rows)) else ORDER)
    permuted[0] += 1.0
    assert kind({"v": values[None]}, {"v": permuted[None]}) == WRONG


def test_empty_outputs_agree():
    assert kind({"a": np.zeros((0, 4), np.float32)}, {"a": np.zeros((0, 4), np.float32)}) == EXACT
