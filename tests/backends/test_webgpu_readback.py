"""What comes back from a device, and when: only what was asked for, and other code runs meanwhile."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from support.wasm import graph_of

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.backends.webgpu.backend import availability
from tfjslab.graph.ir import Node
from tfjslab.model.model import Model
from tfjslab.ops.registry import get

X = np.linspace(0, 1, 8, dtype=np.float32)


@pytest.fixture(name="reads")
def _reads(monkeypatch):
    """The bytes of each readback on ``webgpu``, which is the current backend."""
    found = availability("webgpu")
    if not found.available:
        pytest.skip(f"webgpu: {found.reason}")
    device = pytest.importorskip("tfjslab.backends.webgpu.run.device").Device
    real, seen = device.submit, []

    def submit(self, encoder, ranges=()):
        seen.extend(n for _, _, n in ranges if n)
        return real(self, encoder, ranges)

    monkeypatch.setattr(device, "submit", submit)
    tf.set_backend("webgpu")
    yield seen
    registry.set_backend("cpu")


def test_eager_ops_read_nothing_back_until_they_are_asked(reads):
    with tf.tidy():
        y = tf.exp(tf.add(tf.tensor(X), tf.tensor(X)))
        y = tf.reshape(tf.mul(y, y), [2, 4])
        assert reads == []
        np.testing.assert_allclose(y.data_sync(), np.exp(4 * X), rtol=1e-5)
        assert reads == [32]
        assert y.shape == [2, 4]
        assert reads == [32]


def test_a_model_reads_its_outputs_back_in_one_go_and_nothing_else(reads):
    nodes = [Node(n, op, (x,), get(op).resolve_attrs({}, "t")) for n, op, x in (
        ("a", "Exp", "x"), ("b", "Neg", "a"), ("c", "Tanh", "a"))]
    with Model(graph_of(nodes, {"x": X}, {}, ["b", "c"]), "webgpu") as model:
        model.predict(X)
        assert reads == [32, 32]


def test_data_waits_without_holding_up_the_loop(reads):
    """Both ways give the same; the wait is in another thread, and what the loop does meanwhile is done."""
    with tf.tidy():
        y = tf.exp(tf.tensor(X))
        device = y.data_ref().eager.session.device
        real, go_on = device.submit, threading.Event()

        def slow(encoder, ranges=()):
            assert go_on.wait(10), "the loop was held up"
            return real(encoder, ranges)

        async def meanwhile():
            go_on.set()

        async def main():
            device.submit = slow
            values, _ = await asyncio.gather(y.data(), meanwhile())
            return values

        values = asyncio.run(main())
        del device.submit
        np.testing.assert_array_equal(values, y.data_sync())
        assert asyncio.run(y.array()) == y.array_sync()
