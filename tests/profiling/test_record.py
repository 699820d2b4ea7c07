"""Profile records: the contract's keys, a trip through JSON, and sums that add up to the last bit."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfjslab.backends.base import BufferLife
from tfjslab.base.errors import InputError
from tfjslab.profiling import reduce
from tfjslab.records.profile import (
    Environment,
    KernelRecord,
    Phases,
    Profile,
    attribute,
    from_json,
    stamp_environment,
    to_json,
)

KERNEL_KEYS = {
    "name", "node", "kernel_time_ms", "input_shapes", "output_shapes", "bytes_added", "total_bytes_snapshot",
    "tensors_added", "total_tensors_snapshot", "flops", "fallback",
}
PROFILE_KEYS = {"kernels", "wall_ms", "unattributed_ms", "peak_bytes", "new_bytes", "new_tensors"}


def kernel(name="Add", node="a", ms=1.0, *, flops=10, moved=20, fallback=False, layer=""):
    return KernelRecord(name, node, ms, ((2, 3), ()), ((2, 3),), 24, 100, 1, 4, flops, fallback, (node,), layer, moved)


def profile(*kernels, wall=10.0, plain=(), profiled=()):
    wall_ms, rest = attribute(kernels, wall)
    stamp = Environment("3.11", "2.4", "some cpu", 2, "Linux", "cpu", "numpy 2.4", 1, "a clock")
    return Profile(kernels, wall_ms, rest, 100, 0, 0, Phases(1.0, 2.0, None, plain), profiled, stamp, "model")


def test_json_has_the_keys_of_the_contract():
    plain = to_json(profile(kernel()))
    assert set(plain) >= PROFILE_KEYS
    assert set(plain["kernels"][0]) >= KERNEL_KEYS
    assert plain["phases"]["first_ms"] is None


def test_a_profile_survives_json():
    life = BufferLife("a", (2, 3), "float32", 24, 2, "b")
    first = replace(kernel(), buffers=(life,), times_ms=(1.0, 2.0))
    p = profile(first, kernel("Mul", "b", 0.125, fallback=True), plain=(1.0, 2.0), profiled=(3.0,))
    assert from_json(json.loads(json.dumps(to_json(p)))) == p


@pytest.mark.parametrize(("damage", "message"), [
    (lambda d: d.pop("version"), "it has no version; expected 1"),
    (lambda d: d.update(version=2), "it has version 2; expected 1"),
    (lambda d: d.pop("wall_ms"), "profile has no field 'wall_ms'"),
    (lambda d: d.update(wall_mz=3), "profile has an unknown field 'wall_mz'; did you mean 'wall_ms'?"),
    (lambda d: d.update(wall_ms=True), "profile.wall_ms is True; expected a number"),
    (lambda d: d.update(wall_ms=math.nan), "profile.wall_ms is nan; expected a number"),
    (lambda d: d.update(peak_bytes=1.5), "profile.peak_bytes is 1.5; expected an integer"),
    (lambda d: d.update(kernels={}), "profile.kernels is {}; expected a list"),
    (lambda d: d.update(kernels=[3]), "profile.kernels[0] is 3; expected an object"),
    (lambda d: d["kernels"][0].update(fallback=1), "profile.kernels[0].fallback is 1; expected true or false"),
    (lambda d: d["kernels"][0].update(input_shapes=[["a"]]),
     "profile.kernels[0].input_shapes[0][0] is 'a'; expected an integer"),
    (lambda d: d.update(model=7), "profile.model is 7; expected text"),
    (lambda d: d["environment"].pop("cpu"), "profile.environment has no field 'cpu'"),
])
def test_other_json_is_refused_with_the_place_of_the_damage(damage, message):
    data = to_json(profile(kernel()))
    damage(data)
    with pytest.raises(InputError) as caught:
        from_json(data)
    assert str(caught.value) == f"this is not a profile written by tfjslab: {message}"
    assert caught.value.code == "input.profile"


def test_what_is_no_object_is_refused():
    with pytest.raises(InputError, match="it is a list; expected an object"):
        from_json([])


def test_a_profile_has_the_same_short_text_each_time():
    assert repr(profile(kernel())) == "Profile(model on cpu: 1 kernel)"


def test_a_notebook_shows_the_slowest_kernels_and_the_sum():
    page = profile(*(kernel(node=f"<{i}>", ms=i / 10) for i in range(30)), wall=50.0)._repr_html_()
    assert "model on cpu: the slowest 20 of 30 kernels" in page
    assert page.count("<tr>") == 21
    assert page.index("&lt;29&gt;") < page.index("&lt;28&gt;")
    assert "kernels 43.50 ms + unattributed 6.50 ms = wall 50.00 ms; peak 100 B" in page


@given(st.lists(st.floats(0, 1e3), max_size=30), st.floats(0, 1e5))
def test_kernels_and_rest_give_the_wall_exactly(times, wall):
    kernels = [kernel(ms=t) for t in times]
    wall_ms, rest = attribute(kernels, wall)
    assert math.fsum(k.kernel_time_ms for k in kernels) + rest == wall_ms
    assert wall_ms == pytest.approx(wall, rel=1e-12, abs=1e-9)


def test_the_environment_names_this_machine():
    stamp = stamp_environment("cpu", "numpy", 3, "a clock")
    assert stamp.cpu
    assert stamp.cores >= 1
    assert (stamp.backend, stamp.engine, stamp.threads, stamp.clock) == ("cpu", "numpy", 3, "a clock")


MIXED = profile(
    kernel("Conv", "c1", 4.0, flops=8_000_000, layer="block1"), kernel("Add", "a1", 1.0, layer="block1"),
    kernel("Conv", "c2", 3.0, moved=6_000_000, fallback=True), kernel("Conv", "c1", 1.0, flops=2_000_000),
    plain=(9.0, 8.0, 10.0), profiled=(9.5, 9.0, 30.0),
)


def test_reducing_by_kernel_sums_times_shares_and_rates():
    conv, add = reduce.by_kernel(MIXED)
    assert (conv.key, conv.count, conv.time_ms, conv.share, conv.fallback) == ("Conv", 3, 8.0, 0.8, 1)
    assert conv.flops == 10_000_010
    assert conv.gflops_per_s == pytest.approx(1.25, rel=1e-5)
    assert conv.gbytes_per_s == pytest.approx(0.75, rel=1e-5)
    assert (add.key, add.time_ms) == ("Add", 1.0)


def test_reducing_by_node_joins_the_runs_of_a_loop():
    rows = [(r.key, r.count, r.time_ms) for r in reduce.by_node(MIXED)]
    assert rows == [("c1", 2, 5.0), ("c2", 1, 3.0), ("a1", 1, 1.0)]


def test_reducing_by_layer_lets_nodes_without_one_stand_alone():
    assert {r.key: r.time_ms for r in reduce.by_layer(MIXED)} == {"block1": 5.0, "c2": 3.0, "c1": 1.0}


def test_hot_nodes_are_the_fewest_that_reach_the_share():
    assert [r.key for r in reduce.hot(MIXED, 0.5)] == ["c1"]
    assert [r.key for r in reduce.hot(MIXED, 0.8)] == ["c1", "c2"]
    assert [r.key for r in reduce.hot(MIXED, 1.0)] == ["c1", "c2", "a1"]
    assert reduce.hot(profile()) == []


def test_what_no_time_was_seen_for_has_no_rate_and_no_share():
    (row,) = reduce.by_node(profile(kernel(ms=0.0), wall=0.0))
    assert (row.share, row.gflops_per_s, row.gbytes_per_s) == (None, None, None)


def test_the_profilers_own_cost_is_the_difference_of_medians():
    assert reduce.overhead_ms(MIXED) == 0.5
    assert reduce.overhead_share(MIXED) == pytest.approx(0.5 / 9)
    assert reduce.overhead_ms(profile()) is None
    assert reduce.overhead_share(profile()) is None
