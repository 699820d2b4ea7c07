"""Loops, branches, calls and lists of tensors that known values decide become plain nodes; others stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfjslab.base.errors import DTypeError, InputError, ShapeError, TfjslabError
from tfjslab.graph import loops
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.model.schedule import NodeStep, schedule
from tfjslab.ops.registry import Spec

FLOATS, INTS = {"element_dtype": "float32"}, {"element_dtype": "int32"}
X = np.arange(12, dtype=np.float32).reshape(4, 3)


def port(name, dtype="float32", shape=None):
    return Port(name, name, shape, dtype)


def out(value):
    return Port(value, value, None, "")


def number(value):
    return np.array(value, np.int32)


def steps_of(graph, outputs=None):
    """What is run by itself for an input ``x`` of the shape of X."""
    wanted = outputs or tuple(p.value for p in graph.outputs)
    feeds = {p.value: Spec(X.shape if p.dtype == "float32" else (), p.dtype) for p in graph.inputs}
    found = schedule(graph, feeds, wanted)
    return [s.node.op for s in found.steps if isinstance(s, NodeStep)]


# A loop that squares the rows of x one by one, as the map over a batch is written in files.
VARIABLES = (port("i", "int32", ()), port("rows", "variant", ()), port("squares", "variant", ()))
COND = Graph(VARIABLES, (out("more"),), (Node("more", "Less", ("i", "n")),), {"n": number(4)})
BODY = Graph(
    VARIABLES, (out("next"), out("rows"), out("kept")),
    (
        Node("row", "TensorListGetItem", ("rows", "i"), {"element_shape": (3,), **FLOATS}),
        Node("square", "Square", ("row",)), Node("scaled", "Multiply", ("square", "two")),
        Node("kept", "TensorListSetItem", ("squares", "i", "scaled"), FLOATS), Node("next", "Add", ("i", "one")),
    ), {"one": number(1), "two": np.array(2, np.float32)},
)
MAP = Graph(
    (port("x"),), (out("stacked"), out("loop")),
    (
        Node("rows", "TensorListFromTensor", ("x",), {"element_shape": (-1,), **FLOATS}),
        Node("room", "TensorListReserve", (), {"element_shape": (-1,), "num_elements": 4, **FLOATS}),
        Node("loop", "While", ("zero", "rows", "room"), {"cond": "cond", "body": "body"}, num_outputs=3),
        Node("stacked", "TensorListStack", ("loop:2",), {"element_shape": (3,), "num_elements": 4, **FLOATS}),
    ), {"zero": number(0)}, {"cond": COND, "body": BODY},
)


def test_a_map_over_a_batch_is_static():
    assert steps_of(MAP) == []
    with Model(MAP) as model:
        stacked, count = model.predict(X)
    np.testing.assert_array_equal(stacked, 2 * X**2)
    assert count == 4


def test_a_loop_whose_end_is_not_known_stays():
    fed = MAP.with_(
        inputs=(port("x"), port("zero", "int32", ())), constants={}, functions={"cond": COND, "body": BODY},
    )
    assert "While" in steps_of(fed)
    with Model(fed) as model:
        np.testing.assert_array_equal(model.predict([X, 2])[0][:2], np.zeros((2, 3)))


def test_a_loop_that_would_grow_too_large_stays(monkeypatch):
    monkeypatch.setattr(loops, "MAX_WRITTEN_OUT", 20)
    assert "While" in steps_of(MAP)
    with Model(MAP) as model:
        np.testing.assert_array_equal(model.predict(X)[0], 2 * X**2)


def test_an_endless_loop_stays():
    same = Graph((port("i", "int32", ()),), (out("i"),), ())
    cond = Graph((port("i", "int32", ()),), (out("yes"),), (Node("yes", "Equal", ("i", "i")),))
    g = Graph((), (out("loop"),), (Node("loop", "While", ("zero",), {"cond": "c", "body": "b"}),), {"zero": number(0)},
              {"c": cond, "b": same})
    assert steps_of(g) == ["While"]


def branch(op):
    return Graph((port("x"),), (out("y"),), (Node("y", op, ("x",)),))


def test_branches_and_calls_that_are_decided_are_static():
    g = Graph(
        (port("x"),), (out("called"),),
        (
            Node("chosen", "If", ("yes", "x"), {"then_branch": "neg", "else_branch": "square", "Tout": ("float32",)}),
            Node("called", "Call", ("chosen",), {"f": "square", "Tout": ("float32",)}),
        ), {"yes": np.ones((), bool)}, {"neg": branch("Neg"), "square": branch("Square")},
    )
    assert steps_of(g) == []
    with Model(g) as model:
        np.testing.assert_array_equal(model.predict(X), X**2)


def test_a_recursive_call_stays():
    g = Graph((port("x"),), (out("r"),), (Node("r", "Call", ("x",), {"f": "self", "Tout": ("float32",)}),))
    assert "Call" in steps_of(g.with_(functions={"self": g}))


FLOW = {"element_shape": (3,), "dtype": "float32"}
ARRAY = (Node("array", "TensorArrayV3", (), {"size": 4, "dynamic_size": False, **FLOW}, num_outputs=2),)
SCATTERED = (*ARRAY, Node("flow", "TensorArrayScatterV3", ("array", "order", "x", "array:1")))
ORDER = {"order": np.array([2, 0, 3, 1], np.int32), "two": number(2), "six": number(6)}


@pytest.mark.parametrize(("nodes", "expected"), [
    pytest.param([*SCATTERED, Node("y", "TensorArrayGatherV3", ("array", "order", "flow"), FLOW)], X, id="gather"),
    pytest.param([*SCATTERED, Node("y", "TensorArrayReadV3", ("array", "two", "flow"), {"dtype": "float32"})], X[0],
                 id="read"),
    pytest.param([*SCATTERED, Node("y", "TensorArraySizeV3", ("array", "flow"))], 4, id="size"),
    pytest.param([*SCATTERED, Node("y", "TensorArrayConcatV3", ("array", "flow"), {"dtype": "float32"}, num_outputs=2)],
                 X[[1, 3, 0, 2]].ravel(), id="concat"),
    pytest.param([
        *SCATTERED, Node("last", "TensorArrayReadV3", ("array", "two", "flow"), {"dtype": "float32"}),
        Node("more", "TensorArrayWriteV3", ("array", "two", "last", "flow")),
        Node("y", "TensorArrayGatherV3", ("array", "order", "more"), FLOW)], X, id="write"),
    pytest.param([
        Node("none", "EmptyTensorList", (), {"element_shape": (-1, 3), "max_num_elements": -1, **FLOATS}),
        Node("one", "TensorListPushBack", ("none", "x"), FLOATS),
        Node("two2", "TensorListPushBack", ("one", "x"), FLOATS),
        Node("y", "TensorListConcatV2", ("two2",), {"element_shape": (-1, 3), **FLOATS}, num_outputs=2),
    ], np.concatenate([X, X]), id="push"),
    pytest.param([
        Node("rows", "TensorListFromTensor", ("x",), {"element_shape": (3,), **FLOATS}),
        Node("pop", "TensorListPopBack", ("rows",), {"element_shape": (3,), **FLOATS}, num_outputs=2),
        Node("n", "TensorListLength", ("pop",)), Node("long", "Cast", ("n",), {"dtype": "float32"}),
        Node("y", "Multiply", ("pop:1", "long")),
    ], X[3] * 3, id="pop and length"),
])
def test_lists_of_known_length_are_taken_apart(nodes, expected):
    read = {v for n in nodes for v in n.uses}
    g = Graph((port("x"),), (out("y"),), tuple(nodes), {k: v for k, v in ORDER.items() if k in read})
    assert steps_of(g) == []
    with Model(g) as model:
        np.testing.assert_array_equal(model.predict(X), expected)


def test_what_was_never_written_is_left_to_the_list():
    nodes = (*SCATTERED, Node("grown", "TensorArrayWriteV3", ("array", "six", "row", "flow")),
             Node("y", "TensorArraySizeV3", ("array", "grown")),
             Node("z", "TensorArrayConcatV3", ("array", "grown"), {"dtype": "float32"}, num_outputs=2))
    g = Graph((port("x"),), (out("y"), out("z")), nodes, {**ORDER, "row": X[0]})
    with Model(g) as model:
        size, joined = model.predict(X)
    assert (size, joined.shape) == (7, (21,))


@pytest.mark.parametrize(("change", "error"), [
    ({"x": np.ones((4, 2), np.float32)}, ShapeError), ({"order": np.array([0, 1, 2], np.int32)}, ValueError),
    ({"order": np.array([0, 1, -2, 3], np.int32)}, InputError),
])
def test_what_does_not_fit_is_refused_as_by_a_list(change, error):
    constants = {**ORDER, "x": X, **change}
    nodes = (*SCATTERED, Node("y", "TensorArraySizeV3", ("array", "flow")))
    known = Graph((), (out("y"),), nodes, {k: constants[k] for k in ("x", "order")})
    fed = Graph((port("x"), port("order", "int32")), (out("y"),), nodes)
    found = []
    for graph, feeds in ((known, []), (fed, [constants["x"], constants["order"]])):
        with Model(graph) as model, pytest.raises(Exception, match="flow") as caught:
            model.predict(feeds)
        found.append((type(caught.value), str(caught.value)))
    assert found[0] == found[1]
    assert issubclass(found[0][0], error) or error is ValueError


def test_an_element_of_another_dtype_is_refused_as_by_a_list():
    nodes = (Node("none", "EmptyTensorList", (), {"element_shape": (-1,), "max_num_elements": -1, **INTS}),
             Node("one", "TensorListPushBack", ("none", "x"), INTS), Node("y", "TensorListLength", ("one",)))
    with Model(Graph((port("x"),), (out("y"),), nodes)) as model, pytest.raises(DTypeError) as caught:
        model.predict(X)
    assert str(caught.value).endswith("a float32 tensor is put into a list of int32")


ITEM = {"element_shape": (-1,), **FLOATS}
# What to do, where, and whether with a tensor of another shape: mostly what fits, so that not all ends with an error.
MOVES = st.lists(st.tuples(
    st.sampled_from(["push", "set", "get", "pop", "stack", "gather", "length", "concat", "write", "read"]),
    st.sampled_from([0, 0, 0, 1, 1, 1, 2, 2, 3, -1, 5]), st.sampled_from([False] * 15 + [True]),
), min_size=1, max_size=10)


def list_program(start, moves):
    """A graph that does ``moves`` on a list of three elements and, with ``start``, some that were never written.

    Each result that is a tensor is an output.
    """
    nodes = [Node("l", "TensorListReserve", (), {"num_elements": start, **ITEM})]
    handle, outputs, constants = "l", [], {}
    moves = [*(("set" if start > i else "push", i, False) for i in range(3)), *moves]
    for i, (what, at, wide) in enumerate(moves):
        name, index, item = f"n{i}", f"i{i}", "y" if wide else "x"
        constants[index] = np.array([at, 0], np.int32) if what == "gather" else number(at)
        flow, array = {"dtype": "float32"}, ("l", index, handle)
        made = {
            "push": (("TensorListPushBack", (handle, item), FLOATS),),
            "set": (("TensorListSetItem", (handle, index, item), FLOATS),),
            "write": (("TensorArrayWriteV3", ("l", index, item, handle), {}),),
            "pop": (("TensorListPopBack", (handle,), ITEM, 2),), "get": (("TensorListGetItem", (handle, index), ITEM),),
            "read": (("TensorArrayReadV3", array, flow),), "length": (("TensorListLength", (handle,), {}),),
            "stack": (("TensorListStack", (handle,), {**ITEM, "num_elements": -1}),),
            "gather": (("TensorListGather", (handle, index), ITEM),),
            "concat": (("TensorArrayConcatV3", ("l", handle), flow, 2),),
        }[what][0]
        node = Node(name, *made[:3], num_outputs=made[3] if len(made) > 3 else 1)
        nodes.append(node)
        if what in ("push", "set", "write", "pop"):
            handle = name
        outputs += {"push": (), "set": (), "write": (), "pop": node.outputs[1:]}.get(what, node.outputs)
    read = {v for n in nodes for v in n.uses}
    ports = tuple(p for p in (port("x"), port("y")) if p.value in read)
    return Graph(ports, tuple(map(out, outputs)), tuple(nodes), {k: v for k, v in constants.items() if k in read})


def outcome(graph):
    """What a graph gives, or the error that it ends with."""
    feeds = {"x": X[0], "y": X[:, 1]}
    try:
        with Model(graph, backend="cpu") as model:
            found = model.execute({p.name: feeds[p.name] for p in graph.inputs}, [p.name for p in graph.outputs])
    except TfjslabError as e:
        return type(e), str(e)
    return [(f.dtype, f.shape, f.tolist()) for f in found]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sampled_from([0, 1, 3, 3, 4]), moves=MOVES)
def test_whatever_is_done_to_a_list_it_comes_to_the_same(monkeypatch, start, moves):
    graph = list_program(start, moves)
    found = outcome(graph)
    with monkeypatch.context() as patch:
        patch.setattr(loops, "makes_or_reads_lists", lambda _op: False)
        assert found == outcome(graph)
