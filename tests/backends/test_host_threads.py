"""numpy works for other backends with their number of threads, and has its own back afterwards."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from support.available import need
from support.wasm import graph_of

import tfjslab as tf
from tfjslab.backends import host_threads as blas
from tfjslab.backends import registry
from tfjslab.engine.operators import DISPATCH
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.graph.specialize import specialize
from tfjslab.model import Model
from tfjslab.ops.registry import OpDef, Spec, get


class _Library:
    """A BLAS that notes what it is set to."""

    def __init__(self, threads):
        self.threads = threads
        self.sets = 0

    def get_num_threads(self):
        return self.threads

    def set_num_threads(self, threads):
        self.sets += 1
        self.threads = threads


@pytest.fixture(name="library")
def _library(monkeypatch):
    """The only library of this process."""
    made = _Library(8)
    limits = blas.BlasLimits([made])
    monkeypatch.setattr(blas, "_limits", lambda: limits)
    return made


def test_the_limit_holds_within_the_block_and_ends_with_it(library):
    with blas.host_threads(2):
        assert library.threads == 2
    assert library.threads == 8
    with pytest.raises(ZeroDivisionError), blas.host_threads(3):
        _ = 1 / 0
    assert library.threads == 8


def test_it_is_never_raised(library):
    with blas.host_threads(16):
        assert library.threads == 8


def test_of_runs_at_once_the_smallest_limit_holds_in_whatever_order_they_end(library):
    one, four = blas.host_threads(1), blas.host_threads(4)
    four.__enter__()
    one.__enter__()
    assert library.threads == 1
    four.__exit__(None, None, None)
    assert library.threads == 1
    one.__exit__(None, None, None)
    assert library.threads == 8


def test_many_threads_leave_what_was_there(library):
    def work(count):
        for _ in range(200):
            with blas.host_threads(count):
                assert library.threads <= count

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3, 4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert library.threads == 8


def test_without_a_number_nothing_is_looked_up(monkeypatch):
    monkeypatch.setattr(blas, "_limits", lambda: pytest.fail("looked up"))
    with blas.host_threads(0):
        pass


def test_the_real_library_is_found_and_keeps_its_number():
    libraries = blas._limits()._libraries
    if not libraries:
        pytest.skip("numpy's BLAS is none that threadpoolctl knows")
    before = [library.get_num_threads() for library in libraries]
    with blas.host_threads(1):
        assert {library.get_num_threads() for library in libraries} == {1}
    assert [library.get_num_threads() for library in libraries] == before


@pytest.fixture(name="seen")
def _seen(library, monkeypatch):
    """The limits under which numpy ran these two ops, of which the first has no kernel anywhere, for once."""
    found, run = [], OpDef.run

    def noting(definition, *args):
        if definition.name in ("Cumsum", "Where"):
            found.append(library.threads)
        return run(definition, *args)

    monkeypatch.setattr(OpDef, "run", noting)
    for backend in ("wasm", "webgpu"):
        table = pytest.importorskip(f"tfjslab.backends.{backend}.lower.registry").TABLE
        monkeypatch.delitem(table.rows, "Cumsum", raising=False)
    return found


_X = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(("name", "threads", "expected"), [
    ("wasm-simd", 1, 1), ("wasm-threads", 3, 3), ("webgpu", 1, 1), ("cpu", 1, 8),
])
def test_host_steps_of_a_plan_have_the_threads_of_the_backend(library, seen, name, threads, expected):
    need(name)
    node = Node("y", "Cumsum", ("x",), get("Cumsum").resolve_attrs({"axis": 1}, "test"))
    program = specialize(graph_of([node], {"x": _X}, {}, ["y"]), {"x": Spec(_X.shape, "float32")})
    session = registry.backend(name, threads).open_session()
    plan = session.compile(program, ["y"])
    for keep in (False, True):
        found = plan.run({"x": _X}, keep=keep)["y"]
        if keep:
            session.free(found)
    session.dispose()
    assert (seen, library.threads) == ([expected] * 2, 8)


def test_a_plan_without_host_steps_leaves_blas_alone(library):
    node = Node("y", "Relu", ("x",), {})
    program = specialize(graph_of([node], {"x": _X}, {}, ["y"]), {"x": Spec(_X.shape, "float32")})
    session = registry.backend("wasm-simd").open_session()
    session.compile(program, ["y"]).run({"x": _X})
    session.dispose()
    assert library.sets == 0


@pytest.mark.parametrize(("name", "expected"), [("wasm-simd", 1), ("cpu", 8)])
def test_nodes_whose_shapes_depend_on_data_have_them_too(library, seen, name, expected):
    """In a model, one by one, and as eager functions."""
    graph = Graph(
        (Port("x", "x", (6,), "float32"),), (Port("y", "u", None, ""),),
        (Node("u", "Where", ("x",), {}),), {},
    )
    with Model(graph, name) as model:
        model.predict(np.array([1, 0, 1, 0, 0, 1], np.float32))
    tf.set_backend(name)
    with tf.tidy():
        DISPATCH.run("Where", tf.tensor([1.0, 0.0, 1.0]))
    assert (seen, library.threads) == ([expected] * 2, 8)
