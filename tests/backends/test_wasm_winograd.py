"""Convolutions by Winograd's scheme: every geometry, every variant, and how much accuracy it costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.wasm import run_nodes

from tfjslab.backends.flags import env
from tfjslab.backends.wasm.lower import winograd
from tfjslab.backends.wasm.lower.winograd_scheme import PAIRS, Transform
from tfjslab.graph.ir import Node
from tfjslab.ops import registry

# Rounding errors in units of the largest result, for 16 to 512 input channels and uniform values. Sums written out were
# seen at 0.5e-6 to 2.6e-6; F(2 x 2) at 0.4e-6 to 2.6e-6, F(4 x 4) at 1e-6 to 5e-6.
_MOST = {2: 4e-6, 4: 8e-6}


@pytest.fixture(name="force")
def _force(monkeypatch):
    """Lets nothing but the scheme with so many outputs a tile be chosen, and says what a chunk may hold."""

    def only(m, chunk_bytes=winograd._CHUNK_BYTES, least_tiles=winograd._LEAST_TILES):
        monkeypatch.setattr(winograd, "PAIRS", (m,))
        monkeypatch.setattr(winograd, "_WORTH_IT", 1 << 20)
        monkeypatch.setattr(winograd, "_CHUNK_BYTES", chunk_bytes)
        monkeypatch.setattr(winograd, "_LEAST_TILES", least_tiles)

    return only


def _attrs(padding, stride=(1, 1)):
    return registry.get("Conv2D").resolve_attrs({"strides": (1, *stride, 1), **padding}, "test")


def _convolve(session, x, w, bias, residual, attrs):
    op = registry.get("Conv2D")
    nodes = [
        Node("conv", "Conv2D", ("x", "w"), attrs), Node("biased", "Add", ("conv", "bias")),
        Node("added", "Add", ("biased", "residual")), Node("out", "Relu", ("added",)),
    ]
    found, _ = run_nodes(session, nodes, {"x": x, "residual": residual}, {"w": w, "bias": bias}, ["out"])
    (sums,) = op.run([x.astype(np.float64), w.astype(np.float64)], attrs)
    return found["out"], np.maximum(sums + bias + residual, 0)


def _values(rng, *shape):
    return rng.uniform(-1, 1, shape).astype(np.float32)


_PADDINGS = (
    {"padding": "SAME"}, {"padding": "VALID"},
    {"padding": "EXPLICIT", "explicit_paddings": (0, 0, 2, 1, 0, 3, 0, 0)},
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    m=st.sampled_from([2, 4]), batch=st.integers(1, 2), h=st.integers(3, 23), w=st.integers(3, 39),
    cin=st.sampled_from([1, 3, 8, 17]), n=st.sampled_from([1, 2, 5, 8, 33]), padding=st.sampled_from(_PADDINGS),
    window=st.tuples(st.integers(1, 8), st.integers(1, 8)), stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    groups=st.integers(1, 2), small=st.booleans(), seed=st.integers(0, 9999),
)
@example(  # no tile of a scalar kernel reads the last column
    m=2, batch=1, h=3, w=9, cin=1, n=1, padding=_PADDINGS[1], window=(1, 6), stride=(1, 2), groups=1, small=False,
    seed=0,
)
def test_any_geometry(open_sessions, force, m, batch, h, w, cin, n, padding, window, stride, groups, small, seed):
    """Grouped channels; rests of tiles and of vectors; all at once and in chunks; bias, residual, activation fused."""
    force(m, *((1, 1) if small else ()))
    rng = np.random.default_rng(seed)
    outputs = n * groups
    x, bias = _values(rng, batch, h, w, cin * groups), _values(rng, outputs)
    kernel = _values(rng, *window, cin, outputs)
    attrs = _attrs(padding, stride)
    if padding["padding"] == "VALID" and (window[0] > h or window[1] > w):
        return
    shape = registry.get("Conv2D").run([x, kernel], attrs)[0].shape
    residual = _values(rng, *shape)
    for session in open_sessions:
        found, want = _convolve(session, x, kernel, bias, residual, attrs)
        assert np.abs(found - want).max() <= 1e-5 * max(1, np.abs(want).max())


@pytest.mark.parametrize("m", [2, 4])
@pytest.mark.parametrize(("size", "width", "k", "n"), [
    (28, 3, 16, 16), (28, 3, 64, 64), (14, 3, 256, 32), (14, 3, 512, 32), (14, 5, 64, 32), (14, 7, 128, 32),
])
@pytest.mark.parametrize("low", [-1, 0], ids=["of both signs", "positive"])
def test_error_is_bounded(open_sessions, force, m, size, width, k, n, low):
    """As stated above, whatever the variant; inputs of one sign are what follows an activation."""
    force(m)
    rng = np.random.default_rng(k)
    x = rng.uniform(low, 1, (1, size, size, k)).astype(np.float32)
    kernel, nothing = _values(rng, width, width, k, n), np.zeros((1, size, size, n), np.float32)
    for session in open_sessions:
        found, want = _convolve(session, x, kernel, nothing[0, 0, 0], nothing, _attrs(_PADDINGS[0]))
        assert np.abs(found - want).max() <= _MOST[m] * np.abs(want).max()


def test_is_turned_off_by_a_flag(open_sessions, force):
    """Then sums are written out, and a NaN stays where it belongs."""
    force(4)
    rng = np.random.default_rng(0)
    x, kernel, bias = _values(rng, 1, 12, 12, 4), _values(rng, 3, 3, 4, 4), _values(rng, 4)
    x[0, 0, 0] = np.nan
    nothing, attrs, nans = np.zeros((1, 12, 12, 4), np.float32), _attrs(_PADDINGS[0]), {}
    for value in (True, False):
        env().set("WASM_WINOGRAD", value)
        found, _ = _convolve(open_sessions[1], x, kernel, bias, nothing, attrs)
        nans[value] = int(np.isnan(found).any(axis=-1).sum())
    env().reset()
    assert nans == {True: 16, False: 4}


def test_filters_are_transformed_exactly():
    """The transforms are inverse to each other: F(4 x 4) of whole numbers in float64 is the sum itself."""
    g = Transform(4, PAIRS[4]).filters()
    assert g.shape == (6, 3)
    points = np.array([0, 0.625, -0.625, 1.5, -1.5])
    products = np.polynomial.polynomial.polyval(points, [1, 2, 3, 4]) * (g[:-1] @ [5, 6, 7])
    # Interpolation through the points gives the product of the polynomials, but for its highest power.
    weights = np.array([np.prod([p - q for q in points if q != p]) for p in points])
    want = np.polynomial.polynomial.polyval(points, np.convolve([1, 2, 3, 4], [5, 6, 7]))
    assert np.allclose(products * weights, want)
