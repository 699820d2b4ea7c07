"""Five hundred random networks: each pass alone and all of them keep the outputs, and reports tell what was done."""

import os
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import tfjs
from support.nets import evaluate, nets

from tfjslab.formats.tfjs_graph_writer import save_graph_model
from tfjslab.passes.base import TARGETS
from tfjslab.passes.registry import PASSES, run_passes

EXAMPLES = int(os.environ.get("TFJSLAB_RANDOM_GRAPHS", "500"))
many = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def assert_same_bits(graph, optimized, feeds):
    for was, now in zip(evaluate(graph, feeds), evaluate(optimized, feeds), strict=True):
        assert was.dtype == now.dtype
        np.testing.assert_array_equal(now, was)


def assert_close(graph, optimized, feeds):
    """In float64, so that the only difference is the rounding of folded weights."""
    pairs = zip(evaluate(graph, feeds, np.float64), evaluate(optimized, feeds, np.float64), strict=True)
    for was, now in pairs:
        assert was.shape == now.shape
        assert float(np.abs(now - was).max(initial=0)) <= 1e-6 * max(float(np.abs(was).max(initial=0)), 1e-30) + 1e-9


def assert_report_is_true(graph, optimized, reports):
    """Every claim can be seen by comparing the two graphs, and every difference is claimed."""
    old, new = ({n.name: n for n in g.nodes} for g in (graph, optimized))
    claimed = {v for r in reports for c in r.changes for v in c.removed}
    assert claimed == set(old) - set(new)
    assert set(new) <= set(old)
    changed = {v for r in reports for c in r.changes for v in c.changed} - claimed
    assert changed == {k for k in new if new[k] is not old[k]}
    assert all(c.what and (c.removed or c.changed or c.constants or "constant" in c.what)
               for r in reports for c in r.changes)
    assert all(r.reason and r.nodes for p in reports for r in p.refusals)
    for before, after in pairwise(reports):
        assert before.nodes_after == after.nodes_before
    assert (reports[0].nodes_before, reports[-1].nodes_after) == (len(old), len(new))


@many
@given(net=nets(), target=st.sampled_from(sorted(TARGETS)))
def test_each_pass_alone_and_all_together_keep_the_outputs(net, target):
    graph, feeds = net
    for row in PASSES.values():
        optimized, reports = run_passes(graph, [row], target)
        (assert_same_bits if row.exact else assert_close)(graph, optimized, feeds)
        assert_report_is_true(graph, optimized, reports)
    optimized, reports = run_passes(graph, target=target)
    assert_close(graph, optimized, feeds)
    assert_report_is_true(graph, optimized, reports)
    ports = [(p.name, p.shape, p.dtype) for p in (*graph.inputs, *graph.outputs)]
    assert [(p.name, p.shape, p.dtype) for p in (*optimized.inputs, *optimized.outputs)] == ports


def test_tfjs_computes_the_same_from_optimized_networks(tmp_path):
    """What is fused for TensorFlow.js it reads as it is meant: paddings, slopes, biases."""
    tfjs.peers()
    found = []

    @settings(many, max_examples=60, phases=[Phase.generate])
    @given(net=nets())
    def collect(net):
        found.append(net)

    collect()
    saved = [(save_graph_model(run_passes(g)[0], tmp_path / str(i)), feeds) for i, (g, feeds) in enumerate(found)]
    for (graph, feeds), theirs in zip(found, tfjs.predict(saved), strict=True):
        assert not isinstance(theirs, str), theirs
        for (_, now), was in zip(theirs, evaluate(graph, feeds), strict=True):
            np.testing.assert_allclose(now, was, rtol=1e-4, atol=1e-5)


def test_every_pass_finds_something_in_random_networks():
    """Else the test above would show nothing about it."""
    found = Counter()

    @settings(many, max_examples=150)
    @given(net=nets())
    def look(net):
        for report in run_passes(net[0])[1]:
            found[report.name] += len(report.changes)

    look()
    assert set(PASSES) == {name for name, count in found.items() if count}


@settings(many, max_examples=50)
@given(net=nets())
def test_a_second_time_finds_nothing_to_fold(net):
    """The result is a fixed point as far as nodes are concerned, give or take what the first time laid bare."""
    graph, feeds = net
    once, _ = run_passes(graph)
    twice, reports = run_passes(once)
    assert_close(graph, twice, feeds)
    assert_report_is_true(once, twice, reports)
