"""Reports of sides that ran in Chromium, and the page of one, which asks the network for nothing."""

from __future__ import annotations

import shutil

import pytest
from support.reports import SAME, report_of, side
from support.tfjs import peers

import tfjslab as tf
from tfjslab import zoo


def test_tensorflow_js_before_and_web_modules_after(tmp_path):
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    tf.set_tfjs(peers())
    with zoo.load("digits", backend="wasm-simd") as model:
        made = tf.export_web(model, tmp_path / "web", only=["simd"])
        found = tf.report(model, ["optimized", "int8", "web", made], on="tfjs-wasm-simd", after_on="wasm-simd",
                          browser="chromium", rounds=2, runs=3, warmup=1)
    tf.set_tfjs(None)
    assert [s.label for s in found.sides] == [
        "original (TensorFlow.js, SIMD)", "optimized (web module, SIMD)", "int8 (web module, SIMD)",
        "web module, SIMD", "web (web module, SIMD)"]
    for c in found.compared:
        assert [f.key for f in c.changes if f.ratio is None] == []
        assert (len(c.side.latency_ms), len(c.side.start_ms), len(c.side.peak_bytes)) == (2, 2, 2)
        assert c.by_key["size"].ratio < 0.2  # half a megabyte of TensorFlow.js is not needed
        assert c.side.apart < 1e-5
        assert {s.status for s in c.steps} >= {"both"}
    assert found.best.by_key["latency"].ratio is not None
    assert found.before.runtime.startswith("TensorFlow.js 4.")
    # What was exported before is what was measured: its own files, byte by byte.
    exported, again = found.compared[3].side, found.compared[2].side
    assert exported.size_bytes == again.size_bytes


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_asks_for_nothing_and_follows_the_theme(browser, tmp_path, console, scheme):
    made = report_of(side(), side("after " + "n" * 300, 50.0, answers=SAME, changes=(("<b>x</b>", "y" * 900),)))
    file = made.save(tmp_path / "report.html")
    opened = browser.new_page(viewport={"width": 800, "height": 900}, color_scheme=scheme)
    asked = []
    opened.on("request", lambda r: asked.append(r.url))
    console(opened).goto(file.as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") == 800
    assert asked == [file.as_uri()]
    assert opened.locator(".card b").first.inner_text() == "\u221250%"
    assert opened.locator("b", has_text="x").count() == 0
    light = opened.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")
    opened.close()
