"""Plans: buffers, stamps, constants, disposal, traps, and the cache of compiled modules."""

from __future__ import annotations

import numpy as np
import pytest
from support.wasm import graph_of

from tfjslab.backends.wasm import executable
from tfjslab.backends.wasm.backend import create
from tfjslab.backends.wasm.run import module_cache
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec

_X = np.arange(-3, 3, dtype=np.float32).reshape(2, 3)


@pytest.fixture(name="backend", params=["plain", "simd", "threads"])
def _backend(request):
    backend = create(request.param, 2)
    yield backend
    backend.dispose()
    assert set(backend.memory().values()) == {0}


def _compile(session, nodes, outputs, constants=None, x=_X):
    graph = graph_of(nodes, {"x": x}, constants or {}, outputs)
    return session.compile(specialize(graph, {"x": Spec(x.shape, "float32")}), outputs)


def test_stamps_have_one_time_for_each_command(backend):
    """Host steps between kernels included, and all of them not negative."""
    nodes = [
        Node("a", "Relu", ("x",)), Node("b", "Einsum", ("a",), {"equation": "ij->ji"}),
        Node("y", "Multiply", ("b", "b")),
    ]
    plan = _compile(backend.open_session(), nodes, ["y"])
    stamps: list[float] = []
    found = plan.run({"x": _X}, stamps=stamps)["y"]
    assert found.tolist() == (np.maximum(_X, 0).T ** 2).tolist()
    assert [c.fallback for c in plan.info.commands] == [False, True, False]
    assert plan.info.commands[1].reason == "no WebAssembly kernel for Einsum"
    assert len(stamps) == 3
    assert min(stamps) >= 0


def test_a_large_plan_is_several_calls(backend, monkeypatch):
    """So that an interrupt is heard between them; each is measured as in one call."""
    nodes = [Node("a", "Relu", ("x",)), *(
        Node(b, "Softmax", (a,), {"axis": -1}) for a, b in ("ab", "bc", "cy"))]
    monkeypatch.setattr(executable, "_CALL_FLOPS", 50)
    several = _compile(backend.open_session(), nodes, ["y"])
    monkeypatch.undo()
    one = _compile(backend.open_session(), nodes, ["y"])
    assert [len(p._program.segments) for p in (several, one)] == [4, 1]
    stamps: list[float] = []
    assert several.run({"x": _X}, stamps=stamps)["y"].tobytes() == one.run({"x": _X})["y"].tobytes()
    assert len(stamps) == len(several.info.commands) == len(one.info.commands)
    assert min(stamps) >= 0


def test_weights_are_shared_by_plans_and_freed_with_the_last(backend):
    session = backend.open_session()
    w = np.ones((3, 4), np.float32)
    attrs = {"transpose_a": False, "transpose_b": False}
    nodes = [Node("y", "BatchMatMul", ("x", "w"), attrs)]
    one = _compile(session, nodes, ["y"], {"w": w})
    alone = session.heap.used_bytes
    two = _compile(session, nodes, ["y"], {"w": w})
    assert session.heap.used_bytes < 2 * alone
    one.dispose()
    assert two.run({"x": _X})["y"].tolist() == (_X @ w).tolist()
    two.dispose()
    two.dispose()
    assert session.heap.used_bytes == 0


def test_second_compile_comes_from_the_cache_and_damage_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path))
    backend = create("simd", 1)
    nodes = [Node("y", "Sigmoid", ("x",))]

    def compiled():
        return _compile(backend.open_session(), nodes, ["y"]).info.cached

    assert [compiled(), compiled()] == [False, True]
    for entry in module_cache.cache_folder().iterdir():
        entry.write_bytes(entry.read_bytes()[:-7])
    assert [compiled(), compiled()] == [False, True]
    backend.dispose()


def test_outputs_made_so_far_are_live_to_the_end(backend):
    """A plan's outputs lie outside of its arena but in memory all the same; what shares bytes adds none."""
    size = _X.nbytes
    nodes = [
        Node("a", "Relu", ("x",)), Node("b", "Einsum", ("a",), {"equation": "ij->ij"}),
        Node("r", "Reshape", ("b",), {"shape": (6,)}), Node("y", "Einsum", ("r",), {"equation": "i->i"}),
    ]
    commands = _compile(backend.open_session(), nodes, ["a", "y"]).info.commands
    found = [(c.node, c.bytes_live, c.tensors_live) for c in commands]
    assert found == [("a", size, 1), ("b", 2 * size, 2), ("r", 2 * size, 2), ("y", 3 * size, 3)]
    made = {b.name: (c.node, b.shape, b.num_bytes, b.commands, b.last_user) for c in commands for b in c.buffers}
    assert made == {
        "a": ("a", (2, 3), size, 4, ""), "b": ("b", (2, 3), size, 3, "y"), "y": ("y", (6,), size, 1, ""),
    }
