"""Labels of one picture tell its boxes apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import FancyBboxPatch

from tfjslab import zoo
from tfjslab.vis import charts
from tfjslab.vis.charts.graph_labels import distinct_labels


def test_a_scope_that_most_names_share_is_left_out():
    names = ["call/net/conv/Conv2D", "call/net/relu/Relu", "call/net/pool/MaxPool", "Identity"]
    assert distinct_labels(names, 24) == ("conv/Conv2D", "relu/Relu", "pool/MaxPool", "Identity")


def test_names_that_would_be_elided_to_the_same_text_are_shown_where_they_differ():
    ends = [f"a_long_beginning_{i}_expand_of_a_block/Conv2D" for i in (1, 2, 13)]
    assert distinct_labels(ends, 24) == (
        "…nning_1_expand_of_a_bl…", "…nning_2_expand_of_a_bl…", "…nning_13_expand_of_a_b…")


def test_names_that_differ_too_far_apart_are_numbered_and_so_is_one_that_comes_twice():
    first, second = "x" * 40 + "1" + "y" * 40 + "a" + "z" * 40, "x" * 40 + "1" + "y" * 40 + "b" + "z" * 40
    labels = distinct_labels([first, second, "Conv1", "Conv1"], 12)
    assert len(set(labels)) == 4
    assert labels[2:] == ("Conv1", "Conv1 #2")


@given(st.lists(st.text("a/_1 #2", min_size=1, max_size=60), max_size=12), st.integers(8, 30))
def test_labels_of_any_names_differ_and_fit(names, width):
    labels = distinct_labels(names, width)
    assert len(set(labels)) == len(names)
    assert all(0 < len(label) <= width for label in labels)


@pytest.mark.parametrize("name", ["mobilenet_v2", "blazeface"])
def test_every_box_of_a_graph_view_has_a_text_of_its_own(name):
    axes = charts.graph_view(zoo.build(name), max_boxes=10_000).axes
    shown = [t.get_text() for t in axes.texts][::2]
    assert len(shown) == sum(isinstance(p, FancyBboxPatch) for p in axes.patches)
    assert len(set(shown)) == len(shown)
