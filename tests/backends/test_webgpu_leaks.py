"""Every kind of GPU object goes back, as wgpu itself counts them, and a planted leak of each kind is seen."""

from __future__ import annotations

import gc
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from support.available import need
from support.wasm import graph_of

from tfjslab.backends.webgpu import backend as webgpu
from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec, get

wgpu = pytest.importorskip("wgpu")

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 12)
W = np.ones((12, 8), np.float32)
SHADER = """@group(0) @binding(0) var<storage, read_write> a: array<u32>;
@compute @workgroup_size(1) fn main() { a[0] = 1u; }"""
# What a plan needs; the report of wgpu-native and the wrappers of wgpu-py count them under these names.
KINDS = ("BindGroup", "BindGroupLayout", "Buffer", "CommandBuffer", "CommandEncoder", "ComputePassEncoder",
         "ComputePipeline", "Device", "QuerySet", "ShaderModule")


def alive():
    """How many of each kind there are: wrappers of wgpu-py, and objects of wgpu-native behind them."""
    gc.collect()
    wrapped = {k: wgpu.diagnostics.object_counts.get_dict()[k]["count"] for k in KINDS}
    report = wgpu.backends.wgpu_native._helpers.generate_report()
    native = {f"native {k}": v["kept"] for k, v in report["hub"].items()}
    return wrapped | native


@pytest.fixture(name="name", params=["webgpu", "webgl"])
def _name(request):
    need(request.param)
    return request.param


def node(name, op, inputs, **attrs):
    return Node(name, op, inputs, get(op).resolve_attrs(attrs, "test"))


def plan_of(session):
    """A product with weights, a step on the host, a gather whose indices are looked at, a reduction."""
    nodes = [
        node("p", "BatchMatMul", ("x", "w")), node("i", "Cast", ("p",), dtype="int32"),
        node("h", "ClipByValue", ("i",), clip_value_max=0.5), node("at", "ArgMax", ("p",), axis=0),
        node("g", "GatherV2", ("h", "at")),
        node("m", "Mean", ("g",), axis=[1], keep_dims=False),
    ]
    graph = graph_of(nodes, {"x": X}, {"w": W}, ["m"])
    return session.compile(specialize(graph, {"x": Spec(X.shape, "float32")}), ["m"])


def use(session):
    """A plan in every way that it can be used."""
    plan = plan_of(session)
    plan.run({"x": X})
    plan.run({"x": X}, stamps=[])
    given = session.put(X, "float32")
    kept = plan.run({"x": given}, keep=True)["m"]
    session.get(kept)
    session.free(kept)
    session.free(given)
    plan.dispose()


def test_a_backend_gives_every_kind_back(name):
    before = alive()
    backend = webgpu.create(name, 1)
    session, other = backend.open_session(), backend.open_session()
    plan = plan_of(session)
    plan.run({"x": X}, stamps=[])
    during = alive()
    use(other)
    assert all(during[k] > before[k] for k in ("BindGroup", "Buffer", "ComputePipeline", "Device"))
    backend.dispose()
    del plan, session, other, backend
    assert alive() == before


def test_nothing_grows_from_one_use_to_the_next(name):
    backend = webgpu.create(name, 1)
    session = backend.open_session()
    use(session)
    before, counted = alive(), backend.memory()
    for _ in range(3):
        use(session)
    assert (alive(), backend.memory()) == (before, counted)
    backend.dispose()


def fails_after(real, uses):
    """A function that works ``uses`` times."""
    calls = iter(range(uses))

    def call(*args, **kwargs):
        if next(calls, None) is None:
            raise BackendError("planted")
        return real(*args, **kwargs)

    return call


@contextmanager
def closing_plan(plan):
    try:
        yield
    finally:
        plan.dispose()


@pytest.mark.parametrize("broken", ["pipeline", "bind", "buffer", "submit", "write"])
def test_what_fails_half_way_gives_back_what_it_had(name, broken, monkeypatch):
    """Each call of the device fails, from its first, second, ... use on."""
    backend = webgpu.create(name, 1)
    session = backend.open_session()
    use(session)
    before, counted = alive(), backend.memory()
    for uses in range(4):
        with monkeypatch.context() as patch:
            patch.setattr(session.device, broken, fails_after(getattr(session.device, broken), uses))
            with suppress(BackendError):
                plan = plan_of(session)
                with closing_plan(plan):
                    plan.run({"x": X}, stamps=[])
    now = backend.memory()
    held = ("plans", "buffers", "gpu_buffers", "num_bytes_in_gpu", "query_sets")
    assert {k: now[k] for k in held} == {k: counted[k] for k in held}
    after_all = alive()
    assert {k: after_all[k] for k in KINDS if k != "Buffer"} == {k: before[k] for k in KINDS if k != "Buffer"}
    backend.dispose()


def make_one(device, kind):
    """An object of a kind, and nothing else that stays."""
    handle = device.handle
    buffer = handle.create_buffer(size=256, usage=wgpu.BufferUsage.STORAGE)
    module = handle.create_shader_module(code=SHADER)
    pipeline = handle.create_compute_pipeline(layout="auto", compute={"module": module, "entry_point": "main"})
    layout = pipeline.get_bind_group_layout(0)
    entry = {"binding": 0, "resource": {"buffer": buffer, "offset": 0, "size": 256}}
    return {
        "Buffer": lambda: buffer,
        "ShaderModule": lambda: module,
        "ComputePipeline": lambda: pipeline,
        "BindGroupLayout": lambda: layout,
        "BindGroup": lambda: handle.create_bind_group(layout=layout, entries=[entry]),
        "CommandEncoder": handle.create_command_encoder,
        "CommandBuffer": lambda: handle.create_command_encoder().finish(),
        "ComputePassEncoder": lambda: handle.create_command_encoder().begin_compute_pass(),
        "QuerySet": lambda: handle.create_query_set(type="timestamp", count=2),
        "Device": device.adapter.handle.request_device_sync,
    }[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_leak_of_each_kind_is_seen(name, kind):
    """What the tests above rely on."""
    backend = webgpu.create(name, 1)
    device = backend.open_session().device
    before = alive()
    leaked = make_one(device, kind)
    assert alive()[kind] == before[kind] + 1
    if kind == "ComputePassEncoder":
        leaked.end()
    if kind == "CommandBuffer":
        device.queue.submit([leaked])  # wgpu-py 0.32.0 lets go of those that were never submitted, and keeps the object
    del leaked
    assert alive() == before
    backend.dispose()
