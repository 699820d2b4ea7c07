"""Exports: a trace that viewers accept, and a table for pandas."""

from __future__ import annotations

import json
import sys
from itertools import pairwise

import pandas as pd
import pytest

from tfjslab.base.errors import UsageError
from tfjslab.profiling.export import to_chrome_trace, to_dataframe
from tfjslab.records.profile import Environment, KernelRecord, Phases, Profile, attribute


def kernel(node, ms, layer="", total=100):
    return KernelRecord(
        "Conv2D", node, ms, ((1, 4),), ((1, 4),), 16, total, 1, 3, 2_000_000, fallback=False, nodes=(node,),
        layer=layer,
    )


KERNELS = (
    kernel("stem", 0.1), kernel("a", 0.2, "block"), kernel("b", 1 / 3, "block", 300), kernel("c", 0.7, "head"),
)
WALL, REST = attribute(KERNELS, 1.5)
STAMP = Environment("3.11", "2.4", "some cpu", 2, "Linux", "cpu", "numpy 2.4", 1, "a clock")
PROFILE = Profile(KERNELS, WALL, REST, 300, 0, 0, Phases(20.0, 3.5, 4.0, (1.25, 1.5)), (1.5,), STAMP, "net")
TRACE = to_chrome_trace(PROFILE)
EVENTS = TRACE["traceEvents"]


def complete(category):
    return [e for e in EVENTS if e["ph"] == "X" and e["cat"] == category]


def nanoseconds(event):
    return round(event["ts"] * 1e3), round((event["ts"] + event["dur"]) * 1e3)


def test_it_is_json_and_every_event_has_what_its_kind_needs():
    assert json.loads(json.dumps(TRACE, allow_nan=False)) == TRACE
    for event in EVENTS:
        assert {"name", "ph", "pid", "tid"} <= set(event)
        assert event["ph"] in "XCM"
        assert event["ph"] == "M" or event["ts"] >= 0
        assert event["ph"] != "X" or event["dur"] >= 0


def test_process_and_thread_have_names():
    named = {e["name"]: e["args"]["name"] for e in EVENTS if e["ph"] == "M"}
    assert named == {"process_name": "tfjslab: net on cpu", "thread_name": "phases, layers, kernels"}


def test_durations_are_in_microseconds_and_phases_follow_one_another():
    phases = [(e["name"], e["ts"], e["dur"]) for e in complete("phase")]
    assert phases == [
        ("load", 0, 20_000), ("compile", 20_000, 3500), ("first run", 23_500, 4000), ("run 1", 27_500, 1250),
        ("run 2", 28_750, 1500), ("profiled run", 30_250, 1500),
    ]


def test_kernels_lie_in_their_layer_and_layers_in_the_run():
    (run,) = (e for e in complete("phase") if e["name"] == "profiled run")
    start, end = nanoseconds(run)
    layers = {e["name"]: nanoseconds(e) for e in complete("layer")}
    assert set(layers) == {"block", "head"}
    for e in complete("kernel"):
        inner = nanoseconds(e)
        outer = layers.get({"a": "block", "b": "block", "c": "head"}.get(e["args"]["node"]), (start, end))
        assert start <= outer[0] <= inner[0] <= inner[1] <= outer[1] <= end
    ends = [nanoseconds(e) for e in [*complete("kernel"), *complete("unattributed")]]
    assert all(a[1] == b[0] for a, b in pairwise(ends))
    assert ends[-1][1] == end


def test_kernels_tell_what_they_worked_on():
    first = complete("kernel")[0]
    assert first["args"] == {
        "node": "stem", "nodes": ["stem"], "inputs": [[1, 4]], "outputs": [[1, 4]], "flops": 2_000_000,
        "gflops_per_s": 20.0, "bytes_moved": 0, "fallback": False,
    }


def test_counters_show_what_is_alive_from_the_start_of_each_kernel():
    counted = [e for e in EVENTS if e["ph"] == "C"]
    assert [e["args"]["live bytes"] for e in counted if e["name"] == "live bytes"] == [100, 100, 300, 100]
    assert {e["args"]["live tensors"] for e in counted if e["name"] == "live tensors"} == {3}
    assert [e["ts"] for e in counted[::2]] == [e["ts"] for e in complete("kernel")]


def test_a_profile_without_phases_or_kernels_is_a_trace_too():
    trace = to_chrome_trace(Profile((), 2.0, 2.0, 0, 0, 0))
    assert [e["name"] for e in trace["traceEvents"] if e["ph"] == "X"] == ["profiled run", "unattributed"]


def test_a_table_has_a_row_for_each_kernel():
    frame = to_dataframe(PROFILE)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["node"]) == ["stem", "a", "b", "c"]
    assert frame.groupby("layer")["kernel_time_ms"].sum()["block"] == pytest.approx(0.2 + 1 / 3)
    assert frame.attrs["wall_ms"] == PROFILE.wall_ms
    assert frame.attrs["backend"] == "cpu"


def test_without_pandas_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError) as caught:
        to_dataframe(PROFILE)
    assert str(caught.value) == (
        "to_dataframe needs pandas, which is not installed; run pip install pandas "
        "(or run pip install '.[test]' in the folder of the repository)"
    )
