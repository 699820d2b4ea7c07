"""Suppressions of a fixed size: what is cut, what is filled up, and that nobody sees a difference."""

from __future__ import annotations

import numpy as np
import pytest

from tfjslab.base.errors import InputError
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.model.schedule import NodeStep, schedule
from tfjslab.ops.registry import Spec, get

BOXES = Port("boxes", "boxes", (None, 4), "float32"), Port("scores", "scores", (None,), "float32")
SIZE = 6
ATTRS = {"max_output_size": SIZE, "iou_threshold": 0.4, "score_threshold": 0.1}
OPS = {"NonMaxSuppressionV3": (1, {}), "NonMaxSuppressionV4": (2, {"pad_to_max_output_size": False}),
       "NonMaxSuppressionV5": (3, {"pad_to_max_output_size": False, "soft_nms_sigma": 0.0})}


def suppression(op, **attrs):
    count, more = OPS[op]
    return Node("nms", op, ("boxes", "scores"), {**ATTRS, **more, **attrs}, num_outputs=count)


def graph(*nodes, outputs, constants=None):
    return Graph(BOXES, tuple(Port(o, o, None, "") for o in outputs), nodes, constants or {})


def sample(n, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.uniform(0, 1, (n, 2))
    return [np.concatenate([first, first + rng.uniform(0, 0.5, (n, 2))], axis=1).astype(np.float32),
            rng.uniform(0, 1, n).astype(np.float32)]


def steps_of(g, n=20):
    """What is run by itself, behind the one plan."""
    feeds = {"boxes": Spec((n, 4), "float32"), "scores": Spec((n,), "float32")}
    return [s.node.op for s in schedule(g, feeds, tuple(p.value for p in g.outputs)).steps if isinstance(s, NodeStep)]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("backend", ["cpu", "wasm-plain", "wasm-simd", "wasm-threads"])
def test_outputs_are_cut_to_what_was_kept(op, backend):
    node = suppression(op)
    g = graph(node, outputs=node.outputs)
    assert steps_of(g) == []
    with Model(g, backend=backend) as model:
        for n in (20, 2, 1, 20):
            feeds = sample(n, seed=n)
            found = model.predict(feeds)
            expected = get(op).run(feeds, get(op).resolve_attrs(node.attrs, "test"))
            for a, b in zip(found if isinstance(found, list) else [found], expected, strict=True):
                np.testing.assert_array_equal(a, b)
                assert a.dtype == b.dtype


LENGTH = {"begin": (0,), "end": (1,), "strides": (1,), "begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0,
          "new_axis_mask": 0, "shrink_axis_mask": 1}
ZERO, MANY = np.array(0, np.float32), np.array(SIZE, np.int32)


def filled(zero=ZERO, total=MANY, length_of="nms", axis=0):
    """Scores filled up with zeros, as detectors do, and which of them are real."""
    return graph(
        suppression("NonMaxSuppressionV5"), Node("shape", "Shape", (length_of,)),
        Node("count", "StridedSlice", ("shape",), LENGTH), Node("missing", "Sub", ("total", "count")),
        Node("dims", "Reshape", ("missing",), {"shape": (-1,)}),
        Node("zeros", "Fill", ("zero",), {"dtype": "float32"}, {"dims": "dims"}),
        Node("all", "Concat", ("nms:1", "zeros"), {"axis": axis}), Node("real", "Less", ("places", "count")),
        outputs=("all", "real"), constants={
            "zero": zero, "total": total, "places": np.arange(SIZE, dtype=np.int32)},
    )


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
@pytest.mark.parametrize("change", [{}, {"axis": -1}, {"length_of": "nms:1"}])
def test_what_is_filled_up_again_is_never_cut(backend, change):
    g = filled(**change)
    assert steps_of(g) == []
    with Model(g, backend=backend) as model:
        for n in (20, 3):
            feeds = sample(n, seed=n)
            kept, scores, count = get("NonMaxSuppressionV5").run(feeds, get("NonMaxSuppressionV5").resolve_attrs(
                {**suppression("NonMaxSuppressionV5").attrs, "pad_to_max_output_size": True}, "test"))
            found, real = model.predict(feeds)
            np.testing.assert_array_equal(found, scores)
            assert real.sum() == count <= len(kept)


@pytest.mark.parametrize("change", [
    {"zero": np.array(1, np.float32)}, {"zero": np.array(-0.0, np.float32)}, {"total": MANY + 1},
])
def test_what_is_filled_up_otherwise_is_cut_first(change):
    g = filled(**change)
    assert "Slice" in steps_of(g)
    with Model(g, backend="wasm-simd") as model:
        found, _ = model.predict(sample(3))
    total, zero = change.get("total", MANY), change.get("zero", ZERO)
    assert len(found) == total
    assert found[-1] == zero
    assert np.signbit(found[-1]) == np.signbit(zero)


def test_the_largest_size_is_no_reason_to_allocate_it():
    """As many as there may be: outputs are not larger than the number of boxes."""
    g = graph(suppression("NonMaxSuppressionV3", max_output_size=2**31 - 1), outputs=("nms",))
    with Model(g, backend="wasm-simd") as model:
        assert len(model.predict(sample(20))) <= 20


def test_no_boxes_are_left_to_the_host():
    g = graph(suppression("NonMaxSuppressionV4"), outputs=("nms", "nms:1"))
    with Model(g, backend="wasm-simd") as model:
        kept, count = model.predict([np.zeros((0, 4), np.float32), np.zeros(0, np.float32)])
    assert (kept.shape, count) == ((0,), 0)


def test_a_suppression_on_a_branch_that_was_not_taken_gives_nothing():
    nodes = (
        Node("s", "Switch", ("scores", "p"), num_outputs=2),
        Node("nms", "NonMaxSuppressionV3", ("boxes", "s:1"), dict(ATTRS)),
    )
    g = Graph((*BOXES, Port("p", "p", (), "bool")), (Port("nms", "nms", None, ""),), nodes)
    with Model(g, backend="wasm-simd") as model:
        assert len(model.predict([*sample(9), True])) > 0
        with pytest.raises(InputError, match="it is on a branch that was not taken"):
            model.predict([*sample(9), False])
