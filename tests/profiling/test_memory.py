"""Memory over a run: points add up, and what is alive at the peak is named."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tfjslab.backends.base import BufferLife
from tfjslab.base.errors import InputError
from tfjslab.engine.state import STATE
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.profiling.collect import profile_model
from tfjslab.profiling.memory import AliveTensor, MemoryPoint, alive_at, alive_at_peak, timeline
from tfjslab.records.profile import KernelRecord, Profile

W = np.ones((8, 8), np.float32)
GRAPH = Graph(
    (Port("x", "x", (None, 8), "float32"),), (Port("y", "y", None, ""), Port("early", "b", None, "")),
    (
        Node("a", "BatchMatMul", ("x", "w"), {"transpose_a": False, "transpose_b": False}),
        Node("b", "Cumsum", ("a",), {"axis": 0, "exclusive": False, "reverse": False}),
        Node("c", "Transpose", ("b",), {"perm": (1, 0)}),
        Node("y", "Sum", ("c",), {"axis": (0,), "keep_dims": False}),
    ),
    {"w": W},
)


def kernel(node, total, tensors, *buffers, ms=1.0):
    return KernelRecord("Op", node, ms, (), (), 0, total, 1, tensors, 0, fallback=False, buffers=buffers)


def life(name, num_bytes, commands, last_user):
    return BufferLife(name, (num_bytes // 4,), "float32", num_bytes, commands, last_user)


FIXED = Profile((
    kernel("a", 140, 3, life("a", 40, 2, "b"), ms=0.5), kernel("b", 220, 4, life("b", 80, 3, ""), ms=0.25),
    kernel("c", 200, 4, life("c", 20, 1, "c")), kernel("d", 180, 3),
), 3.0, 0.25, 220, 0, 0, model="net")


def test_points_follow_the_kernels_and_their_clock():
    assert timeline(FIXED)[:2] == (
        MemoryPoint(0, "a", "Op", 140, 3, 0.5), MemoryPoint(1, "b", "Op", 220, 4, 0.75),
    )
    assert timeline(FIXED)[-1].at_ms == 2.75


def test_the_peak_shows_who_made_what_and_who_reads_it_last():
    report = alive_at_peak(FIXED)
    assert report.peak.node == "b"
    assert report.alive == (
        AliveTensor("b", (20,), "float32", 80, "b", ""), AliveTensor("a", (10,), "float32", 40, "a", "b"),
    )
    assert (report.other_bytes, report.other_tensors) == (100, 2)
    assert repr(report) == "PeakReport(net: 220 B at b, 2 tensors alive)"
    assert report.to_json()["alive"][1]["last_user"] == "b"


def test_the_report_reads_as_text_and_as_a_table_of_a_page():
    text, page = str(alive_at_peak(FIXED)), alive_at_peak(FIXED)._repr_html_()
    assert text.splitlines() == [
        "net: 220 B at the peak, while b (Op) runs, kernel 2",
        "tensor                        made by  last used by      shape    dtype  bytes  share",
        "b                             b        (output)             20  float32   80 B  36.4%",
        "a                             a        b                    10  float32   40 B  18.2%",
        "weights and all other values                         2 tensors           100 B  45.5%",
    ]
    assert page.count("<tr>") == 4
    assert re.findall(r"<caption[^>]*><b>(.*?)</b>", page) == ["net: 220 B at the peak, while b (Op) runs, kernel 2"]


def test_a_buffer_is_alive_for_as_many_kernels_as_it_says():
    assert [{t.name for t in alive_at(FIXED.kernels, i)} for i in range(4)] == [{"a"}, {"a", "b"}, {"b", "c"}, {"b"}]


def test_without_kernels_there_is_no_peak():
    with pytest.raises(InputError, match="the profile has no kernels, so there is no peak"):
        alive_at_peak(Profile((), 1.0, 1.0, 0, 0, 0))


@pytest.mark.parametrize("backend", ["cpu", "wasm-plain", "wasm-simd", "wasm-threads"])
def test_named_tensors_and_the_rest_are_all_that_is_alive(backend):
    """At every kernel: what is not in the list is exactly the weights and all other values."""
    before = STATE.counters.num_bytes
    found = profile_model(lambda b, t: Model(GRAPH, b, t), np.ones((4, 8)), backend, runs=1)
    for i, k in enumerate(found.kernels):
        named = sum(t.num_bytes for t in alive_at(found.kernels, i))
        assert k.total_bytes_snapshot - named == before + W.nbytes
    peak = alive_at_peak(found)
    assert {"b", "c"} <= {t.name for t in peak.alive}
    (early,) = (t for t in peak.alive if t.last_user == "" and t.name == "b")
    assert (early.shape, early.num_bytes) == ((4, 8), 128)
