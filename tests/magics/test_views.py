"""``%tfmemory`` and ``%tfbackend`` in a real shell."""

import pytest
from IPython.core.error import UsageError

import tfjslab as tf
from tfjslab.backends import registry


def test_memory_shows_the_counters_of_the_engine(cells):
    cells("t = tf.ones([5])")
    found = cells("%tfmemory")
    assert repr(found) == "<Memory: 1 tensor, 1 data buffer, 20 bytes>"
    assert found.info == tf.memory()
    assert "bytes of tensors" in str(found)
    assert "<td" in found._repr_html_()
    with pytest.raises(UsageError, match=r"^%tfmemory x: takes no arguments; "):
        cells("%tfmemory x")


def test_memory_explains_itself(cells):
    assert cells("%tfmemory --help") is None
    assert "usage: %tfmemory" in cells.shown.stdout
    assert "%tfprofile --memory" in cells.shown.stdout


def test_backend_shows_the_registry_and_chooses(cells):
    found = cells("%tfbackend")
    assert repr(found) == "<Backend cpu>"
    assert [r.name for r in found.rows] == [b.name for b in registry.backends()]
    assert "-> cpu" in " ".join(str(found).split())
    assert repr(cells("%tfbackend wasm-plain")) == "<Backend wasm-plain>"
    assert registry.get_backend() == "wasm-plain"
    with pytest.raises(UsageError, match=r"^backend 'wasm-plan' is unknown"):
        cells("%tfbackend wasm-plan")


def test_backend_takes_a_number_of_threads(cells, monkeypatch):
    monkeypatch.setattr(registry._STATE, "threads", None)
    cells("%tfbackend --threads 3")
    assert registry.get_threads_count() == 3


def test_a_terminal_gets_tables(terminal):
    terminal("%tfbackend")
    assert "stands" not in terminal.shown.stdout
    assert "numpy, the reference" in terminal.shown.stdout
