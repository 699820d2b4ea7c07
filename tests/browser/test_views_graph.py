"""The interactive graph in a real browser, as a file from the disk: three real models, and one of 2,000 nodes.

Times are printed (``-s``) and not judged. Screenshots are kept in the folder that ``TFJSLAB_SCREENSHOTS`` names.
"""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.views.modules import module

MODELS = Path(__file__).parents[2].parent / "shared" / "models"
REAL = {"handtrack": {"input_tensor": (1, 224, 224, 3)}, "facemesh": {}, "mobilenet_v2_graph": {}}
BLOCKS = 500
STAGE, STATUS, TIP = ".tfg-stage > canvas:first-child", ".tfg-status", ".tfv-tip"
SIZES = ((1280, 800), (1920, 1080), (800, 700))
FRAMES = 60
# Moves and zooms once a frame, as somebody does who holds keys down, and gives the time between frames and of drawing.
MEASURE = """async (frames) => {
  const canvas = document.querySelector(".tfg-stage > canvas"),
    keys = ["ArrowDown", "+", "ArrowRight", "-", "ArrowUp", "ArrowLeft"];
  const between = [];
  window.drawing = [];
  let last = null;
  for (let i = 0; i < frames; i++) {
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: keys[i % keys.length], bubbles: true }));
    const now = await new Promise((done) => nextFrame(done));
    if (last !== null) between.push(now - last);
    last = now;
  }
  return { between, drawing: window.drawing };
}"""
TIMED = """(() => {
  const original = window.nextFrame = window.requestAnimationFrame.bind(window);
  window.drawing = [];
  window.requestAnimationFrame = (call) => original((now) => {
    const begun = performance.now();
    call(now);
    window.drawing.push(performance.now() - begun);
  });
})()"""


