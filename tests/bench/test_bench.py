"""Benchmarks with a clock that the test moves: phases, rounds, budgets, Ctrl-C."""

from __future__ import annotations

import gc
import itertools
from dataclasses import replace

import numpy as np
import pytest

from tfjslab.backends import registry
from tfjslab.base.errors import UsageError
from tfjslab.bench import bench_model, bench_models, benchmark_run, ratios
from tfjslab.bench.bench import ROUNDS, Settings
from tfjslab.bench.result import BenchResult, Spread, compare_results, spread, verdicts
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.records.disturbance import RunState
from tfjslab.records.verdict import FASTER, SAME, UNKNOWN

CONTRACT = {
    "model", "backend", "threads", "load_ms", "compile_ms", "first_ms", "median_ms", "min_ms", "p95_ms", "runs",
    "warmup", "peak_bytes", "weight_bytes", "num_kernels", "fallback_kernels", "clock", "engine",
}
X = Port("x", "x", (None, 4), "float32")
GRAPH = Graph(
    (X,), (Port("y", "b", None, ""),), (Node("a", "Add", ("x", "w")), Node("b", "Relu", ("a",))),
    {"w": np.ones(4, np.float32)},
)


def load(_backend, _threads):
    return Model(GRAPH)


def ticks():
    """A clock that is one second further at each look."""
    return itertools.count(1.0).__next__


def test_every_number_of_the_contract_is_there_and_exact():
    r = bench_model(load, name="small", runs=4, warmup=2, clock=ticks())
    assert set(r.to_json()) >= CONTRACT
    assert (r.model, r.backend, r.engine) == ("small", "cpu", registry.backend().engine)
    assert (r.load_ms, r.compile_ms, r.first_ms) == (1000, 1000, 1000)
    assert (r.median_ms, r.min_ms, r.p95_ms, r.iqr_ms) == (1000, 1000, 1000, 0)
    assert (r.runs, r.warmup, r.num_kernels, r.fallback_kernels) == (4, 2, 2, 0)
    assert (r.weight_bytes, r.peak_bytes, r.arena_bytes) == (16, 16 + 32, 128)
    assert (len(r.times_ms), r.reason) == (4, "")


def test_spread_is_of_the_values():
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == Spread(3.0, 1.0, 4.8, 2.0)
    assert spread([]) == Spread(None, None, None, None)


def test_subjects_take_turns_in_rounds():
    order = []

    def noting(name):
        class Noted(Model):
            def predict(self, x):
                order.append(name)
                return super().predict(x)

        return lambda _backend, _threads: Noted(GRAPH)

    bench_models([("a", noting("a"), None), ("b", noting("b"), None)], [None], settings=Settings(10, 0))
    steady = order[2:]  # the first runs come one after the other
    assert steady == (["a"] * 2 + ["b"] * 2) * ROUNDS


def test_a_budget_ends_the_runs_of_a_subject():
    r = bench_model(load, runs=100, warmup=0, budget_s=3, clock=ticks())
    assert (r.runs, r.median_ms) == (3, 1000)


def test_ctrl_c_gives_what_was_measured_so_far():
    calls = itertools.count()

    class Interrupted(Model):
        def predict(self, x):
            if next(calls) == 8:
                raise KeyboardInterrupt
            return super().predict(x)

    done, missing = bench_models(
        [("a", load, None), ("b", lambda _b, _t: Interrupted(GRAPH), None)], [None], settings=Settings(10, 5),
    )
    assert (done.runs, done.reason) == (4, "interrupted")
    assert (missing.runs, missing.warmup, missing.first_ms is None) == (2, 5, False)


def test_ctrl_c_while_loading_leaves_out_what_was_not_loaded():
    def interrupted(_backend, _threads):
        raise KeyboardInterrupt

    (only,) = bench_models([("a", load, None), ("b", interrupted, None)], [None], settings=Settings(3, 0))
    assert (only.model, only.runs, only.median_ms, only.reason) == ("a", 0, None, "interrupted")


def test_ctrl_c_before_anything_was_loaded_is_raised():
    def interrupted(_backend, _threads):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench_models([("a", interrupted, None)], [None], settings=Settings(3, 0))


def test_progress_names_what_is_done():
    calls = []
    bench_model(load, name="m", runs=5, warmup=0, progress=lambda *a: calls.append(a))
    assert calls[0] == ("m on cpu: compile", 0, 5)
    assert calls[-1] == ("m on cpu: steady", 5, 5)
    assert [done for _, done, _ in calls[1:]] == [1, 2, 3, 4, 5]


def test_garbage_collection_is_as_before_afterwards():
    assert gc.isenabled()
    bench_model(load, runs=1, warmup=0)
    assert gc.isenabled()


def test_a_loaded_model_is_measured_and_not_disposed():
    with Model(GRAPH, name="mine") as model:
        r = bench_model(model, runs=1, warmup=0)
        assert (r.model, r.load_ms) == ("mine", None)
        assert model.predict(np.ones((1, 4))).shape == (1, 4)


