"""Every case of every op on the adapters of wgpu, with inputs fed and with inputs constant."""

from __future__ import annotations

import numpy as np
import pytest
from support.wasm import run_node

from tfjslab.backends.webgpu.backend import availability, create
from tfjslab.ops import registry
from tfjslab.ops.conformance import cases, problem

_OPS = sorted({c.op.name for c in cases() if all(isinstance(x, np.ndarray) for x in c.inputs)})


@pytest.fixture(name="session", scope="module", params=["webgpu", "webgl"])
def _session(request):
    """One session for all: every device loads a driver. Skipped with the reason where there is no adapter."""
    found = availability(request.param)
    if not found.available:
        pytest.skip(f"{request.param}: {found.reason}")
    backend = create(request.param, 1)
    yield backend.open_session()
    backend.dispose()
    assert set(backend.memory().values()) == {0}


@pytest.mark.parametrize("name", _OPS)
def test_cases_agree_with_the_reference(session, name):
    """Kernels and host steps alike; whether there is a kernel is the business of other tests."""
    op = registry.get(name)
    for check in cases({name}):
        for constant in (False, True):
            ran = run_node(session, op, check.inputs, check.attrs, len(check.expected()), constant=constant)
            assert ran is None or problem(check, list(ran[0].values())) == ""


# Losing one of these silently would be a slow surprise.
_HAVE_KERNELS = (
    "Conv2D", "DepthwiseConv2dNative", "FusedConv2D", "FusedDepthwiseConv2D", "_FusedMatMul", "BatchMatMul", "MaxPool",
    "AvgPool", "Add", "Multiply", "Relu", "Relu6", "Sigmoid", "Tanh", "Prelu", "FusedBatchNorm", "PadV2", "Mean",
    "Softmax", "Transpose", "Concat", "Reshape", "Slice", "StridedSlice", "SplitV", "Pack", "Unpack", "Reverse",
    "BroadcastTo", "ResizeBilinear", "ResizeNearestNeighbor", "LogicalAnd", "Equal", "SelectV2", "Cast",
)


@pytest.mark.parametrize("name", _HAVE_KERNELS)
def test_common_ops_have_a_kernel(session, name):
    """At least one case with data runs without the host."""
    found = []
    for c in cases({name}):
        if all(x.size for x in c.inputs):
            ran = run_node(session, registry.get(name), c.inputs, c.attrs, len(c.expected()), constant=False)
            found.append([i.reason for i in ran[1] if i.fallback] if ran else ["not static"])
    assert [] in found