def large():
    """2,000 nodes in 500 residual blocks of ten stages."""
    b = GraphBuilder()
    x = b.input("x", (1, 8))
    for i in range(BLOCKS):
        b.layer = f"stage_{i // 50}/block_{i}"
        y = b.value(f"{b.layer}/relu", "Relu", x)
        y = b.value(f"{b.layer}/tanh", "Tanh", y)
        y = b.value(f"{b.layer}/mul", "Mul", y, b.constant(f"{b.layer}/w", np.full(8, 0.5, np.float32)))
        x = b.value(f"{b.layer}/add", "AddV2", x, y)
    return b.build((Port("y", x, (1, 8), "float32"),), {"name": "large"})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The page of a model by its name."""
    folder, made = tmp_path_factory.mktemp("graphs"), {}

    def page_of(name):
        if name not in made:
            made[name] = _view(name).save(folder / f"{name}.html")
        return made[name]

    return page_of


def _view(name):
    if name == "large":
        return tf.views.graph(large())
    if not (MODELS / name).is_dir():
        pytest.skip(f"no model {name} in {MODELS}")
    with tf.load_model(MODELS / name / "model.json") as model:
        if name != "mobilenet_v2_graph":
            return tf.views.graph(model, shapes=REAL[name])
        first, second = (tf.profile_model(model, model.sample()) for _ in range(2))
        return tf.views.graph(model, first, compare=second, errors=tf.numeric_diff(model))


def opened(page, path):
    """The page with its graph laid out."""
    page.add_init_script(TIMED)
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.dataset.ready === 'true'")
    laid_out(page)
    return page


def laid_out(page):
    """How many boxes there are and the milliseconds it took, once no layout is under way."""
    page.wait_for_function("/^\\d+ boxes/.test(document.querySelector('.tfg-status').textContent)")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    words = page.locator(STATUS).inner_text().split()
    return int(words[0]), float(words[-2])


def pressed(page, button):
    page.get_by_role("button", name=button).click()
    return laid_out(page)


def over(page, wanted):
    """Where the pointer is over a box of whose tip this is true."""
    area = page.locator(STAGE).bounding_box()
    for y in range(8, int(area["height"]), 14):
        for part in (0.5, 0.25, 0.75):
            at = (area["x"] + part * area["width"], area["y"] + y)
            page.mouse.move(*at)
            if page.locator(TIP).is_visible() and wanted(page.locator(TIP).inner_text()):
                return at
    raise AssertionError("no such box can be seen")


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"median {middle:.1f} ms, middle half {low:.1f} to {high:.1f}, longest {max(values):.1f}"


@pytest.mark.parametrize("name", [*REAL, "large"])
def test_a_model_opens_at_a_glance_is_searched_and_explored_without_a_console_error(name, browser, console, saved):
    page = opened(console(browser.new_page(viewport={"width": 1280, "height": 800})), saved(name))
    boxes, ms = laid_out(page)
    assert 3 <= boxes <= 45  # those that hold others count as well
    print(f"\n{name}: {boxes} boxes, laid out in {ms} ms")  # noqa: T201 - figures to read, which are not judged
    data = json.loads(page.locator("#data").text_content())
    wanted = max(data["nodes"], key=lambda n: (n["kind"] == "node", len(n["weights"]), n["name"]))
    page.keyboard.press("/")
    page.keyboard.type(wanted["name"])
    assert page.locator(".tfg-hits [role=option]").first.get_attribute("title") == wanted["name"]
    page.keyboard.press("Enter")
    page.wait_for_function("(name) => document.querySelector('.tfg-details .tfg-name')?.textContent === name",
                           arg=wanted["name"])
    assert laid_out(page)[0] > boxes  # the groups around it were opened
    assert page.locator(".tfg-weight").count() == len(wanted["weights"])
    over(page, lambda tip: wanted["name"] in tip)
    page.locator(".tfg-details .tfg-link").first.click()
    page.wait_for_function("(name) => document.querySelector('.tfg-details .tfg-name')?.textContent !== name",
                           arg=wanted["name"])
    boxes, ms = pressed(page, "Expand all")
    assert boxes == len(data["nodes"]) + len(data["groups"])
    print(f"{name}: {boxes} boxes, all open, laid out in {ms} ms")  # noqa: T201
    for key, how in (("f", "all of it"), ("+" * 12, "near")):
        page.locator(STAGE).focus()
        for one in key:
            page.keyboard.press(one)
        times = page.evaluate(MEASURE, FRAMES)
        print(f"{name}, {how}: between frames {quartiles(times['between'])}; "  # noqa: T201
              f"drawing {quartiles(times['drawing'])}")
    assert pressed(page, "Collapse all")[0] < boxes
    page.close()


def test_a_group_opens_by_double_click_and_closes_by_its_sign_and_stays_where_it_is(browser, console, saved):
    page = opened(console(browser.new_page(viewport={"width": 1280, "height": 800})), saved("large"))
    before = laid_out(page)[0]
    at = over(page, lambda tip: tip.startswith("stage_2"))
    page.mouse.dblclick(*at)
    page.wait_for_function("(n) => parseInt(document.querySelector('.tfg-status').textContent) > n", arg=before)
    assert page.locator(".tfg-details h3").inner_text() == "stage_2"
    page.get_by_role("button", name="Close group").click()
    page.wait_for_function("(n) => parseInt(document.querySelector('.tfg-status').textContent) === n", arg=before)
    laid_out(page)
    page.mouse.move(*at)
    assert page.locator(TIP).inner_text().startswith("stage_2")
    page.locator(STAGE).focus()
    page.keyboard.press("Enter")  # the group is still selected
    page.wait_for_function("(n) => parseInt(document.querySelector('.tfg-status').textContent) > n", arg=before)
    page.keyboard.press("Escape")
    assert page.locator(".tfg-details h3").inner_text() == "large"
    page.close()


def corner(page):
    """The colour of the paper."""
    return page.evaluate("""() => {
      const canvas = document.querySelector(".tfg-stage > canvas");
      return [...canvas.getContext("2d").getImageData(2, 2, 1, 1).data].slice(0, 3);
    }""")


def test_it_follows_the_themes_of_the_system_and_of_a_notebook_and_fits_narrow_pages(browser, console, saved, tmp_path):
    shots = Path(os.environ.get("TFJSLAB_SCREENSHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    page = opened(console(browser.new_page(color_scheme="light")), saved("mobilenet_v2_graph"))
    for width, height in SIZES:
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function("(w) => document.querySelector('.tfg').clientWidth === w - 24", arg=width)
            laid_out(page)
            assert (max(corner(page)) < 60) == (scheme == "dark")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.screenshot(path=shots / f"graph_{width}_{scheme}.png")
    page.emulate_media(color_scheme="light")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")  # as JupyterLab says that its theme is dark
    laid_out(page)
    assert max(corner(page)) < 60
    page.evaluate("""() => {
      document.querySelector(".tfg").style.setProperty("--jp-ui-font-color2", "rgb(0 0 0 / 50%)");
      document.querySelector(".tfg").style.setProperty("--jp-layout-color1", "white");
      document.body.dataset.jpThemeLight = "true";
    }""")
    laid_out(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    assert 'fill="rgb(127,127,127)"' in Path(download.value.path()).read_text()  # half of black on white
    page.set_viewport_size({"width": 500, "height": 700})
    page.wait_for_selector(".tfg-narrow")
    stage, details = (page.locator(s).bounding_box() for s in (".tfg-stage", ".tfg-details"))
    assert details["y"] >= stage["y"] + stage["height"]
    page.close()


def test_colours_say_what_the_menu_says_and_the_legend_goes_with_them(browser, console, saved):
    page = opened(console(browser.new_page(viewport={"width": 1280, "height": 800})), saved("mobilenet_v2_graph"))
    menu = page.get_by_label("Colours")
    titles = menu.locator("option").all_inner_texts()
    assert titles == ["by kind of op", "time", "FLOPs", "bytes moved", "on the host", "difference of two runs",
                      "error against cpu"]
    for title in titles[1:]:
        menu.select_option(label=title)
        assert page.locator(".tfg-legend b").inner_text() == title
    menu.select_option(label="by kind of op")
    assert page.locator(".tfg-legend").is_hidden()
    page.close()


def test_pictures_of_the_whole_graph_are_saved(browser, console, saved):
    page = opened(console(browser.new_page(viewport={"width": 1280, "height": 800})), saved("large"))
    for button, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(begins)
        assert download.value.suggested_filename == f"large.{button.lower()}"
        if button == "SVG":
            texts = [t.text for t in ET.fromstring(content).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - our own
            assert {f"stage_{i}" for i in range(10)} <= set(texts)
    page.close()


def test_selections_are_told_to_other_views_and_followed(browser, console, saved):
    page = opened(console(browser.new_page(viewport={"width": 1280, "height": 800})), saved("large"))
    page.evaluate("""() => {
      window.told = [];
      document.addEventListener("tfjslab:select", (e) => window.told.push(e.detail.node));
    }""")
    say = "(node) => document.dispatchEvent(new CustomEvent('tfjslab:select', { detail: { node } }))"
    page.evaluate(say, "stage_7/block_351/tanh")
    page.wait_for_function("document.querySelector('.tfg-details .tfg-name')?.textContent === 'stage_7/block_351/tanh'")
    page.evaluate(say, "not here")
    page.keyboard.press("/")
    page.keyboard.type("block_12/mul")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.tfg-details h3')?.textContent === 'Multiply'")
    assert page.evaluate("window.told") == ["stage_7/block_351/tanh", "not here", "stage_0/block_12/mul"]
    page.close()


def test_a_timeline_and_a_graph_on_one_page_follow_each_other(browser, console):
    page = console(browser.new_page(viewport={"width": 1280, "height": 900}))
    with zoo.load("digits", backend="wasm-plain") as model:
        profile = tf.profile_model(model)
        views = [tf.views.graph(model, profile), tf.views.timeline(profile)]
    page.evaluate("""async (views) => {
      for (const { source, data } of views) {
        const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        const { default: view } = await import(address), values = { data, selected: "" };
        const el = document.body.appendChild(document.createElement("div"));
        const model = { get: (name) => values[name], set(name, value) { values[name] = value; }, save_changes() {},
          on() {}, off() {} };
        el.className = "shown";
        await view.render({ el, model });
      }
    }""", [{"source": module(f"{v.name}.js"), "data": json.loads(json.dumps(v.data))} for v in views])
    graph, timeline = page.locator(".shown").all()
    node = profile.kernels[1].node
    graph.get_by_label("Search nodes").fill(node)
    page.keyboard.press("Enter")
    timeline.get_by_text(node).first.wait_for()
    other = profile.kernels[0].node
    timeline.get_by_label("search kernels").fill(other)
    page.keyboard.press("Enter")
    graph.locator(".tfg-details .tfg-name", has_text=other).first.wait_for()
    page.close()


def test_a_page_that_forbids_workers_lays_the_graph_out_by_itself(browser, saved, tmp_path):
    text = saved("large").read_text()
    rule = '<meta http-equiv="Content-Security-Policy" content="worker-src \'none\'">'
    path = tmp_path / "strict.html"
    path.write_text(text.replace("<title>", f"{rule}<title>"))
    page = opened(browser.new_page(), path)
    assert laid_out(page)[0] == 12
    assert page.workers == []
    page.close()


def test_a_view_that_is_taken_off_the_page_leaves_no_worker_and_no_listener(browser, console):
    page = console(browser.new_page())
    left = page.evaluate("""async ([source, data]) => {
      const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const { default: view } = await import(address);
      const ended = [];
      const end = Worker.prototype.terminate;
      Worker.prototype.terminate = function () { ended.push(1); end.call(this); };
      const el = document.body.appendChild(document.createElement("div"));
      const model = { get: (name) => (name === "data" ? data : ""), set() {}, save_changes() {}, on() {}, off() {} };
      const cleanup = await view.render({ el, model });
      await new Promise((done) => setTimeout(done, 300));
      const shown = el.querySelectorAll("canvas").length;
      await cleanup();
      document.dispatchEvent(new CustomEvent("tfjslab:select", { detail: { node: data.nodes[1].name } }));
      await new Promise((done) => setTimeout(done, 300));
      return { shown, children: el.children.length, ended: ended.length };
    }""", [module("graph.js"), json.loads(json.dumps(tf.views.graph(large()).data))])
    assert left == {"shown": 2, "children": 0, "ended": 1}
    assert page.workers == []
    page.close()
