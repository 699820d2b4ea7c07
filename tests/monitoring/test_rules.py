"""Rules: how they are written, when an alarm is on, what pages get to read."""

from __future__ import annotations

import json

import pytest

from tfjslab.base.errors import UsageError
from tfjslab.monitoring.batch import Batch, ErrorCount
from tfjslab.monitoring.histogram import bucket_of
from tfjslab.monitoring.rules import AlarmRule, AlarmWatch, FallbackRule, MonitorRules, parse_alarm, read_rules
from tfjslab.monitoring.totals import FIGURES, PageGroup, Totals

NOW = 1000


def alarms_of(rules, rows, now):
    """The alarms that are on after rows of a minute, a group and its sums."""
    watch = AlarmWatch(rules, now)
    for minute, group, found in rows:
        watch.count(minute, [(group, found)])
    return list(watch.alarms())


def totals(*, ms=10.0, count=100, errors=0, memory=None):
    found = Totals()
    told = (ErrorCount("run", errors),) if errors else ()
    found.count(Batch("m", "v", "chrome", predict=[(bucket_of(ms), count)], errors=told, memory=memory))
    return found


@pytest.mark.parametrize(("text", "rule"), [
    ("p95_ms>50", AlarmRule("p95_ms", 50.0)),
    ("error_rate > 1%", AlarmRule("error_rate", 0.01)),
    ("memory_growth>0.2 browser=safari-mobile minutes=10 at_least=5",
     AlarmRule("memory_growth", 0.2, browser="safari mobile", minutes=10, at_least=5)),
    ("p50_ms>5 model=pose variant=simd", AlarmRule("p50_ms", 5.0, "pose", "simd")),
])
def test_a_rule_is_read_and_written_back(text, rule):
    assert parse_alarm(text) == rule
    assert parse_alarm(rule.text) == rule


@pytest.mark.parametrize(("text", "message"), [
    ("p95", "alarm 'p95': expected FIGURE>LIMIT and names, as in 'p95_ms>50 browser=safari'"),
    ("p96_ms>5", f"alarm 'p96_ms>5': 'p96_ms' is not one of {', '.join(FIGURES)}; did you mean 'p99_ms'?"),
    ("p95_ms>1.2.3", "alarm 'p95_ms>1.2.3': '1.2.3' is no number"),
    ("p95_ms>5 brwser=x",
     ("alarm 'p95_ms>5 brwser=x': 'brwser' is not one of model, variant, browser, minutes, at_least; did you mean "
      "'browser'?")),
    ("p95_ms>5 minutes=0", "alarm 'p95_ms>5 minutes=0': minutes is '0', expected a whole number above 0"),
])
def test_a_wrong_rule_says_what_is_wrong(text, message):
    with pytest.raises(UsageError) as caught:
        parse_alarm(text)
    assert str(caught.value) == message


POSE, HAND = PageGroup("pose", "simd", "chrome"), PageGroup("hand", "simd", "safari")


@pytest.mark.parametrize(("rule", "rows", "groups"), [
    ("p95_ms>50", [(NOW, POSE, totals(ms=60)), (NOW, HAND, totals(ms=40))], [POSE]),
    ("p95_ms>50 model=hand", [(NOW, POSE, totals(ms=60))], []),
    ("p95_ms>50 browser=chrome", [(NOW, POSE, totals(ms=60)), (NOW, HAND, totals(ms=60))], [POSE]),
    ("p95_ms>50 minutes=5", [(NOW - 4, POSE, totals(ms=60))], [POSE]),
    ("p95_ms>50 minutes=5", [(NOW - 5, POSE, totals(ms=60))], []),
    ("p95_ms>50 at_least=101", [(NOW, POSE, totals(ms=60))], []),
    ("p95_ms>50 at_least=101", [(NOW - 1, POSE, totals(ms=60)), (NOW, POSE, totals(ms=60))], [POSE]),
    ("error_rate>1%", [(NOW, POSE, totals(errors=1))], []),
    ("error_rate>1%", [(NOW, POSE, totals(errors=2))], [POSE]),
    ("error_rate>1%", [(NOW, POSE, totals(count=1, errors=25))], [POSE]),
    ("memory_growth>20%", [(NOW, POSE, totals(memory=(100, 121))), (NOW, HAND, totals(memory=(100, 120)))], [POSE]),
    ("memory_growth>20%", [(NOW, POSE, totals())], []),
])
def test_an_alarm_is_on_for_the_groups_that_break_its_rule(rule, rows, groups):
    assert [a.group for a in alarms_of([parse_alarm(rule)], rows, NOW)] == groups


def test_an_alarm_says_what_is_above_what():
    (alarm,) = alarms_of([parse_alarm("error_rate>1%")], [(NOW, POSE, totals(errors=25))], NOW)
    assert alarm.text == "pose, simd, chrome: error rate is 20.0%, above 1.0%, in the last 5 minutes"
    (alarm,) = alarms_of([parse_alarm("p95_ms>5")], [(NOW, POSE, totals(ms=10.0))], NOW)
    assert alarm.text == "pose, simd, chrome: p95 is 10.07 ms, above 5.00 ms, in the last 5 minutes"


FALLBACK = {"model": "pose", "after": 30, "p95_ms": 60, "to": {"variant": "simd"}}


def test_a_file_has_alarms_and_fallbacks_and_pages_read_the_latter_only(tmp_path):
    file = tmp_path / "rules.json"
    small = {**FALLBACK, "to": {"model": "pose-small"}}
    file.write_text(json.dumps({"alarms": ["p95_ms>50"], "fallback": [FALLBACK, small]}))
    rules = read_rules(file)
    assert rules == MonitorRules((parse_alarm("p95_ms>50"),), (
        FallbackRule("pose", 30, 60.0, variant="simd"), FallbackRule("pose", 30, 60.0, smaller="pose-small")))
    assert json.loads(rules.for_pages()) == {"schema": 1, "fallback": [FALLBACK, small]}


@pytest.mark.parametrize(("content", "message"), [
    ({"alarm": []}, "rules.json: 'alarm' is unknown; expected alarms and fallback"),
    ({"alarms": [5]}, "rules.json: 'alarms'[0]: found 5, expected a string"),
    ({"fallback": [{**FALLBACK, "after": 4}]},
     "rules.json: 'fallback': 'after' is 4 and 'p95_ms' 60; expected at least 5 and a time above 0"),
    ({"fallback": [{**FALLBACK, "to": {}}]},
     "rules.json: 'fallback': 'to' is one of {\"variant\": NAME} and {\"model\": NAME}"),
])
def test_a_wrong_file_is_named_with_the_place(tmp_path, content, message):
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError) as caught:
        read_rules(file)
    assert str(caught.value) == message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.json: cannot be read"):
        read_rules(tmp_path / "none.json")
