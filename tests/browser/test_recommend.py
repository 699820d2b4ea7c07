"""A recommendation measured in this machine's Chromium: our programs take turns in one page."""

from __future__ import annotations

import numpy as np
from support.candidates import unknown_numbers

import tfjslab as tf
from tfjslab import zoo
from tfjslab.browser.jobs.job import HowToRun

QUICK = HowToRun(runs=12, rounds=3, warmup=1, budget_s=1.0, profiles=1)
OURS = ("wasm-plain", "wasm-simd")


def test_programs_take_turns_and_the_answer_is_of_that_browser(session):
    with zoo.load("digits") as model:
        r = tf.recommend(model, tf.Scenario(1000, batch=2), devices=[session], backends=OURS, batches=(2,), how=QUICK)
    assert r.place.startswith("Chromium, headless")
    assert r.basis == "measured"
    assert [c.name for c in r.candidates] == list(OURS)
    assert {c.runs for c in r.candidates} == {12}
    assert r.choice.median_ms == min(c.median_ms for c in r.candidates) or r.confidence == "a tie"
    assert r.choice.difference < 1e-5
    fallbacks = {f.feature: f.name for f in r.fallbacks}  # of what the choice needs, and plain code needs nothing
    assert r.choice.name == "wasm-plain" or fallbacks["simd"] in (None, "wasm-plain")
    assert [s.batch for s in r.sizes.sizes] == [2]
    assert unknown_numbers(r) == []
    assert "a browser: this kernel only predicts it" not in [m.what for m in r.missing]


def test_a_model_in_integers_runs_in_our_module_though_no_file_can_hold_it(session):
    x = np.random.default_rng(0).uniform(0, 1, (4, 8, 8, 1)).astype(np.float32)
    with zoo.load("digits") as model, tf.quantize(model, "int8", x).model as int8:
        ours, theirs = tf.browser.bench(int8, ["wasm-simd", "tfjs-wasm-simd"], how=QUICK, session=session,
                                        together=True)
    assert ours.bench.reason == ""
    assert ours.bench.runs == 12
    assert theirs.bench.reason.startswith("this model runs in int8, which a TensorFlow.js model cannot hold")
