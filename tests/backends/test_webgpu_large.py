"""What is larger than an adapter binds: weights are cut by output columns, other values are left to the host."""

from __future__ import annotations

import numpy as np
import pytest
from support.sessions import adapter_backend
from support.wasm import run_nodes

from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Node
from tfjslab.ops.registry import get

RNG = np.random.default_rng(5)


@pytest.fixture(name="gpu", params=["webgpu", "webgl", "webgpu-f16"])
def _gpu(request):
    with adapter_backend(request.param) as made:
        yield made


def session_of(gpu, max_binding):
    """A session on an adapter that binds little."""
    session = gpu.open_session()
    session.device.max_binding = max_binding
    return session


def node(name, op, inputs, **attrs):
    return Node(name, op, inputs, get(op).resolve_attrs(attrs, "test"))


def numbers(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float16).astype(np.float32)


def near(found, wanted, gpu):
    np.testing.assert_allclose(found, wanted, rtol=2e-3 if gpu.float16 else 1e-5, atol=4e-3 if gpu.float16 else 1e-5)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("fused", [(), ("BiasAdd",), ("BiasAdd", "Relu")])
def test_dense_layers_with_large_weights_are_cut_by_columns(gpu, transposed, fused):
    x, w, bias = numbers(3, 40), numbers(40, 330), numbers(330)
    attrs = {"transpose_b": transposed, **({"fused_ops": list(fused)} if fused else {})}
    op = "_FusedMatMul" if fused else "BatchMatMul"
    inputs = ("x", "w", "b") if fused else ("x", "w")
    constants = {"w": np.ascontiguousarray(w.T) if transposed else w} | ({"b": bias} if fused else {})
    session = session_of(gpu, 24 << 10)
    found, infos = run_nodes(session, [node("y", op, inputs, **attrs)], {"x": x}, constants, ["y"])
    wanted = x @ w + (bias if fused else 0)
    near(found["y"], np.maximum(wanted, 0) if "Relu" in fused else wanted, gpu)
    assert not any(c.fallback for c in infos)
    parts = 2 if gpu.float16 else 3
    assert len(infos) == parts + 1
    assert infos[-1].kernel == "Concat"
    assert infos[0].node.startswith("y columns 0 to ")


def test_convolutions_with_large_filters_too(gpu):
    x, w = numbers(1, 5, 6, 8), numbers(3, 3, 8, 200)
    nodes = [node("c", "Conv2D", ("x", "w"), strides=[1], padding="SAME"), node("y", "Relu", ("c",))]
    wanted = run_nodes(gpu.open_session(), nodes, {"x": x}, {"w": w}, ["y"])[0]["y"]
    found, infos = run_nodes(session_of(gpu, 25 << 10), nodes, {"x": x}, {"w": w}, ["y"])
    near(found["y"], wanted, gpu)
    assert not any(c.fallback for c in infos)
    assert sum(c.kernel == "Conv2D" for c in infos) > 1


def test_parts_of_weights_are_shared_by_the_plans_of_a_session(gpu):
    session = session_of(gpu, 24 << 10)
    w = numbers(40, 330)
    for rows in (1, 2):
        run_nodes(session, [node("y", "BatchMatMul", ("x", "w"))], {"x": numbers(rows, 40)}, {"w": w}, ["y"])
    assert len(session.slices) == (2 if gpu.float16 else 3)


def test_activations_above_the_limit_are_left_to_the_host_with_the_numbers(gpu):
    x = numbers(100, 33)
    session = session_of(gpu, 4096)
    nodes = [node("e", "Exp", ("x",)), node("r", "Reshape", ("e",), shape=[33, 100]),
             node("m", "Max", ("r",), axis=[1]), node("y", "Neg", ("m",))]
    found, infos = run_nodes(session, nodes, {"x": x}, {}, ["y"])
    near(found["y"], -np.exp(x).reshape(33, 100).max(axis=1), gpu)
    stored = 6608 if gpu.float16 else 13200
    assert [c.reason for c in infos] == [
        f"value 'x' takes {stored} bytes; {gpu.adapter} binds at most 4096 bytes", "",
        f"value 'r' takes {stored} bytes; {gpu.adapter} binds at most 4096 bytes", "",
    ]


def test_tables_that_only_the_host_reads_do_not_go_to_the_device(gpu):
    """An embedding that is larger than a binding: its table stays where numpy reads it."""
    session = session_of(gpu, 64 << 10)
    before = gpu.memory()["num_bytes_allocated"]
    table, ids = numbers(5000, 64), np.array([[7, 4999]], np.int32)
    attrs = get("GatherV2").resolve_attrs({"axis": 0, "batch_dims": 0}, "test")
    nodes = [Node("g", "GatherV2", ("t", "i"), attrs), node("y", "Neg", ("g",))]
    found, infos = run_nodes(session, nodes, {"i": ids}, {"t": table}, ["y"])
    near(found["y"], -table[ids], gpu)
    assert infos[0].fallback
    assert gpu.memory()["num_bytes_allocated"] - before < table.nbytes / 10


def test_what_cannot_be_cut_is_refused_with_the_numbers(gpu):
    """Not even one round of columns fits: the host runs it, and says so."""
    session = session_of(gpu, 1024)
    x, w = numbers(2, 40), numbers(40, 64)
    found, infos = run_nodes(session, [node("y", "BatchMatMul", ("x", "w"))], {"x": x}, {"w": w}, ["y"])
    near(found["y"], x @ w, gpu)
    assert infos[0].reason.startswith("value 'w' takes ")


@pytest.mark.parametrize("gpu", ["webgpu"], indirect=True)
def test_weights_above_what_this_adapter_really_binds(gpu):
    session = gpu.open_session()
    k = 1024
    n = session.device.max_binding // 4 // k + 100
    if n > 1 << 17:
        pytest.skip(f"{gpu.adapter} binds {session.device.max_binding} bytes, more than a test should")
    x, w = np.ones((1, k), np.float32), np.ones((k, n), np.float32)
    w[:, -1] = 2
    found, infos = run_nodes(session, [node("y", "BatchMatMul", ("x", "w"))], {"x": x}, {"w": w}, ["y"])
    assert found["y"][0, 0] == k
    assert found["y"][0, -1] == 2 * k
    assert not any(c.fallback for c in infos)


def test_a_tensor_above_the_largest_buffer_is_a_typed_error(gpu):
    session = gpu.open_session()
    session.device.max_buffer = 1 << 20
    with pytest.raises(BackendError, match=r"a tensor of shape \[1024, 1024\] takes \d+ bytes; .* buffers of at most"):
        session.put(np.zeros((1024, 1024), np.float32), "float32")
