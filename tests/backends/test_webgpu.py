"""The GPU backends beyond the ops: adapters, errors, time stamps, the pool, and that nothing is left behind."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from support.available import need
from support.wasm import graph_of, run_nodes

import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends.webgpu import backend as webgpu
from tfjslab.base.errors import BackendError, BackendUnavailableError
from tfjslab.base.extras import install
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.model.sample import sample_inputs
from tfjslab.model.schedule import schedule
from tfjslab.ops.registry import Spec, get


@pytest.fixture(name="gpu", params=["webgpu", "webgl"])
def _gpu(request):
    """A backend of its own; skipped with the reason where there is no adapter."""
    need(request.param)
    made = webgpu.create(request.param, 1)
    yield made
    made.dispose()
    assert set(made.memory().values()) == {0}


def node(name, op, inputs, **attrs):
    return Node(name, op, inputs, get(op).resolve_attrs(attrs, "test"))


def plan_of(session, nodes, feeds, outputs):
    graph = graph_of(nodes, feeds, {}, outputs)
    return session.compile(specialize(graph, {k: Spec(v.shape, "float32") for k, v in feeds.items()}), outputs)


X = np.linspace(-2, 2, 24, dtype=np.float32).reshape(2, 3, 4)
NODES = [node("e", "Exp", ("x",)), node("m", "Mean", ("e",), axis=[1], keep_dims=False)]
MEAN = np.exp(X.astype(np.float64)).mean(axis=1)


# ---- availability ----------------------------------------------------------------------------------------------------


def test_without_wgpu_the_reason_names_the_extra_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if "webgpu.run.adapters" in name:
            raise ImportError("No module named 'wgpu'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    found = webgpu.availability("webgpu")
    assert (found.available, found.reason) == (
        False, f"wgpu cannot be imported (No module named 'wgpu'); {install('gpu')}",
    )
    assert not webgpu.may_be_chosen("webgpu")


def test_without_an_adapter_the_reason_says_what_helps(monkeypatch):
    adapters = pytest.importorskip("tfjslab.backends.webgpu.run.adapters")
    monkeypatch.setattr(adapters, "adapters", lambda: ())
    monkeypatch.setattr(adapters.shutil, "which", lambda tool: tool == "apt-get")
    monkeypatch.setattr(adapters.sys, "platform", "linux")
    assert webgpu.availability("webgpu").reason == (
        "no Vulkan or Metal or D3D12 adapter on this machine; "
        "'apt-get install mesa-vulkan-drivers' installs a software one"
    )
    monkeypatch.setattr(adapters.sys, "platform", "win32")
    assert webgpu.availability("webgl").reason == (
        "no OpenGL or OpenGLES adapter on this machine; install the graphics driver of this machine"
    )


def test_an_adapter_is_taken_by_name_and_the_fastest_kind_else(monkeypatch):
    adapters = pytest.importorskip("tfjslab.backends.webgpu.run.adapters")
    made = [adapters.Adapter(n, k, "Vulkan", "", None) for n, k in (("Big One", "discrete"), ("Soft", "software"))]
    monkeypatch.setattr(adapters, "adapters", lambda: tuple(made))
    assert adapters.choose("webgpu").name == "Big One"
    monkeypatch.setenv("TFJSLAB_ADAPTER", "soft")
    assert adapters.choose("webgpu").name == "Soft"
    monkeypatch.setenv("TFJSLAB_ADAPTER", "software")
    assert adapters.choose("webgpu").name == "Soft"
    monkeypatch.setenv("TFJSLAB_ADAPTER", "none such")
    with pytest.raises(BackendUnavailableError) as caught:
        adapters.choose("webgpu")
    assert str(caught.value) == (
        "'none such' (TFJSLAB_ADAPTER) names none of the adapters 'Big One' (discrete), 'Soft' (software)"
    )


@pytest.mark.parametrize(("driver", "reason"), [
    ("3.3.0 NVIDIA 580.159.04", "gives OpenGL 3.3; compute shaders need 4.3"),
    ("OpenGL ES 3.0 something", "gives OpenGL ES 3.0; compute shaders need ES 3.1"),
    ("4.5 (Core Profile) Mesa 22.3.6", ""), ("OpenGL ES 3.1", ""), ("a driver without a number", ""),
])
def test_an_opengl_that_is_too_old_for_kernels_is_the_reason(monkeypatch, driver, reason):
    adapters = pytest.importorskip("tfjslab.backends.webgpu.run.adapters")
    made = adapters.Adapter("Card", "unknown", "OpenGL", driver, None)
    monkeypatch.setattr(adapters, "adapters", lambda: (made,))
    if not reason:
        assert adapters.choose("webgl") is made
        return
    with pytest.raises(BackendUnavailableError, match=reason):
        adapters.choose("webgl")


def test_a_software_adapter_is_not_chosen_by_itself_and_its_kind_stands_beside_every_figure(gpu):
    details = webgpu.availability(gpu.name).details
    if details["adapter_type"] != "software":
        pytest.skip(f"{details['adapter']} is no software adapter")
    assert not webgpu.may_be_chosen(gpu.name)
    assert "software adapter" in gpu.engine
    assert "software adapter" in plan_of(gpu.open_session(), NODES, {"x": X}, ["m"]).info.clock


# ---- running ---------------------------------------------------------------------------------------------------------


def test_without_time_stamps_the_host_clock_is_read_and_named(gpu):
    session = gpu.open_session()
    session.device.features = frozenset()
    plan = plan_of(session, NODES, {"x": X}, ["m"])
    stamps = []
    np.testing.assert_allclose(plan.run({"x": X}, stamps=stamps)["m"], MEAN, rtol=1e-5)
    assert plan.info.clock.startswith("host clock around one submission for each command")
    assert all(ms > 0 for ms in stamps)


def test_a_wgpu_without_its_c_functions_records_by_its_methods(gpu, monkeypatch):
    recording = pytest.importorskip("tfjslab.backends.webgpu.run.recording")
    plan = plan_of(gpu.open_session(), NODES, {"x": X}, ["m"])
    ways = []
    for way in ("_record_natively", "_record_publicly"):
        real = getattr(recording, way)
        monkeypatch.setattr(recording, way, lambda *a, real=real, way=way: (ways.append(way), real(*a)))
    np.testing.assert_allclose(plan.run({"x": X})["m"], MEAN, rtol=1e-5)
    monkeypatch.setattr(recording.wgpu.backends, "wgpu_native", None)
    np.testing.assert_allclose(plan.run({"x": -X})["m"], np.exp(-X.astype(np.float64)).mean(axis=1), rtol=1e-5)
    assert ways == ["_record_natively", "_record_publicly"]


def test_host_steps_stand_between_dispatches(gpu):
    """Bounds that are no integers have no kernel: what is before and behind still runs on the device."""
    nodes = [
        node("a", "Cast", ("x",), dtype="int32"), node("b", "ClipByValue", ("a",), clip_value_max=0.5),
        node("c", "Neg", ("b",)),
    ]
    found, infos = run_nodes(gpu.open_session(), nodes, {"x": X}, {}, ["c"])
    np.testing.assert_array_equal(found["c"], -np.clip(X.astype(np.int32), -1, 0))
    assert [i.reason for i in infos] == ["", "no GPU kernel for fraction of int32", ""]


def test_equal_kernels_share_a_pipeline_whatever_their_sizes(gpu):
    session = gpu.open_session()
    for rows in (3, 5, 7):
        x = np.ones((rows, 8), np.float32)
        plan_of(session, [node("e", "Exp", ("x",))], {"x": x}, ["e"])
    assert gpu.memory()["pipelines"] == 1


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_a_buffer_above_the_limit_is_refused_before_it_is_asked_for(gpu):
    device = gpu.open_session().device
    with pytest.raises(BackendError) as caught:
        device.buffer(device.max_buffer + 1, what="a tensor")
    assert caught.value.code == "backend.limit"
    assert str(caught.value) == (
        f"a tensor takes {device.max_buffer + 1} bytes; {gpu.adapter} has buffers of at most {device.max_buffer} bytes"
    )


def test_a_binding_above_the_limit_names_the_node(gpu, monkeypatch):
    """The last guard, for what a lowering makes larger than it seemed."""
    session = gpu.open_session()
    monkeypatch.setattr("tfjslab.backends.webgpu.splitting.Limit.refusal", lambda *_: "")
    session.device.max_binding = 64
    with pytest.raises(BackendError) as caught:
        plan_of(session, NODES, {"x": X}, ["m"])
    assert caught.value.code == "backend.limit"
    assert str(caught.value).startswith("node 'e' binds a buffer of ")
    assert gpu.memory()["gpu_buffers"] == 0


def test_a_bad_shader_is_an_error_of_its_own_and_the_device_goes_on(gpu):
    session = gpu.open_session()
    with pytest.raises(BackendError, match=r"shader 'bad': .*expected expression") as caught:
        session.device.pipeline("@compute @workgroup_size(1) fn main() { let x = 1 +; }", "bad")
    assert caught.value.code == "backend.shader"
    np.testing.assert_allclose(run_nodes(session, NODES, {"x": X}, {}, ["m"])[0]["m"], MEAN, rtol=1e-5)


def test_a_lost_device_is_a_typed_error_and_the_next_session_has_a_new_one(gpu):
    session = gpu.open_session()
    plan = plan_of(session, NODES, {"x": X}, ["m"])
    session.device.handle.destroy()
    with pytest.raises(BackendError) as caught:
        plan.run({"x": X})
    assert caught.value.code == "backend.device_lost"
    session.dispose()
    assert set(gpu.memory().values()) == {0}
    np.testing.assert_allclose(run_nodes(gpu.open_session(), NODES, {"x": X}, {}, ["m"])[0]["m"], MEAN, rtol=1e-5)


# ---- what is held ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mobilenet_v2", "blazeface"])
def test_what_a_real_model_allocates_is_close_to_its_memory_plan(gpu, name):
    """Beside the arena: inputs and outputs, the sizes of kernels, and rounding; what is read back is not counted."""
    model = zoo.build(name)
    specs = {p.value: Spec(v.shape, p.dtype) for p, v in zip(
        model.inputs, sample_inputs(model.inputs, 1, 0).values(), strict=True,
    )}
    outputs = tuple(p.value for p in model.outputs)
    (step,) = schedule(model, specs, outputs).steps
    plan = gpu.open_session().compile(step.program, step.outputs)
    allocated, arena = plan.info.details["num_bytes_allocated"], plan.info.peak_bytes
    weights = plan.info.weight_bytes
    held = gpu.memory()
    print(f"\n{name}: {allocated} bytes allocated, {arena} planned, {allocated / arena:.2f}x")  # noqa: T201
    assert arena < allocated <= 1.25 * arena
    assert 0 <= held["num_bytes_in_gpu"] - allocated - weights <= 256 * held["gpu_buffers"]  # nothing else is held


def test_plans_buffers_stamps_and_pipelines_are_given_back(gpu):
    """After every step the counters are what they were before it."""
    session = gpu.open_session()
    before = gpu.memory()
    for _ in range(3):
        plan = plan_of(session, NODES, {"x": X}, ["m"])
        plan.run({"x": X}, stamps=[])
        plan.dispose()
        plan.dispose()
        session.free(session.put(X, "float32"))
        held = gpu.memory()
        assert {k: held[k] for k in ("plans", "buffers", "gpu_buffers", "num_bytes_in_gpu")} == {
            k: before[k] for k in ("plans", "buffers", "gpu_buffers", "num_bytes_in_gpu")
        }
    once = gpu.memory()["num_bytes_allocated"]
    plan_of(session, NODES, {"x": X}, ["m"]).run({"x": X}, stamps=[])
    assert gpu.memory()["num_bytes_allocated"] == once  # the pool has all that is needed


def test_the_counters_see_a_planted_leak(gpu):
    session = gpu.open_session()
    before = gpu.memory()["gpu_buffers"]
    session.device.buffer(4)
    assert gpu.memory()["gpu_buffers"] == before + 1


@pytest.mark.parametrize("name", ["webgpu", "webgl"])
def test_eager_ops_run_there(name, no_leaks):
    """Through the registry, as users do; tensors are given back with their scope."""
    need(name)
    with no_leaks():
        tf.set_backend(name)
        with tf.tidy():
            assert tf.add(tf.tensor([1.0, 2.0]), tf.tensor([3.0, 4.0])).data_sync().tolist() == [4.0, 6.0]
        tf.set_backend("cpu")
