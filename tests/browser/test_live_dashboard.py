"""The dashboard in a real browser: JupyterLab on loopback, headless Chromium, two notebooks, the buttons pressed.

Screenshots are kept in the folder that ``TFJSLAB_SCREENSHOTS`` names, else in pytest's own temporary one.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from support.jupyter import STEP_MS, command, jupyter_lab, open_notebook, use_theme, write_notebook
from support.lab import SIX as INPUTS
from support.lab import six_inputs

SIX = "six.ipynb"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "06_live_dashboard.ipynb"
SIZES = ((1280, 800), (1920, 1080), (800, 700))
THEMES = ("JupyterLab Light", "JupyterLab Dark")
LAB = ".jp-OutputArea .tfl"
PICTURE = ":is(img, canvas)"  # a chart, or a view that is drawn in the browser


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a notebook in a JupyterLab with a copy of 06 and one of our own, and no settings of the user's."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    root = tmp_path_factory.mktemp("jupyter")
    shutil.copy(NOTEBOOK, root)
    write_notebook(root / SIX, f"import tfjslab as tf\n\ntf.Lab({str(six_inputs(root / 'six'))!r}, 'cpu')")
    with jupyter_lab(root) as address:
        yield lambda name: f"{address(name)}&reset"


def phase(page, *names):
    """Wait until the run is in one of these phases; its line."""
    which = ", ".join(f'{LAB} .tfl-progress-bar[data-phase="{n}"]' for n in names)
    page.wait_for_selector(which, timeout=STEP_MS)
    return page.locator(f"{LAB} .tfl-progress-bar").inner_text()


def figure(page, name):
    return page.locator(f'{LAB} [data-figure="{name}"] b').inner_text()


def choose(page, model, backend, runs):
    page.locator(f"{LAB} .tfl-header select").first.select_option(model)
    page.locator(f"{LAB} .tfl-backends").get_by_role("button", name=backend, exact=True).click()
    page.locator(f"{LAB} .tfl-side input[type=number]").nth(3).fill(str(runs))
    page.locator(f"{LAB} .tfl-side input[type=number]").nth(3).press("Tab")


def switch(page, *, optimize, quantize):
    """Set the two switches of the header."""
    button = page.locator(f"{LAB} .tfl-header button", has_text="Optimize")
    if ("mod-active" in (button.get_attribute("class") or "")) != optimize:
        button.click()
    page.locator(f"{LAB} .tfl-header select").nth(2).select_option(quantize)


def tab(page, name):
    page.locator(f"{LAB} .tfl-tabs .lm-TabBar-tab", has_text=name).click()


def too_wide(page):
    """What sticks out of the dashboard at the right; empty when all fits."""
    return page.evaluate(
        """selector => { const lab = document.querySelector(selector), edge = lab.getBoundingClientRect().right + 1;
        const area = lab.closest('.jp-OutputArea-output');
        const out = [...lab.querySelectorAll('*')].filter(e => e.offsetParent && !e.closest('.tfl-scroll, svg')
          && e.getBoundingClientRect().right > edge).map(e => e.className || e.tagName);
        return area.scrollWidth > area.clientWidth + 1 ? [...out, 'output area'] : out; }""", LAB,
    )


@pytest.fixture
def page(browser, shots, console):
    """An empty page; how it looked at the end is kept as well. The browser's console must stay free of errors."""
    opened = console(browser.new_page(viewport={"width": SIZES[0][0], "height": SIZES[0][1]}))
    yield opened
    opened.screenshot(path=shots / "end.png")
    opened.close()


def open_lab(page, server, name=NOTEBOOK.name):
    """Open a notebook and run its first cell, which shows the dashboard."""
    open_notebook(page, server(name))
    page.wait_for_selector(f"{LAB} .tfl-strip", timeout=STEP_MS)


