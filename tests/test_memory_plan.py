"""The arena planner: nothing live overlaps, the peak respects its bound, and the answer never changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfjslab.backends.kernels import memory_plan
from tfjslab.backends.kernels.memory_plan import ALIGNMENT, Lifetime, plan_memory
from tfjslab.base.errors import UsageError

lifetimes = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 30), st.integers(0, 12)), max_size=40,
).map(lambda rows: [Lifetime(f"b{i}", size, first, first + length) for i, (size, first, length) in enumerate(rows)])


@pytest.fixture(params=[2000, 0], ids=["compared", "in time"], autouse=True)
def _order(request, monkeypatch):
    """Few buffers are placed in several orders, many in the order of time."""
    monkeypatch.setattr(memory_plan, "_MOST_COMPARED", request.param)


@given(lifetimes)
def test_buffers_that_are_live_together_never_overlap(buffers):
    plan = plan_memory(buffers)
    for i, a in enumerate(buffers):
        for b in buffers[:i]:
            together = a.first_use <= b.last_use and b.first_use <= a.last_use
            apart = (
                plan.offsets[a.name] + a.size_bytes <= plan.offsets[b.name]
                or plan.offsets[b.name] + b.size_bytes <= plan.offsets[a.name]
            )
            assert apart or not together or 0 in (a.size_bytes, b.size_bytes)


@given(lifetimes)
def test_peak_holds_every_buffer_and_is_no_less_than_the_bound(buffers):
    plan = plan_memory(buffers)
    live = [sum(b.size_bytes for b in buffers if b.first_use <= t <= b.last_use) for t in range(50)]
    assert plan.peak_bytes >= plan.lower_bound_bytes >= max(live)
    assert all(0 <= plan.offsets[b.name] <= plan.peak_bytes - b.size_bytes for b in buffers)
    assert all(offset % ALIGNMENT == 0 for offset in plan.offsets.values())


@given(lifetimes)
def test_the_plan_is_the_same_each_time_and_for_any_order_of_input(buffers):
    assert plan_memory(buffers) == plan_memory(buffers)
    assert plan_memory(buffers[::-1]).offsets == plan_memory(buffers).offsets


def test_a_chain_needs_two_buffers():
    """Each step reads the one before, so two slots serve a chain of any length."""
    plan = plan_memory([Lifetime(f"t{i}", 1000, i, i + 1) for i in range(20)])
    assert plan.peak_bytes == plan.lower_bound_bytes == 2 * 1024


def test_the_tightest_gap_is_taken():
    """A small buffer goes into the hole of its size, so that the large hole stays whole."""
    plan = plan_memory([
        Lifetime("floor", 640, 0, 9), Lifetime("hole", 64, 0, 1), Lifetime("lid", 320, 0, 9),
        Lifetime("late", 64, 5, 6),
    ])
    assert plan.peak_bytes == plan.lower_bound_bytes == 640 + 320 + 64


def test_no_buffers_need_no_bytes():
    plan = plan_memory([])
    assert (plan.peak_bytes, plan.lower_bound_bytes, plan.offsets) == (0, 0, {})


@pytest.mark.parametrize(("buffers", "message"), [
    ([Lifetime("a", -1, 0, 0)],
     "buffer 'a': size -1, live from 0 to 0; expected a size >= 0 and 0 <= first_use <= last_use"),
    ([Lifetime("a", 1, 3, 2)],
     "buffer 'a': size 1, live from 3 to 2; expected a size >= 0 and 0 <= first_use <= last_use"),
    ([Lifetime("a", 1, 0, 0), Lifetime("a", 2, 0, 0)], "buffer 'a' is given twice"),
])
def test_impossible_buffers_are_refused(buffers, message):
    with pytest.raises(UsageError) as caught:
        plan_memory(buffers)
    assert str(caught.value) == message
