"""The check that every test gets is itself checked: each kind of leak is caught."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.graph.ir import Graph, Port
from tfjslab.model import Model

PORT = Port("x", "x", (2,), "float32")


@pytest.fixture
def plant(no_leaks):
    """Call ``make`` under the check; give what it made and what the check said."""

    def run(make):
        check = no_leaks()
        check.__enter__()
        made = make()
        with pytest.raises(AssertionError) as caught:
            check.__exit__(None, None, None)
        return made, str(caught.value)

    return run


def test_a_clean_block_passes(no_leaks):
    with no_leaks(), tf.tidy():
        tf.tensor([1]) + 1


def test_a_leaked_tensor_is_caught(plant):
    with tf.tensor([0]):
        t, said = plant(lambda: tf.tensor([1]))
    assert "'engine num_bytes': (4, 8)" in said
    assert "'engine num_data_buffers': (1, 2)" in said
    assert "'engine num_tensors': (1, 2)" in said
    t.dispose()


def test_a_leaked_share_of_bytes_is_caught(plant):
    with tf.tensor([1]) as t:
        copy, said = plant(t.clone)
    assert "'engine num_tensors': (1, 2)" in said
    assert "buffers" not in said
    copy.dispose()


def test_a_leaked_model_is_caught(plant):
    def make():
        model = Model(Graph((PORT,), (PORT, Port("w", "w", None, "")), (), {"w": np.ones(2, np.float32)}))
        model.predict(np.ones(2))
        return model

    model, said = plant(make)
    assert "'cpu sessions': (0, 1)" in said
    assert "'engine num_tensors': (0, 1)" in said
    model.dispose()


def test_a_leaked_session_and_buffer_are_caught(plant):
    def make():
        session = registry.backend().open_session()
        session.put(np.ones(2, np.float32), "float32")
        return session

    session, said = plant(make)
    for name in ("buffer_bytes", "buffers", "sessions"):
        assert f"'cpu {name}'" in said
    session.dispose()


def test_a_leaked_thread_is_caught(plant):
    stop = threading.Event()
    worker = threading.Thread(target=stop.wait)
    _, said = plant(worker.start)
    assert "'threads'" in said
    stop.set()
    worker.join()


def test_an_open_scope_and_an_open_profile_are_caught(plant):
    scope, said = plant(lambda: tf.tidy().__enter__())
    assert "'open scopes': (0, 1)" in said
    scope.__exit__(None, None, None)
    profile, said = plant(lambda: tf.profile().__enter__())
    assert "'open profiles': (0, 1)" in said
    profile.__exit__(None, None, None)
