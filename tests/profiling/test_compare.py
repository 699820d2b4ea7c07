"""Two profiles side by side and many as one, on fixed records."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from tfjslab.base.errors import UsageError
from tfjslab.profiling.combined import combine
from tfjslab.profiling.compare import diff
from tfjslab.profiling.significance import p_value
from tfjslab.records.profile import Environment, KernelRecord, Phases, Profile, attribute

CPU = Environment("3.11", "2.4", "some cpu", 2, "Linux", "cpu", "numpy 2.4", 1, "a clock")
WASM = replace(CPU, backend="wasm-simd", engine="wasmtime 50")


def kernel(name, node, times, num_bytes=40, nodes=()):
    middle = sorted(times)[len(times) // 2]
    return KernelRecord(
        name, node, middle, (), ((10,),), num_bytes, 100, 1, 1, 0, fallback=False, nodes=nodes or (node,),
        times_ms=tuple(times),
    )


def test_a_group_of_kernels_of_which_one_has_no_times_by_run_is_compared_by_its_sum():
    """A run of a loop, or a clock, may have left a kernel out: its times cannot be added to those of the others."""
    gap = replace(kernel("Conv2D", "b", (2.0,) * 7), times_ms=())
    found = diff(profile(kernel("Conv2D", "a", (1.0,) * 7), gap), profile(kernel("Conv2D", "a", (1.0,) * 7)))
    (change,) = found.kernels
    assert (change.a_ms, change.b_ms, change.significant) == (3.0, 1.0, None)


def profile(*kernels, plain=(10.0,), where=CPU, model="net", peak=100):
    wall, rest = attribute(kernels, 10.0)
    return Profile(kernels, wall, rest, peak, 0, 0, Phases(steady_ms=tuple(plain)), (10.0,), where, model)


BEFORE = profile(
    kernel("Conv2D", "conv", (4.0, 4.1, 4.2, 4.2, 4.3, 4.4)), kernel("Relu", "relu", (1.0, 1.1, 1.2, 1.2, 1.3, 1.4)),
    kernel("Softmax", "top", (0.5, 0.6, 0.7, 0.7, 0.8, 0.9)), plain=(10.0, 10.1, 10.2, 10.2, 10.3, 10.4),
)
AFTER = profile(
    kernel("FusedConv2D", "relu", (2.0, 2.1, 2.2, 2.2, 2.3, 2.4), nodes=("conv", "relu")),
    kernel("Softmax", "top", (0.55, 0.65, 0.75, 0.75, 0.85, 0.95)), kernel("Identity", "copy", (0.25,) * 6),
    plain=(5.0, 5.1, 5.2, 5.2, 5.3, 5.4), where=WASM, peak=60,
)
FOUND = diff(BEFORE, AFTER)


def test_nodes_are_matched_by_name_and_what_was_fused_is_found():
    found = [(n.key, n.status, n.a_ms, n.b_ms, n.became) for n in FOUND.nodes]
    assert found == [
        ("conv", "vanished", 4.2, None, "relu"), ("relu", "both", 1.2, 2.2, ""), ("copy", "appeared", None, 0.25, ""),
        ("top", "both", 0.7, 0.75, ""),
    ]
    assert [n.delta_ms for n in FOUND.nodes] == pytest.approx([-4.2, 1.0, 0.25, 0.05])
    assert (FOUND.nodes[1].a_share, FOUND.nodes[1].a_bytes) == (pytest.approx(0.12), 40)


def test_only_what_the_spread_does_not_explain_is_significant():
    assert {n.key: n.significant for n in FOUND.nodes} == {"conv": None, "relu": True, "copy": None, "top": False}
    assert FOUND.total.significant is True
    same = diff(BEFORE, replace(BEFORE, phases=Phases(steady_ms=(10.05, 10.0, 10.3, 10.35, 10.2, 10.2))))
    assert same.total.significant is False
    assert "b against a: cannot tell (95%: 1.2" in str(same)


def test_kinds_of_kernels_are_summed():
    assert {k.key: k.status for k in FOUND.kernels} == {
        "Conv2D": "vanished", "Relu": "vanished", "FusedConv2D": "appeared", "Softmax": "both", "Identity": "appeared",
    }
    two = profile(kernel("Relu", "a", (1.0, 2.0)), kernel("Relu", "b", (3.0, 1.0)))
    (relu,) = diff(two, two).kernels
    assert (relu.a_ms, relu.a_bytes) == (3.5, 80)


def test_the_total_is_of_plain_runs_and_names_what_differs_around_them():
    t = FOUND.total
    assert (t.a_ms, t.b_ms, t.a_runs, t.b_runs, t.source) == (10.2, 5.2, 6, 6, "plain")
    assert (t.a_iqr_ms, t.b_iqr_ms) == (pytest.approx(0.15), pytest.approx(0.15))
    assert FOUND.changed == ("backend: cpu and wasm-simd", "engine: numpy 2.4 and wasmtime 50")
    assert diff(BEFORE, replace(AFTER, environment=None)).changed == (
        "environment: one of them does not say where it was taken",
    )


def test_too_few_runs_say_nothing():
    found = diff(profile(), profile(plain=()))
    assert (found.total.source, found.total.p_value, found.total.significant) == ("profiled", None, None)
    assert "b against a: cannot tell (1 and 1 undisturbed runs; at least 6 of each process are needed)" in str(found)


def test_it_reads_as_text_page_and_json():
    assert repr(FOUND) == "ProfileDiff(net on cpu -> net on wasm-simd: 4 nodes, 1 appeared, 1 vanished)"
    lines = str(FOUND).splitlines()
    assert lines[0] == "net on cpu (a) and net on wasm-simd (b)"
    assert "b against a: 1.96x faster (95%: 1.62 to 2.37)" in lines
    assert any(
        " ".join(line.split()) == "conv vanished: fused into relu 4.20 - -4.200 42.0% - 40 B -" for line in lines
    )
    assert FOUND._repr_html_().count("<table>") == 3
    plain = json.loads(json.dumps(FOUND.to_json()))
    assert plain["nodes"][0]["status"] == "vanished"
    assert plain["total"]["significant"] is True


def exact_p(a, b):
    """Two-sided, over all ways to split the values."""
    def u(xs, ys):
        return sum((x > y) + 0.5 * (x == y) for x in xs for y in ys)

    pool, middle = [*a, *b], len(a) * len(b) / 2
    far = abs(u(a, b) - middle)
    splits = list(itertools.combinations(range(len(pool)), len(a)))
    hits = sum(
        abs(u([pool[i] for i in s], [pool[i] for i in range(len(pool)) if i not in s]) - middle) >= far for s in splits
    )
    return hits / len(splits)


@pytest.mark.parametrize(("a", "b"), [
    ((1, 2, 3, 4, 5, 6), (7, 8, 9, 10, 11, 12)), ((1, 2, 3, 4, 5, 11), (6, 7, 8, 9, 10, 12)),
    ((1, 3, 5, 7, 9, 11), (2, 4, 6, 8, 10, 12)),
    ((1, 1, 2, 2, 3, 3), (2, 3, 3, 4, 4, 5)),
])
def test_the_probability_is_close_to_the_exact_one(a, b):
    assert p_value(a, b) == pytest.approx(exact_p(a, b), abs=0.03)
    assert p_value(a, b) == p_value(b, a)


def test_equal_values_are_no_difference_and_few_are_no_answer():
    assert p_value((1.0,) * 6, (1.0,) * 6) == 1.0
    assert p_value((1.0,) * 5, (2.0,) * 9) is None
    assert p_value(range(10), range(20, 30)) < 0.01


def test_many_profiles_give_medians_and_quartiles_of_every_run():
    found = combine([BEFORE, BEFORE, replace(BEFORE, kernels=tuple(replace(k, times_ms=()) for k in BEFORE.kernels))])
    conv = found.kernels[0]
    assert (conv.name, conv.node, len(conv.times_ms)) == ("Conv2D", "conv", 13)
    assert (conv.median_ms, conv.low_ms, conv.high_ms) == (4.2, pytest.approx(4.1), pytest.approx(4.3))
    assert conv.iqr_ms == pytest.approx(0.2)
    assert (found.wall.median_ms, found.wall.times_ms) == (10.0, (10.0, 10.0, 10.0))
    assert repr(found) == "Combined(net on cpu: 3 kernels in 3 profiles)"
    assert str(found).splitlines()[2].startswith("wall of profiled runs")
    assert found.to_json()["profiles"] == 3


@pytest.mark.parametrize(("others", "message"), [
    ((replace(BEFORE, model="other"),), "combine: profile 2 is of other on cpu; expected net on cpu, as the first"),
    ((BEFORE, replace(BEFORE, kernels=BEFORE.kernels[:2])),
     "combine: profile 3 has 2 kernels; expected 3, as the first"),
    ((replace(BEFORE, kernels=BEFORE.kernels[::-1]),),
     "combine: kernel 1 of profile 2 is Softmax at 'top'; expected Conv2D at 'conv', as in the first"),
])
def test_what_does_not_belong_together_is_not_combined(others, message):
    with pytest.raises(UsageError) as caught:
        combine([BEFORE, *others])
    assert str(caught.value) == message


def test_nothing_cannot_be_combined():
    with pytest.raises(UsageError, match="combine: no profiles; expected at least one"):
        combine([])
