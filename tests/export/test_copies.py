"""Strided copies lay weights out as the packers do, for every packer and random shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.strided import copied

import tfjslab.export.web  # noqa: F401 - registers all packers
from tfjslab.backends.wasm.text.packing import PACKERS, Packing, whole
from tfjslab.export.web.copies import strided_copies

LENGTHS = st.integers(1, 9)


@st.composite
def as_it_is(draw):
    return (), tuple(draw(st.lists(LENGTHS, max_size=4)))


@st.composite
def filters(draw):
    nr = draw(st.sampled_from([1, 2, 4]))
    return (nr,), (draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(LENGTHS), nr * draw(LENGTHS))


@st.composite
def depthwise(draw):
    return (), (draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(LENGTHS), draw(st.integers(1, 3)))


@st.composite
def rows(draw):
    k, n, transposed = draw(LENGTHS), draw(LENGTHS), draw(st.booleans())
    batch = draw(st.sampled_from([(), (2,)]))
    return (k, n, transposed), (*batch, *((n, k) if transposed else (k, n)))


@st.composite
def gates(draw):
    units, count, panel = draw(LENGTHS), draw(st.integers(1, 4)), draw(st.sampled_from([4, 12, 48]))
    first = draw(st.integers(0, count - 1))
    return (first, draw(st.integers(first, count - 1)), panel), (units, count * units)


@st.composite
def panels(draw):
    batch, k, n = draw(st.integers(1, 3)), draw(LENGTHS), draw(st.integers(1, 20))
    transposed = draw(st.booleans())
    return ((batch, k, n, draw(st.sampled_from([1, 4, 8]))), transposed), (batch, *((n, k) if transposed else (k, n)))


@st.composite
def products(draw):
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(LENGTHS), draw(st.integers(1, 20)))
    return (draw(st.sampled_from([1, 4, 8])),), shape[2 * draw(st.booleans()) :]


@st.composite
def columns(draw):
    return (), (draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 40)), 1)


@st.composite
def transposed(draw):
    nr, (kh, kw) = draw(st.sampled_from([1, 2, 4])), (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    return (nr,), (kh, kw, nr * draw(LENGTHS), draw(LENGTHS))


@st.composite
def rows_of_bytes(draw):
    inputs = draw(LENGTHS)
    return (-(-inputs // 8) * 8,), (inputs, draw(LENGTHS))


# How to call each packer, and for what shapes; None where it computes, so that copies cannot stand for it.
CALLS = {
    "as_it_is": as_it_is(), "pack_filters": filters(), "pack_depthwise": depthwise(), "pack_rows": rows(),
    "pack_panels": panels(), "pack_strassen": None, "pack_winograd": None, "pack_product": products(),
    "pack_channels": columns(), "pack_columns": columns(), "pack_transposed": transposed(), "pack_gates": gates(),
    "pack_rows_of_bytes": rows_of_bytes(),
    "pack_pairs": None, "pack_taps": None, "pack_direct": None, "pack_turned": None,
}
# A last group that overlaps the one before it is laid out in more pieces than are worth it, for some shapes.
MAY_GIVE_UP = ("pack_product", "pack_columns")


def test_every_packer_is_tried():
    assert set(PACKERS) == set(CALLS)


@pytest.mark.parametrize("name", [n for n, call in CALLS.items() if call is not None])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_copies_lay_weights_out_as_the_packer_does(name, data):
    params, shape = data.draw(CALLS[name])
    packing = Packing(name, params)
    source = np.random.default_rng(0).integers(-100, 100, shape).astype(np.float32)
    wanted = whole(packing(source))
    copies = strided_copies(packing, shape)
    assert copies is not None or name in MAY_GIVE_UP
    if copies is None:
        return
    assert np.array_equal(copied(copies, source, wanted.shape), wanted)


@pytest.mark.parametrize(("name", "params", "shape"), [
    ("pack_strassen", (2,), (1, 1, 8, 8)), ("pack_pairs", (4, 0, (), 1, (0, 8)), (3, 3, 4, 8)),
    ("pack_taps", (8, 0, ()), (3, 3, 8, 1)), ("pack_direct", ((3, 0, 1, 2), 0), (3, 3, 4, 8)),
    ("pack_turned", (4, 0, (), 1), (3, 3, 8, 4)),
])
def test_a_packer_that_computes_gets_no_copies(name, params, shape):
    """Also where it does nothing but widen what it moves."""
    assert strided_copies(Packing(name, params), shape) is None
