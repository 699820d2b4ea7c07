"""What every test gets: the ``cpu`` backend as the current one, and the check that it leaves nothing behind."""

from __future__ import annotations

import gc
import importlib
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from tfjslab.backends import registry
from tfjslab.engine.sessions import release_sessions
from tfjslab.engine.state import STATE


def pytest_collection_finish():
    """What collecting made stays to the end: benchmarks collect garbage before each round and need not look at it."""
    gc.collect()
    gc.freeze()


def _held() -> Counter[str]:
    """Everything that a test must give back, by what it is called."""
    release_sessions()  # cached plans of eager ops are no leak as long as they go when nothing needs them
    held = Counter({f"engine {name}": value for name, value in vars(STATE.counters).items()})
    held.update({f"{b} {name}": value for b, counts in registry.memory().items() for name, value in counts.items()})
    held["threads"] = threading.active_count()
    held["open scopes"] = len(STATE.local.scopes)
    held["open profiles"] = len(STATE.local.recorders)
    return held


@contextmanager
def no_leaks():
    """Fail when the block leaves tensors, buffers, bytes, sessions, plans, native memory or threads behind."""
    before = _held()
    yield
    after = _held()
    changed = {k: (before[k], after[k]) for k in sorted({*before, *after}) if before[k] != after[k]}
    assert changed == {}, f"left behind (before, after): {changed}"


@pytest.fixture(name="no_leaks")
def _no_leaks_fixture():
    return no_leaks


@pytest.fixture
def tool(monkeypatch):
    """A script of ``tools/`` by name, as a module."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tools")
    return importlib.import_module


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """All that shows a model with hostile names, made once."""
    from support.hostile import Shown  # noqa: PLC0415 - few tests need what it imports

    return Shown(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(autouse=True)
def _leaves_nothing_behind():
    registry.set_backend("cpu")
    with no_leaks():
        yield
        registry.set_backend("cpu")
