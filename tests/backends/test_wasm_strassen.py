"""Large 1x1 convolutions of the scalar variant, which one step of Strassen's scheme computes."""

from __future__ import annotations

import numpy as np
import pytest
from support.wasm import run_nodes

from tfjslab.backends.flags import env
from tfjslab.backends.wasm.backend import create
from tfjslab.graph.ir import Node
from tfjslab.ops import registry

# Rounding errors in units of the largest result. Classical sums of 64 to 960 terms were seen at 0.3e-6 to 1.4e-6, these
# at 0.4e-6 to 1.9e-6.
_MOST = 4e-6


@pytest.fixture(name="plain")
def _plain():
    backend = create("plain", 1)
    yield backend.open_session()
    backend.dispose()


def _convolve(session, x, w, bias, residual=None):
    op = registry.get("Conv2D")
    attrs = op.resolve_attrs({"strides": (1, 1, 1, 1), "padding": "SAME"}, "test")
    nodes = [Node("conv", "Conv2D", ("x", "w"), attrs), Node("biased", "Add", ("conv", "bias"))]
    feeds = {"x": x}
    if residual is not None:
        nodes.append(Node("added", "Add", ("biased", "residual")))
        feeds["residual"] = residual
    nodes.append(Node("out", "Relu", (nodes[-1].name,)))
    found, _ = run_nodes(session, nodes, feeds, {"w": w, "bias": bias}, ["out"])
    return found["out"]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize(("h", "w", "k", "n"), [
    (7, 7, 960, 320), (14, 14, 96, 576), (5, 5, 64, 66), (4, 6, 130, 64), (13, 11, 66, 70), (3, 50, 514, 64),
])
def test_quarters_of_every_kind(plain, batch, residual, h, w, k, n):
    """Odd and even numbers of pixels, sums that are cut into blocks, quarters that leave rests of tiles."""
    rng = np.random.default_rng(h + w + k + n)
    x = rng.uniform(-1, 1, (batch, h, w, k)).astype(np.float32)
    weights = rng.uniform(-1, 1, (1, 1, k, n)).astype(np.float32)
    bias = rng.uniform(-1, 1, n).astype(np.float32)
    added = rng.uniform(-1, 1, (batch, h, w, n)).astype(np.float32) if residual else None
    want = x.astype(np.float64) @ weights[0, 0].astype(np.float64) + bias + (added if residual else 0)
    found = _convolve(plain, x, weights, bias, added)
    assert np.abs(found - np.maximum(want, 0)).max() <= _MOST * np.abs(want).max()


def test_what_lies_behind_an_image_of_odd_size_is_not_read(plain):
    """An odd number of pixels leaves the right half a column short: a plane's padding must not stand in for it."""
    rng = np.random.default_rng(1)
    weights, bias = rng.uniform(-1, 1, (1, 1, 64, 64)).astype(np.float32), np.zeros(64, np.float32)
    x = rng.uniform(-1, 1, (1, 7, 7, 64)).astype(np.float32)
    want = np.maximum(x.astype(np.float64) @ weights[0, 0].astype(np.float64), 0)
    for value in (np.nan, np.inf, 1e30):  # what an earlier plan leaves in the memory that the next one takes
        _convolve(plain, np.full_like(x, value), weights, bias)
        found = _convolve(plain, x, weights, bias)
        assert np.abs(found - want).max() <= _MOST * want.max()


def test_the_flag_turns_it_off(plain):
    """What a NaN reaches tells which of the two ran: without the scheme only its own pixel."""
    x = np.zeros((1, 8, 8, 64), np.float32)
    x[0, 0, 0, 0] = np.nan
    weights, bias = np.ones((1, 1, 64, 64), np.float32), np.zeros(64, np.float32)
    reached = []
    for value in (True, False):
        env().set("WASM_STRASSEN", value)
        reached.append(int(np.isnan(_convolve(plain, x, weights, bias)).any(axis=3).sum()))
    env().reset()
    assert reached == [2, 1]
