"""What goes wrong on a GPU: typed errors, sessions and models that go on, and the next backend where it was chosen.

The faults are real where a software adapter can have them (a device that is destroyed, sizes above its limits).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from support.available import need
from support.wasm import graph_of, run_nodes

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.backends.webgpu import backend as webgpu
from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Node
from tfjslab.model.model import Model
from tfjslab.ops.registry import get

wgpu = pytest.importorskip("wgpu")
failures = pytest.importorskip("tfjslab.backends.webgpu.run.failures")

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def node(name, op, inputs, **attrs):
    return Node(name, op, inputs, get(op).resolve_attrs(attrs, "test"))


NODES = [node("e", "Exp", ("x",))]
GRAPH = graph_of(NODES, {"x": X}, {}, ["e"])


@pytest.fixture(name="chosen", params=["webgpu", "webgl"])
def _chosen(request, monkeypatch):
    """A GPU backend that automatic choice took, software or not; nobody named it."""
    need(request.param)
    monkeypatch.setattr(webgpu, "may_be_chosen", lambda variant: variant == request.param)
    state = registry._STATE
    monkeypatch.setattr(state, "named", False)
    monkeypatch.setattr(state, "current", None)
    monkeypatch.setattr(state, "generation", state.generation + 1)
    yield request.param
    state.failed.clear()
    registry.set_backend("cpu")


@pytest.fixture(name="gpu", params=["webgpu", "webgl"])
def _gpu(request):
    need(request.param)
    made = webgpu.create(request.param, 1)
    yield made
    made.dispose()
    assert set(made.memory().values()) == {0}


def lose(model):
    """What a driver's crash does to the device of a model."""
    model._running[1].device.handle.destroy()


# ---- moving on to the next backend -----------------------------------------------------------------------------------


def test_a_model_that_follows_automatic_choice_moves_on_and_says_so(chosen):
    with Model(GRAPH) as model:
        np.testing.assert_allclose(model.predict(X), np.exp(X), rtol=1e-6)
        assert model.backend.name == chosen
        lose(model)
        with pytest.warns(tf.BackendFallbackWarning) as caught:
            np.testing.assert_allclose(model.predict(X), np.exp(X), rtol=1e-6)
        (text,) = [str(w.message) for w in caught]
        assert f"backend '{chosen}' failed (" in text
        assert "the device was lost" in text
        assert text.endswith("; using 'wasm'")
        assert model.backend.name.startswith("wasm")
        assert tf.get_backend() == "wasm"


def test_the_one_that_failed_comes_back_by_name(chosen):
    with Model(GRAPH) as model:
        model.predict(X)
        lose(model)
        with pytest.warns(tf.BackendFallbackWarning, match="using 'wasm'"):
            model.predict(X)
        tf.set_backend(chosen)
        np.testing.assert_allclose(model.predict(X), np.exp(X), rtol=1e-6)
        assert model.backend.name == chosen


@pytest.mark.parametrize("code", ["backend.limit", "backend.out_of_memory", "backend.shader"])
def test_so_it_does_for_what_another_backend_may_be_able_to_do(chosen, code, monkeypatch):
    device = pytest.importorskip("tfjslab.backends.webgpu.run.device").Device

    def refuse(_self, *_args, **_kwargs):
        raise BackendError("made up", code=code)

    monkeypatch.setattr(device, "pipeline", refuse)
    with Model(GRAPH) as model:
        assert model.backend.name == chosen
        with pytest.warns(tf.BackendFallbackWarning, match=r"failed \(made up\); using 'wasm'"):
            found = model.predict(X)
    np.testing.assert_allclose(found, np.exp(X), rtol=1e-6)


def test_a_backend_that_was_named_gives_the_error_and_the_next_call_works(gpu):
    with Model(GRAPH, gpu.name) as model:
        model.predict(X)
        lose(model)
        with pytest.raises(BackendError, match="the device was lost") as caught:
            model.predict(X)
        assert caught.value.code == "backend.device_lost"
        np.testing.assert_allclose(model.predict(X), np.exp(X), rtol=1e-6)
        assert model.backend.name == gpu.name


