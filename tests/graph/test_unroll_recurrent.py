"""Recurrent nodes written out as ops that files have."""

from __future__ import annotations

import numpy as np
import pytest

from tfjslab.backends.cpu import create
from tfjslab.base.errors import ModelError
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.formats.registry import read_model
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port, value_name
from tfjslab.graph.specialize import specialize
from tfjslab.graph.unroll_recurrent import unroll, unrolled
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec

UNITS, STEPS = 4, 3
KINDS = {
    "SimpleRNN": ("SimpleRNN", 1, 1, {"activation": "gelu"}), "LSTM": ("LSTM", 4, 2, {"go_backwards": True}),
    "GRU": ("GRU", 3, 1, {"recurrent_activation": "hardsigmoid"}),
    "GRU, reset after": ("GRU", 3, 1, {"reset_after": True}),
}


def made(kind, *, given, steps=STEPS, masked=False):
    """A graph of one recurrent node with all its outputs, and its feeds."""
    op, gates, states, attrs = KINDS[kind]
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    feeds = {b.input("x", (None, steps or None, gates * UNITS)): rng.uniform(-1, 1, (2, STEPS, gates * UNITS))}
    kernel = b.constant("kernel", rng.uniform(-1, 1, (UNITS, gates * UNITS)).astype(np.float32))
    bias = [b.constant("bias", rng.uniform(-1, 1, gates * UNITS).astype(np.float32))] if "reset_after" in attrs else []
    first = [b.input(f"s{i}", (None, UNITS)) for i in range(states)] if given else []
    feeds |= {v: rng.uniform(-1, 1, (2, UNITS)) for v in first}
    mask = [b.input("mask", (None, steps or None))] if masked else []
    feeds |= {v: np.array([[0, 1, 1], [1, 0, 1]]) for v in mask}
    read = {"x": "x", "recurrent_kernel": kernel} | dict(zip(("h", "c"), first, strict=False))
    read |= ({"recurrent_bias": bias[0]} if bias else {}) | ({"mask": mask[0]} if mask else {})
    words = [word.strip("?") for word in registry.get(op).inputs]
    node = b.node("r", op, [read.get(w, "") for w in words], steps=steps, **attrs)
    ports = [Port(f"o{i}", value_name("r", i), None, "") for i in range(node.num_outputs)]
    return b.build(ports, {}), {k: v.astype(np.float32) for k, v in feeds.items()}


def answers(graph, feeds, change=lambda program: program):
    program = change(specialize(graph, {k: Spec(v.shape, "float32") for k, v in feeds.items()}))
    session = create("cpu", 1).open_session()
    outputs = [p.value for p in program.graph.outputs]
    found = session.compile(program, outputs).run(feeds)
    return [found[v] for v in outputs]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_written_out_steps_compute_the_same(kind, given, masked, tmp_path):
    graph, feeds = made(kind, given=given, masked=masked)
    want = answers(graph, feeds)
    written = unroll(graph)
    assert {n.op for n in written.nodes}.isdisjoint({"SimpleRNN", "LSTM", "GRU"})
    assert all(registry.get(n.op).tf for n in written.nodes)
    saved = read_model(save_graph_model(graph, tmp_path / "saved") / "model.json")
    renamed = {p.name: p.value for p in saved.inputs}
    for found in (answers(written, feeds), answers(graph, feeds, unrolled),
                  answers(saved, {renamed[k]: v for k, v in feeds.items()})):
        for f, w in zip(found, want, strict=True):
            np.testing.assert_allclose(f, w, atol=1e-6)


def test_a_graph_without_recurrent_nodes_stays_itself():
    b = GraphBuilder()
    graph = b.build([Port("o", b.value("y", "Relu", b.input("x", (2,))), None, "")], {})
    assert unroll(graph) is graph


@pytest.mark.parametrize(("steps", "found"), [(0, "any number of steps"), (2049, "2049 steps")])
def test_what_cannot_be_written_out(tmp_path, steps, found):
    graph, _ = made("LSTM", given=False, steps=steps)
    with pytest.raises(ModelError) as caught:
        save_graph_model(graph, tmp_path / "saved")
    assert str(caught.value) == f"node 'r' (LSTM): {found}; written out are 1 to 2048"
    assert not (tmp_path / "saved").exists()


def test_shapes_settle_how_many_steps_there_are():
    graph, feeds = made("LSTM", given=False, steps=0)
    for f, w in zip(answers(graph, feeds, unrolled), answers(graph, feeds), strict=True):
        np.testing.assert_allclose(f, w, atol=1e-6)
