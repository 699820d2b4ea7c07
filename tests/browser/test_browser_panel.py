"""The panel in a real JupyterLab: the browser that shows the notebook measures, and its records arrive there."""

from __future__ import annotations

import pytest
from support.jupyter import STEP_MS, jupyter_lab, open_notebook, use_theme, write_notebook
from support.tfjs import peers

CELL = """import tfjslab as tf
tf.set_tfjs({folder!r})
quick = tf.browser.HowToRun(runs=6, rounds=2, warmup=1, budget_s=4, profiles=2)
panel = tf.browser.panel({model!r}, {programs!r}, quick)
panel"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    root = tmp_path_factory.mktemp("jupyter")
    programs = ["wasm-simd", "tfjs-wasm-simd", "tfjs-webgl", "tfjs-webgpu"]
    write_notebook(root / "panel.ipynb", CELL.format(folder=peers(), model="blazeface", programs=programs))
    with jupyter_lab(root) as address:
        yield address


def said(page):
    return page.locator(".jp-OutputArea [role=status]").last.inner_text()


def test_the_panel_measures_shows_and_stops(browser, console, lab, shots):
    page = console(browser.new_page(viewport={"width": 1280, "height": 1000}))
    open_notebook(page, lab("panel.ipynb"))
    page.get_by_role("button", name="Run in this browser").click()
    page.locator(".jp-OutputArea [role=status]", has_text="done").last.wait_for(timeout=4 * STEP_MS)
    table = page.locator(".jp-OutputArea .tfl-table").inner_text()
    for wanted in ("wasm-simd", "tfjs-wasm-simd", "tfjs-webgl"):
        assert wanted in table
    told = page.locator(".jp-OutputArea").first.inner_text()
    assert "is a program on the processor here" in told
    assert "tfjs-webgpu is not found" in told or "tfjs-backend-webgpu is not found" in told
    assert page.locator("img[alt='median time of each program']").evaluate("e => e.naturalWidth") > 300
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        use_theme(page, theme)
        page.screenshot(path=shots / f"panel-{theme.split()[1].lower()}.png")

    page.locator(".jp-OutputArea select[multiple]").select_option(["tfjs-webgl"])
    page.get_by_role("button", name="Run in this browser").click()
    page.locator(".jp-OutputArea [role=status]", has_text="tfjs-webgl").last.wait_for(timeout=STEP_MS)
    page.locator(".jp-OutputArea button", has_text="Stop").click()
    page.locator(".jp-OutputArea [role=status]", has_text="stopped").last.wait_for(timeout=STEP_MS)
    page.close()
