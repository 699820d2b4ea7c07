"""``tf.recommend`` and its command: measured here, from records, and never without measurements."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support.candidates import result, unknown_numbers

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import InputError, UsageError
from tfjslab.bench.settings import Settings
from tfjslab.cli.app import build_parser, main
from tfjslab.cli.commands.recommend import _scenario as read_scenario
from tfjslab.decide.candidate import HERE
from tfjslab.decide.records import bench_result_of, candidates_of
from tfjslab.decide.scenario import SCENARIOS, Scenario

QUICK = Settings(12, 1)
PHONE = "Chrome 156 on Android"


@pytest.fixture
def model():
    with zoo.load("digits") as made:
        yield made


def records(tmp_path, name, *results):
    """A file as ``bench --json`` writes it."""
    path = tmp_path / name
    path.write_text(json.dumps([{**r.to_json(), "job": "job1", "difference": 1e-6} for r in results]))
    return str(path)


def test_backends_here_are_measured_and_the_best_of_them_is_recommended(model):
    names = ("cpu", "wasm-simd")
    told = []
    r = tf.recommend(model, tf.Scenario(1000), backends=names, batches=(1, 2), settings=QUICK,
                     progress=lambda what, *_: told.append(what))
    assert [(c.name, c.out) for c in r.candidates] == [("cpu", "it is numpy, which no page has"), ("wasm-simd", "")]
    assert r.choice.name == "wasm-simd"
    assert (r.place, r.basis, r.choice.meets_target) == (HERE, "predicted", True)
    assert r.choice.runs == QUICK.runs
    assert r.choice.download_bytes > 10_000
    assert r.sizes is None
    assert "a browser: this kernel only predicts it" in [m.what for m in r.missing]
    assert any("wasm-simd: steady" in what for what in told)
    assert unknown_numbers(r) == []
    json.dumps(r.to_dict(), allow_nan=False)
    assert repr(r) == f"<Recommendation for digits, own: {r.choice.name}, float32 in this kernel, predicted>"
    assert "What would change it" in r._repr_html_()


def test_the_choice_and_the_runner_up_are_measured_at_other_sizes(model):
    r = tf.recommend(model, tf.Scenario(), backends=("wasm-plain", "wasm-simd"), batches=(1, 2), settings=QUICK)
    assert [s.batch for s in r.sizes.sizes] == [1, 2]
    assert set(r.sizes.backends) == {"wasm-plain", "wasm-simd"}
    assert any(text.startswith("size: ") for text in r.changes)
    assert unknown_numbers(r) == []


def test_ctrl_c_ends_it_and_decides_nothing_by_a_part(model):
    before = tf.memory().num_tensors

    def stop(what, _done, _total):
        if "steady" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tf.recommend(model, "compatibility", backends=["wasm-plain"], settings=QUICK, progress=stop)
    assert tf.memory().num_tensors == before


def test_a_batch_is_measured_as_a_batch(model):
    r = tf.recommend(model, "desktop-batch", backends=["wasm-plain"], batches=(), settings=Settings(3, 0))
    assert r.choice.ms_per_example == pytest.approx(r.choice.median_ms / 8)
    assert r.sizes is None


def test_a_batch_that_the_file_fixes_is_kept_and_told(model):
    ports = tuple(replace(p, shape=(1, *p.shape[1:])) for p in model.inputs)
    with model.with_graph(model.graph.with_(inputs=ports)) as fixed:
        r = tf.recommend(fixed, "desktop-batch", backends=["wasm-plain"], settings=Settings(3, 0))
    assert (r.batch, r.choice.ms_per_example) == (1, r.choice.median_ms)
    assert "the model's batch is fixed at 1, and the scenario asks for 8: times are of runs of 1" in r.reasons
    assert "other sizes: the model's batch is fixed" in [m.what for m in r.missing]
    assert unknown_numbers(r) == []


def test_records_of_another_batch_do_not_count(model, tmp_path):
    path = tmp_path / "sizes.json"
    rows = [{**result("wasm-simd", 10.0 * n).to_json(), "batch": n} for n in (1, 8)]
    path.write_text(json.dumps(rows))
    assert tf.recommend(model, "desktop-batch", records=path).choice.ms_per_example == pytest.approx(10, rel=0.01)


def test_int8_is_a_candidate_with_calibration_data_and_has_its_accuracy(model):
    x = np.random.default_rng(0).uniform(0, 1, (8, 8, 8, 1)).astype(np.float32)
    r = tf.recommend(model, tf.Scenario(accuracy_floor=0.0), backends=["wasm-plain"], batches=(),
                     settings=Settings(6, 0), calibration=x, evaluation=x)
    assert {c.precision: c.accuracy_kind for c in r.candidates} == dict.fromkeys(("float32", "int8"),
                                                                                "agreement with float32")
    assert r.candidates[0].accuracy == 1.0
    assert 0 <= r.candidates[1].accuracy <= 1
    labelled = tf.recommend(model, tf.Scenario(accuracy_floor=1.0), backends=["wasm-plain"], batches=(),
                            settings=Settings(6, 0), evaluation=x, labels=np.zeros(8, int))
    assert labelled.choice is None
    assert labelled.candidates[0].out.startswith("its top-1 accuracy is ")


def test_without_measurements_nothing_is_recommended_and_the_commands_are_told(model):
    r = tf.recommend(model, "mobile-detection", records=[])
    assert (r.choice, r.candidates, r.headline) == (None, (), "nothing is recommended")
    commands = [m.command for m in r.missing]
    assert commands[0] == "tfjslab recommend digits --scenario mobile-detection"
    assert commands[1].endswith("--in chromium")
    assert commands[2].startswith("tfjslab serve digits --host 0.0.0.0 --json phone.json, then tfjslab recommend")
    for command in commands:  # they are what the command line takes
        parts = command.partition(", then ")[0].split()
        assert parts[:1] == ["tfjslab"]
        assert parts[1] in {"recommend", "serve", "bench"}


@pytest.mark.parametrize("wanted", [
    *SCENARIOS.values(), Scenario(9.5, 50, 3, 1.9, 0.5, ("threads", "webgl"), 4), Scenario(),
    replace(SCENARIOS["desktop-batch"], memory_mb=64, batch=2),
], ids=lambda s: s.options)
def test_the_commands_ask_for_the_same_scenario(wanted):
    argv = ["recommend", "digits", *wanted.options.split()]
    assert read_scenario(build_parser().parse_args(argv)) == wanted


def test_records_of_a_phone_are_the_answer_and_this_kernel_only_beside_it(model, tmp_path):
    phone = records(tmp_path, "phone.json", result("wasm-simd", 20.0, device=PHONE),
                    result("tfjs-wasm-simd", 40.0, device=PHONE))
    here = [result("wasm-simd", 10.0), result("wasm-plain", 30.0)]
    r = tf.recommend(model, "mobile-detection", records=[phone, *here])
    assert (r.place, r.basis, r.choice.name, r.runner_up.name) == (PHONE, "measured", "wasm-simd", "tfjs-wasm-simd")
    assert r.verdict.ratio == pytest.approx(2, rel=0.02)
    assert [e.place for e in r.elsewhere] == [HERE]
    assert "a phone" not in [m.what for m in r.missing]
    assert unknown_numbers(r) == []


def test_results_are_read_back_as_they_were_written():
    made = result("wasm-simd", 3.0, host_share=0.25, adapter="a GPU", precision={"text": "float16"})
    assert bench_result_of(json.loads(json.dumps(made.to_json())), "r") == made


def test_records_by_precision_are_candidates_of_that():
    found = candidates_of({"float32": [result("a", 1.0)], "int8": result("a", 2.0)})
    assert [(c.name, c.precision) for c in found] == [("a", "float32"), ("a", "int8")]


@pytest.mark.parametrize(("content", "told"), [
    ("{}", "records r.json hold a dict; expected the list that 'tfjslab bench --json' writes"),
    ("[", "records r.json cannot be read"), ("[3]", "r.json[0] is a int; expected an object"),
    ('[{"model": "m"}]', "r.json[0] has no field"),
])
def test_records_that_are_none_are_refused(tmp_path, content, told):
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(InputError) as e:
        candidates_of(path)
    assert told in str(e.value)


def test_unknown_names_are_refused(model):
    with pytest.raises(UsageError, match="device 'moon' is not one of here, chromium, firefox"):
        tf.recommend(model, "compatibility", devices=["moon"])
    with pytest.raises(UsageError, match="no backends or programs: 'wasm-smid'"):
        tf.recommend(model, "compatibility", backends=["wasm-smid"])
    with pytest.raises(UsageError, match="none of tfjs-webgl runs in this kernel"):
        tf.recommend(model, "compatibility", backends=["tfjs-webgl"])
    with pytest.raises(UsageError, match="is not one of mobile-detection"):
        tf.recommend(model, "fast")
    with pytest.raises(InputError, match="records hold a int"):
        tf.recommend(model, "compatibility", records=[3])


def test_the_command_recommends_from_records(capsys, tmp_path):
    phone = records(tmp_path, "phone.json", result("wasm-simd", 20.0, device=PHONE),
                    result("wasm-plain", 40.0, device=PHONE))
    argv = ["recommend", "digits", "--scenario", "mobile-detection", "--records", phone]
    assert main([*argv, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["choice"]["name"], found["runner_up"]["name"], found["place"]) == ("wasm-simd", "wasm-plain", PHONE)
    assert main([*argv, "--memory", "1"]) == 1
    assert "its memory is 4.0 MB, above 1.0 MB" in capsys.readouterr().out
    assert main([*argv[:2], "--missing", "simd", "--target", "50", "--records", f"int8={phone}", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["choice"]["name"], found["choice"]["precision"]) == ("wasm-plain", "int8")
    assert found["scenario"]["missing"] == ["simd"]


@pytest.mark.parametrize(("argv", "told"), [
    ([], "--scenario names one of mobile-detection, desktop-batch, graphics-page, compatibility"),
    (["--scenario", "mobil-detection"], "did you mean 'mobile-detection'?"),
    (["--scenario", "compatibility", "--labels", "y.npy"], "--labels are of --input"),
])
def test_the_command_says_what_is_wrong(capsys, argv, told):
    assert main(["recommend", "digits", *argv]) == 2
    assert told in capsys.readouterr().err
