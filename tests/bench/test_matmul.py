"""Matrix products through a plan: ``pytest -s tests/bench/test_matmul.py`` prints their speed.

On WebAssembly beside the ceiling of the same run, as a share; on the GPU backends by the clock that the plan names.
"""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from support.available import need
from support.wasm import graph_of

from tfjslab.backends.wasm.backend import create
from tfjslab.backends.wasm.ceilings import measure_ceilings
from tfjslab.backends.webgpu import backend as webgpu
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec, get

_RUNS = 9


def _measure(backend, n):
    """Run ``x @ w`` on a backend, check that it is right, and give (GFLOP/s of the median run, the plan's facts)."""
    rng = np.random.default_rng(n)
    x, w = (rng.uniform(-1, 1, (n, n)).astype(np.float32) for _ in range(2))
    attrs = get("BatchMatMul").resolve_attrs({}, "test")
    graph = graph_of([Node("y", "BatchMatMul", ("x", "w"), attrs)], {"x": x}, {"w": w}, ["y"])
    plan = backend.open_session().compile(specialize(graph, {"x": Spec(x.shape, "float32")}), ["y"])
    times_ms = []
    for _ in range(_RUNS):
        stamps: list[float] = []
        found = plan.run({"x": x}, stamps=stamps)["y"]
        times_ms.append(sum(stamps))
    np.testing.assert_allclose(found, x.astype(np.float64) @ w, atol=1e-6 * n)
    return 2 * n**3 / statistics.median(times_ms) / 1e6, plan.info


@pytest.mark.parametrize("variant", ["plain", "simd"])
@pytest.mark.parametrize("n", [128, 512])
def test_share_of_the_ceiling(variant, n):
    """What is asserted is that the product is right; its speed is only printed."""
    backend = create(variant, 1)
    ceilings = measure_ceilings(backend)
    rate, _ = _measure(backend, n)
    backend.dispose()
    share = rate * 1e9 / ceilings.flops_per_s
    print(f"\nwasm-{variant} {n}x{n}x{n}: {rate:.1f} of {ceilings.flops_per_s / 1e9:.1f} GFLOP/s, {share:.0%}")  # noqa: T201


@pytest.mark.parametrize("name", ["webgpu", "webgl"])
@pytest.mark.parametrize("n", [128, 512, 1024])
def test_speed_on_a_gpu(name, n):
    """The same; a software adapter is called one."""
    need(name)
    backend = webgpu.create(name, 1)
    rate, info = _measure(backend, n)
    backend.dispose()
    facts = info.details
    print(f"\n{name} {n}x{n}x{n}: {rate:.1f} GFLOP/s on {facts['adapter']} ({facts['adapter_type']}), "  # noqa: T201
          f"{info.clock}, tiles {facts['tiles']}")
