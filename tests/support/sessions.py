"""Small plans for tests of what every backend promises."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
from support.available import need
from support.wasm import graph_of

from tfjslab.backends.webgpu.backend import create
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec, get

X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
W = np.arange(20, dtype=np.float32).reshape(4, 5) / 8


def node(name, op, inputs, **attrs):
    return Node(name, op, inputs, get(op).resolve_attrs(attrs, "test"))


# A product with weights, a step that no generated kernel takes, an elementwise one.
NODES = (
    node("p", "BatchMatMul", ("x", "w")), node("h", "Einsum", ("p",), equation="ij->ji"), node("y", "Tanh", ("h",)),
)


def expected(x=X, w=W):
    return np.tanh((x.astype(np.float64) @ w).T)


def compiled(session, nodes=NODES, outputs=("y",), x=X, w=W):
    graph = graph_of(nodes, {"x": x}, {"w": w}, outputs)
    return session.compile(specialize(graph, {"x": Spec(x.shape, "float32")}), outputs)


@contextmanager
def adapter_backend(variant):
    """A GPU backend, which has nothing left at its end; skips where there is no adapter."""
    need(variant)
    backend = create(variant, 1)
    yield backend
    backend.dispose()
    assert set(backend.memory().values()) == {0}


@contextmanager
def adapter_session(variant):
    """A session of such a backend."""
    with adapter_backend(variant) as backend:
        yield backend.open_session()
