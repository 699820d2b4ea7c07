"""Five hundred random networks: each pass alone and all of them keep the outputs, and reports tell what was done."""

import os
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import tfjs
from support.nets import evaluate, nets

from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.passes.base import TARGETS
from tfjslab.passes.registry import PASSES, run_passes

EXAMPLES = int(os.environ.get("TFJSLAB_RANDOM_GRAPHS", "500"))
# Of the networks must have something for each pass to do.
LEAST_SHARE = 0.1
many = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def assert_same_bits(graph, optimized, feeds):
    for was, now in zip(evaluate(graph, feeds), evaluate(optimized, feeds), strict=True):
        assert was.dtype == now.dtype
        np.testing.assert_array_equal(now, was)


def assert_close(graph, optimized, feeds):
    """In float64, so that the only difference is the rounding of folded weights: 1e-6 of the largest value.

    Where sums cancel (a relu that lets hardly anything through), the values that are left are small beside the weights'
    rounding. There float32 itself is no more exact: the measure is twice what the network as it was loses by it.
    """
    exact = evaluate(graph, feeds, np.float64)
    for i, (was, now) in enumerate(zip(exact, evaluate(optimized, feeds, np.float64), strict=True)):
        assert was.shape == now.shape
        apart = float(np.abs(now - was).max(initial=0))
        if apart > 1e-6 * float(np.abs(was).max(initial=0)):
            assert apart <= 2 * float(np.abs(evaluate(graph, feeds)[i] - was).max(initial=0))


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


def test_every_pass_has_work_in_a_fair_share_of_random_networks(capsys):
    """Else the test above would show little about it: of five hundred networks each pass changes some fifty."""
    alone, sizes = Counter(), []

    @settings(many, phases=[Phase.generate])
    @given(net=nets())
    def look(net):
        sizes.append(len(net[0].nodes))
        for row in PASSES.values():
            alone[row.name] += bool(run_passes(net[0], [row])[1][0].changes)

    look()
    shares = {name: alone[name] / len(sizes) for name in PASSES}
    with capsys.disabled():
        listed = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        print(f"\n{len(sizes)} random networks of {np.mean(sizes):.0f} nodes; changed by: {listed}")  # noqa: T201
    assert len(sizes) == EXAMPLES
    assert {name: share for name, share in shares.items() if share < LEAST_SHARE} == {}


def test_random_networks_have_what_passes_look_for():
    """Patterns, told by what the whole pipeline makes of them."""
    made = Counter()

    @settings(many, phases=[Phase.generate])
    @given(net=nets())
    def look(net):
        graph, reports = run_passes(net[0], target="tfjslab")
        fused = {(n.op, ops[-1]) for n in graph.nodes if (ops := n.attrs.get("fused_ops"))}
        made.update(fused)
        made.update({"explicit" for n in graph.nodes if n.attrs.get("padding") == "EXPLICIT"})
        spelled = {c.what.rpartition(" ")[2] for r in reports if r.name == "activations" for c in r.changes}
        made.update({("spelled", op) for op in spelled})
        made.update({reason for r in reports for c in r.refusals if (reason := c.reason.partition(":")[0])
                     in ("hard-swish", "sum of two results (residual)")})

    look()
    convolutions = ("FusedConv2D", "FusedDepthwiseConv2D")
    wanted = {(conv, op) for conv in convolutions for op in (*TARGETS["tfjs"].activations, "BiasAdd")}
    wanted |= {("spelled", op) for op in ("Relu", "Relu6", "LeakyRelu", "Prelu")}
    wanted |= {"explicit", "hard-swish", "sum of two results (residual)", ("_FusedMatMul", "BiasAdd")}
    assert wanted - set(made) == set()


@settings(many, max_examples=50)
@given(net=nets())
def test_a_second_time_finds_nothing_to_fold(net):
    """The result is a fixed point as far as nodes are concerned, give or take what the first time laid bare."""
    graph, feeds = net
    once, _ = run_passes(graph)
    twice, reports = run_passes(once)
    assert_close(graph, twice, feeds)
    assert_report_is_true(once, twice, reports)
