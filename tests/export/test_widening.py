"""Packers that make 16 bits of bytes, as copies of bytes and a pass that widens them: for each and random shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.strided import copied

import tfjslab.export.web  # noqa: F401 - registers all packers
from tfjslab.backends.wasm.text.packing import PACKERS, Packing
from tfjslab.export.web.widening import widening

FEW, CHANNELS = st.integers(1, 4), st.integers(1, 21)


@st.composite
def powers(draw, n):
    """None, or one for each channel."""
    return tuple(draw(st.lists(st.integers(0, 7), min_size=n, max_size=n))) if draw(st.booleans()) else ()


@st.composite
def pairs(draw, zero):
    h, w, c, n = draw(FEW), draw(FEW), draw(CHANNELS), draw(CHANNELS)
    first = draw(st.integers(0, n - 1))
    last = draw(st.integers(first + 1, n))
    runs = draw(st.sampled_from([1, h]))
    return (draw(st.sampled_from([4, 8])), zero, draw(powers(last - first)), runs, (first, last)), (h, w, c, n)


@st.composite
def turned(draw, zero):
    h, w, n, c = draw(FEW), draw(FEW), draw(CHANNELS), draw(CHANNELS)
    return (draw(st.sampled_from([4, 8])), zero, draw(powers(n)), draw(st.sampled_from([1, h]))), (h, w, n, c)


@st.composite
def taps(draw, zero):
    h, w, c = draw(FEW), draw(FEW), draw(CHANNELS)
    return (8, zero, draw(powers(c))), (h, w, c, 1)


@st.composite
def direct(draw, zero):
    return (tuple(draw(st.permutations(range(4)))), zero), (draw(FEW), draw(FEW), draw(CHANNELS), draw(CHANNELS))


CALLS = {"pack_pairs": pairs, "pack_turned": turned, "pack_taps": taps, "pack_direct": direct}


@pytest.mark.parametrize("name", CALLS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_bytes_become_what_the_packer_makes_of_them(name, data):
    dtype = data.draw(st.sampled_from(["int8", "uint8"]))
    # Where channels have factors there is no zero point that would leave 16 bits, as lowering sees to.
    params, shape = data.draw(CALLS[name](data.draw(st.integers(-5, 5)) if dtype == "int8" else 128))
    info = np.iinfo(dtype)
    source = np.random.default_rng(0).integers(info.min, info.max, shape, dtype, endpoint=True)
    wanted = PACKERS[name](source, *params)
    found = widening(Packing(name, params), shape, dtype)
    assert found is not None
    fill = np.array(found.zero & 255, np.uint8).view(dtype)
    narrow = copied(found.copies, source, (found.groups, found.lines, found.width), fill)
    wide = (narrow.astype(np.int32) - found.zero) * (1 if found.factors is None else found.factors[:, None])
    np.testing.assert_array_equal(wide.astype(np.int16).ravel(), wanted.ravel())


def test_other_packings_are_left_alone():
    """Those of floats, those that only move bytes, and one that does more than to shift and to scale."""
    shape = (1, 1, 8, 16)
    assert widening(Packing("pack_pairs", (4, 0, (), 1, (0, 16))), shape, "float32") is None
    assert widening(Packing("pack_product", (4,)), shape, "int8") is None

    def squares(filters):
        return filters.astype(np.int16) ** 2

    PACKERS["squares"] = squares
    try:
        assert widening(Packing("squares"), shape, "int8") is None
    finally:
        del PACKERS["squares"]
