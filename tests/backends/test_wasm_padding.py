"""Channels added behind a value's own: room is made for them, unless somebody else needs the value as it is."""

from __future__ import annotations

import numpy as np
import pytest
from support.wasm import run_nodes

from tfjslab.backends.wasm.backend import create
from tfjslab.graph.ir import Node
from tfjslab.ops import registry

_CONV = registry.get("Conv2D").resolve_attrs({"padding": "SAME"}, "test")


def _pad(name, x, more, value=0.0):
    paddings = ((0, 0), (0, 0), (0, 0), (0, more))
    return Node(name, "PadV2", (x,), registry.get("PadV2").resolve_attrs(
        {"paddings": paddings, "constant_value": value}, "test",
    ))


def _run(nodes, outputs, batch=1, variant="simd"):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (batch, 4, 5, 3)).astype(np.float32)
    w = rng.uniform(-1, 1, (1, 1, 3, 3)).astype(np.float32)
    backend = create(variant, 2)
    found, _ = run_nodes(backend.open_session(), nodes, {"x": x}, {"w": w}, outputs)
    backend.dispose()
    return x @ w[0, 0], found


@pytest.mark.parametrize("variant", ["plain", "simd", "threads"])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("value", [0.0, 2.5])
def test_channels_are_added_behind_a_convolution(variant, batch, value):
    """The value itself is read again behind the padding, and is an output too."""
    nodes = [Node("c", "Conv2D", ("x", "w"), _CONV), _pad("p", "c", 4, value), Node("r", "Relu", ("p",)),
             Node("s", "Relu", ("c",))]
    want, found = _run(nodes, ["r", "s", "c"], batch, variant)
    padded = np.pad(want, ((0, 0), (0, 0), (0, 0), (0, 4)), constant_values=value)
    np.testing.assert_allclose(found["r"], np.maximum(padded, 0), atol=1e-6)
    np.testing.assert_allclose(found["s"], np.maximum(want, 0), atol=1e-6)
    np.testing.assert_allclose(found["c"], want, atol=1e-6)


def test_two_paddings_of_one_value_do_not_share_room():
    nodes = [Node("c", "Conv2D", ("x", "w"), _CONV), _pad("p", "c", 2, 1.0), _pad("q", "c", 4, 2.0),
             Node("a", "Relu", ("p",)), Node("b", "Relu", ("q",))]
    want, found = _run(nodes, ["a", "b"])
    for name, more, value in (("a", 2, 1.0), ("b", 4, 2.0)):
        padded = np.pad(want, ((0, 0), (0, 0), (0, 0), (0, more)), constant_values=value)
        np.testing.assert_allclose(found[name], np.maximum(padded, 0), atol=1e-6)


def test_a_padding_of_a_padding_and_one_that_is_an_output():
    pads = [_pad("p", "c", 2), _pad("q", "p", 3, 1.0)]
    nodes = [Node("c", "Conv2D", ("x", "w"), _CONV), *pads, Node("y", "Relu", ("q",))]
    want, found = _run(nodes, ["y", "p"])
    inner = np.pad(want, ((0, 0), (0, 0), (0, 0), (0, 2)))
    outer = np.pad(inner, ((0, 0), (0, 0), (0, 0), (0, 3)), constant_values=1.0)
    np.testing.assert_allclose(found["p"], inner, atol=1e-6)
    np.testing.assert_allclose(found["y"], np.maximum(outer, 0), atol=1e-6)


def test_the_room_behind_a_value_is_kept_from_others():
    """Values made between the convolution and the padding do not lie in it."""
    nodes = [Node("c", "Conv2D", ("x", "w"), _CONV)]
    nodes += [Node(f"n{i}", "Tanh", ("c" if i == 0 else f"n{i - 1}",)) for i in range(3)]
    nodes += [_pad("p", "c", 4), Node("r", "Relu", ("p",)), Node("y", "Add", ("n2", "c"))]
    want, found = _run(nodes, ["r", "y"])
    np.testing.assert_allclose(found["r"], np.pad(np.maximum(want, 0), ((0, 0), (0, 0), (0, 0), (0, 4))), atol=1e-6)
    np.testing.assert_allclose(found["y"], np.tanh(np.tanh(np.tanh(want))) + want, atol=1e-6)
