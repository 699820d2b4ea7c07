"""What comes behind a shape that depends on data: compiled for the shapes that are met, with the same results."""

from __future__ import annotations

import numpy as np
import pytest
from support.available import need

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.base.errors import UsageError
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model, executor
from tfjslab.model.node_kernel import node_kernel
from tfjslab.model.schedule import PlanStep, schedule
from tfjslab.ops.registry import Spec

BACKENDS = ("cpu", "wasm-plain", "wasm-simd", "wasm-threads", "webgpu")
EACH = {"axis": 0, "batch_dims": 0}


def port(name, dtype="float32", shape=None):
    return Port(name, name, shape, dtype)


def out(value):
    return Port(value, value, None, "")


# Rows of x whose first column is above 0, doubled until their sum is above a limit; the best boxes among them.
COND = Graph((port("rows"),), (out("small"),), (
    Node("sum", "Sum", ("rows",), {"axis": None, "keep_dims": False}), Node("small", "Less", ("sum", "limit")),
), {"limit": np.array(20, np.float32)})
BODY = Graph((port("rows"),), (out("twice"),), (Node("twice", "Add", ("rows", "rows")),))
NODES = (
    Node("first", "StridedSlice", ("x",), {
        "begin": (0, 0), "end": (0, 1), "strides": (1, 1), "begin_mask": 1, "end_mask": 1, "ellipsis_mask": 0,
        "new_axis_mask": 0, "shrink_axis_mask": 2}),
    Node("above", "Greater", ("first", "zero")), Node("where", "Where", ("above",)),
    Node("flat", "Reshape", ("where",), {"shape": (-1,)}), Node("kept", "GatherV2", ("x", "flat"), EACH),
    Node("loop", "While", ("kept",), {"cond": "cond", "body": "body"}),
    Node("scores", "Mean", ("loop",), {"axis": (1,), "keep_dims": False}),
    Node("best", "NonMaxSuppressionV3", ("loop", "scores"), {
        "max_output_size": 3, "iou_threshold": 0.5, "score_threshold": -1e9}),
    Node("boxes", "GatherV2", ("loop", "best"), EACH), Node("halves", "Multiply", ("boxes", "half")),
)
DETECTOR = Graph(
    (port("x", shape=(None, 4)),), (out("halves"), out("best")), NODES,
    {"zero": np.array(0, np.float32), "half": np.array(0.5, np.float32)}, {"cond": COND, "body": BODY},
)


def rows(n, above, seed=0):
    """Rows of which so many are above 0 in the first column."""
    x = np.random.default_rng(seed).uniform(0.1, 1, (n, 4)).astype(np.float32)
    x[above:, 0] = -1
    return x


def expected(x):
    kept = x[x[:, 0] > 0]
    while kept.sum() < 20:
        kept = kept + kept
    with Model(DETECTOR.with_(nodes=NODES[6:], inputs=(port("loop"),)), backend="cpu") as model:
        return model.predict(kept)


def num_plans():
    """Plans of all backends."""
    return sum(counters["plans"] for counters in registry.memory().values())


def hosts(model, x):
    info = tf.profile(lambda: model.predict(x))
    return {k.name for k in info.kernels if k.fallback}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_detector_is_compiled_for_the_shapes_that_it_meets(backend):
    need(backend)
    with Model(DETECTOR, backend=backend) as model:
        for n, above in ((9, 4), (9, 6), (9, 4), (5, 5)):
            x = rows(n, above)
            for found, wanted in zip(model.predict(x), expected(x), strict=True):
                np.testing.assert_array_equal(found, wanted)
        plans = num_plans()
        model.predict(rows(9, 4, seed=1))
        assert num_plans() == plans
        if backend.startswith("wasm"):  # a host step is where data decide a shape, and where what was padded is cut
            assert hosts(model, rows(9, 4)) <= {"Where", "Slice"}
    assert num_plans() == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_runs_leave_memory_as_it_was(backend):
    need(backend)
    with Model(DETECTOR, backend=backend) as model:
        for n in (3, 4, 3):
            model.predict(rows(9, n))
        before = tf.memory(), registry.memory()
        for n in (3, 4) * 20:
            model.predict(rows(9, n))
        assert (tf.memory(), registry.memory()) == before


