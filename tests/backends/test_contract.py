"""What every backend promises of its sessions and plans, whatever it is made of: one test for each row that can run."""

from __future__ import annotations

import importlib
import threading

import numpy as np
import pytest
from support.available import need
from support.sessions import NODES, W, X, compiled, expected, node
from support.toy import ToyBackend

from tfjslab.backends import rows
from tfjslab.backends.base import Buffer
from tfjslab.base.errors import BackendError

_NAMES = [row.name for row in rows.ROWS if not row.alias_of]
_TOLERANCE = {"webgpu-f16": 2e-2}


def _create(name):
    if name == "toy":
        return ToyBackend("toy", "numpy")
    need(name)
    row = rows.row(name)
    return importlib.import_module(row.module).create(row.variant, 2 if row.threaded else 1)


@pytest.fixture(name="backend", params=[*_NAMES, "toy"])
def _backend(request):
    """A backend of its own, which gives everything back."""
    made = _create(request.param)
    yield made
    made.dispose()
    assert set(made.memory().values()) == {0}


@pytest.fixture(name="session")
def _session(backend):
    return backend.open_session()


@pytest.fixture(name="near")
def _near(backend):
    """Comparing with the definition, as exactly as the backend computes."""
    tolerance = _TOLERANCE.get(backend.name, 1e-5)
    return lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


# ---- plans -----------------------------------------------------------------------------------------------------------


def test_a_plan_computes_fresh_arrays(session, near):
    plan = compiled(session)
    first, second = (plan.run({"x": x})["y"] for x in (X, -X))
    near(first, expected())
    near(second, expected(-X))
    assert not np.shares_memory(first, second)
    assert first.dtype == np.float32


def test_kept_outputs_are_buffers_that_go_in_again_and_that_the_caller_frees(backend, session, near):
    plan = compiled(session)
    given = session.put(X, "float32")
    kept = plan.run({"x": given}, keep=True)["y"]
    assert isinstance(kept, Buffer)
    plan.run({"x": -X}, keep=True)
    near(session.get(kept), expected())
    near(compiled(session, [node("z", "Neg", ("x",))], ["z"], session.get(kept)).run({"x": kept})["z"], -expected())
    assert backend.memory()["buffers"] == 3
    for buffer in (given, kept):
        session.free(buffer)
    assert backend.memory()["buffers"] == 1


def test_a_buffer_is_read_in_the_shape_of_the_plan(session, near):
    buffer = session.put(X, "float32")
    flat = compiled(session, [node("z", "Neg", ("x",))], ["z"], X.reshape(-1)).run({"x": buffer})["z"]
    near(flat, -X.reshape(-1))


def test_an_input_and_a_constant_may_be_outputs_and_share_nothing(session, near):
    nodes = [node("r", "Reshape", ("x",), shape=[12]), node("k", "Identity", ("w",))]
    found = compiled(session, nodes, ["r", "k", "x"]).run({"x": X})
    for name, wanted in (("r", X.reshape(-1)), ("k", W), ("x", X)):
        near(found[name], wanted)
        assert not np.shares_memory(found[name], X)
        assert not np.shares_memory(found[name], W)


def test_every_command_is_described_and_stamped(session, near):
    plan = compiled(session)
    stamps = []
    near(plan.run({"x": X}, stamps=stamps)["y"], expected())
    commands = plan.info.commands
    # Where an Einsum (h) is run as other ops, these are named after it.
    assert [n for c in commands for n in c.nodes if not n.startswith("h ")] == ["p", "h", "y"]
    assert all(bool(c.reason) == c.fallback for c in commands)
    assert len(stamps) == len(commands)
    assert all(np.isfinite(ms) and ms >= 0 for ms in stamps)


def test_weights_of_one_name_in_two_graphs_are_two(session, near):
    """Functions of one model share its session and may use a name for different weights."""
    one, two = compiled(session), compiled(session, w=-W)
    near(one.run({"x": X})["y"], expected())
    near(two.run({"x": X})["y"], expected(w=-W))


