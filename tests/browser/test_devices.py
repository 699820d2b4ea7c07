"""Models measured in a real browser: our web module and TensorFlow.js, by this machine's Chromium and by a link."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.tfjs import peers

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import BackendError, BackendUnavailableError, UsageError
from tfjslab.browser.firefox import find_firefox
from tfjslab.browser.jobs.job import HowToRun, JobSubject, make_job
from tfjslab.browser.jobs.litert_source import litert_files
from tfjslab.browser.jobs.programs import PROGRAMS
from tfjslab.browser.jobs.results import results_of
from tfjslab.cli.app import main

PHONE = ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile "
         "Safari/537.36")
QUICK = HowToRun(runs=6, rounds=3, warmup=1, budget_s=2.0, profiles=3)


@pytest.fixture
def model():
    with zoo.load("digits") as made:
        yield made


@pytest.fixture
def npm():
    tf.set_tfjs(peers())
    yield
    tf.set_tfjs(None)


def test_our_module_answers_and_is_measured(session, model):
    (found,) = tf.browser.bench(model, ["wasm-simd"], how=QUICK, session=session)
    assert found.bench.reason == ""
    assert found.difference < 1e-5
    assert len(found.bench.times_ms) == 6
    assert found.bench.rounds == (2, 2, 2)
    assert min(found.bench.times_ms) > 0
    assert found.device.startswith("Chromium, headless")
    assert found.environment.isolated
    assert found.environment.clock_ms < 0.1
    p = found.profile
    assert p.kernel_ms + p.unattributed_ms == pytest.approx(p.wall_ms, abs=1e-12)
    assert {k.node for k in p.kernels} | {node for _, node in found.unknown} <= {n.name for n in model.graph.nodes}
    json.dumps(found.to_json(), allow_nan=False)


def test_our_module_and_tensorflow_js_take_turns(session, model, npm):
    ours, theirs = tf.browser.bench(model, ["wasm-simd"], compare=True, how=QUICK, session=session)
    assert [r.bench.backend for r in (ours, theirs)] == ["wasm-simd", "tfjs-wasm-simd"]
    assert ours.job == theirs.job
    assert ours.difference < 1e-5
    assert theirs.difference < 1e-5
    assert theirs.flags["WASM_HAS_SIMD_SUPPORT"] is True
    assert theirs.bench.engine.startswith("TensorFlow.js 4.")
    p = theirs.profile
    assert p.kernel_ms + p.unattributed_ms == pytest.approx(p.wall_ms, abs=1e-12)
    names = {n.name for n in model.graph.nodes}
    assert {k.node for k in p.kernels} <= names | {layer for n in model.graph.nodes for layer in [n.layer]}


@pytest.mark.parametrize(("name", "flags"), [
    ("tfjs-cpu", {}), ("tfjs-wasm-plain", {"WASM_HAS_SIMD_SUPPORT": False}),
    ("tfjs-wasm-threads", {"WASM_HAS_MULTITHREAD_SUPPORT": True}), ("tfjs-webgl", {}),
])
def test_backends_of_tensorflow_js(session, model, npm, name, flags):
    (found,) = tf.browser.bench(model, [name], how=QUICK, session=session)
    assert found.bench.reason == ""
    assert found.difference < 1e-4
    assert flags.items() <= found.flags.items()
    if name == "tfjs-webgl":
        assert found.bench.adapter_type == "CPU"
        assert any("a program on the processor" in note for note in found.notes)


def test_what_cannot_run_says_why_and_the_other_runs(session, model, tmp_path):
    tf.set_tfjs(tmp_path)
    try:
        ours, theirs = tf.browser.bench(model, ["wasm-simd"], compare=True, how=QUICK, session=session)
    finally:
        tf.set_tfjs(None)
    assert ours.bench.median_ms > 0
    assert theirs.bench.median_ms is None
    assert "npm install" in theirs.bench.reason


def test_a_model_that_tensorflow_js_refuses_is_told(session, npm, tmp_path):
    """It reads a model.json by itself: what it says of a broken one is what is shown."""
    folder = tmp_path / "model"
    with zoo.load("digits") as made:
        made.save(folder)
    text = json.loads((folder / "model.json").read_text())
    with tf.load_model(folder) as model:
        text["modelTopology"]["node"][-1]["op"] = "NoSuchOp"
        (folder / "model.json").write_text(json.dumps(text))
        (found,) = _bench_of_file(model, folder, session)
    assert "NoSuchOp" in found.bench.reason


def _bench_of_file(model, folder, session):
    programs = (PROGRAMS["tfjs-wasm-simd"],)
    subject = JobSubject(model.name, folder / "model.json", model)
    job = make_job(subject, programs, model.sample(), QUICK, folder)
    return results_of(programs, job, session.run(job), [])


def test_stop_ends_a_job_at_once(session, model):
    asked = []

    def stop():
        if not asked and time.monotonic() > began + 1.5:
            asked.append(time.monotonic())
        return bool(asked)

    began = time.monotonic()
    how = HowToRun(runs=10**6, budget_s=600)
    (found,) = tf.browser.bench(model, ["wasm-simd"], how=how, session=session, stop=stop)
    took = time.monotonic() - asked[0]
    sys.stdout.write(f"\nstopped after {took:.2f} s\n")
    assert found.bench.reason == "stopped"
    assert took < 3  # what is promised is half a second; this machine may be busy
    # The page is ready for the next one.
    assert tf.browser.bench(model, ["wasm-simd"], how=QUICK, session=session)[0].bench.reason == ""


def test_no_page_is_told(model):
    with tf.browser.serve() as link:
        link.session.connect_s = 0.3
        with pytest.raises(BackendError, match="no browser took the job"):
            tf.browser.bench(model, ["wasm-simd"], how=QUICK, session=link.session)
        assert not link.session.site.files.keys() - {"", *(f for f in link.session.site.files if f.startswith("page/"))}
    assert not link.is_open
    link.close()


def test_a_phone_opens_the_link(browser, console, model, shots):
    """Another browser, with a phone's screen and name, does the work."""
    context = browser.new_context(
        viewport={"width": 412, "height": 915}, user_agent=PHONE, is_mobile=True, has_touch=True)
    found = []
    with tf.browser.serve() as link:
        assert link.url in link._repr_html_()
        page = console(context.new_page())
        page.goto(link.url)
        work = threading.Thread(
            target=lambda: found.extend(tf.browser.bench(model, ["wasm-simd"], how=QUICK, session=link.session)))
        work.start()
        page.get_by_text("digits: done").wait_for(timeout=60_000)
        page.screenshot(path=shots / "phone.png")
        work.join(60)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_text("the lab").wait_for(timeout=10_000)
    context.close()
    assert found[0].device == "Chrome 156 on Android"
    assert found[0].difference < 1e-5


