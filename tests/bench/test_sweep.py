"""The trade-off of settings: the front, the verdicts and the rule on made-up figures, and a sweep of a real model."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import UsageError
from tfjslab.bench.settings import Settings
from tfjslab.bench.sweep_result import (
    BASELINE,
    BETTER,
    SAME,
    UNKNOWN,
    WORSE,
    Sweep,
    SweepRow,
    pareto_front,
    passes,
    recommend,
    rule_of,
    verdict,
)
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.zoo import digits

NOT_MEASURED = SweepRow("float32", 100, *[None] * 4, 1.0, *[None] * 12)


def row(setting, ms, weights=100, drop=0.0, **more):
    """A row that was measured."""
    return replace(NOT_MEASURED, setting=setting, median_ms=ms, weight_bytes=weights, peak_bytes=2 * weights, drop=drop,
                   accuracy=SAME, **more)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_the_front_is_what_nothing_else_beats(points):
    front = pareto_front(points)
    for i, (cost, quality) in enumerate(points):
        beaten = any(c <= cost and q >= quality and (c, q) != (cost, quality) for c, q in points)
        twin = any(points[j] == points[i] for j in front)
        assert twin == (not beaten)
    assert [points[i] for i in front] == sorted({points[i] for i in front})


def test_a_verdict_needs_more_than_noise_and_every_round():
    assert verdict(1.2, 0.05, 1.1, 1.3) == BETTER
    assert verdict(1.2, 0.05, 0.9, 1.3) == SAME, "in one round it was slower"
    assert verdict(1.04, 0.05, 1.01, 1.1) == SAME
    assert verdict(0.8, 0.05, 0.7, 0.9) == WORSE
    assert verdict(0.8, 0.05, 0.7, 1.05) == SAME
    assert verdict(None) == UNKNOWN


def test_accuracy_passes_up_to_the_limit_and_not_beyond():
    at, beyond = row("a", 1, drop=0.29 - 0.28), row("b", 1, drop=0.0101)
    assert passes("top1", at, 0.01)
    assert not passes("top1", beyond, 0.01)
    assert passes("agreement", replace(at, agreement=0.99), 0.01)
    assert not passes("agreement", replace(at, agreement=None), 0.01)
    assert not passes("sqnr_db", replace(at, sqnr_db=19.9), 0.01)
    assert passes("sqnr_db", replace(at, sqnr_db=math.inf), 0.01)


def test_the_recommendation_follows_its_rule():
    rows = [row("float32", 10.0), row("fast", 5.0, 60), row("nearly as fast", 5.2, 30), row("small", 9.0, 10),
            replace(row("wrong", 1.0, 1), accuracy=WORSE)]
    assert recommend(rows, "speed") == "nearly as fast"
    assert recommend(rows, "size") == "small"
    assert recommend(rows, "memory") == "small"
    assert recommend([NOT_MEASURED], "speed") == "float32"
    assert rule_of("speed", "top1", 0.01) == (
        "the fastest of those whose accuracy passes (top-1 accuracy at most 0.01 below float32's); of those within 5% "
        "of it the smallest"
    )


@pytest.fixture(scope="module")
def data():
    """Images and labels: for calibration, for evaluation."""
    found = load_digits()
    images = (found.images / 16).astype(np.float32)[..., None]
    learn, test = map(list, digits.split(len(images)))
    return images[learn[:64]], images[test[:120]], found.target[test[:120]]


@pytest.fixture(scope="module")  # nobody changes it, and making it takes longer than all tests of it
def swept(data):
    calibration, images, labels = data
    with zoo.load("digits", backend="wasm-simd") as model:
        return tf.sweep(model, calibration, images, labels=labels, methods=("minmax", "mse"), settings=Settings(10, 1))


def test_every_setting_is_evaluated_measured_and_judged_for_itself(swept):
    names = ["float32", "optimized", "int8 minmax", "int8 mse", "dynamic-int8", "float16", "uint8", "uint16"]
    assert sorted(r.setting for r in swept.rows) == sorted(names)
    assert (swept.measure, swept.samples, swept.refused) == ("top1", 120, ())
    base, int8 = swept.row("float32"), swept.row("int8 mse")
    assert (base.size, base.speed, base.memory, base.accuracy) == (SAME,) * 4
    assert (base.drop, base.lost, base.sqnr_db) == (0, 0, math.inf)
    assert int8.size == int8.memory == BETTER
    assert int8.size_x > 3.5
    assert int8.accuracy == SAME
    assert swept.row("uint8").memory_x < 1.1, "weights that are only stored small are float32 while they run"
    for r in swept.rows:
        assert r.low_ms <= r.median_ms <= r.high_ms
        assert r.speed_low <= r.speed_x <= r.speed_high
        assert r.top1_low <= r.top1 <= r.top1_high
        assert (r.lost - r.gained) / 120 == pytest.approx(r.drop)
    assert swept.recommended in names
    assert swept.row().setting == swept.recommended
    with pytest.raises(UsageError, match="did you mean 'int8 mse'"):
        swept.row("int8 mze")


def test_a_sweep_is_shown_as_tables_and_as_json(swept):
    assert repr(swept) == f"<Sweep of digits: 8 settings, recommended '{swept.recommended}'>"
    shown = str(swept)
    assert swept.rule in shown
    assert f">o {swept.recommended}" in shown or f">  {swept.recommended}" in shown
    written = json.loads(json.dumps(swept.data(), allow_nan=False))
    assert set(written["front"]) <= {r["setting"] for r in written["rows"]}
    assert written["rows"][0]["sqnr_db"] == "inf"
    costs = [r.median_ms for r in swept.front()]
    assert costs == sorted(costs)


def test_without_labels_agreement_decides_and_without_classes_noise(data):
    calibration, images, _ = data
    with zoo.load("digits", backend="cpu") as model:
        found = tf.sweep(model, calibration, images, kinds=("uint8",), settings=Settings(3, 0), goal="size")
        assert (found.measure, found.goal, found.recommended) == ("agreement", "size", "uint8")
        same = tf.sweep(model, None, np.zeros((4, 8, 8, 1), np.float32), kinds=("uint8", "int8"), methods=("mse",),
                        settings=Settings(3, 0))
    assert same.measure == "sqnr_db", "agreeing on one and the same answer would prove nothing"
    assert [(r.setting, r.reason) for r in same.refused] == [("int8 mse", "no calibration data were given")]


def test_what_a_model_cannot_have_is_listed_with_the_reason():
    b = GraphBuilder()
    y = b.value("y", "Exp", b.input("x", (None, 3)))
    with tf.Model(b.build([Port("y", y, None, "float32")], {}), "cpu", name="curve") as model:
        found = tf.sweep(model, np.float32([[1, 2, 3]]), kinds=("int8", "optimized"), methods=("mse",),
                         settings=Settings(3, 0))
    assert [r.setting for r in found.rows] == ["float32", "optimized"]
    assert found.refused[0].reason == "no node of model 'curve' can run in integers (int8): no integer form of Exp"


def test_progress_is_called_for_each_setting(data):
    calls = []
    with zoo.load("digits", backend="cpu") as model:
        how = Settings(3, 0, progress=lambda *a: calls.append(a))
        tf.sweep(model, data[0], data[1], kinds=("float16",), settings=how)
    assert calls[0] == ("digits: float16", 0, 1)
    assert {what.rpartition(": ")[2] for what, _, _ in calls} >= {"evaluate", "steady"}


@pytest.mark.parametrize(("wrong", "message"), [
    ({"kinds": ("int9",)}, ("kind 'int9' is not one of optimized, int8, dynamic-int8, float16, uint8, uint16; did you "
                            "mean 'int8'?")),
    ({"max_accuracy_drop": 2}, "max_accuracy_drop is 2; expected a share from 0 to 1"),
    ({"labels": [1]}, "labels are given without evaluation data; give the samples that they belong to"),
    ({"goal": "sped"}, "goal is 'sped'; expected one of speed, size, memory; did you mean 'speed'?"),
])
def test_wrong_names_and_numbers_are_refused(wrong, message):
    with zoo.load("digits", backend="cpu") as model, pytest.raises(UsageError) as caught:
        tf.sweep(model, **wrong)
    assert str(caught.value) == message


def swept_rows(*rows):
    return Sweep("m", rows, (), "float32", "rule", "speed", "agreement", 0.01, 10, "here")


def test_a_ratio_that_the_medians_beside_it_contradict_is_explained():
    base = row(BASELINE, 4.36, speed_x=1.0, speed_text="1.00x")
    apart = row("uint8", 2.66, speed_x=1.25, speed_text="1.25x faster (95%: 1.10 to 1.42)")
    agree = row("optimized", 2.18, speed_x=2.0, speed_text="2.00x faster (95%: 1.90 to 2.10)")
    shown = str(swept_rows(base, apart, agree))
    assert ("uint8: its speed is the median of the ratios of rounds in which it alternated with float32; the medians "
            "shown give 1.64x, as the machine changed between rounds") in shown
    assert shown.count("the medians shown give") == 1
    assert "1.25x faster (95%: 1.10 to 1.42)" in shown


def test_disturbed_runs_of_a_setting_are_told():
    noisy = row("uint8", 2.0, disturbed="3 of 30 runs disturbed, left out")
    assert "uint8: 3 of 30 runs disturbed, left out" in str(swept_rows(row(BASELINE, 4.0), noisy))


def test_the_json_of_a_sweep_has_raw_samples_date_and_machine(swept):
    data = json.loads(json.dumps(swept.data(), allow_nan=False))
    assert [r["model"] for r in data["results"]] == [r["setting"] for r in data["rows"]]
    for r in data["results"]:
        assert len(r["times_ms"]) == len(r["states"]) == sum(r["rounds"]) == 10
        assert {"date", "load_average", "cpu", "cores", "tfjslab", "numpy"} <= set(r["environment"])
    assert all(r["speed_text"] for r in data["rows"])
