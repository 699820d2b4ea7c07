"""The loader's side, in Node: the same buckets as here, batches that a collector takes, rules that are obeyed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.web import exported, run_script

import tfjslab.export.web
from tfjslab.monitoring.batch import BROWSERS, Batch, message_of, read_batch
from tfjslab.monitoring.collector import collector
from tfjslab.monitoring.histogram import LEAST_MS, MOST_MS, LatencyHistogram, bucket_of
from tfjslab.monitoring.rules import FallbackRule, MonitorRules

FILES = Path(tfjslab.export.web.__file__).with_name("files")
RATES = (0, 1, 0.5)
TEXTS = ("https://a.example/u/ann/model.bin?token=1: found HTTP 404", "shape [?, 3]; expected 5",
         "one\ntwo\u00e9\U0001f600x", "x" * 200, "C:\\ann\\model.bin is missing")
AGENTS = {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36": "chrome",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Mobile Safari/537.36":
        "chrome mobile",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36 Edg/156.0": "edge",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "firefox",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15": "safari",
    "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1":
        "safari mobile",
    "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/156.0 Mobile/15E148 Safari/604.1":
        "chrome mobile",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 SamsungBrowser/27.0 Chrome/125.0 Mobile Safari/537.36":
        "samsung mobile",
    "": "other",
}
TIMES = [0.0, LEAST_MS, MOST_MS, 1e12, 1.0, *np.random.default_rng(7).lognormal(1, 3, 3000).tolist()]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What ``metrics.mjs`` tells, with what a collector got of it."""
    root = tmp_path_factory.mktemp("metrics")
    folder, _ = exported(root / "web", only=["plain", "simd"])
    given = json.dumps({"times": TIMES, "texts": TEXTS, "agents": list(AGENTS), "rates": RATES})
    rules = MonitorRules(fallback=(FallbackRule("small", 5, 1e-6, variant="plain"),))
    with collector(root / "monitor.sqlite", rules=rules) as running:
        found = run_script("metrics.mjs", folder, running.batches_url, stdin=given)
        return found, running.summary()


def test_both_sides_have_one_rule_of_buckets(told):
    found, _ = told
    here = LatencyHistogram()
    for ms in TIMES:
        here.add(ms)
    assert found["buckets"] == [bucket_of(ms) for ms in TIMES]
    assert found["pairs"] == here.pairs()
    assert found["quantiles"] == pytest.approx([here.quantile(q) for q in (0, 0.5, 0.95, 1)], rel=1e-12)


def test_both_sides_cut_messages_alike(told):
    found, _ = told
    assert found["texts"] == [message_of(text) for text in TEXTS]


def test_browsers_are_told_apart_by_a_word(told):
    found, _ = told
    assert dict(zip(AGENTS, found["agents"], strict=True)) == AGENTS
    assert {*AGENTS.values(), found["program"]} <= set(BROWSERS)


def test_who_does_not_ask_gets_the_plain_model(told):
    found, _ = told
    assert "flushMetrics" not in found["plain"]


def test_batches_are_what_a_collector_takes_and_say_each_thing_once(told):
    found, summary = told
    first, last = (read_batch(json.dumps(b).encode()) for b in found["batches"])
    assert (first.model, first.variant, first.browser) == ("small", "simd", "node")
    assert first.load_ms > 0
    assert first.first_ms > 0
    assert len(LatencyHistogram.of(first.predict)) == 39
    assert {(e.kind, e.message) for e in first.errors} == {
        ("input.shape", "input 'x': found 1 values, expected 192 (1 x 8 x 8 x 3)"), ("error", "")}
    assert (last.load_ms, last.first_ms, last.errors, len(LatencyHistogram.of(last.predict))) == (None, None, (), 1)
    assert first.id != last.id
    (group,) = summary.groups
    assert (group.totals.batches, group.totals.predictions, group.totals.failed) == (2, 41, 2)


def test_a_model_that_cannot_be_loaded_is_told_of_and_still_fails(told):
    found, _ = told
    (batch,) = (read_batch(json.dumps(b).encode()) for b in found["failed"])
    assert (batch.variant, [e.kind for e in batch.errors]) == ("none", ["load.variant"])
    assert found["thrown"] == "load.variant"


def test_only_a_part_of_pages_sends(told):
    none, every, half = told[0]["sent"]
    assert (none, every) == (0, 40)
    assert 4 < half < 36  # by chance otherwise once in a hundred million


STAYED = {"variant": "simd", "batches": [["simd", 0, []]]}
CHANGED = {"variant": "plain", "batches": [["simd", 0, []], ["plain", 1, []]]}


def test_rules_are_obeyed_where_the_model_is_too_slow(told):
    followed = told[0]["followed"]
    assert followed["variant"] == followed["collector"] == CHANGED
    assert followed["quick"] == followed["missing"] == STAYED
    assert followed["impossible"] == {"variant": "simd", "batches": [["simd", 0, []], ["simd", 0, ["load.variant"]]]}


def test_a_page_is_told_and_may_decide_otherwise(told):
    found, _ = told
    assert found["followed"]["kept"] == STAYED
    assert found["asked"] == 1  # a rule is followed once
    assert found["followed"]["page"] == STAYED
    assert (found["why"]["rule"]["to"], found["why"]["variant"]) == ({"model": "small"}, "simd")
    assert found["why"]["p95_ms"] > 0
    assert found["followed"]["given"] == CHANGED
    assert found["given"] == 0  # disposed of with the one that it replaced


def test_the_types_of_the_loader_name_every_field_that_is_sent():
    declared = (FILES / "model.d.ts").read_text().partition("export interface Batch {")[2].partition("\n}")[0]
    assert set(re.findall(r"^  (\w+):", declared, re.MULTILINE)) == set(Batch("", "", "").to_json())