def test_the_command_writes_json(npm, capsys):
    command = "bench digits --in chromium -b wasm-simd --compare tfjs -r 4 --rounds 2 --json -"
    assert main(command.split()) == 0
    ours, theirs = json.loads(capsys.readouterr().out)
    assert (ours["backend"], theirs["backend"]) == ("wasm-simd", "tfjs-wasm-simd")
    assert len(ours["times_ms"]) == 4
    assert ours["device_environment"]["simd"] is True
    assert np.isfinite(theirs["median_ms"])


TFLITE = Path(__file__).parents[2].parent / "shared" / "tflite" / "models" / "mlc_vww_96_float.tflite"


def test_litert_js_measures_a_tflite_file_and_the_others_say_why_not(session):
    if not TFLITE.is_file():
        pytest.skip(f"{TFLITE} is not here")
    try:
        litert_files()
    except UsageError as e:
        pytest.skip(str(e))
    ran, ours, theirs = tf.browser.bench(
        str(TFLITE), ["litert-wasm", "wasm-simd", "tfjs-cpu"], how=QUICK, session=session)
    assert ran.bench.reason == ours.bench.reason == ""
    assert ran.difference < 1e-5
    assert ours.difference < 1e-5
    assert len(ran.bench.times_ms) == 6
    assert ran.bench.engine.startswith("LiteRT.js 2.")
    assert ran.profile is None
    assert "LiteRT.js has no profiler: no kernels" in ran.notes
    assert theirs.bench.reason == "tfjs-cpu reads TensorFlow.js models only; mlc_vww_96_float.tflite is none"


def test_a_quantized_model_gets_its_bytes_and_litert_js_says_why_not(session, tmp_path):
    try:
        litert_files()
    except UsageError as e:
        pytest.skip(str(e))
    q = {"scale": 0.5, "zero_point": 3}
    tensors = [tensor("x", (1, 4), "int8", **q), tensor("w", (2, 4), "int8", 1, scale=0.25),
               tensor("y", (1, 2), "int8", **q)]
    dense = operator(0, [0, 1, -1], [2], {0: ("<b", 0)})
    path = tmp_path / "dense.tflite"
    path.write_bytes(tflite(["FULLY_CONNECTED"], [subgraph(tensors, [dense], [0], [2])],
                            [np.arange(-4, 4, dtype=np.int8)]))
    ours, theirs = tf.browser.bench(str(path), ["wasm-simd", "litert-wasm"], how=QUICK, session=session)
    assert ours.bench.reason == ""
    assert ours.difference == 0
    assert theirs.bench.reason == "Element type INT8 is not supported."


def test_litert_js_reads_no_other_models(session, model):
    (found,) = tf.browser.bench(model, ["litert-wasm"], how=QUICK, session=session)
    assert found.bench.reason == "litert-wasm reads .tflite files only; model.json is none"


def test_firefox_measures_too_and_is_gone_afterwards(model):
    try:
        find_firefox()
    except BackendUnavailableError as e:
        pytest.skip(str(e))
    (found,) = tf.browser.bench(model, ["wasm-simd"], how=QUICK, browser="firefox")
    assert found.bench.reason == ""
    assert found.difference < 1e-5
    assert found.device.startswith("Firefox ")
    assert found.environment.isolated
    assert list(Path(tempfile.gettempdir()).glob("tfjslab-firefox-*")) == []
