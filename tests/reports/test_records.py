"""Reports of what was measured before: records of bench and profile, runs and sessions of the dashboard, files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import InputError, LimitError, UsageError
from tfjslab.lab import session
from tfjslab.lab.session import LabSession, RunSettings
from tfjslab.profiling import files
from tfjslab.profiling.collect import profile_model
from tfjslab.records.disturbance import RunState
from tfjslab.records.profile import to_json as profile_to_json
from tfjslab.reports import records


@pytest.fixture(scope="module")
def results():
    """Two results of one call, whose rounds alternated; the second is made to have taken half the time."""
    with zoo.load("digits") as model:
        first, second = tf.bench_models([("slow", model, None), ("fast", model, None)], ["cpu"],
                                        settings=tf.bench.Settings(runs=20, warmup=1))
    count = len(first.times_ms)
    times = tuple(1 + 0.01 * ((7 * i) % 5) for i in range(count))  # as on a machine that does nothing else
    quiet = tuple(RunState(0.0, 0) for _ in times)
    first = replace(first, times_ms=times, states=quiet, steal_share=0.0)
    halves = tuple(t / 2 for t in times)
    return first, replace(second, times_ms=halves, states=quiet, rounds=first.rounds, steal_share=0.0)


def latency(report):
    return report.compared[0].by_key["latency"]


def test_two_dicts_are_compared_as_two_processes(results):
    found = tf.report(*(r.to_json() for r in results))
    assert latency(found).ratio == pytest.approx(0.5, rel=0.01)
    assert [s.label for s in found.sides] == ["slow on cpu", "fast on cpu"]
    assert any(m.startswith("The records were measured in processes of their own") for m in found.method)
    assert found.compared[0].by_key["size"].text == "not measured"
    assert found.compared[0].by_key["memory"].text == "the same"


def test_results_of_one_file_took_turns_and_have_the_narrower_interval(results, tmp_path):
    file = tmp_path / "bench.json"
    file.write_text(json.dumps([r.to_json() for r in results]))
    turns, apart = tf.report(f"{file}#0", f"{file}#1"), tf.report(*(r.to_json() for r in results))
    assert latency(turns).ratio == pytest.approx(0.5, rel=0.05)
    assert latency(turns).high - latency(turns).low < latency(apart).high - latency(apart).low


def test_results_of_a_store(results, tmp_path):
    path = tmp_path / "results.sqlite"
    with tf.open_store(path) as store:
        ids = store.add_all(results)
        kept = [store.get(i) for i in ids]
    for given in ([f"{path}#{i}" for i in ids], kept):
        found = tf.report(*given)
        assert latency(found).ratio == pytest.approx(0.5, rel=0.01)
        assert [s.label for s in found.sides] == ["slow on cpu", "fast on cpu"]
    with pytest.raises(InputError, match="which result"):
        tf.report(str(path), f"{path}#1")
    with pytest.raises(InputError, match="no result 9"):
        tf.report(f"{path}#9", f"{path}#1")


def test_profiles_bring_their_kernels(tmp_path):
    with zoo.load("digits") as model:
        made = profile_model(model, runs=6)
    path = files.save(made, tmp_path / "profile.json")
    found = tf.report(path, made)
    assert latency(found).ratio == pytest.approx(1.0)
    assert latency(found).kind in ("none", "cannot tell")
    assert {s.key for s in found.compared[0].steps} == {k.node for k in made.kernels}
    assert [s.label for s in found.sides] == ["digits on cpu (before)", "digits on cpu (after)"]
    assert tf.report(profile_to_json(made), path).before.profile == made


def test_runs_and_sessions_of_the_dashboard(results, tmp_path):
    first, second = results
    settings = RunSettings("digits", "cpu")
    whole = LabSession().with_run(settings, first, None).with_run(settings, second, None)
    file = session.save(whole, tmp_path / "session.json")
    by_run, by_file = tf.report(*whole.runs), tf.report(f"{file}#1", f"{file}#2")
    assert latency(by_run).ratio == pytest.approx(0.5, rel=0.01)
    assert latency(by_file).after == latency(by_run).after
    assert tf.report(whole, str(file)).before.label.startswith("fast on cpu")  # the last run of a session


def test_what_is_no_record_is_refused_with_its_place(results, tmp_path):
    good = results[0].to_json()
    damaged = tmp_path / "bad.json"
    damaged.write_text(json.dumps([{**good, "median_ms": "fast"}, {**good, "times_ms": []}]))
    with pytest.raises(InputError, match=r"bad.json: the record.median_ms is 'fast'; expected a number"):
        tf.report(f"{damaged}#0", good)
    with pytest.raises(InputError, match=r"bad.json: the record of 'slow' on cpu has no times_ms; write it with"):
        tf.report(f"{damaged}#1", good)
    with pytest.raises(InputError, match=r"bad.json has no record '7'; it has: 0, 1"):
        tf.report(f"{damaged}#7", good)
    (tmp_path / "torn.json").write_text('{"a": ')
    with pytest.raises(InputError, match=r"torn.json: not JSON"):
        tf.report(good, tmp_path / "torn.json")
    with pytest.raises(InputError, match=r"the session has no runs"):
        tf.report(LabSession(), good)


def test_a_record_and_a_model_are_not_compared(results):
    with pytest.raises(UsageError, match="digits is no record, and others are: a report is of records only"):
        tf.report("digits", results[0].to_json())


def test_a_file_that_is_too_large_is_not_read(results, tmp_path, monkeypatch):
    file = tmp_path / "large.json"
    file.write_text(json.dumps(results[0].to_json()))
    monkeypatch.setattr(records, "MOST_BYTES", 100)
    with pytest.raises(LimitError, match="bytes of a record"):
        tf.report(file, file)
