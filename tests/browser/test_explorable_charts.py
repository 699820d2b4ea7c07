"""Charts that can be explored, in a real JupyterLab: they draw in both themes, tell what is pointed at, and zoom.

Screenshots are kept in the folder that ``TFJSLAB_SCREENSHOTS`` names, else in pytest's own temporary one.
"""

from __future__ import annotations

import pytest
from support.jupyter import STEP_MS, command, jupyter_lab, open_notebook, use_theme, write_notebook

CODE = """
import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends.ceilings import Ceilings
from tfjslab.bench.settings import Settings
import numpy as np

charts = tf.vis.charts
with zoo.load("digits", backend="wasm-plain") as model:
    x = np.random.default_rng(0).random((16, 8, 8, 1), np.float32)
    profile = tf.profile_model(model, model.sample(8))
    sweep = tf.sweep(model, x, x, settings=Settings(runs=2, warmup=0))
ceilings = Ceilings(1, 40e9, 60e9, 40e9, 50e9, 10e9, 12e9, 1 << 20, 1 << 19, 1 << 26)
drawn = [charts.latency_distribution([5.0, 5.2, 5.1, 6.0, 5.4]), charts.latency_trace([5.0, 5.2, 5.1, 6.0, 5.4]),
         charts.memory_timeline(profile), charts.roofline(profile, ceilings), charts.pareto(sweep)]
display(*drawn)
"""
TRACE, MEMORY, CHARTS = 1, 2, 5
VEGA = ".jp-OutputArea .jp-RenderedVegaLite canvas"


@pytest.fixture(scope="module", name="page")
def _page(browser, tmp_path_factory):
    """The notebook after its cell ran; what the browser's console said is in ``page.said``."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    root = tmp_path_factory.mktemp("jupyter")
    write_notebook(root / "charts.ipynb", CODE)
    with jupyter_lab(root) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 2600})
        page.said = []
        page.on("console", lambda m: page.said.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: page.said.append(str(e)))
        open_notebook(page, address("charts.ipynb"))
        command(page, "application:toggle-left-area")
        page.wait_for_function(f"document.querySelectorAll({VEGA!r}).length === {CHARTS}", timeout=STEP_MS)
        yield page
        page.close()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("width", [1280, 1920, 800])
def test_charts_lie_on_the_page_of_either_theme(page, shots, theme, width):
    page.set_viewport_size({"width": width, "height": 2600})
    use_theme(page, theme)
    corners = page.evaluate(
        "s => [...document.querySelectorAll(s)].map(c => c.getContext('2d').getImageData(1, 1, 1, 1).data[3])", VEGA)
    assert corners == [0] * CHARTS, "no paper of their own"
    page.screenshot(path=shots / f"charts-{width}-{theme.split()[1].lower()}.png")


def test_what_is_pointed_at_is_told(page):
    box = page.locator(VEGA).nth(MEMORY).bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"])
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for(timeout=STEP_MS)
    told = tip.inner_text()
    for wanted in ("node", "kernel", "memory (MB)", "tensors"):
        assert wanted in told


def test_the_wheel_zooms_and_a_double_click_resets(page):
    chart = page.locator(VEGA).nth(TRACE)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    picture = "([s, i]) => document.querySelectorAll(s)[i].toDataURL()"
    before = page.evaluate(picture, [VEGA, TRACE])
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.85 * box["height"] / 2)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"([s, i, old]) => ({picture})([s, i]) !== old", arg=[VEGA, TRACE, before], timeout=STEP_MS)
    page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.85 * box["height"] / 2)
    page.mouse.move(0, 0)
    page.wait_for_function(f"([s, i, old]) => ({picture})([s, i]) === old", arg=[VEGA, TRACE, before], timeout=STEP_MS)


def test_nothing_complains(page):
    assert [line for line in page.said if "vega" in line.lower() or "WARN" in line] == []
