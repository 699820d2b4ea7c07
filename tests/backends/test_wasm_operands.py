"""Operands of chains and epilogues in every broadcast position, beside a value that lies as channel planes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support.wasm import run_nodes

from tfjslab.backends.wasm.backend import create
from tfjslab.graph.ir import Node
from tfjslab.ops import registry

_OUT = (2, 5, 6, 3)
_SHAPES = [
    tuple(d if keep else 1 for d, keep in zip(_OUT, mask, strict=True)) for mask in itertools.product((0, 1), repeat=4)
] + [(), (3,), (1,), (6, 3), (5, 6, 3), (5, 6, 1), (5, 1, 3)]


@pytest.mark.parametrize("shape", _SHAPES, ids=str)
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
def test_an_operand_of_any_shape_behind_a_convolution(shape, constant, batch):
    """Added in the epilogue where that can be, else in a loop of its own; the result is the same."""
    shape = tuple(min(d, batch) if len(shape) == 4 and i == 0 else d for i, d in enumerate(shape))
    rng = np.random.default_rng(0)
    x, w = rng.uniform(-1, 1, (batch, 5, 6, 4)), rng.uniform(-1, 1, (3, 3, 4, 3))
    o = rng.uniform(-1, 1, shape)
    op = registry.get("Conv2D")
    attrs = op.resolve_attrs({"padding": "SAME"}, "test")
    want = np.maximum(op.run([x, w], attrs)[0] + o, 0) * 2
    feeds = {"x": x.astype(np.float32), "two": np.float32(2).reshape(1, 1, 1, 1)}
    values = {"w": w.astype(np.float32)}
    (values if constant else feeds)["o"] = o.astype(np.float32)
    nodes = [
        Node("c", "Conv2D", ("x", "w"), attrs), Node("a", "Add", ("c", "o")), Node("r", "Relu", ("a",)),
        Node("y", "Multiply", ("r", "two")),
    ]
    for variant in ("plain", "simd"):
        backend = create(variant, 1)
        found, infos = run_nodes(backend.open_session(), nodes, feeds, values, ["y"])
        backend.dispose()
        assert not any(i.fallback for i in infos)
        np.testing.assert_allclose(found["y"], want, atol=2e-5)