def test_notebook_06_runs_stops_compares_and_fits_in_both_themes(page, server, shots):
    open_lab(page, server)
    page.locator(f"{LAB} .tfl-header button[title^=settings]").click()

    choose(page, "mobilenet_v2", "wasm-threads", 5)
    assert figure(page, "median") == "-"
    page.locator(f"{LAB} button", has_text="Run").click()
    assert "done: 5/5, median" in phase(page, "done")
    assert float(figure(page, "median")) > 0
    assert page.locator(f"{LAB} .tfl-trace").count() == 1

    choose(page, "blazeface", "wasm-plain", 100_000)
    page.locator(f"{LAB} button", has_text="Run").click()
    phase(page, "running")
    drawn = page.locator(f"{LAB} .tfl-trace").get_attribute("points")
    said = page.locator(f"{LAB} .tfl-progress-bar").inner_text()
    # Elements, not pixels: the line of the trace and the count have moved on.
    page.wait_for_function(
        "([s, points, text]) => document.querySelector(s + ' .tfl-trace')?.getAttribute('points') !== points"
        " && document.querySelector(s + ' .tfl-progress-bar').innerText !== text", arg=[LAB, drawn, said],
        timeout=STEP_MS,
    )
    assert too_wide(page) == [], "with settings and file browser open"
    page.screenshot(path=shots / "settings-1280-light.png")
    page.locator(f"{LAB} .tfl-header button", has_text="Stop").click()
    assert "/100000, median" in phase(page, "stopped")
    print(page.locator(f"{LAB} .tfl-progress-bar").get_attribute("title"))  # noqa: T201 - what showing cost

    choose(page, "digits", "wasm-simd", 20)
    switch(page, optimize=True, quantize="int8")
    page.locator(f"{LAB} .tfl-passes label", has_text="padding").locator("input").uncheck()
    page.locator(f"{LAB} button", has_text="Run").click()
    assert "done: 20/20, median" in phase(page, "done")
    tab(page, "Changes")
    page.wait_for_selector(f"{LAB} .tfl-changes tbody tr:visible", timeout=STEP_MS)
    text = page.locator(f"{LAB} .tfl-changes").inner_text()
    for wanted in ("ranges from 8 generated inputs", "no integer form of Softmax", "folded into the weights"):
        assert wanted in text
    assert too_wide(page) == [], "with settings, file browser and switches"
    page.screenshot(path=shots / "switches-1280-light.png")
    switch(page, optimize=False, quantize="no quantizing")

    page.locator(f"{LAB} .tfl-header button[title^=settings]").click()
    command(page, "application:toggle-left-area")
    for theme in THEMES:
        use_theme(page, theme)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            for each in page.locator(f"{LAB} .tfl-tabs .lm-TabBar-tab").all():
                each.click()
                name = each.inner_text()
                wanted = {"Inputs": ".tfl-input", "Kernels": "tbody tr", "Changes": ".tfl-changes tbody tr",
                          **dict.fromkeys(("Layers", "Memory", "Roofline", "Graph", "Compare"), PICTURE)}.get(name)
                # Until it is drawn, a tab is as high as a chart.
                body = page.locator(f"{LAB} .tfl-tabs .lm-StackedPanel, {LAB} .tfl-tabs .widget-tab-contents").first
                assert body.bounding_box()["height"] >= 440, f"{name} collapsed"
                if wanted:
                    page.wait_for_selector(f"{LAB} .tfl-tabs {wanted}:visible", timeout=STEP_MS)
                assert too_wide(page) == [], f"{name} at {width} in {theme}"
                page.locator(LAB).scroll_into_view_if_needed()
                page.screenshot(path=shots / f"{name.lower()}-{width}-{theme.split()[1].lower()}.png")
    assert page.locator(f"{LAB} .tfl-choice input[type=checkbox]").count() == 3
    compared = page.locator(f"{LAB} .tfl-choice").inner_text()
    assert "#3 digits, optimized (12 of 13), int8 on wasm-simd" in compared
    export(page, shots)


def drawn_in(page, name, what):
    """Seconds from a click on a tab until what it shows is drawn."""
    before = time.perf_counter()
    tab(page, name)
    page.wait_for_selector(f"{LAB} .tfl-tabs {what}:visible", timeout=STEP_MS)
    return time.perf_counter() - before


