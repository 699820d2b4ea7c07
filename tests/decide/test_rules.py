"""What the rules choose, said of candidates whose times are known, and what they say about it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from support.candidates import candidate, result, texts_of, unknown_numbers

from tfjslab.base.errors import UsageError
from tfjslab.decide.candidate import HERE, Candidate, Taken, merged, versus
from tfjslab.decide.recommendation import ALONE, SURE, TIE, UNSURE
from tfjslab.decide.rules import LIMITS, ORDER, best
from tfjslab.decide.ruling import Decision, ruled
from tfjslab.decide.scenario import SCENARIOS, Scenario, scenario_of
from tfjslab.records.verdict import FASTER

PHONE = "Chrome 156 on Android"


def decide(*candidates, scenario=None, place="this kernel"):
    wanted = scenario or Scenario()
    return ruled(Decision("net", wanted, place, candidates, wanted.batch))


def test_the_fastest_is_chosen_and_the_interval_is_told():
    r = decide(candidate("wasm-plain", 30.0), candidate("wasm-threads", 8.0), candidate("wasm-simd", 12.0))
    assert (r.choice.name, r.runner_up.name, r.confidence) == ("wasm-threads", "wasm-simd", SURE)
    assert r.verdict.ratio == pytest.approx(1.5, rel=0.02)
    assert r.verdict.low < 1.5 < r.verdict.high
    assert r.headline == "wasm-threads, float32, 8.00 ms a run (predicted; sure)"


def test_what_noise_does_not_tell_apart_goes_by_the_features_that_it_needs():
    r = decide(candidate("wasm-relaxed", 10.0), candidate("wasm-simd", 10.02))
    assert (r.choice.name, r.confidence) == ("wasm-simd", TIE)
    assert "of the two it is chosen since it needs fewer features of a browser: wasm, simd" in r.reasons


def test_what_cannot_be_told_goes_by_the_median_and_says_so():
    r = decide(candidate("wasm-simd", 10.0, group="a", noise=0.3), candidate("wasm-plain", 10.5, group="b", noise=0.3))
    assert (r.choice.name, r.confidence) == ("wasm-simd", UNSURE)
    assert any("whether the choice is faster cannot be told" in text for text in r.reasons)


def test_one_that_meets_the_target_comes_before_a_faster_one_with_outliers():
    fast = candidate("wasm-threads", 10.0)
    times = tuple(t * (9 if i % 10 == 0 else 1) for i, t in enumerate(fast.bench.times_ms))
    jumpy = replace(fast, taken=(Taken(replace(fast.bench, times_ms=times), "g"),))
    r = decide(jumpy, candidate("wasm-simd", 15.0), scenario=Scenario(20, 95))
    assert r.choice.name == "wasm-simd"
    assert [c.meets_target for c in r.candidates] == [False, True]
    assert any("misses the target of 20.00 ms" in text for text in r.reasons)


def test_where_none_meets_the_target_the_fastest_is_chosen_and_that_is_said():
    r = decide(candidate("wasm-simd", 50.0), scenario=Scenario(20))
    assert r.choice.meets_target is False
    assert r.confidence == ALONE
    assert any("no candidate meets it" in text for text in r.reasons)


@pytest.mark.parametrize(("scenario", "changed", "rule", "why"), [
    (Scenario(memory_mb=5), {"bench": {"peak_bytes": 6_000_000}}, "memory", "its memory is 6.0 MB, above 5.0 MB"),
    (Scenario(memory_mb=5), {"bench": {"peak_bytes": None}}, "memory",
     "its memory was not measured, and the scenario has a limit"),
    (Scenario(download_mb=1.5), {}, "download", "its download is 2.0 MB, above 1.5 MB"),
    (Scenario(missing=("simd",)), {}, "features", "it needs simd, which the scenario does without"),
    (Scenario(accuracy_floor=0.9), {"accuracy": 0.85, "accuracy_kind": "top-1 accuracy"}, "accuracy",
     "its top-1 accuracy is 0.8500, below 0.9000"),
    (Scenario(accuracy_floor=0.9), {}, "accuracy", "its accuracy was not measured, and the scenario has a floor"),
    (Scenario(), {"difference": 0.5}, "right", "its answers differ from numpy's by 0.5 of the largest value"),
    (Scenario(), {"bench": {"adapter_type": "CPU"}}, "real",
     "its GPU is a program on the processor, whose times say nothing of a GPU"),
])
def test_each_limit_leaves_out_and_says_why(scenario, changed, rule, why):
    r = decide(candidate("wasm-simd", 1.0, **changed), scenario=scenario)
    assert r.choice is None
    assert (r.candidates[0].out_by, r.candidates[0].out) == (rule, why)
    assert r.headline == "nothing is recommended"
    assert r.reasons == (f"wasm-simd, float32: {why}",)


def test_a_limit_that_excludes_a_faster_one_is_what_would_change_it():
    slow = candidate("wasm-simd", 20.0, bench={"peak_bytes": 1_000_000})
    r = decide(candidate("wasm-threads", 10.0), slow, scenario=Scenario(memory_mb=2))
    assert r.choice.name == "wasm-simd"
    (change,) = [text for text in r.changes if "without the limit on memory" in text]
    assert "wasm-threads, float32 (its memory is 4.0 MB, above 2.0 MB): that is 2.00x faster" in change


def test_a_limit_that_excludes_a_slower_one_changes_nothing():
    r = decide(candidate("wasm-threads", 30.0), candidate("wasm-simd", 20.0), scenario=Scenario(missing=("threads",)))
    assert r.changes == ()


def test_each_feature_that_may_be_missing_has_its_fall_back():
    r = decide(candidate("wasm-plain", 40.0), candidate("wasm-simd", 20.0), candidate("wasm-threads", 10.0))
    found = {f.feature: f.name for f in r.fallbacks}
    assert found == {"wasm": None, "simd": "wasm-plain", "threads": "wasm-simd"}
    assert r.fallbacks[2].text.startswith("without threads: wasm-simd, float32, median 20.00 ms; that is 2.00x slower")


def test_two_that_took_turns_are_compared_by_their_rounds_and_not_by_jobs_far_apart():
    """A slower machine in the second job must not make TensorFlow.js look slow."""
    ours = candidate("wasm-simd", 10.0, place=PHONE, group="job1")
    again = candidate("wasm-simd", 20.0, place=PHONE, group="job2")
    theirs = candidate("tfjs-wasm-simd", 15.0, place=PHONE, group="job2")
    ours, theirs = merged([ours, again, theirs])
    assert versus(ours, theirs).kind == FASTER
    assert best([ours, theirs], Scenario()) is theirs


def test_records_of_the_same_thing_are_one_candidate():
    found = merged([candidate("a", 1.0), candidate("b", 1.0), candidate("a", 2.0, group="h"),
                    candidate("a", 3.0, "int8")])
    assert [(c.name, c.precision, len(c.taken)) for c in found] == [("a", "float32", 2), ("b", "float32", 1),
                                                                    ("a", "int8", 1)]


@pytest.mark.parametrize("scenario", [*SCENARIOS.values(), Scenario(9.5, 50, 3, 1.9, 0.5, ("threads",), 4)],
                         ids=lambda s: s.name)
def test_every_number_in_the_text_is_a_figure_of_the_records(scenario):
    known = {"accuracy": 0.93, "accuracy_kind": "agreement with float32"}
    candidates = [
        candidate("wasm-plain", 31.7, bench={"peak_bytes": 2_345_678}, **known), candidate("wasm-simd", 9.13, **known),
        candidate("wasm-threads", 7.77, noise=0.05, **known), candidate("wasm-relaxed", 9.11, **known),
        candidate("tfjs-webgl", 5.3, bench={"adapter_type": "CPU"}), candidate("tfjs-webgpu", 2.1, group="x"),
        candidate("wasm-simd", 6.4, "int8", group="y", accuracy=0.61, accuracy_kind="agreement with float32"),
    ]
    r = decide(*candidates, scenario=scenario)
    assert len(" ".join(texts_of(r))) > 300
    assert unknown_numbers(r) == []
    json.dumps(r.to_dict(), allow_nan=False)


def test_a_span_of_hundreds_of_times_is_of_the_records_too():
    """Two rounds far apart: on a busy machine such intervals are what is measured."""
    far = replace(result("wasm-simd", 1.0), times_ms=(0.1,) * 10 + (9.0,) * 10, rounds=(10, 10))
    near = replace(result("wasm-plain", 1.0), times_ms=(1.0,) * 10 + (1.1,) * 10, rounds=(10, 10))
    r = decide(*(Candidate(b.backend, "float32", HERE, (Taken(b, "g"),)) for b in (far, near)))
    assert re.search(r"95%: \d{2,}\.\d\dx slower to \d{2,}\.\d\dx faster", " ".join(texts_of(r)))
    assert unknown_numbers(r) == []


def test_a_planted_number_is_found():
    r = replace(decide(candidate("wasm-simd", 9.13)), reasons=("it takes 3.21 ms",))
    assert unknown_numbers(r) == ["3.21 in: it takes 3.21 ms"]


def test_scenarios_are_checked():
    with pytest.raises(UsageError) as e:
        Scenario(missing=("smid",))
    told = "scenario 'own': no features of browsers: 'smid' (did you mean 'simd'?); known: wasm, simd"
    assert str(e.value).startswith(told)
    wrong = {"target_latency_ms": 0, "memory_mb": -1, "percentile": 101, "accuracy_floor": 2, "batch": 0}
    for field, value in wrong.items():
        with pytest.raises(UsageError, match=field):
            Scenario(**{field: value})
    with pytest.raises(UsageError, match="did you mean 'mobile-detection'"):
        scenario_of("mobile-detektion")


def test_rules_and_scenarios_are_told():
    assert [len({rule.name for rule in LIMITS}), len({name for name, _ in ORDER})] == [len(LIMITS), len(ORDER)]
    assert all(rule.doc for rule in LIMITS)
    assert all(s.doc and s.name == name for name, s in SCENARIOS.items())


def test_a_candidate_without_times_is_not_compared():
    none = Candidate("a", "float32", PHONE, (Taken(replace(candidate("a", 1.0).bench, times_ms=(), median_ms=None,
                                                           reason="it fell over"), "g"),))
    r = decide(none, candidate("wasm-simd", 1.0))
    assert r.choice.name == "wasm-simd"
    assert r.candidates[0].out == "not measured: it fell over"
