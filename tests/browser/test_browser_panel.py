"""The panel in a real JupyterLab: the browser that shows the notebook measures, and its records arrive there."""

from __future__ import annotations

import shutil

import pytest
from support.jupyter import STEP_MS, jupyter_lab, open_notebook, use_theme, write_notebook
from support.tfjs import peers

QUICK = """import tfjslab as tf
quick = tf.browser.HowToRun(runs=6, rounds=2, warmup=1, budget_s=4, profiles=2)
"""
PANEL = QUICK + """tf.set_tfjs({folder!r})
panel = tf.browser.panel({model!r}, {programs!r}, quick)
panel"""
PHONE = "panel = tf.browser.panel('digits', ['wasm-simd'], quick)\npanel"
PROGRAMS = ["wasm-simd", "tfjs-wasm-simd", "tfjs-webgl", "tfjs-webgpu"]
ANDROID = ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile "
           "Safari/537.36")


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """The address of a notebook with one cell, in a JupyterLab for all tests."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    root = tmp_path_factory.mktemp("jupyter")
    with jupyter_lab(root) as address:
        def written(name, cell):
            write_notebook(root / f"{name}.ipynb", cell)
            return f"{address(f'{name}.ipynb')}&reset"

        yield written


def said(page):
    return page.locator(".jp-OutputArea [role=status]").last.inner_text()


def test_the_panel_measures_shows_and_stops(browser, console, notebook, shots):
    page = console(browser.new_page(viewport={"width": 1280, "height": 1000}))
    open_notebook(page, notebook("panel", PANEL.format(folder=peers(), model="blazeface", programs=PROGRAMS)))
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


def test_records_of_a_phone_arrive_in_the_notebook(browser, console, notebook, shots):
    """A second browser, with the screen and the user agent of a phone, opens the panel's link."""
    page = console(browser.new_page(viewport={"width": 1280, "height": 1000}))
    open_notebook(page, notebook("phone", QUICK + PHONE))
    link = page.get_by_role("link", name="open it there")
    link.wait_for(timeout=STEP_MS)
    other = browser.browser_type.launch(executable_path=chromium_of(), args=["--no-sandbox", "--disable-gpu"])
    try:
        phone = other.new_page(user_agent=ANDROID, viewport={"width": 412, "height": 915}, is_mobile=True)
        phone.goto(link.get_attribute("href"))
        phone.get_by_text("waiting for the lab").wait_for(timeout=STEP_MS)
        page.get_by_role("button", name="Run in this browser").click()
        page.locator(".jp-OutputArea [role=status]", has_text="done").last.wait_for(timeout=4 * STEP_MS)
        phone.get_by_text("the median of 6 runs").wait_for(timeout=STEP_MS)
        phone.screenshot(path=shots / "phone.png")
    finally:
        other.close()
    assert "Chrome 156 on Android" in page.locator(".jp-OutputArea .tfl-table").inner_text()
    page.screenshot(path=shots / "phone-notebook.png")
    page.close()


def test_the_dashboard_runs_in_this_browser_when_asked(browser, console, notebook, shots):
    page = console(browser.new_page(viewport={"width": 1280, "height": 1000}))
    open_notebook(page, notebook("lab", "import tfjslab as tf\ntf.Lab('digits', 'cpu')"))
    place = page.locator(".jp-OutputArea .tfl-header select").nth(1)
    place.select_option("in this browser")
    page.locator(".jp-OutputArea .tfl-tabs").wait_for(state="hidden", timeout=STEP_MS)
    page.locator(".jp-OutputArea select[multiple]").select_option(["wasm-simd"])
    page.get_by_role("button", name="Run in this browser").click()
    page.locator(".jp-OutputArea [role=status]", has_text="done").last.wait_for(timeout=4 * STEP_MS)
    assert "wasm-simd" in page.locator(".jp-OutputArea .tfl-table").last.inner_text()
    page.screenshot(path=shots / "lab-in-browser.png")
    place.select_option("in this kernel")
    page.locator(".jp-OutputArea .tfl-tabs").wait_for(state="visible", timeout=STEP_MS)
    page.close()


def chromium_of():
    return shutil.which("chromium") or shutil.which("chromium-browser")
