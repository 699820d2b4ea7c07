"""Kernels of one layer or scope that follow each other are one span, and spans contain each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfjslab.views.spans import Span, parts, spans


@pytest.mark.parametrize(("layer", "node", "expected"), [
    ("", "conv", ()), ("", "a/b/conv", ("a", "a/b")), ("model/stem", "x/y", ("model", "model/stem")),
    ("block_1_expand_relu", "", ("block_1", "block_1_expand_relu")), ("conv2d_2", "", ("conv2d_2",)),
    ("m/block_12.add", "", ("m", "m/block_12", "m/block_12.add")), ("//a//b/", "", ("a", "a/b")),
])
def test_parts_are_scopes_and_blocks(layer, node, expected):
    assert parts(layer, node) == expected


def test_a_span_that_would_fill_the_one_around_it_is_left_out():
    paths = [parts(layer, "") for layer in ("net/block_1_a", "net/block_1_b", "net/head/fc", "")]
    assert spans(paths) == (
        Span("net", "net", 0, 0, 3),
        Span("block_1", "net/block_1", 1, 0, 2),
        Span("block_1_a", "net/block_1_a", 2, 0, 1), Span("block_1_b", "net/block_1_b", 2, 1, 2),
        Span("head/fc", "net/head/fc", 1, 2, 3),
    )


def test_a_layer_that_runs_twice_has_two_spans():
    found = spans([("a",), ("b",), ("a",)])
    assert [(s.name, s.first, s.end) for s in found] == [("a", 0, 1), ("b", 1, 2), ("a", 2, 3)]


def test_without_layers_there_is_none():
    assert spans([(), ()]) == ()
    assert spans([]) == ()


def test_a_name_of_a_thousand_parts_stays_readable():
    """Levels of a hostile name do not grow without end."""
    deep = "/".join(f"p{i}" for i in range(1000))
    found = spans([parts(deep[: -3 * i] or "p0", "") for i in range(20)])
    assert max(s.level for s in found) < 10


@given(st.lists(st.lists(st.sampled_from(["a", "b", "block_1_x", "block_1_y"]), max_size=4).map("/".join), max_size=12))
def test_spans_of_a_level_follow_each_other_within_that_of_the_level_above(layers):
    found = spans([parts(layer, "") for layer in layers])
    for span in found:
        assert 0 <= span.first < span.end <= len(layers)
        assert all(span.path in parts(layer, "") for layer in layers[span.first : span.end])
        above = [s for s in found if s.level == span.level - 1 and s.first <= span.first and span.end <= s.end]
        assert len(above) == (1 if span.level else 0)
        assert all((s.first, s.end) != (span.first, span.end) for s in above)
    for level in {s.level for s in found}:
        row = [s for s in found if s.level == level]
        assert all(a.end <= b.first for a, b in pairwise(row))