def result(model, median):
    return BenchResult(model, "cpu", 1, None, None, None, median, median, median, 0.0, 1, 0, 0, 0, 0, 1, 0, "", "")


def test_ratios_are_to_the_fastest_of_the_same_model():
    rows = [result("a", 2.0), result("a", 1.0), result("b", 5.0), result("b", None), result("c", None)]
    assert ratios(rows) == [2.0, 1.0, 1.0, None, None]


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"warmup": -1}, {"budget_s": 0}])
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError, match="expected runs >= 1, warmup >= 0 and a budget above 0"):
        bench_model(load, **wrong)


CALM, DISTURBED = RunState(0.0, 0, 0.1), RunState(9.0, 2, 0.1)


def measured(times, states=None, rounds=(6,) * 5, backend="cpu"):
    """A result of 30 runs in five rounds."""
    return replace(result("a", float(np.median(times))), backend=backend, times_ms=tuple(times), rounds=rounds,
                   states=tuple(states or [CALM] * len(times)))


def test_disturbed_runs_are_samples_and_in_no_figure(monkeypatch):
    states = [CALM] * 7 + [RunState(9000.0, 2, 0.1)]  # seconds, by this clock
    monkeypatch.setattr(benchmark_run.RunMeter, "states", property(lambda _meter: tuple(states)))
    r = bench_model(load, runs=8, warmup=0, clock=itertools.accumulate(itertools.count(1.0)).__next__)
    assert r.runs == len(r.times_ms) == 8
    assert r.times_ms == tuple(sorted(r.times_ms)), "this clock makes each run slower than the one before"
    assert (r.median_ms, r.min_ms) == (np.median(r.times_ms[:7]), r.times_ms[0])
    plain = r.to_json()
    assert (plain["disturbance"]["disturbed"], plain["disturbance"]["text"]) == ([7], "1 of 8 runs disturbed, left out")
    assert len(plain["times_ms"]) == len(plain["states"]) == sum(plain["rounds"]) == 8
    assert {"date", "load_average", "cpu", "tfjslab"} <= set(plain["environment"])


def test_a_plan_that_was_there_before_is_said_to_be():
    with Model(GRAPH) as model:
        first, again = (bench_model(model, x=np.ones((1, 4)), runs=1, warmup=0) for _ in range(2))
    assert (first.compile_cached_in_process, first.compile_ms > 0) == (False, True)
    assert (again.compile_cached_in_process, again.compile_ms) == (True, None)
    assert again.compile_text == "cached in this process"
    assert again.to_json()["compile_cached_in_process"] is True


def test_more_runs_are_taken_until_the_median_is_certain_or_time_is_over():
    assert bench_model(load, runs=3, warmup=0, clock=ticks()).runs == 3
    assert bench_model(load, runs=3, warmup=0, clock=ticks(), precision=0.01, max_time_s=100).runs == 6
    assert bench_model(load, runs=3, warmup=0, clock=ticks(), precision=0.01, max_time_s=4).runs == 4
    wild = itertools.accumulate(itertools.cycle([1.0, 1.0, 1.0, 3.0])).__next__
    assert bench_model(load, runs=3, warmup=0, clock=wild, precision=0.01, max_time_s=60).runs >= 30


def test_results_are_compared_round_by_round():
    """The machine becomes slower and slower, and one is faster in every round."""
    drift = np.repeat([1.0, 1.3, 1.7, 2.2, 2.9], 6)
    slow, fast = measured(1.2 * drift, backend="cpu"), measured(drift, backend="wasm")
    found = compare_results(slow, fast)
    assert (found.kind, found.ratio) == (FASTER, pytest.approx(1.2))
    assert compare_results(slow, slow).kind == SAME
    assert [v and v.short for v in verdicts([slow, fast])] == ["1.20x slower", None]


def test_disturbed_runs_do_not_decide_and_nothing_is_told_where_there_are_no_others():
    times, states = [1.0, 1.0, 1.0, 1.0, 5.0, 5.0] * 5, [CALM] * 4 + [DISTURBED] * 2
    assert compare_results(measured(times, states * 5), measured([1.0] * 30)).kind == SAME
    found = compare_results(measured(times, [DISTURBED] * 30), measured([1.0] * 30))
    assert found.kind == UNKNOWN
    assert found.reason.startswith("a: 30 of 30 runs disturbed (other programs took the processor in 30)")
    assert found.ratio is not None


def test_undisturbed_runs_of_one_round_alone_tell_nothing_but_the_ratio_of_all_is_given():
    noisy = measured([2.0] * 30, [CALM] * 4 + [DISTURBED] * 26)
    found = compare_results(measured([1.0] * 30), noisy)
    assert (found.kind, found.ratio) == (UNKNOWN, pytest.approx(0.5))
    assert found.reason == "30 and 4 runs; at least 6 of each are needed"
