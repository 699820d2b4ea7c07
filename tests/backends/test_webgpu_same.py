"""What the tests of WebAssembly kernels ask of any kernel, asked of those of adapters."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from support.sessions import adapter_session

from tfjslab.graph.ir import Node
from tfjslab.ops import registry

_ASKED = {
    "axes": (
        "test_a_reduction_over_any_axes", "test_a_softmax_along_any_axis",
        "test_a_softmax_of_nothing_along_a_middle_axis",
    ),
    "blocks": (
        "test_a_mirror_at_any_edges", "test_blocks_to_batch_and_back", "test_blocks_to_depth_and_back",
    ),
    "indexing": (
        "test_a_gather_along_any_axis", "test_an_index_out_of_range_is_the_error_of_the_reference",
        "test_one_hot_along_any_axis", "test_the_index_of_the_largest_along_any_axis",
    ),
    "mixed_types": (
        "test_a_chain_over_all_types_at_every_length", "test_each_op_over_random_shapes", "test_fill",
        "test_large_constants_of_every_type", "test_large_integer_constants_wrap_too",
        "test_scalar_constants_of_every_type", "test_select_chooses_whole_rows", "test_truth_values_are_no_epilogue",
        "test_truth_values_are_padded_and_joined", "test_what_is_written_is_nothing_but_the_output",
    ),
    "transposed": (
        "test_any_geometry", "test_channels_first_keep_a_chain_behind_apart",
        "test_real_sizes_run_as_one_kernel", "test_what_no_tap_meets_is_the_bias_alone",
    ),
}
_TESTS = {module: vars(importlib.import_module(f"backends.test_wasm_{module}")) for module in _ASKED}
globals().update({name: _TESTS[module][name] for module, names in _ASKED.items() for name in names})
_NORMAL = 2.0**-126  # what is smaller an adapter may take for 0


@pytest.fixture(autouse=True)
def _normal_numbers(monkeypatch):
    special = _TESTS["mixed_types"]["_SPECIAL"]
    monkeypatch.setitem(special, "float32", [v for v in special["float32"] if v == 0 or not abs(v) < _NORMAL])


@pytest.fixture(name="session", scope="module", params=["webgpu", "webgl"])
def _session(request):
    with adapter_session(request.param) as session:
        yield session


@pytest.fixture(name="open_sessions")
def _open_sessions(session):
    return [session]


@pytest.mark.parametrize("source", ["float32", "int32", "bool"])
@pytest.mark.parametrize("target", ["float32", "int32", "bool"])
def test_casts(session, source, target):
    """Every special value, and random bits: JavaScript's rule for floats that int32 does not hold."""
    bits = np.random.default_rng(0).integers(0, 2**32, 4099, dtype=np.uint32)
    x = bits % 2 == 0 if source == "bool" else bits.view(source)
    special = np.array(_TESTS["mixed_types"]["_SPECIAL"][source], source)
    x = np.concatenate([special, x if source != "float32" else x[~(np.abs(x) < _NORMAL)]])
    nodes = [Node("y", "Cast", ("x",), registry.get("Cast").resolve_attrs({"dtype": target}, "test"))]
    _TESTS["mixed_types"]["_check"](session, nodes, {"x": x}, ["y"])
