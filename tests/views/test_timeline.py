"""The data of a timeline: every run adds up, nothing is negative, and what is not a profile is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.charts import KERNELS, kernel, profile

import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends.base import BufferLife
from tfjslab.base.errors import InputError
from tfjslab.profiling import captions
from tfjslab.records.profile import Environment, Profile

RUNS = ((2.0, 0.5, 4.0, 1.0), (2.5, 0.25, 5.0, 1.25))


def repeated():
    """The profile with two runs, the first of which is the one with the median time."""
    kernels = tuple(replace(k, times_ms=times) for k, times in zip(KERNELS, zip(*RUNS, strict=True), strict=True))
    return replace(profile(kernels), profiled_ms=(8.0, 10.0))


def data(given):
    return json.loads(json.dumps(tf.views.timeline(given).data, allow_nan=False))


def test_every_run_can_be_chosen_and_has_its_own_times():
    runs = data(repeated())["runs"]
    assert [(r["name"], r["wall_ms"]) for r in runs] == [
        ("median of 2 runs", 8.0), ("run 1 (fastest)", 8.0), ("run 2 (slowest)", 10.0)]
    assert [r["times_ms"] for r in runs] == [list(RUNS[0]), *map(list, RUNS)]


def test_runs_that_differed_leave_the_profile_itself():
    """Loops may run more often in one run than in another; then times of single runs are not known."""
    assert [r["name"] for r in data(replace(profile(), profiled_ms=(8.0, 9.0)))["runs"]] == ["median of 2 runs"]
    assert [r["name"] for r in data(profile())["runs"]] == ["the run"]


class Disturbed(Profile):
    """One that says which of its runs the machine disturbed."""

    @property
    def disturbance(self):
        """Runs 2, 3 and 28, which stand for most."""
        return SimpleNamespace(disturbed=(1, 2, 27), text="most runs disturbed", mostly=True)


def test_of_many_runs_the_first_the_fastest_and_the_slowest_are_listed_and_disturbed_ones_marked(monkeypatch):
    monkeypatch.setattr(captions, "evidence", lambda _: (), raising=False)
    walls = tuple(float(100 + (i * 37) % 100) for i in range(100))
    kernels = tuple(replace(k, times_ms=walls) for k in KERNELS)
    given = Disturbed(**{**vars(profile(kernels, 800.0)), "profiled_ms": walls})
    found = data(given)
    assert found["warning"] == "most runs disturbed"
    names = [r["name"] for r in found["runs"]]
    assert names[:4] == ["median of 100 runs", "run 1 (fastest)", "run 2 (disturbed)", "run 3 (disturbed)"]
    assert names[20:] == ["run 20", "run 28 (slowest, disturbed)"]


def test_what_figures_rest_on_is_said_beside_them(monkeypatch):
    monkeypatch.setattr(captions, "evidence", lambda p: (f"of {p.model}",), raising=False)
    assert data(profile())["notes"] == [captions.totals(profile()), "of net"]


def test_kernels_say_what_they_did_and_where():
    found = data(repeated())
    assert (found["lanes"], found["warning"]) == (["wasm-simd", "host"], "")
    assert [k["host"] for k in found["kernels"]] == [False, False, False, True]
    assert found["kinds"] == ["Conv2D", "Relu"]
    assert [k["kind"] for k in found["kernels"][:3]] == [0, 1, 0]
    assert found["kernels"][0] | {"buffers": []} == {
        "name": "Conv2D", "node": "stem/conv", "nodes": ["stem/conv"], "layer": "stem", "kind": 0, "host": False,
        "reason": "", "flops": 1_000_000, "bytes_moved": 500_000, "bytes_live": 64, "tensors_live": 4,
        "inputs": ["1x4"], "outputs": ["1x4"], "buffers": [],
        "range_ms": [2.0, 2.5],
    }
    assert [(s["name"], s["first"], s["end"]) for s in found["spans"]] == [
        ("stem", 0, 2), ("block_1", 2, 3), ("head", 3, 4)]


def test_threads_are_named_and_many_kinds_are_summed_up():
    where = Environment("3", "2", "a processor", 4, "Linux", "wasm-threads", "wasmtime", 4, "a clock")
    kernels = tuple(kernel(f"Op{i}+Relu", f"n{i}", 9.0 - i) for i in range(9))
    found = data(replace(profile(kernels, 60.0), environment=where))
    assert found["lanes"] == ["wasm-threads, 4 threads"]
    assert found["kinds"] == [*(f"Op{i}" for i in range(6)), "other kernels"]
    assert [k["kind"] for k in found["kernels"]] == [0, 1, 2, 3, 4, 5, 6, 6, 6]


def test_buffers_are_those_that_begin_at_a_kernel():
    buffers = (BufferLife("y", (2, 3), "float32", 24, 2, ""), BufferLife("temporary", (), "", 8, 1, "n"))
    found = data(profile((replace(kernel("Conv2D", "n", 1.0), buffers=buffers),)))
    assert found["kernels"][0]["buffers"] == [["y", "2x3", "float32", 24, 2], ["temporary", "", "", 8, 1]]


def test_a_profile_without_kernels_can_be_shown():
    found = data(Profile((), 1.0, 1.0, 0, 0, 0))
    assert (found["kernels"], found["spans"], found["kinds"], found["lanes"]) == ([], [], [], ["kernels"])
    assert found["place"] == "where it ran is not known"


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_a_real_profile_adds_up(backend):
    with zoo.load("digits", backend=backend) as model:
        measured = tf.profile_model(model, runs=3, warmup=0)
    found = data(measured)
    assert len(found["runs"]) == 4
    for run in found["runs"]:
        assert len(run["times_ms"]) == len(found["kernels"]) > 0
        assert all(t >= 0 for t in run["times_ms"])
    for run, wall in zip(found["runs"][1:], measured.profiled_ms, strict=True):
        assert run["wall_ms"] == wall
        assert math.fsum(run["times_ms"]) <= wall + 1e-6 * len(run["times_ms"])  # they are rounded to 1e-6 ms
    assert all(k["flops"] >= 0 and k["bytes_live"] > 0 and k["tensors_live"] > 0 for k in found["kernels"])


def test_what_tf_profile_gives_is_taken_too():
    with tf.tidy():
        info = tf.profile(lambda: tf.softmax(tf.tensor([1.0, 2.0])))
    view = tf.views.timeline(info)
    assert repr(view) == "View(timeline of code on cpu; save it with .save('view.html'))"
    assert [k["name"] for k in data(info)["kernels"]] == [k.name for k in info.kernels]


@pytest.mark.parametrize("wrong", [None, "profile.json", {"kernels": []}, 3])
def test_anything_else_is_refused(wrong):
    with pytest.raises(InputError) as caught:
        tf.views.timeline(wrong)
    assert str(caught.value) == (
        f"got {type(wrong).__name__}; expected a profile, from tf.profile_model, tf.profile or %tfprofile")
