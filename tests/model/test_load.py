"""Loading, saving and giving back: the whole life of a model, on every backend of this machine."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.backends import registry, rows
from tfjslab.base.errors import ModelError, UsageError
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model, coverage, subject
from tfjslab.model.load import _name

X = Port("x", "x", (None, 4), "float32")
GRAPH = Graph(
    (X,), (Port("y", "y", (None, 2), "float32"),),
    (Node("p", "BatchMatMul", ("x", "w"), {"transpose_a": False, "transpose_b": False}), Node("y", "Relu", ("p",))),
    {"w": np.arange(8, dtype=np.float32).reshape(4, 2) - 3},
)
ONES = np.ones((1, 4), np.float32)
BACKENDS = [r.name for r in rows.ROWS if not r.alias_of]


@pytest.fixture(params=BACKENDS)
def backend(request):
    found = registry.availability(request.param)
    if not found.available:
        pytest.skip(found.reason)
    return request.param


@pytest.fixture
def folder(tmp_path):
    with Model(GRAPH) as model:
        model.save(tmp_path / "small")
    return tmp_path / "small"


def counts():
    """Everything that memory() counts, without what is zero."""
    info = tf.memory()
    native = {f"{b} {k}": v for b, c in info.backends.items() for k, v in c.items() if v}
    return info.num_tensors, info.num_data_buffers, info.num_bytes, native


def test_a_model_that_was_saved_loads_and_gives_the_same(folder, backend):
    with tf.load_model(folder, backend=backend) as model:
        assert model.name == "small"
        assert model.backend.name == backend
        np.testing.assert_array_equal(model.predict(ONES), [[0, 4]])


def test_loading_predicting_and_disposing_leaves_nothing(folder, backend):
    with tf.load_model(folder, backend=backend) as model:
        model.predict(ONES)  # the backend itself starts once
    before = counts()
    for _ in range(3):
        model = tf.load_model(folder, backend=backend)
        assert counts()[:3] == (before[0] + 1, before[1] + 1, before[2] + 32)
        for batch in (1, 2, 3):
            model.predict(np.ones((batch, 4)))
        model.dispose()
        assert counts() == before


def test_a_thousand_predictions_leave_memory_as_it_was(folder, backend):
    with tf.load_model(folder, backend=backend) as model:
        model.predict(ONES)
        before = counts()
        for _ in range(1000):
            model.predict(ONES)
        assert counts() == before
        with tf.tidy():
            x = tf.tensor(ONES)
            for _ in range(20):
                model.predict(x).dispose()
        assert counts()[:3] == before[:3]


def test_without_a_backend_of_its_own_a_model_follows_the_current_one(folder, backend):
    with tf.load_model(folder) as model:
        model.predict(ONES)
        tf.set_backend(backend)
        np.testing.assert_array_equal(model.predict(ONES), [[0, 4]])
        assert model.backend.name == backend
        sessions = {b: c["sessions"] for b, c in registry.memory().items() if c["sessions"]}
        assert sum(sessions.values()) == 1


def test_eager_tensors_move_between_real_backends(backend):
    with tf.tidy():
        x = tf.tensor([[1, 2], [3, 4]])
        tf.set_backend(backend)
        assert (x + 1).array_sync() == [[2, 3], [4, 5]]
        y = tf.reshape(x, [4]) * 2
        tf.set_backend("cpu")
        assert (y + 1).array_sync() == [3, 5, 7, 9]


def test_readers_insist_on_their_format(folder):
    with tf.load_graph_model(folder) as model:
        assert model.outputs[0].name == "y"
    with pytest.raises(ModelError, match="found a tfjs-graph-model, expected a tfjs-layers-model"):
        tf.load_layers_model(folder)
    with Model(GRAPH) as model, pytest.raises(UsageError, match="format 'tfjs-graph' cannot be written"):
        model.save(folder, format="tfjs-graph")


@pytest.mark.parametrize(("source", "name"), [
    ("models/mobilenet/model.json", "mobilenet"), ("https://host/a/b/model.json?x=1", "b"), ("hand.json", "hand"),
    ("folder", "folder"), ("", "model"),
])
def test_a_model_is_called_after_its_folder_or_file(source, name):
    assert _name(source) == name


def test_async_calls_give_the_same(folder):
    async def main():
        with tf.load_model(folder) as model:
            return await model.predict_async(ONES), await model.execute_async({"x": ONES}, ["p"])

    y, (p,) = asyncio.run(main())
    np.testing.assert_array_equal(y, [[0, 4]])
    np.testing.assert_array_equal(p, [[0, 4]])


def test_a_model_may_be_used_from_several_threads(folder, backend):
    failures = []
    with tf.load_model(folder, backend=backend) as model:
        def work(value):
            try:
                for _ in range(50):
                    np.testing.assert_array_equal(model.predict(ONES * value), [[0, 4 * value]])
            except Exception as e:  # noqa: BLE001 - a thread's error is handed to the test
                failures.append(e)

        workers = [threading.Thread(target=work, args=(i,)) for i in range(1, 5)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
    assert failures == []


def test_a_profile_of_predict_lists_the_models_kernels(folder, backend):
    with tf.load_model(folder, backend=backend) as model:
        model.predict(ONES)
        info = tf.profile(lambda: model.predict(ONES))
        assert {n for k in info.kernels for n in k.nodes} == {"p", "y"}
        assert sum(k.kernel_time_ms for k in info.kernels) + info.unattributed_ms == info.wall_ms
        assert (info.new_bytes, info.new_tensors) == (0, 0)
        assert info.peak_bytes >= 32
        assert not any(k.fallback for k in info.kernels)


def test_coverage_counts_kernels_and_what_falls_back(backend):
    nodes = (*GRAPH.nodes, Node("u", "Unique", ("flat",), {"axis": ()}, num_outputs=2))
    nodes = (*nodes[:2], Node("flat", "Reshape", ("y",), {"shape": (-1,)}), nodes[2], Node("n", "Neg", ("u",)))
    with Model(GRAPH.with_(nodes=nodes, outputs=(Port("n", "n", None, ""),)), backend) as model:
        found = coverage.coverage(model, ONES)
        if backend == "cpu":
            assert (found.kernels, found.fallback) == (5, {})
        else:
            assert (dict(found.fallback), dict(found.later)) == ({"Unique": 1}, {"Neg": 1})
            reason = "its shape depends on data or it handles strings, lists or complex numbers"
            assert found.reasons["Unique"] == reason


def test_coverage_looks_into_loops():
    n = Port("n", "n", (), "int32")
    more = Graph((n,), (Port("m", "m", None, ""),), (Node("m", "Greater", ("n", "z")),), {"z": np.array(0, np.int32)})
    body = Graph((n,), (Port("b", "b", None, ""),), (Node("b", "Sub", ("n", "o")),), {"o": np.array(1, np.int32)})
    loop = Node("w", "While", ("n",), {"cond": "more", "body": "body"})
    g = Graph((n,), (Port("w", "w", None, ""),), (loop,), {}, {"more": more, "body": body})
    with Model(g) as model:
        assert coverage.coverage(model, np.array(3)).kernels == 2
        assert model.predict(np.array(3)) == 0, "looking must not have compiled the example's value in"


def test_a_subject_is_loaded_here_or_borrowed(folder):
    ticks = iter([1.0, 3.0])
    with subject.open_subject(folder, "cpu", None, ticks.__next__) as s:
        assert (s.load_ms, s.owned) == (2000, True)
    with tf.load_model(folder) as model:
        with subject.open_subject(model, None, None, ticks.__next__) as s:
            assert (s.model, s.owned) == (model, False)
        with subject.open_subject(model, "cpu", 1, ticks.__next__) as s:
            assert (s.model is model, s.owned, s.model.name) == (False, True, "small")
