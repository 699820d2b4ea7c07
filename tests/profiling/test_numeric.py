"""The numeric diff finds a planted error: a backend that computes one op otherwise."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tfjslab.backends import registry
from tfjslab.backends.cpu import CpuBackend
from tfjslab.base.errors import UsageError
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.profiling.numeric import Difference, _difference, _difference_text, numeric_diff

X = np.array([[-2.0, 1.0, 3.0]], np.float32)
GRAPH = Graph(
    (Port("x", "x", (None, 3), "float32"),), (Port("y", "soft", None, ""), Port("large", "large", None, "")),
    (
        Node("sum", "Add", ("x", "w"), layer="dense"), Node("act", "Relu", ("sum",), layer="act"),
        Node("soft", "Softmax", ("act",), {"axis": -1}), Node("large", "Greater", ("act", "w")),
    ),
    {"w": np.array([1, 1, 1], np.float32)},
)


class Wrong:
    """A backend that takes one op for another, in every plan or only in those that do not ask for its value."""

    def __init__(self, op, other, *, hidden=False):
        self.op, self.other, self.hidden = op, other, hidden
        self.inner = CpuBackend()
        self.name, self.engine, self.threads = "wrong", "numpy, but wrong", 1

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def open_session(self):
        """A session that compiles something else."""
        session = self.inner.open_session()
        real = session.compile

        def compile_wrongly(program, outputs):
            nodes = tuple(self.changed(n, outputs) for n in program.graph.nodes)
            return real(replace(program, graph=program.graph.with_(nodes=nodes)), outputs)

        session.compile = compile_wrongly
        return session

    def changed(self, node, outputs):
        """The node, or the wrong one in its place."""
        hit = node.op == self.op and not (self.hidden and node.name in outputs)
        return replace(node, op=self.other) if hit else node


@pytest.fixture
def plant(monkeypatch):
    """Put a wrong backend in the place of wasm-plain."""

    def put(*args, **kwargs):
        monkeypatch.setitem(registry._STATE.made, ("wasm-plain", 1), Wrong(*args, **kwargs))

    return put


def compared(**kwargs):
    with Model(GRAPH, "cpu", name="net") as model:
        return numeric_diff(model, X, ("cpu", "wasm-plain"), **kwargs)


def test_backends_that_agree_say_so():
    found = compared()
    assert found.ok
    assert found.first() is None
    assert [(d.value, d.op) for d in found.nodes] == [
        ("sum", "Add"), ("act", "Relu"), ("soft", "Softmax"), ("large", "Greater"),
    ]
    assert [d.value for d in found.outputs] == ["y", "large"]
    assert repr(found) == "NumericDiff(net against cpu: wasm-plain agrees)"
    assert "agrees everywhere" in str(found)


def test_the_first_node_that_parts_is_the_one_with_the_planted_error(plant):
    plant("Relu", "Abs")
    found = compared()
    first = found.first("wasm-plain")
    assert (first.value, first.node, first.op, first.layer) == ("act", "act", "Relu", "act")
    assert (first.max_abs, first.relative, first.mean_abs, first.at) == (1.0, 0.25, pytest.approx(1 / 3), (0, 0))
    assert [d.value for d in found.nodes if d.diverges] == ["act", "soft"]
    assert repr(found) == "NumericDiff(net against cpu: wasm-plain differs at act)"
    assert "differs first at act (Relu): off by 1, which is 0.25 of the largest value" in str(found)
    assert found._repr_html_().count("<table>") == 2
    plain = json.loads(json.dumps(found.to_json()))
    assert (plain["ok"], plain["first"]) == (False, {"wasm-plain": "act"})


def test_an_error_that_only_fusing_brings_shows_in_the_outputs(plant):
    plant("Relu", "Abs", hidden=True)
    found = compared()
    assert found.first() is None
    assert [d.value for d in found.outputs if d.diverges] == ["y"]
    assert repr(found) == "NumericDiff(net against cpu: wasm-plain differs in a fused kernel)"
    assert "no single node differs, but the outputs do: the error is in a fused kernel" in str(found)


def test_within_the_tolerance_nothing_parts(plant):
    plant("Relu", "Abs")
    assert compared(tolerance=0.5).ok


def test_nodes_that_are_fused_are_compared_one_by_one():
    """``sum`` and ``act`` are one kernel in WebAssembly; asking for a value makes it exist."""
    with Model(GRAPH, "cpu") as model:
        found = numeric_diff(model, X, ("cpu", "wasm-simd", "wasm-threads"))
    assert [(d.backend, d.value) for d in found.nodes] == [
        (b, v) for b in ("wasm-simd", "wasm-threads") for v in ("sum", "act", "soft", "large")
    ]
    assert found.ok


def test_the_side_of_a_branch_that_nobody_took_is_left_out():
    graph = Graph(
        (Port("p", "p", (), "bool"), Port("x", "x", (2,), "float32")), (Port("y", "m", None, ""),),
        (
            Node("s", "Switch", ("x", "p"), num_outputs=2), Node("off", "Neg", ("s",)), Node("on", "Abs", ("s:1",)),
            Node("m", "Merge", ("off", "on"), num_outputs=2),
        ),
    )
    with Model(graph, "cpu") as model:
        found = numeric_diff(model, {"p": np.array(True), "x": np.array([-1, 2], np.float32)}, ("cpu", "wasm-plain"))  # noqa: FBT003
    assert found.ok
    assert {"on", "m"} <= {d.value for d in found.nodes}
    assert "off" not in {d.value for d in found.nodes}
    assert found.skipped == 2


def subtract(a, b):
    return _difference(a, b, ("b", "v", "n", "Op", ""), 1e-3)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(("a", "b", "diverges", "reason"), [
    ([NAN, INF, 1.0], [NAN, INF, 1.0], False, ""),
    ([NAN], [1.0], True, "nan and 1"),
    ([INF], [-INF], True, "inf and -inf"),
    ([], [], False, ""),
    ([0.0], [1e-20], False, ""),
    ([1e-20], [2e-20], True, ""),
])
def test_what_is_no_number_agrees_only_with_itself(a, b, diverges, reason):
    found = subtract(np.array(a, np.float32), np.array(b, np.float32))
    assert (found.diverges, found.reason) == (diverges, reason)


def test_integers_have_to_be_equal():
    found = subtract(np.array([1000, 2000]), np.array([1000, 2001]))
    assert (found.diverges, found.max_abs, found.at) == (True, 1.0, (1,))


def test_of_integers_the_first_that_differs_is_named():
    a, b = np.array([[1, 2, 3], [4, 5, 6]], np.int8), np.array([[1, 2, 3], [5, 5, -6]], np.int8)
    found = subtract(a, b)
    assert (found.first, found.pair, found.at, found.max_abs) == ((1, 0), (4, 5), (1, 2), 12.0)
    assert _difference_text(found) == "first at 1 0, 4 and 5; off by 12 at most"
    assert (subtract(a, a).first, subtract(a, a).pair, subtract(a, a).diverges) == ((), None, False)


@pytest.mark.parametrize(("a", "b", "reason"), [
    (np.ones(2), np.ones(3), "shape 2 and 3"), (np.ones(2), np.ones(2, np.float32), "dtype float64 and float32"),
    (np.ones(2), [], "only the reference has a value here: a branch was taken there only"),
    ([], np.ones(2), "only the backend has a value here: a branch was taken there only"),
])
def test_what_cannot_be_subtracted_has_a_reason(a, b, reason):
    found = subtract(a, b)
    assert isinstance(found, Difference)
    assert (found.diverges, found.reason, found.max_abs) == (True, reason, None)


@pytest.mark.parametrize("backends", ["cpu", ("cpu",), ("cpu", "cpu"), ()])
def test_it_takes_a_reference_and_another(backends):
    with Model(GRAPH, "cpu") as model, pytest.raises(UsageError, match="expected a reference and at least one other"):
        numeric_diff(model, X, backends)