def test_plans_of_the_same_weights_do_not_need_each_other(backend, session, near):
    one, two = compiled(session), compiled(session)
    one.dispose()
    near(two.run({"x": X})["y"], expected())
    two.dispose()
    assert backend.memory()["plans"] == 0


def test_threads_may_run_a_plan_and_another_one_of_its_session_at_once(session):
    plans = compiled(session), compiled(session, NODES[:1], ["p"])
    alone = [[p.run({"x": i * X})[o].tobytes() for i in range(4)] for p, o in zip(plans, "yp", strict=True)]
    wrong = []

    def work(i):
        for _ in range(10):
            for plan, output, wanted in zip(plans, "yp", alone, strict=True):
                if plan.run({"x": i * X})[output].tobytes() != wanted[i]:
                    wrong.append(i)
            session.free(session.put(X, "float32"))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_a_run_that_fails_keeps_nothing(backend, session, near):
    plan, gone = compiled(session), session.put(X, "float32")
    session.free(gone)
    for keep in (False, True):
        with pytest.raises(BackendError, match="is not live in this session"):
            plan.run({"x": gone}, keep=keep)
    assert backend.memory()["buffers"] == 0
    near(plan.run({"x": X})["y"], expected())


# ---- buffers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [
    X, np.array([[1, -2], [3, 4]], np.int32), np.array([True, False, True]), np.float32(3),
    np.zeros((0, 3), np.float32),
], ids=["floats", "integers", "truth values", "a scalar", "nothing"])
def test_buffers_are_copies_both_ways(session, value):
    source = np.array(value)
    buffer = session.put(source, {"f": "float32", "i": "int32", "b": "bool"}[source.dtype.kind])
    source[...] = 0
    found = session.get(buffer)
    assert (found.dtype, found.shape) == (source.dtype, source.shape)
    found[...] = 0
    np.testing.assert_allclose(session.get(buffer), value, rtol=1e-3)


def test_only_live_buffers_of_this_session_are_taken(backend, session):
    buffer, other = session.put(X, "float32"), backend.open_session()
    plan = compiled(other)
    message = rf"^{backend.name}: a buffer of shape \[3, 4\] is not live in this session$"
    for use in (other.get, other.free, lambda b: plan.run({"x": b})):
        with pytest.raises(BackendError, match=message):
            use(buffer)
    session.free(buffer)
    for use in (session.get, session.free):
        with pytest.raises(BackendError, match=message):
            use(buffer)


# ---- the end ---------------------------------------------------------------------------------------------------------


def test_a_disposed_plan_says_so_and_may_be_disposed_again(backend, session):
    plan = compiled(session)
    plan.run({"x": X}, stamps=[])
    for _ in range(2):
        plan.dispose()
        assert backend.memory()["plans"] == 0
    for keep in (False, True):
        with pytest.raises(BackendError, match=rf"^this {backend.name} plan has been disposed$"):
            plan.run({"x": X}, keep=keep)


def test_a_disposed_session_says_so_takes_its_plans_along_and_may_be_disposed_again(backend, session):
    plan, buffer = compiled(session), session.put(X, "float32")
    for _ in range(2):
        session.dispose()
        assert set(backend.memory().values()) == {0}
    for use in (lambda: compiled(session), lambda: session.put(X, "float32")):
        with pytest.raises(BackendError, match=rf"^this {backend.name} session has been disposed$"):
            use()
    with pytest.raises(BackendError, match=rf"^this {backend.name} plan has been disposed$"):
        plan.run({"x": X})
    for use in (session.get, session.free):
        with pytest.raises(BackendError, match="is not live in this session"):
            use(buffer)


def test_counters_come_back_to_what_they_were_and_see_what_is_not_given_back(backend, session):
    """Of a session that is used again and again, after the first time has made what stays."""

    def use():
        plan = compiled(session)
        plan.run({"x": X}, stamps=[])
        session.free(plan.run({"x": X}, keep=True)["y"])
        plan.dispose()

    use()
    before = backend.memory()
    for _ in range(3):
        use()
    assert backend.memory() == before
    left = session.put(X, "float32")
    assert backend.memory()["buffers"] == before["buffers"] + 1
    session.free(left)
    assert backend.memory() == before