def unique_then(*nodes):
    """A graph whose nodes behind ``u`` depend on how many different values x has."""
    first = Node("u", "Unique", ("x",), {"axis": ()}, num_outputs=2)
    return Graph((port("x", shape=(None,)),), (out(nodes[-1].name),), (first, *nodes))


NEG = unique_then(Node("v", "Neg", ("u",)), Node("w", "Abs", ("v",)))


def test_new_shapes_are_compiled_when_they_come_again(monkeypatch):
    """Else a model whose shapes never repeat would compile in every call."""
    monkeypatch.setattr(executor, "COMPILED_AT_ONCE", 1)
    with Model(NEG, backend="cpu") as model:
        plans = []
        for n in (2, 3, 4, 3, 3):
            np.testing.assert_array_equal(model.predict([*range(n), *[0] * (5 - n)]), np.arange(n))
            plans.append(num_plans())
    assert plans == [1, 1, 1, 2, 2]


def test_no_more_shapes_are_remembered_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(executor, "COMPILED_AT_ONCE", 0)
    monkeypatch.setattr(executor, "MAX_MET", 2)
    with Model(NEG, backend="cpu") as model:
        for n in (2, 3, 4, 2):
            model.predict(np.arange(n, dtype=np.float32))
        assert num_plans() == 0
        model.predict([0, 1])
        assert num_plans() == 1


def test_programs_of_tails_make_room_for_each_other(monkeypatch):
    monkeypatch.setattr(executor, "MAX_PROGRAMS", 2)
    with Model(NEG, backend="cpu") as model:
        for n in (2, 3, 4, 5):
            model.predict(np.arange(n, dtype=np.float32))
        assert num_plans() <= 2
        np.testing.assert_array_equal(model.predict([3, 3, 1]), [3, 1])


def test_a_tail_may_have_a_tail():
    chain = unique_then(
        Node("n", "Neg", ("u",)), Node("u2", "Unique", ("n",), {"axis": ()}, num_outputs=2), Node("m", "Neg", ("u2",)),
        Node("s", "Shape", ("m",)), Node("r", "Reshape", ("m",), {}, {"shape": "s"}),
    )
    with Model(chain, backend="cpu") as model:
        for x in ([1, 2, 2], [4, 4, 4], [1, 2, 2]):
            np.testing.assert_array_equal(model.predict(x), np.unique(x))


def test_an_output_that_the_tail_reads_too_is_kept():
    both = NEG.with_(outputs=(out("u"), out("v"), out("w")))
    with Model(both, backend="wasm-simd") as model:
        for x in ([1, 2, 2], [1, 2, 2]):
            found = model.predict(x)
            assert [f.tolist() for f in found] == [[1, 2], [-1, -2], [1, 2]]


def test_dead_values_leave_the_tail_to_single_steps():
    """A plan runs as a whole, and only some of its nodes may be alive."""
    nodes = (
        Node("u", "Unique", ("x",), {"axis": ()}, num_outputs=2), Node("s", "Switch", ("u", "p"), num_outputs=2),
        Node("no", "Square", ("s",)), Node("yes", "Neg", ("s:1",)), Node("m", "Merge", ("no", "yes"), num_outputs=2),
    )
    with Model(Graph((port("x"), port("p", "bool", ())), (out("m"),), nodes), backend="cpu") as model:
        for _ in range(2):
            assert model.predict([[3, 3, 2], True]).tolist() == [-3, -2]
            assert model.predict([[3, 3, 2], False]).tolist() == [9, 4]


def test_nodes_of_known_shapes_are_not_part_of_the_tail():
    g = unique_then(Node("v", "Neg", ("u",)), Node("a", "Abs", ("x",)), Node("w", "Sum", ("v",), {
        "axis": None, "keep_dims": False}))
    plan = schedule(g, {"x": Spec((4,), "float32")}, ("w", "a"))
    assert [n.name for n in plan.tail.nodes] == ["v", "w"]
    assert [p.value for p in plan.tail.inputs] == ["u"]
    assert [isinstance(s, PlanStep) for s in plan.steps].count(True) == 1


def test_a_node_of_a_tail_has_no_kernel_to_show_yet():
    with Model(NEG, backend="wasm-simd") as model, pytest.raises(UsageError) as caught:
        node_kernel(model, np.ones(3, np.float32), "v")
    assert str(caught.value) == (
        "node 'v' has no kernel on 'wasm-simd': its shape depends on data; "
        "it is compiled when a run has found the shape")
