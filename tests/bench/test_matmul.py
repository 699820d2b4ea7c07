"""Matrix products beside the ceiling of the same run: ``pytest -s tests/bench/test_matmul.py`` prints the shares."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from support.wasm import graph_of

from tfjslab.backends.wasm.backend import create
from tfjslab.backends.wasm.ceilings import measure_ceilings
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec, get

_RUNS = 9


@pytest.mark.parametrize("variant", ["plain", "simd"])
@pytest.mark.parametrize("n", [128, 512])
def test_share_of_the_ceiling(variant, n):
    """What is asserted is that the product is right; how fast it was is only told."""
    rng = np.random.default_rng(n)
    x, w = (rng.uniform(-1, 1, (n, n)).astype(np.float32) for _ in range(2))
    backend = create(variant, 1)
    ceilings = measure_ceilings(backend)
    session = backend.open_session()
    attrs = get("BatchMatMul").resolve_attrs({}, "test")
    graph = graph_of([Node("y", "BatchMatMul", ("x", "w"), attrs)], {"x": x}, {"w": w}, ["y"])
    plan = session.compile(specialize(graph, {"x": Spec(x.shape, "float32")}), ["y"])
    times_ms = []
    for _ in range(_RUNS):
        stamps: list[float] = []
        found = plan.run({"x": x}, stamps=stamps)["y"]
        times_ms.append(sum(stamps))
    backend.dispose()
    np.testing.assert_allclose(found, x.astype(np.float64) @ w, atol=1e-6 * n)
    rate = 2 * n**3 / statistics.median(times_ms) / 1e6
    share = rate * 1e9 / ceilings.flops_per_s
    print(f"\nwasm-{variant} {n}x{n}x{n}: {rate:.1f} of {ceilings.flops_per_s / 1e9:.1f} GFLOP/s, {share:.0%}")  # noqa: T201
