"""Where a model runs: the data, audiences, and the share of each variant."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import InputError, UsageError
from tfjslab.browser.jobs.programs import PROGRAMS
from tfjslab.cli.app import main
from tfjslab.decide.audience import audience_of
from tfjslab.decide.needs import needs_of
from tfjslab.decide.precision import precision_of
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.targets.browsers import browser_facts, supports, version_of
from tfjslab.targets.features import FEATURES

VISITS = [
    {"browser": "Chrome", "version": "155", "share": 50}, {"browser": "Safari", "version": "17.4", "share": 30},
    {"browser": "safari_ios", "version": "15.0-15.1", "share": 10}, {"browser": "IE", "version": "11", "share": 5},
    {"browser": "Netscape", "version": "4", "share": 5},
]


@pytest.fixture
def model():
    with zoo.load("digits") as made:
        yield made


@pytest.mark.parametrize(("browser", "version", "feature", "how"), [
    ("chrome", "90", "simd", "no"), ("chrome", "91", "simd", "yes"), ("chrome", "113", "webgpu", "some"),
    ("chrome", "112", "webgpu", "no"), ("chrome", "144", "webgpu", "yes"), ("safari", "15.1", "threads", "no"),
    ("safari", "15.2", "threads", "yes"), ("firefox", "141", "webgpu", "some"),
    ("safari_ios", "16.4-16.5", "simd", "yes"), ("ie", "11", "wasm", "no"),
    ("op_mini", "all", "wasm", "unknown"), ("chrome", "preview", "wasm", "unknown"),
])
def test_versions_have_what_the_data_say(browser, version, feature, how):
    assert supports(browser, version, feature) == how


def test_threads_need_isolation_too():
    """Chrome had the instructions in 74, and pages that may use them in 87."""
    assert [supports("chrome", v, "threads") for v in ("74", "86", "87")] == ["no", "no", "yes"]


def test_every_row_names_its_source_and_every_source_its_licence():
    facts = browser_facts()
    packages = {s.package for s in facts.sources}
    assert {r.source.partition(": ")[0] for r in (*facts.support, *facts.audience)} == packages
    assert {r.feature for r in facts.support} == set(FEATURES)
    assert all(s.licence and s.attribution and s.version for s in facts.sources)
    assert len(facts.made_on) == 10
    assert 90 < sum(u.share for u in facts.audience) <= 100.5
    assert all(version_of(r.since) for r in facts.support)


def test_needs_are_those_of_the_tables():
    assert needs_of("wasm-relaxed") == ("wasm", "simd", "relaxed-simd")
    assert needs_of("tfjs-wasm-threads") == ("wasm", "simd", "threads")
    assert needs_of("webgpu-f16") == ("webgpu", "shader-f16")
    assert needs_of("tfjs-cpu") == ()
    assert {f for name in PROGRAMS for f in needs_of(name)} <= set(FEATURES)


def test_shares_of_an_audience_by_variant(model):
    found = tf.compatibility(model, VISITS, isolated=True)
    assert found.share() == {"plain": 10.0, "simd": 0.0, "relaxed": 0.0, "threads": 30.0, "threads-relaxed": 50.0}
    alone = tf.compatibility(model, VISITS)
    assert alone.share() == {"plain": 10.0, "simd": 30.0, "relaxed": 50.0, "threads": 0.0, "threads-relaxed": 0.0}
    module = alone.programs[0]
    assert (module.runs, module.not_at_all, module.unknown) == (90.0, 5.0, 5.0)
    assert alone.share("tfjs-webgpu") == {"tfjs-webgpu": 50.0}
    assert alone.share("tfjs-webgl")["tfjs-webgl"] == 95.0
    assert alone.features["relaxed-simd"] == 50.0
    assert {b.name: dict(b.variants) for b in alone.browsers}["Safari"] == {"simd": 30.0}
    json.dumps(alone.to_json(), allow_nan=False)
    assert "Netscape" in str(alone)
    assert "<table>" in alone._repr_html_()


def test_versions_on_a_part_of_the_systems_are_told_apart(model):
    found = tf.compatibility(model, [{"browser": "chrome", "version": "120", "share": 3}])
    row = next(v for v in found.variants if v.program == "tfjs-webgpu")
    assert (row.share, row.some) == (0.0, 100.0)


def test_the_whole_world_is_the_audience_without_another(model):
    found = tf.compatibility(model)
    assert "CC-BY-4.0" in found.audience
    assert 80 < found.programs[0].runs < 100
    assert sum(found.share().values()) == pytest.approx(found.programs[0].runs)


def test_the_precision_is_told(model):
    assert tf.compatibility(model, VISITS).precision == "float32"
    x = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 1)).astype(np.float32)
    with tf.quantize(model, "int8", x).model as int8:
        assert precision_of(int8.graph) == "int8"
    b = GraphBuilder()
    y = b.value("y", "Add", b.input("x", (4,), "int32"), b.constant("w", np.ones(4, np.int8)))
    assert precision_of(b.build([Port("y", y, None, "int32")], {})) == "int8"


def test_what_a_program_refuses_runs_nowhere():
    b = GraphBuilder()
    image = b.input("image", (1, 8, 8, 8))
    y = b.value("groups", "Conv2D", image, b.constant("f", np.ones((3, 3, 2, 16), np.float32)), strides=[1],
                padding="SAME")
    with tf.Model(b.build([Port("y", y, None, "float32")], {}), "cpu") as model:
        found = tf.compatibility(model, VISITS)
    theirs = next(p for p in found.programs if p.program == "tfjs-wasm")
    assert (theirs.runs, theirs.not_at_all) == (0.0, 100.0)
    row = next(v for v in found.variants if v.program == "tfjs-wasm")
    assert not row.runs
    assert "convolutions in groups are not known" in row.reason
    assert found.programs[0].runs == 90.0


def test_an_audience_may_be_a_table_or_json(tmp_path):
    table, text = tmp_path / "visits.csv", tmp_path / "visits.json"
    table.write_text("browser,version,share\nChrome,155,700\nMobile Safari,17.4,300\n")
    text.write_text(json.dumps([{"browser": "chrome", "version": 155, "share": 0.7},
                                {"browser": "Safari on iOS", "version": "17.4", "share": "0.3"}]))
    wanted = [("chrome", "155", 70.0), ("safari_ios", "17.4", 30.0)]
    for path in (table, text):
        assert [(v.browser, v.version, pytest.approx(v.share)) for v in audience_of(path).visitors] == wanted


@pytest.mark.parametrize(("name", "content", "told"), [
    ("a.json", "{}", "audience a.json holds a dict; expected a list of objects with browser, version, share"),
    ("a.json", "[", "audience a.json is no JSON"),
    ("a.json", '[{"browser": "x"}]', "a.json: row 1 is {'browser': 'x'}; expected browser, version, share"),
    ("a.csv", "browser,version,share\nChrome,1,-2\n", "share is '-2'; expected a number of 0 or more"),
    ("a.csv", "browser,version,share\nChrome,1,nan\n", "share is 'nan'; expected a number of 0 or more"),
    ("a.csv", "browser,version,share\n", "a.csv has no row with a share above 0"),
])
def test_an_audience_that_is_none_is_refused(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError) as e:
        audience_of(path)
    assert told in str(e.value)


def test_inspect_shows_browsers(capsys, tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text("browser,version,share\nChrome,155,1\n")
    written = tmp_path / "facts.json"
    argv = ["inspect", "digits", "--backend", "cpu", "--browsers", "--audience", str(path), "--json", str(written)]
    assert main(argv) == 0
    assert "Browsers: the version since which each has a feature" in capsys.readouterr().out
    found = json.loads(written.read_text())["browsers"]
    assert {v["variant"]: v["share"] for v in found["variants"] if v["program"] == "web-module"}["relaxed"] == 100.0
    assert main(["inspect", "digits", "--isolated"]) == UsageError.exit_code
    assert "--isolated is for --browsers" in capsys.readouterr().err
