"""Matrix products of any size, batch and transposition, as kernels, against the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import run_nodes

from tfjslab.graph.ir import Node
from tfjslab.ops import registry

_OP = registry.get("BatchMatMul")
_sizes = st.sampled_from([1, 2, 3, 4, 5, 8, 12, 17, 32])


def _operand(rng, batch, matrix, *, transposed):
    shape = (*batch, *(matrix[::-1] if transposed else matrix))
    return rng.uniform(-1, 1, shape).astype(np.float32)


def _assert_runs(sessions, values, *, constant=False, ta=False, tb=False, residual=False, seed=0):
    """A product with bias, perhaps a residual, and relu."""
    a, w = values
    attrs = _OP.resolve_attrs({"transpose_a": ta, "transpose_b": tb}, "test")
    (sums,) = _OP.run([a.astype(np.float64), w.astype(np.float64)], attrs)
    rng = np.random.default_rng(seed)
    bias, more = (rng.uniform(-1, 1, s).astype(np.float32) for s in (sums.shape[-1:], sums.shape))
    nodes = [Node("sums", _OP.name, ("a", "w"), attrs), Node("biased", "Add", ("sums", "bias"))]
    want, feeds, constants = sums + bias, {"a": a}, {"bias": bias}
    if residual:
        nodes.append(Node("added", "Add", ("more", "biased")))
        want, feeds["more"] = want + more, more
    nodes.append(Node("out", "Relu", (nodes[-1].name,)))
    (constants if constant else feeds)["w"] = w
    want = np.maximum(want, 0)
    for session in sessions:
        found, infos = run_nodes(session, nodes, feeds, constants, ["out"])
        assert [i.reason for i in infos if i.fallback] == []
        assert found["out"].shape == want.shape
        allowed = _OP.tolerance.relative * np.abs(want).max(initial=1) + _OP.tolerance.absolute
        assert np.abs(found["out"] - want).max(initial=0) <= allowed


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    m=_sizes, k=_sizes, n=_sizes, data=st.data(), ta=st.booleans(), tb=st.booleans(), constant=st.booleans(),
    residual=st.booleans(), seed=st.integers(0, 9999),
)
def test_any_product(open_sessions, m, k, n, data, ta, tb, constant, residual, seed):
    """The batch of each operand is broadcast."""
    batch = data.draw(st.lists(st.integers(1, 3), max_size=3).map(tuple))
    a_batch, w_batch = (
        tuple(data.draw(st.sampled_from([1, d])) for d in batch[data.draw(st.integers(0, len(batch))):])
        for _ in range(2)
    )
    rng = np.random.default_rng(seed)
    values = _operand(rng, a_batch, (m, k), transposed=ta), _operand(rng, w_batch, (k, n), transposed=tb)
    _assert_runs(open_sessions, values, constant=constant, ta=ta, tb=tb, residual=residual, seed=seed)


@pytest.mark.parametrize(("batch", "matrix", "tb"), [
    ((8,), (128, 64, 128), True), ((2, 3), (50, 20, 50), False), ((1,), (1, 300, 2100), False),
    ((), (1, 70, 1030), True), ((1100,), (2, 3, 4), False),
])
def test_real_sizes(open_sessions, batch, matrix, tb):
    """Of attention and of dense layers; a batch of many products is one call."""
    m, k, n = matrix
    rng = np.random.default_rng(0)
    values = _operand(rng, batch, (m, k), transposed=False), _operand(rng, batch, (k, n), transposed=tb)
    _assert_runs(open_sessions, values, tb=tb, residual=True)
