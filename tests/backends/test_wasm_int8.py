"""Integer kernels: bit-equal to the definitions, on every variant, and none of them on the host."""

from __future__ import annotations

import numpy as np
import pytest
from support.wasm import run_node

from tfjslab.backends.wasm.backend import create
from tfjslab.ops import registry
from tfjslab.ops.conformance import cases

_KERNELS = ("QuantizedConv2D", "QuantizedDepthwiseConv2D", "QuantizedDense", "QuantizedAdd", "QuantizedPool",
            "Quantize", "Dequantize", "DynamicQuantizedDense")


@pytest.fixture(name="session", params=["plain", "simd", "threads"])
def _session(request):
    backend = create(request.param, 2)
    yield backend.open_session()
    backend.dispose()


@pytest.mark.parametrize("name", _KERNELS)
def test_kernels_are_bit_equal_to_the_definition(session, name):
    """Weights are constant, as in every model that was quantized."""
    for check in cases({name}):
        ran = run_node(session, registry.get(name), check.inputs, check.attrs, 1, constant="filter" in check.op.inputs)
        assert ran is not None
        wanted = check.op.run(check.inputs, check.attrs)[0]
        found = next(iter(ran[0].values()))
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted, err_msg=check.name)
        left = [c.reason for c in ran[1] if c.fallback]
        several = check.op.name == "QuantizedDepthwiseConv2D" and check.inputs[1].shape[3] > 1
        assert left == (["no WebAssembly kernel for a multiplier of 2"] if several else
                        ["empty tensor"] if not all(x.size for x in check.inputs) else [])
