"""Comparing with another program: turns, ratios, memory, answers, and what is left when one side fails."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from support.tfjs import peers

from tfjslab.base.errors import UsageError
from tfjslab.bench.compare import compare_models, compare_variants
from tfjslab.bench.comparison import Ratio, difference, ratio_between, ratio_of_rounds
from tfjslab.bench.peers.process import Peer
from tfjslab.bench.peers.tfjs import start_tfjs
from tfjslab.bench.settings import Settings
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model

FAKE = Path(__file__).parents[1] / "support" / "fake_peer.py"
X = Port("x", "x", (None, 4), "float32")
GRAPH = Graph(
    (X,), (Port("y", "b", None, ""),), (Node("a", "Add", ("x", "w")), Node("b", "Relu", ("a",))),
    {"w": np.ones(4, np.float32)},
)
ONES = np.ones((1, 4), np.float32)


def load(backend, threads):
    return Model(GRAPH, backend, threads)


def fake(behaviour="well"):
    return lambda _backend, threads: Peer([sys.executable, str(FAKE), behaviour, str(threads)], "fake", 60.0)


def milliseconds():
    """A clock that is one millisecond further at each look."""
    return (i / 1e3 for i in itertools.count(1)).__next__


def compare(start, rounds=3, **settings):
    how = Settings(**{"runs": 6, "warmup": 2, "clock": milliseconds(), **settings})
    return compare_models([("small", load, ONES)], ["cpu"], None, how, start, rounds)


def test_every_figure_of_both_sides_is_there_and_exact():
    (found,) = compare(fake())
    ours, peer = found.ours, found.peer
    assert (ours.median_ms, ours.runs, ours.reason) == (pytest.approx(1.0), 6, "")
    assert (peer.median_ms, peer.min_ms, peer.iqr_ms, peer.runs) == (2.0, 2.0, 0.0, 6)
    assert (peer.ratio, peer.ratio_min, peer.ratio_max) == pytest.approx((2.0, 2.0, 2.0))
    assert peer.rounds_ms == tuple([(pytest.approx(1.0), 2.0)] * 3)
    assert (peer.version, peer.runtime, peer.backend, peer.start_ms) == ("1.2.3", "fake", "fake", 5.0)
    assert (peer.load_ms, peer.first_ms, peer.load_first_ratio) == (3.0, 4.0, pytest.approx(7 / 3))
    assert (peer.peak_bytes, peer.weight_bytes, peer.intermediate_bytes) == (288, 16, 256)
    assert peer.intermediate_ratio == 256 / ours.arena_bytes
    assert (peer.difference, peer.num_kernels, peer.reason) == (0.0, 2, "")


def test_it_is_plain_json_with_the_peer_beside_our_keys():
    (found,) = compare(fake())
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["peer"]["ratio"] == pytest.approx(2.0)
    assert {"model", "backend", "median_ms", "compile_cached"} <= set(data)


def test_the_peer_is_warmed_for_a_while_and_not_at_all_without_warm_up():
    (found,) = compare(fake())  # 11 ms for two runs, until 1000 ms are over
    assert found.peer.warmup == 2 * 91
    (found,) = compare(fake(), warmup=0)
    assert found.peer.warmup == 0


def test_sides_take_turns_and_change_who_begins():
    order = []

    class Noted(Model):
        def predict(self, x):
            order.append("ours")
            return super().predict(x)

    class NotedPeer(Peer):
        def ask(self, command, **arguments):
            order.append(command)
            return super().ask(command, **arguments)

    how = Settings(4, 0, clock=milliseconds())
    command = [sys.executable, str(FAKE), "well", "1"]
    compare_models(
        [("n", lambda _b, _t: Noted(GRAPH), ONES)], ["cpu"], None, how, lambda _b, _t: NotedPeer(command, "fake", 60.0),
        2,
    )
    ours = ["ours"] * 3  # one that is not counted, then the round's two
    assert order[order.index("profile") + 1:] == [*ours, "steady", "steady", *ours]


def test_variants_of_a_model_take_turns_with_one_peer_that_runs_the_original():
    """Each has its own difference and ratio; what they are to each other follows from the same rounds."""
    twice = Graph(GRAPH.inputs, GRAPH.outputs, GRAPH.nodes, {"w": np.zeros(4, np.float32)})
    how = Settings(6, 2, clock=milliseconds())
    with Model(GRAPH, "cpu") as original, Model(twice, "cpu") as other:
        found = compare_variants([("a", original), ("b", other)], original, ONES, how, fake(), 3)
    assert [c.ours.model for c in found] == ["a", "b"]
    assert [c.peer.difference for c in found] == [0.0, 0.5]
    assert [(c.ours.runs, c.peer.runs, len(c.peer.rounds_ms)) for c in found] == [(6, 6, 3)] * 2
    assert [c.peer.ratio for c in found] == pytest.approx([2.0, 2.0])
    between = ratio_between(*found)
    assert (between.median, between.least, between.most) == pytest.approx((1.0, 1.0, 1.0))


def test_variants_are_held_against_each_other_also_without_a_peer():
    how = Settings(6, 2, clock=milliseconds())
    with Model(GRAPH, "cpu") as original:
        a, b = compare_variants([("a", original), ("b", original)], original, ONES, how, fake("load:die"), 3)
    assert a.peer.reason
    assert ratio_between(a, b).median == pytest.approx(1.0)


def test_the_budget_is_for_the_slower_side():
    (found,) = compare(fake(), rounds=2, runs=100, budget_s=0.1)
    assert (found.ours.runs, found.peer.runs) == (8, 8)  # 100 ms / 2 rounds / 9 ms, less the run that is not counted


@pytest.mark.parametrize("when", ["start", "load", "outputs", "profile"])
@pytest.mark.parametrize("how", ["die", "garble", "refuse"])
def test_ours_is_measured_when_the_peer_fails_before_the_rounds(when, how):
    (found,) = compare(fake(f"{when}:{how}"))
    assert (found.ours.runs, found.peer.runs, found.peer.ratio) == (6, 0, None)
    assert "fake " in found.peer.reason
    assert when in found.peer.reason


def test_a_peer_that_dies_in_the_rounds_is_not_asked_again():
    (found,) = compare(fake("steady:die"), warmup=0)
    assert (found.ours.runs, found.peer.runs, found.peer.difference) == (6, 0, 0.0)
    assert found.peer.reason == "fake ended when asked to steady; it said: first words / last words"


def test_ctrl_c_gives_what_was_measured_so_far():
    calls = itertools.count()

    class Interrupted(Model):
        def predict(self, x):
            if next(calls) == 7:
                raise KeyboardInterrupt
            return super().predict(x)

    how = Settings(6, 2, clock=milliseconds())
    sources = [("a", lambda _b, _t: Interrupted(GRAPH), ONES), ("never", load, ONES)]
    (found,) = compare_models(sources, ["cpu"], None, how, fake(), 3)
    assert (found.ours.reason, found.peer.reason) == ("interrupted", "interrupted")
    assert (found.ours.runs, found.peer.runs, len(found.peer.rounds_ms)) == (2, 4, 1)


def test_ctrl_c_while_loading_keeps_what_came_before():
    def interrupted(_backend, _threads):
        raise KeyboardInterrupt

    how = Settings(2, 0, clock=milliseconds())
    (found,) = compare_models([("a", load, ONES), ("b", interrupted, ONES)], ["cpu"], None, how, fake(), 1)
    assert (found.ours.model, found.ours.runs, found.ours.reason) == ("a", 2, "interrupted")
    with pytest.raises(KeyboardInterrupt):
        compare_models([("b", interrupted, ONES)], ["cpu"], None, how, fake(), 1)


def test_no_rounds_make_no_sense():
    with pytest.raises(UsageError, match=r"^rounds=0; expected 1 or more$"):
        compare(fake(), rounds=0)


def test_the_ratio_is_the_median_of_the_rounds():
    assert ratio_of_rounds([[1, 1, 9], [2], [4]], [[3], [4, 4], [4]]) == Ratio(2.0, 1.0, 3.0)
    assert ratio_of_rounds([[1.0], []], [[2.0], [2.0]]) == Ratio(2.0, 2.0, 2.0)
    assert ratio_of_rounds([], []) is None


def named(**values):
    return [(name, np.array(v, np.float32)) for name, v in values.items()]


def test_the_difference_is_the_largest_of_any_output_relative_to_its_largest_value():
    assert difference(named(a=[4, -8], b=[1, 1]), named(b=[1, 1.5], a=[4, -8])) == pytest.approx(0.5 / 1.5)
    assert difference(named(a=[1, 2]), [("other", np.array([1, 4]))]) == 0.5  # by position
    assert difference(named(a=[0.25]), named(a=[0])) == 0.25
    assert difference(named(a=[]), named(a=[])) == 0


@pytest.mark.parametrize(("lies", "kind", "text"), [
    ((), "exact", "the same bits"),
    (("wasm-simd",), "wrong", "4 of 4 rows of y differ; the cpu backend of TensorFlow.js agrees with ours"),
    (("wasm-simd", "cpu"), "wrong", "4 of 4 rows of y differ; the cpu backend of TensorFlow.js agrees with theirs"),
])
def test_outputs_that_are_not_the_same_are_judged_by_another_backend_of_the_peer(lies, kind, text):
    def start(backend, threads):
        return fake("lie" if backend in lies else "well")(backend, threads)

    how = Settings(runs=2, warmup=0, clock=milliseconds())
    (found,) = compare_models([("small", load, ONES)], ["wasm-simd"], None, how, start, 1)
    assert (found.peer.agreement, found.peer.agreement_text) == (kind, text)
    assert found.to_json()["peer"]["agreement"] == kind


def test_a_referee_that_fails_is_no_judge():
    def start(backend, threads):
        return fake("load:refuse" if backend == "cpu" else "lie")(backend, threads)

    how = Settings(runs=2, warmup=0, clock=milliseconds())
    (found,) = compare_models([("small", load, ONES)], ["wasm-simd"], None, how, start, 1)
    assert "could not be asked (fake refused to load: no such kernel)" in found.peer.agreement_text
    assert (found.peer.reason, found.peer.agreement) == ("", "wrong")


def test_outputs_that_do_not_correspond_have_no_difference():
    nan, inf = float("nan"), float("inf")
    assert difference(named(a=[1]), []) is None
    assert difference(named(a=[1]), named(a=[[1]])) is None
    assert difference(named(a=[nan, 1]), named(a=[1, 1])) is None
    assert difference(named(a=[inf, 1]), named(a=[-inf, 1])) is None
    assert difference(named(a=[nan, inf, 1]), named(a=[nan, inf, 2])) == 0.5


@pytest.mark.parametrize(("backend", "threads"), [("cpu", 1), ("wasm-plain", 1), ("wasm-simd", 1), ("wasm-threads", 2)])
def test_tensorflowjs_itself_gives_the_same_answers_on_as_many_threads(backend, threads):
    folder = Path(peers())
    how = Settings(2, 1)
    (found,) = compare_models(
        [("small", load, ONES)], [backend], threads, how, lambda b, t: start_tfjs(folder, b, t), 2,
    )
    assert found.peer.reason == ""
    assert (found.peer.difference, found.peer.threads) == (0.0, threads)
    assert backend == "cpu" or found.ours.threads == threads  # numpy decides on its own
    assert found.peer.backend == ("cpu" if backend == "cpu" else "wasm")
    assert found.peer.runs == found.ours.runs == 2
    assert found.peer.weight_bytes == found.ours.weight_bytes
    assert found.peer.ratio_min <= found.peer.ratio <= found.peer.ratio_max
