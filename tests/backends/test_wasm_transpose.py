"""Transpositions of any shape, bit for bit; on SIMD variants most run as blocks that are turned in registers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import run_nodes

from tfjslab.backends.wasm.text.transposition import transposed_blocks
from tfjslab.graph.ir import Node
from tfjslab.ops import registry

_OP = registry.get("Transpose")


def _assert_runs(sessions, x, perm):
    want = np.transpose(x, perm)
    for session in sessions:
        node = Node("out", _OP.name, ("x",), _OP.resolve_attrs({"perm": perm}, "test"))
        found, infos = run_nodes(session, [node], {"x": x}, {}, ["out"])
        assert [i.reason for i in infos if i.fallback] == []
        np.testing.assert_array_equal(found["out"], want)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.sampled_from([1, 2, 3, 4, 5, 8, 9, 17]), min_size=1, max_size=5).map(tuple), data=st.data(),
    dtype=st.sampled_from(["float32", "int32"]),
)
def test_any_order_of_axes(open_sessions, shape, data, dtype):
    perm = tuple(data.draw(st.permutations(range(len(shape)))))
    _assert_runs(open_sessions, np.arange(np.prod(shape)).reshape(shape).astype(dtype), perm)


@pytest.mark.parametrize("shape", [(2, 130), (130, 3), (65, 67), (3, 257), (130, 129)])
def test_chunks_and_their_rests(open_sessions, shape):
    _assert_runs(open_sessions, np.arange(np.prod(shape)).reshape(shape).astype(np.float32), (1, 0))
    both = np.arange(2 * np.prod(shape)).reshape(*shape, 2).astype(np.float32)
    _assert_runs(open_sessions, both.transpose(2, 0, 1).copy(), (0, 2, 1))


def test_what_keeps_its_neighbours_is_no_transposition():
    assert transposed_blocks((4, 8, 16), (16, 64, 1), (128, 16, 1)) is None
    assert transposed_blocks((5, 8), (8, -1), (8, 1)) is None
    assert transposed_blocks((3, 3), (1, 3), (3, 1)) is None
    blocks = transposed_blocks((8, 128), (1, 8), (128, 1))
    assert (blocks.units, blocks.rows, blocks.chunk) == (2, 8, 64)
