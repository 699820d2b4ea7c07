"""What browsers tell is checked field by field."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfjslab.base.errors import InputError, LimitError, TfjslabError
from tfjslab.browser.jobs import records
from tfjslab.browser.jobs.records import JobRecord, SideRecord

ENVIRONMENT = {
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/156.0", "brand": None, "mobile": False, "cores": 2,
    "memory_gib": 8, "isolated": True, "secure": True, "simd": True, "relaxed_simd": False, "threads": True,
    "clock_ms": 0.005, "webgl": {"renderer": "SwiftShader", "software": True}, "webgpu": None, "battery": None,
}
BURST = {"type": "burst", "side": 0, "round": 0, "batch": 1, "times_ms": [1.0, 2], "reference_ms": 0.2, "hidden": False}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10,
)


def record():
    return JobRecord([SideRecord("wasm-simd")])


def test_an_environment_and_bursts_are_taken_in():
    made = record()
    made.add({"type": "environment", "environment": ENVIRONMENT})
    made.add(BURST)
    made.add({"type": "done"})
    assert made.environment.webgl.software
    assert made.sides[0].bursts[0].times_ms == (1.0, 2.0)
    assert (made.ended, made.reason) == (True, "")


@pytest.mark.parametrize("message", [
    {}, {"type": "nothing"}, {"type": []}, BURST | {"side": 1}, BURST | {"side": -1}, BURST | {"side": True},
    BURST | {"times_ms": "1"}, BURST | {"times_ms": [float("nan")]}, BURST | {"times_ms": [-1.0]},
    BURST | {"batch": 0}, BURST | {"hidden": 1}, BURST | {"more": 1},
    {"type": "environment"}, {"type": "environment", "environment": ENVIRONMENT | {"cores": "2"}},
    {"type": "opened", "side": 0, "flags": []}, {"type": "opened", "side": 0},
    {"type": "profile", "side": 0}, {"type": "profile", "side": 0, "runs": [{"wall_ms": 1}]},
    {"type": "output", "side": 0, "at": -1}, {"type": "output", "side": 0, "at": 10**9},
    {"type": "bytes", "side": 0, "at": 0},
])
def test_what_is_no_record_is_an_input_error(message):
    with pytest.raises(InputError):
        record().add(message)


def test_there_is_a_limit_on_samples(monkeypatch):
    monkeypatch.setattr(records, "_MOST_SAMPLES", 3)
    made = record()
    made.add(BURST)
    with pytest.raises(LimitError, match="samples"):
        made.add(BURST)


def test_texts_are_one_line_and_short():
    made = record()
    made.add({"type": "refused", "side": 0, "reason": "a\nb" + "x" * 10_000})
    assert made.sides[0].reason.startswith("a b")
    assert len(made.sides[0].reason) <= 2000


@given(st.dictionaries(st.sampled_from(["type", "side", "environment", "runs", "at", "flags", "reason"]), JSON))
def test_any_message_is_taken_in_or_refused(message):
    with contextlib.suppress(TfjslabError):
        record().add(message)


@given(st.sampled_from(sorted(records._OF_SIDE)), st.dictionaries(st.text(), JSON))
def test_any_message_of_a_side_is_taken_in_or_refused(kind, rest):
    with contextlib.suppress(TfjslabError):
        record().add({**rest, "type": kind, "side": 0})


@pytest.mark.parametrize(("change", "reason"), [
    ({}, ""), ({"threads": False, "isolated": False}, "not cross-origin isolated"),
    ({"threads": False, "secure": False}, "not a secure context"),
])
def test_why_there_are_no_threads(change, reason):
    made = record()
    made.add({"type": "environment", "environment": ENVIRONMENT | change})
    assert reason in made.environment.no_threads
    assert bool(made.environment.no_threads) == bool(reason)