def test_under_a_profile_nothing_moves_as_it_is_of_one_backend(chosen):
    with Model(GRAPH) as model:
        model.predict(X)
        lose(model)
        with pytest.raises(BackendError, match="the device was lost"):
            tf.profile(lambda: model.predict(X))
        assert tf.get_backend() == chosen
        assert len(tf.profile(lambda: model.predict(X)).kernels) == 1


def test_eager_ops_move_on_and_tensors_on_a_lost_device_are_an_error(chosen):
    with tf.tidy():
        kept = tf.tensor([1.0, 2.0])
        kept.data_ref().eager.session.device.handle.destroy()
        with pytest.raises(BackendError, match="the device was lost"):
            kept.data_sync()
        assert tf.add(tf.tensor([1.0]), tf.tensor([2.0])).data_sync().tolist() == [3.0]
        assert tf.get_backend() == chosen  # with a new device
        other = tf.tensor([1.0])
        other.data_ref().eager.session.device.handle.destroy()
        with pytest.warns(tf.BackendFallbackWarning, match="using 'wasm'"):
            assert tf.exp(tf.tensor([0.0])).data_sync().tolist() == [1.0]


# ---- a device that is lost -------------------------------------------------------------------------------------------


def test_sessions_of_a_lost_device_may_end_after_others_have_begun(gpu):
    lost = gpu.open_session()
    buffer = lost.put(X, "float32")
    lost.device.handle.destroy()
    with pytest.raises(BackendError) as caught:
        lost.get(buffer)
    assert caught.value.code == "backend.device_lost"
    fresh = gpu.open_session()
    assert fresh.device is not lost.device
    assert gpu.memory()["devices"] == 2
    np.testing.assert_allclose(run_nodes(fresh, NODES, {"x": X}, {}, ["e"])[0]["e"], np.exp(X), rtol=1e-6)
    lost.dispose()
    assert gpu.memory()["devices"] == 1
    np.testing.assert_allclose(run_nodes(fresh, NODES, {"x": X}, {}, ["e"])[0]["e"], np.exp(X), rtol=1e-6)


@pytest.mark.parametrize("what", [
    lambda s: s.put(X, "float32"), lambda s: run_nodes(s, NODES, {"x": X}, {}, ["e"]), lambda s: s.device.wait(),
    lambda s: s.device.pipeline("@compute @workgroup_size(1) fn main() { }", "empty"),
    lambda s: s.device.queries(2), lambda s: s.device.submit(s.device.encoder()),
], ids=["put", "run", "wait", "pipeline", "queries", "submit"])
def test_whatever_is_asked_of_a_lost_device_is_one_typed_error(gpu, what):
    session = gpu.open_session()
    session.device.handle.destroy()
    with pytest.raises(BackendError, match="the device was lost") as caught:
        what(session)
    assert caught.value.code == "backend.device_lost"


# ---- memory and sizes ------------------------------------------------------------------------------------------------


def test_a_driver_without_memory_is_a_typed_error(gpu, monkeypatch):
    device = gpu.open_session().device

    def full(**_kwargs):
        raise wgpu.GPUOutOfMemoryError("no room")

    monkeypatch.setattr(device.handle, "create_buffer", full)
    with pytest.raises(BackendError) as caught:
        device.buffer(12345, what="a tensor")
    assert (caught.value.code, str(caught.value)) == (
        "backend.out_of_memory", "a tensor: the adapter is out of memory",
    )


def test_a_software_adapter_does_not_promise_memory_that_the_machine_has_not(gpu, monkeypatch):
    device = gpu.open_session().device
    if not device.adapter.software:
        pytest.skip(f"{device.adapter} has memory of its own")
    monkeypatch.setattr("tfjslab.backends.webgpu.run.device.available_memory_bytes", lambda: 300 << 20)
    device.release(device.buffer(1 << 20))
    with pytest.raises(BackendError) as caught:
        device.buffer(100 << 20, what="a tensor")
    assert caught.value.code == "backend.out_of_memory"
    assert str(caught.value) == (
        f"a tensor takes 104857600 bytes; {device.adapter} computes in the memory of this machine, "
        "of which 314572800 bytes are available"
    )


