"""Profiles compared with ceilings, with numbers that were worked out by hand."""

from __future__ import annotations

import dataclasses

import pytest

from tfjslab.backends.ceilings import Ceilings
from tfjslab.profiling.reduce import roofline
from tfjslab.records.profile import KernelRecord, Profile

# 10 GFLOP/s; 100 GB/s up to 1 MB, 20 GB/s above.
CEILINGS = Ceilings(2, 8e9, 10e9, 100e9, 60e9, 15e9, 20e9, 1_000_000, 500_000, 64_000_000)


def kernel(name, ms, flops, moved, *, fallback=False):
    return KernelRecord(name, "n", ms, (), (), 0, 0, 0, 0, flops, fallback, (), "", moved)


def held(*kernels, wall):
    return roofline(Profile(kernels, wall, 0.0, 0, 0, 0, model="m"), CEILINGS)


def test_ceilings_are_the_best_that_was_seen():
    assert CEILINGS.flops_per_s == 10e9
    assert dataclasses.replace(CEILINGS, fma_flops_per_s=None).flops_per_s == 8e9
    assert (CEILINGS.bytes_per_s(1_000_000), CEILINGS.bytes_per_s(1_000_001)) == (100e9, 20e9)


def test_shares_are_the_least_times_over_the_time_that_was_taken():
    found = held(
        kernel("Conv", 1.0, 5_000_000, 1_000_000), kernel("Conv", 1.0, 5_000_000, 10_000_000),
        kernel("Pad", 1.0, 0, 500_000), wall=4.0,
    )
    conv, pad = found.kernels
    assert (conv.key, conv.count, conv.time_ms, conv.gflops_per_s, conv.gbytes_per_s) == ("Conv", 2, 2.0, 5.0, 5.5)
    assert conv.compute_share == pytest.approx(0.5)  # 10 MFLOP at 10 GFLOP/s are 1 of 2 ms
    assert conv.bandwidth_share == pytest.approx((0.01 + 0.5) / 2)  # each at the rate of its size
    assert (conv.limit, pad.limit) == ("compute", "memory")
    assert (pad.compute_share, pad.bandwidth_share) == (0, pytest.approx(0.005))


def test_the_whole_model_takes_its_wall():
    whole = held(kernel("Conv", 1.0, 20_000_000, 0), kernel("Pad", 1.0, 0, 0), wall=4.0).whole
    assert (whole.key, whole.count, whole.time_ms, whole.limit) == ("m", 2, 4.0, "compute")
    assert (whole.compute_share, whole.gflops_per_s) == (pytest.approx(0.5), 5.0)


def test_the_largest_group_comes_first():
    assert [r.key for r in held(kernel("A", 1.0, 1, 1), kernel("B", 2.0, 1, 1), wall=3.0).kernels] == ["B", "A"]


@pytest.mark.parametrize("given", [kernel("A", 1.0, 10, 10, fallback=True), kernel("A", 0.0, 10, 10)])
def test_what_ran_on_the_host_or_in_no_time_has_no_shares(given):
    (row,) = held(given, wall=1.0).kernels
    assert (row.compute_share, row.bandwidth_share, row.limit) == (None, None, None)


def test_what_neither_computes_nor_moves_has_no_limit():
    (row,) = held(kernel("A", 1.0, 0, 0), wall=1.0).kernels
    assert (row.compute_share, row.bandwidth_share, row.limit) == (0, 0, None)


def test_kernels_beyond_their_ceiling_are_named():
    found = held(
        kernel("Fast", 1.0, 10_600_000, 0), kernel("Noisy", 1.0, 10_400_000, 0), kernel("Slow", 1.0, 1, 0), wall=3.0,
    )
    assert found.beyond == ("Fast",)
