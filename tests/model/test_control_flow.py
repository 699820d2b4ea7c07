"""Loops, branches and calls: results, cached programs, limits, interruption, and nothing left behind."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.base.errors import BackendError, GraphError, InputError, LimitError
from tfjslab.base.limits import LIMITS
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model, control, executor
from tfjslab.ops.registry import Spec, get


def port(name, dtype="float32", shape=None):
    return Port(name, name, shape, dtype)


def out(value):
    return Port(value, value, None, "")


N, X, P = port("n", "int32", ()), port("x", "float32", (None,)), port("p", "bool", ())
ONE = {"one": np.array(1, np.int32)}

# A loop that counts n down to 0 and doubles x each time.
COND = Graph((N, X), (out("more"),), (Node("more", "Greater", ("n", "zero")),), {"zero": np.array(0, np.int32)})
BODY = Graph((N, X), (out("less"), out("twice")), (Node("less", "Sub", ("n", "one")), Node("twice", "Add", ("x", "x"))),
             ONE)
LOOP = Graph(
    (N, X), (out("loop:1"),),
    (Node("loop", "While", ("n", "x"), {"cond": "cond", "body": "body"}, num_outputs=2),), {},
    {"cond": COND, "body": BODY},
)


def test_a_loop_runs_until_its_condition_is_false():
    with Model(LOOP) as model:
        for n in (0, 1, 5):
            np.testing.assert_array_equal(model.predict([n, [1, 2]]), np.array([1, 2]) * 2**n)


def test_functions_are_compiled_once_for_each_shape():
    with Model(LOOP) as model:
        model.predict([5, [1, 2]])
        plans = registry.memory()["cpu"]["plans"]
        model.predict([9, [3, 4]])
        assert registry.memory()["cpu"]["plans"] == plans
        model.predict([2, [3, 4, 5]])
        assert registry.memory()["cpu"]["plans"] > plans


def test_a_loop_variable_may_grow():
    body = Graph((N, X), (out("less"), out("longer")),
                 (Node("less", "Sub", ("n", "one")), Node("longer", "Concat", ("x", "x"), {"axis": 0})), ONE)
    with Model(LOOP.with_(functions={"cond": COND, "body": body})) as model:
        np.testing.assert_array_equal(model.predict([3, [7]]), [7] * 8)


def branch(op):
    return Graph((X,), (out("y"),), (Node("y", op, ("x",)),))


CHOICE = Graph(
    (P, X), (out("choice"),),
    (Node("choice", "If", ("p", "x"), {"then_branch": "yes", "else_branch": "no", "Tout": ("float32",)}),), {},
    {"yes": branch("Neg"), "no": branch("Square")},
)


def test_a_branch_is_chosen_by_its_condition():
    with Model(CHOICE) as model:
        np.testing.assert_array_equal(model.predict([True, [3]]), [-3])
        np.testing.assert_array_equal(model.predict([False, [3]]), [9])


def test_functions_call_functions_of_the_whole_library():
    calls = {"f": "no", "Tout": ("float32",)}
    outer = Graph((X,), (out("z"),), (Node("z", "Call", ("x",), calls),))
    g = Graph((X,), (out("r"),), (Node("r", "Call", ("x",), {"f": "outer", "Tout": ("float32",)}),), {},
              {"outer": outer, "no": branch("Square")})
    with Model(g) as model:
        np.testing.assert_array_equal(model.predict([3]), [9])


def test_endless_recursion_meets_a_limit():
    g = Graph((X,), (out("r"),), (Node("r", "Call", ("x",), {"f": "self", "Tout": ("float32",)}),))
    with Model(g.with_(functions={"self": g})) as model, pytest.raises(LimitError) as caught:
        model.predict([3])
    assert str(caught.value) == "nesting of function calls is 33, above the limit of 32"


def test_endless_loops_meet_a_limit(monkeypatch):
    monkeypatch.setattr(control, "LIMITS", dataclasses.replace(LIMITS, loop_iterations=10))
    with Model(LOOP) as model, pytest.raises(LimitError) as caught:
        model.predict([11, [1]])
    assert str(caught.value) == "node 'loop': number of loop iterations is 11, above the limit of 10"


def test_ctrl_c_ends_a_loop_and_the_model_works_on(monkeypatch):
    calls = []

    def interrupt(*args):
        calls.append(args)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*args)

    real = control.call_function
    with Model(LOOP) as model:
        monkeypatch.setattr(control, "call_function", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.predict([100, [1]])
        monkeypatch.undo()
        np.testing.assert_array_equal(model.predict([1, [1]]), [2])


@pytest.mark.parametrize(("graph", "feeds", "error", "message"), [
    (LOOP.with_(functions={"cond": COND}), [1, [1]], GraphError,
     "function 'body' is not in the model; did you mean 'cond'?"),
    (LOOP.with_(functions={"cond": COND, "body": branch("Neg")}), [1, [1]], InputError,
     "function 'body' takes 1 inputs and is called with 2"),
    (CHOICE.with_(inputs=(port("p", "bool"), X)), [[True, False], [1]], InputError,
     "node 'choice' (If): its condition has shape [2]; expected one element"),
])
def test_what_cannot_run_says_why(graph, feeds, error, message):
    with Model(graph) as model, pytest.raises(error) as caught:
        model.predict(feeds)
    text = str(caught.value)
    assert text.startswith(message.partition(";")[0])
    assert text == message or error is GraphError


def test_an_unknown_control_op_is_an_error_of_the_executor(monkeypatch):
    monkeypatch.delitem(control.HANDLERS, "If")
    with Model(CHOICE) as model, pytest.raises(BackendError) as caught:
        model.predict([True, [3]])
    assert str(caught.value) == "node 'choice': the executor cannot run the control op If"


def switched(value, predicate):
    nodes = (
        Node("s", "Switch", ("x", "p"), num_outputs=2), Node("no", "Square", ("s",)), Node("yes", "Neg", ("s:1",)),
        Node("m", "Merge", ("no", "yes"), num_outputs=2), Node("after", "Add", ("m", "m")),
    )
    g = Graph((P, X), (out("after"), out("m:1")), nodes)
    with Model(g) as model:
        return [r.tolist() for r in model.predict([predicate, value])]


def test_switch_and_merge_run_one_branch():
    assert switched([3], predicate=True) == [[-6], 1]
    assert switched([3], predicate=False) == [[18], 0]


def test_only_the_branch_that_was_taken_is_in_the_profile():
    nodes = (
        Node("s", "Switch", ("x", "p"), num_outputs=2), Node("no", "Square", ("s",)), Node("yes", "Neg", ("s:1",)),
        Node("m", "Merge", ("no", "yes"), num_outputs=2),
    )
    with Model(Graph((P, X), (out("m"),), nodes)) as model:
        info = tf.profile(lambda: model.predict([True, [3]]))
    assert info.kernel_names == ("Neg",)


def test_asking_for_a_dead_value_is_an_error():
    nodes = (Node("s", "Switch", ("x", "p"), num_outputs=2), Node("no", "Square", ("s",)))
    with Model(Graph((P, X), (out("no"),), nodes)) as model, pytest.raises(InputError) as caught:
        model.predict([True, [3]])
    assert str(caught.value) == "output 'no' is not a tensor here: it is on a branch that was not taken"


def test_dynamic_shapes_run_node_by_node_between_plans():
    nodes = (
        Node("pre", "Relu", ("x",)), Node("u", "Unique", ("pre",), {"axis": ()}, num_outputs=2),
        Node("post", "Neg", ("u",)), Node("sum", "Sum", ("post",), {"axis": None, "keep_dims": False}),
    )
    with Model(Graph((X,), (out("sum"),), nodes)) as model:
        for x, expected in (([1, 1, 2, -5], -3), ([4, 4, 4, 4], -4)):
            np.testing.assert_array_equal(model.predict(x), expected)
        info = tf.profile(lambda: model.predict([1, 1, 2, -5]))
    assert [(k.name, k.output_shapes[0], k.fallback) for k in info.kernels] == [
        ("Relu", (4,), False), ("Unique", (3,), False), ("Neg", (3,), False), ("Sum", (), False)]


def test_an_attribute_that_is_computed_while_running_is_used():
    """A reshape to a shape that another node computes."""
    g = Graph(
        (X, port("d", "int32", (None,))), (out("r"),), (Node("r", "Reshape", ("x",), attr_inputs={"shape": "d"}),),
    )
    with Model(g) as model:
        np.testing.assert_array_equal(model.predict([[1, 2, 3, 4], [2, 2]]), [[1, 2], [3, 4]])
        np.testing.assert_array_equal(model.predict([[1, 2, 3, 4], [4, 1]]), [[1], [2], [3], [4]])


def test_a_value_that_breaks_its_promise_is_an_error(monkeypatch):
    """A shape rule that is wrong is found at once, not three nodes later."""
    real = get("Relu")
    wrong = dataclasses.replace(real, infer=lambda ins, _attrs: [Spec((7,), ins[0].dtype)])
    monkeypatch.setattr(Node, "definition", property(lambda self: wrong if self.op == "Relu" else get(self.op)))
    with Model(Graph((X,), (out("a"),), (Node("a", "Relu", ("x",)),))) as model, pytest.raises(BackendError) as caught:
        model.predict([1, 2])
    assert str(caught.value) == "node 'a' (Relu) made shape [2]; its shape rule promised [7]"


def test_the_least_used_shape_makes_room(monkeypatch):
    monkeypatch.setattr(executor, "MAX_PROGRAMS", 2)
    with Model(Graph((X,), (out("a"),), (Node("a", "Relu", ("x",)),))) as model:
        for n in (1, 2, 1, 3, 4):
            model.predict(np.ones(n))
        assert registry.memory()["cpu"]["plans"] == 2


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_kept_programs_share_a_budget_of_bytes(monkeypatch, backend):
    axis = {"axis": -1}
    nodes = (Node("a", "Softmax", ("x",), axis), Node("b", "Softmax", ("a",), axis))
    with Model(Graph((X,), (out("b"),), nodes), backend=backend) as model:
        for budget, kept in ((1 << 20, executor.MIN_PROGRAMS), (1 << 30, executor.MAX_PROGRAMS)):
            monkeypatch.setattr(executor, "MAX_PROGRAM_BYTES", budget)
            for n in range(20):
                model.predict(np.ones(100_000 + n))
            assert registry.memory()[backend]["plans"] == kept


def test_a_thousand_predictions_leave_memory_as_it_was():
    with Model(LOOP) as model, Model(CHOICE) as other:
        def both():
            model.predict([2, [1, 2]])
            other.predict([True, [1, 2]])

        both()
        before = tf.memory()
        for _ in range(1000):
            both()
        assert tf.memory() == before


def test_what_a_failed_compile_took_is_given_back(monkeypatch):
    nodes = (
        Node("a", "Relu", ("x",)), Node("s", "Switch", ("a", "p"), num_outputs=2), Node("b", "Neg", ("s",)),
        Node("m", "Merge", ("b", "s:1"), num_outputs=2),
    )
    session = registry.backend().open_session()
    real, made = session.compile, []

    def second_fails(*args):
        if made:
            raise BackendError("planned")
        made.append(real(*args))
        return made[0]

    monkeypatch.setattr(session, "compile", second_fails)
    runner = executor.Executor(Graph((X, P), (out("m"),), nodes), session, "")
    with pytest.raises(BackendError, match="planned"):
        runner.prepare({"x": Spec((2,), "float32"), "p": Spec((), "bool")}, ("m",))
    assert len(made) == 1
    assert registry.memory()["cpu"]["plans"] == 0
    session.dispose()