def test_too_many_workgroups_are_refused_before_they_are_recorded(gpu):
    session = gpu.open_session()
    session.device.max_groups = 1
    with pytest.raises(BackendError, match=r"node 'e' needs \d+ x 1 x 1 workgroups; .* at most 1 along") as caught:
        run_nodes(session, NODES, {"x": np.ones((64, 64), np.float32)}, {}, ["e"])
    assert caught.value.code == "backend.limit"


# ---- what would end the process --------------------------------------------------------------------------------------


def test_expressions_nested_too_deeply_do_not_reach_the_compiler(gpu):
    device = gpu.open_session().device
    deep = "@compute @workgroup_size(1) fn main() { let x = " + "(" * 5000 + "1.0" + ")" * 5000 + "; }"
    with pytest.raises(BackendError, match="shader 'deep': expressions are nested 5001 deep; at most 512") as caught:
        device.pipeline(deep, "deep")
    assert caught.value.code == "backend.shader"


@pytest.mark.parametrize("length", [47, 48, 49, 700])
def test_chains_of_any_length_run(gpu, length):
    """Expressions are trees: a chain that is too long for the compilers' stacks, or Python's, is cut."""
    nodes = [node(f"n{i}", "Add" if i % 2 else "Multiply", ("x" if not i else f"n{i - 1}", "c")) for i in range(length)]
    last = nodes[-1].outputs[0]
    wanted = np.float32(1)
    for i in range(length):
        wanted = wanted + np.float32(0.5) if i % 2 else wanted * np.float32(0.5)
    found, infos = run_nodes(gpu.open_session(), nodes, {"x": np.ones((2, 4), np.float32)}, {
        "c": np.array(0.5, np.float32)}, [last])
    np.testing.assert_allclose(found[last], wanted, rtol=1e-5)
    assert len(infos) == -(-length // 48)


def test_an_interrupt_while_waiting_leaves_nothing_mapped(gpu, monkeypatch):
    """A buffer that is still mapped ends the process when it is submitted again."""
    session = gpu.open_session()
    device = session.device
    buffer = session.put(X, "float32")
    held = gpu.memory()["gpu_buffers"]
    real = device.buffer

    def interrupted(*args, **kwargs):
        made = real(*args, **kwargs)
        monkeypatch.setattr(made, "read_mapped", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        return made

    with monkeypatch.context() as patch:
        patch.setattr(device, "buffer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.get(buffer)
    assert gpu.memory()["gpu_buffers"] == held
    np.testing.assert_array_equal(session.get(buffer), X)


def test_a_buffer_that_was_given_back_may_still_be_submitted(gpu, monkeypatch):
    """The process would end when a destroyed buffer is submitted: none is destroyed."""
    monkeypatch.setattr("tfjslab.backends.webgpu.run.device._POOLED_BYTES", 0)
    session = gpu.open_session()
    a, b = session.put(X, "float32"), session.put(X, "float32")
    encoder = session.device.encoder()
    encoder.copy_buffer_to_buffer(a.native, 0, b.native, 0, X.nbytes)
    session.free(a)
    session.device.submit(encoder)
    np.testing.assert_array_equal(session.get(b), X)


# ---- without an adapter ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="hides the drivers as Vulkan and EGL loaders on Linux allow")
def test_without_drivers_the_command_line_gives_the_reason_and_what_helps(tmp_path):
    """The drivers' lists are pointed at nothing, in a process of its own, as drivers are loaded once."""
    nothing = str(tmp_path / "none.json")
    hidden = {"VK_ICD_FILENAMES": nothing, "VK_DRIVER_FILES": nothing, "__EGL_VENDOR_LIBRARY_FILENAMES": nothing}
    code = (
        "import json, tfjslab as tf\n"
        "print(json.dumps({b.name: [b.available, b.reason] for b in tf.backends() if b.name in ('webgpu', 'webgl')}))\n"
        "print(tf.get_backend())"
    )
    ran = subprocess.run([sys.executable, "-c", code], env={**os.environ, **hidden}, capture_output=True, text=True,
                         check=True, timeout=120)
    first, chosen = ran.stdout.splitlines()
    found = json.loads(first)
    assert found["webgpu"][0] is False
    assert found["webgpu"][1].startswith("no Vulkan or Metal or D3D12 adapter on this machine; ")
    assert chosen != "webgpu"
