"""Layers and operations as Keras 3 writes them, each against a formula in float64."""

import numpy as np
import pytest
from support.keras3 import CASES, build

from tfjslab.formats.registry import read_model


@pytest.mark.parametrize("name", CASES)
def test_a_layer_or_operation_computes_its_formula(tmp_path, run, name):
    case = CASES[name]
    path, feeds, weights = build(tmp_path, case)
    graph = read_model(path)
    given = [v.astype(np.float64) if v.dtype.kind == "f" else v for v in feeds.values()]
    expected = case["expect"](*given, weights)
    expected = expected if isinstance(expected, list) else [expected]
    found = run(graph, feeds)
    assert len(found) == len(expected)
    for port, f, e in zip(graph.outputs, found, expected, strict=True):
        assert f.shape == e.shape
        assert (f.dtype.kind == "f") == (e.dtype.kind == "f"), (f.dtype, e.dtype)
        np.testing.assert_allclose(f, e, rtol=1e-5, atol=5e-6)
        assert len(port.shape) == e.ndim