def field(page, name, selector):
    """A field in an input's row."""
    row = page.locator(f"{LAB} .tfl-input", has=page.locator(f".tfl-port b[title={name}]"))
    return row.locator(selector)


def test_a_model_of_six_inputs_runs_from_its_page_and_is_compared(page, server, shots, tmp_path):
    open_lab(page, server, SIX)
    page.locator(f"{LAB} .tfl-header button[title^=settings]").click()
    page.locator(f"{LAB} .tfl-side input[type=number]").nth(3).fill("20")
    page.locator(f"{LAB} .tfl-side input[type=number]").nth(4).fill("1")
    page.locator(f"{LAB} .tfl-side input[type=number]").nth(4).press("Tab")
    page.locator(f"{LAB} .tfl-header button[title^=settings]").click()
    command(page, "application:toggle-left-area")
    run, message = page.locator(f"{LAB} .tfl-header button", has_text="Run"), page.locator(f"{LAB} .tfl-message")

    tab(page, "Inputs")
    page.wait_for_selector(f"{LAB} .tfl-input", timeout=STEP_MS)
    assert page.locator(f"{LAB} .tfl-port b").all_inner_texts() == list(INPUTS)
    run.click()
    assert "failed" in phase(page, "failed")
    assert "the model leaves lengths of steps open, which the tab Inputs sets" in message.first.inner_text()
    field(page, "steps", "input[type=text]").first.fill("1,5,2")
    field(page, "steps", "input[type=text]").first.press("Tab")
    np.save(tmp_path / "mine.npy", np.ones((1, 4), np.float32))
    field(page, "b", "select").select_option("file")
    with page.expect_file_chooser() as chooser:
        field(page, "b", "button").click()
    chooser.value.set_files(tmp_path / "mine.npy")
    page.wait_for_function(
        "s => [...document.querySelectorAll(s)].some(e => e.value === 'mine.npy')", arg=f"{LAB} .tfl-input input",
        timeout=STEP_MS)
    assert too_wide(page) == []
    page.screenshot(path=shots / "six-inputs.png")
    for _ in range(2):
        run.click()
        page.wait_for_selector(f"{LAB} .tfl-progress-bar:not([data-phase=failed], [data-phase=done])", timeout=STEP_MS)
        assert "done: 20/20" in phase(page, "done")
    picker = page.locator(f"{LAB} .tfl-picker select")
    names = [t.replace("\xa0", " ") for t in picker.first.locator("option").all_inner_texts()]
    assert [n.rpartition(",")[0] for n in names] == [f"#{i} six on cpu (inputs as chosen)" for i in (2, 1)]
    picker.nth(1).select_option(index=2)
    page.wait_for_selector(f"{LAB} .tfl-verdict .tfl-message", timeout=STEP_MS)
    assert f"against {names[1]}: " in page.locator(f"{LAB} .tfl-verdict").inner_text()
    tab(page, "Compare")
    page.wait_for_selector(f"{LAB} .tfl-changes:visible", timeout=STEP_MS)
    picker.first.select_option(index=1)
    page.wait_for_function("([s, name]) => document.querySelector(s).innerText.includes(name)",
                           arg=[f"{LAB} .tfl-name", names[1]], timeout=STEP_MS)
    print({name: round(drawn_in(page, name, PICTURE), 2) for name in ("Layers", "Memory", "Graph")})  # noqa: T201
    tab(page, "Live")
    assert "does not fit in 1.0 MB" in page.locator(f"{LAB} .tfl-live").inner_text()
    page.screenshot(path=shots / "six-live.png")


def export(page, shots):
    """Write what is chosen as a web module, and look at what the tab says."""
    switch(page, optimize=True, quantize="int8")
    tab(page, "Export")
    page.locator(f"{LAB} .tfl-tabs button", has_text="Export").click()
    assert "wrote " in phase(page, "written")
    assert "weights.bin" in page.locator(f"{LAB} .tfl-tabs .tfl-table:visible").inner_text()
    assert too_wide(page) == [], "what was exported"
    page.screenshot(path=shots / "exported.png")
