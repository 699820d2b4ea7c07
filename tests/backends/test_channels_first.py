"""Images with channels first: kernels, few transposes, and the names that the model knows."""

from __future__ import annotations

import numpy as np
import pytest
from support.available import need
from support.wasm import run_nodes

from tfjslab.backends.wasm import backend as wasm
from tfjslab.backends.webgpu import backend as webgpu
from tfjslab.graph.ir import Node
from tfjslab.ops import registry
from tfjslab.ops.conformance import cases, problem

FIRST = {"data_format": "NCHW"}
CONV = {**FIRST, "strides": (1, 1, 2, 1), "padding": "SAME", "dilations": (1, 1, 1, 1), "explicit_paddings": ()}
POOL = {**FIRST, "ksize": (1, 1, 2, 3), "strides": (1, 1, 2, 2), "padding": "VALID", "explicit_paddings": ()}
RNG = np.random.default_rng(3)
X = RNG.uniform(-1, 1, (2, 5, 9, 11)).astype(np.float32)
WEIGHTS = {
    "w": RNG.uniform(-1, 1, (3, 3, 5, 6)).astype(np.float32), "d": RNG.uniform(-1, 1, (3, 2, 6, 2)).astype(np.float32),
    "bias": RNG.uniform(-1, 1, (6, 1, 1)).astype(np.float32), "scale": np.array(0.5, np.float32),
    "row": RNG.uniform(-1, 1, 11).astype(np.float32),
}


@pytest.fixture(name="session", params=["plain", "simd", "threads", "webgpu"])
def _session(request):
    if request.param == "webgpu":
        need(request.param)
        backend = webgpu.create(request.param, 1)
    else:
        backend = wasm.create(request.param, 2)
    yield backend.open_session()
    backend.dispose()
    assert set(backend.memory().values()) == {0}


def reference(nodes):
    """All values by numpy."""
    values = {"x": X, **WEIGHTS}
    for n in nodes:
        values.update(zip(n.outputs, n.definition.run([values[v] for v in n.inputs], n.attrs), strict=True))
    return values


def check(session, nodes, *outputs):
    """The outputs are right and nothing is left to the host; gives the commands."""
    used = {v for n in nodes for v in n.inputs}
    constants = {k: v for k, v in WEIGHTS.items() if k in used}
    results, infos = run_nodes(session, nodes, {"x": X}, constants, outputs)
    wanted = reference(nodes)
    for v in outputs:
        np.testing.assert_allclose(results[v], wanted[v], rtol=1e-5, atol=1e-5)
    assert [i.reason for i in infos if i.fallback] == []
    return infos


def test_a_chain_is_turned_once_before_and_once_behind(session):
    nodes = [
        Node("conv", "Conv2D", ("x", "w"), CONV), Node("biased", "Add", ("conv", "bias")),
        Node("relu", "Relu", ("biased",)), Node("half", "Multiply", ("scale", "relu")),
        Node("deep", "DepthwiseConv2dNative", ("half", "d"), {**CONV, "strides": (1, 1, 1, 1), "padding": "VALID"}),
        Node("pool", "MaxPool", ("deep",), {**POOL, "strides": (1,)}),
        Node("mean", "AvgPool", ("pool",), {**POOL, "ksize": (2,), "strides": (1,)}),
    ]
    infos = check(session, nodes, "mean")
    assert [i.kernel for i in infos].count("Transpose") == 2
    assert {n for i in infos for n in i.nodes} >= {"conv", "biased", "relu", "half", "deep", "pool"}


def test_values_that_others_read_are_turned_back(session):
    nodes = [
        Node("conv", "Conv2D", ("x", "w"), CONV), Node("sum", "Sum", ("conv",), {"axis": (3,), "keep_dims": False}),
        Node("relu", "Relu", ("conv",)), Node("two", "Add", ("relu", "conv")), Node("rows", "Add", ("x", "row")),
        Node("other", "Conv2D", ("rows", "w"), CONV), Node("both", "Add", ("two", "other")),
    ]
    check(session, nodes, "both", "sum", "conv")


@pytest.mark.parametrize("name", [
    "Conv2D", "DepthwiseConv2dNative", "FusedConv2D", "Conv2DBackpropInput", "MaxPool", "AvgPool"])
def test_every_case_with_channels_first_has_a_kernel(session, name):
    op, found = registry.get(name), 0
    for c in cases({name}):
        if c.attrs.get("data_format") == "NCHW" and all(x.size for x in c.inputs):
            values = {f"x{i}": v for i, v in enumerate(c.inputs)}
            node = Node("n", name, tuple(values), op.resolve_attrs(c.attrs, "test"))
            results, infos = run_nodes(session, [node], values, {}, ("n",))
            assert problem(c, list(results.values())) == ""
            # A whole op may lack a GPU kernel; no kernel lacks this data format.
            assert {i.reason for i in infos if i.fallback} <= {f"no GPU kernel for {name}"}
            found += 1
    assert found
