"""The reference backend: it gives what the definitions say, owns its memory and counts it."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from tfjslab.backends import cpu
from tfjslab.backends.host import check_promise, run_node
from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.graph.specialize import specialize
from tfjslab.ops import conformance
from tfjslab.ops.registry import Spec, get


@pytest.fixture
def backend():
    made = cpu.create()
    yield made
    made.dispose()
    assert set(made.memory().values()) == {0}


def compiled(session, nodes, shape=(2,), constants=None, outputs=None):
    graph = Graph((Port("x", "x", shape, "float32"),), (), tuple(nodes), constants or {})
    return session.compile(specialize(graph, {"x": Spec(shape, "float32")}), outputs or (nodes[-1].name,))


def test_it_is_always_available():
    assert cpu.availability().available
    assert cpu.create().engine == f"numpy {np.__version__}"


CHECKS = [c for c in conformance.cases() if all(t.dtype not in ("variant", "string") for t in c.case.inputs)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
def test_every_case_of_every_op(backend, check):
    """Ops whose shapes depend on data are not for plans; they run by themselves."""
    names = [f"in{i}" for i in range(len(check.inputs))]
    feeds = dict(zip(names, check.specs, strict=True))
    count = check.op.outputs_of(check.attrs, len(names))
    node = Node("node", check.op.name, tuple(names), check.attrs, num_outputs=count)
    graph = Graph(tuple(Port(n, n, s.shape, s.dtype) for n, s in feeds.items()), (), (node,))
    program = specialize(graph, feeds)
    if "node" in program.static:
        plan = backend.open_session().compile(program, node.outputs)
        out = plan.run(dict(zip(names, check.inputs, strict=True)))
        found = [out[v] for v in node.outputs]
    else:
        found = run_node(node, check.inputs, node.attrs)
        check_promise(node, [program.specs[v] for v in node.outputs], found)
    assert conformance.problem(check, found) == ""


def test_results_share_no_memory_with_anything(backend):
    w, x = np.ones(2, np.float32), np.zeros(2, np.float32)
    nodes = [Node("same", "Identity", ("x",)), Node("const", "Identity", ("w",)), Node("sum", "Add", ("x", "w"))]
    plan = compiled(backend.open_session(), nodes, constants={"w": w}, outputs=("same", "const", "sum", "x"))
    found = plan.run({"x": x})
    for i, a in enumerate(found.values()):
        assert not any(np.shares_memory(a, b) for b in (w, x, *itertools.islice(found.values(), i)))


def test_stamps_come_from_the_clock_one_for_each_command():
    ticks = itertools.count(0.0, 0.5).__next__
    session = cpu.create(clock=ticks).open_session()
    plan = compiled(session, [Node("a", "Neg", ("x",)), Node("b", "Relu", ("a",))])
    stamps = []
    plan.run({"x": np.ones(2, np.float32)}, stamps=stamps)
    assert stamps == [500, 500]
    assert plan.info.compile_ms == 500
    session.dispose()


def test_the_plan_tells_its_commands_and_memory(backend):
    nodes = [Node("a", "Neg", ("x",)), Node("b", "Add", ("a", "w")), Node("c", "Relu", ("b",))]
    info = compiled(backend.open_session(), nodes, (100,), {"w": np.ones(100, np.float32)}).info
    assert [(c.kernel, c.bytes_live, c.tensors_live, c.bytes_added) for c in info.commands] == [
        ("Neg", 400, 1, 400), ("Add", 800, 2, 400), ("Relu", 800, 2, 400)]
    assert (info.weight_bytes, info.peak_bytes, info.peak_lower_bound_bytes) == (400, 896, 896)


def test_bytes_of_buffers_are_counted(backend):
    session = backend.open_session()
    session.put(np.ones(3, np.float32), "float32")
    assert backend.memory() == {"sessions": 1, "plans": 0, "buffers": 1, "buffer_bytes": 12}


def test_a_failing_reference_is_a_typed_error_with_the_nodes_name(backend, monkeypatch):
    broken = dataclasses.replace(get("Neg"), reference=lambda _x: np.ones(3) + np.ones(2))
    plan = compiled(backend.open_session(), [Node("y", "Neg", ("x",))])
    monkeypatch.setattr(Node, "definition", property(lambda _self: broken))
    with pytest.raises(BackendError, match=r"node 'y' \(Neg\) failed: ValueError: operands could not be broadcast"):
        plan.run({"x": np.ones(2, np.float32)})


def test_wrong_dtypes_and_counts_are_broken_promises(backend, monkeypatch):
    plan = compiled(backend.open_session(), [Node("y", "Neg", ("x",))])
    for reference, message in (
        (lambda x: x.astype(np.float64), r"node 'y' \(Neg\) made float64; its rule promised float32"),
        (lambda x: [x, x], r"node 'y' \(Neg\) made 2 values; expected 1"),
    ):
        broken = dataclasses.replace(get("Neg"), reference=reference)
        monkeypatch.setattr(Node, "definition", property(lambda _self, b=broken: b))
        with pytest.raises(BackendError, match=message):
            plan.run({"x": np.ones(2, np.float32)})


@pytest.mark.parametrize(("variable", "value", "expected"), [
    ("OPENBLAS_NUM_THREADS", "3", 3), ("OMP_NUM_THREADS", "5", 5), ("OPENBLAS_NUM_THREADS", "many", None),
])
def test_threads_are_what_blas_takes_from_its_environment(monkeypatch, variable, value, expected):
    for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    default = cpu.create().threads
    monkeypatch.setenv(variable, value)
    assert cpu.create().threads == (expected or default)
