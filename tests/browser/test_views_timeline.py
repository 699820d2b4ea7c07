"""The timeline in a real browser: real profiles and one of 2,000 kernels, as the file that works offline.

Screenshots are kept in the folder that ``TFJSLAB_SCREENSHOTS`` names.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.charts import WHERE, kernel, profile

import tfjslab as tf
from tfjslab.backends.base import BufferLife
from tfjslab.views.modules import module

MODELS = Path(__file__).parents[3] / "shared" / "models"
SYNTHETIC = "2,000 kernels"
NAMES = ("handtrack", "facemesh", "mobilenet_v2_graph", SYNTHETIC)
SIZE = {"width": 1280, "height": 800}
PAN_FRAMES = 90
STEP_MS = 10_000  # on a machine that has other things to do
# Drags the picture to and fro and gives the milliseconds between frames.
PAN = """(frames) => new Promise((resolve) => {
  const canvas = document.querySelector('canvas'), box = canvas.getBoundingClientRect(), gaps = [];
  let before = performance.now(), x = box.x + 500;
  const send = (kind) => canvas.dispatchEvent(new PointerEvent(kind,
    { pointerId: 1, button: 0, clientX: x, clientY: box.y + 160, bubbles: true }));
  canvas.setPointerCapture = () => {};
  send('pointerdown');
  const step = (now) => {
    gaps.push(now - before);
    before = now;
    x += gaps.length < frames / 2 ? -7 : 7;
    send('pointermove');
    if (gaps.length < frames) return requestAnimationFrame(step);
    send('pointerup');
    resolve(gaps.slice(2));
  };
  requestAnimationFrame(step);
})"""
# Listeners of the whole page and observers that are still there, once a script has run before all others.
COUNTING = """
const held = window.held = { listeners: 0, observers: 0, frames: 0 };
for (const [name, by] of [['addEventListener', 1], ['removeEventListener', -1]]) {
  const own = EventTarget.prototype[name];
  EventTarget.prototype[name] = function (...a) {
    if (this === document || this === window || this instanceof MediaQueryList) held.listeners += by;
    return own.apply(this, a);
  };
}
for (const name of ['ResizeObserver', 'MutationObserver']) {
  window[name] = class extends window[name] {
    constructor(f) { super(f); held.observers += 1; }
    disconnect() { held.observers -= 1; super.disconnect(); }
  };
}"""


def synthetic():
    """2,000 kernels in 100 blocks, and every 50th of them on the host."""
    made = []
    for i in range(2000):
        block, ms = i // 20, 0.002 + (i * 37 % 101) / 2000
        buffers = (BufferLife(f"v{i}", (64, i % 7 + 1), "float32", 256 * (i % 7 + 1), 3, f"v{i + 2}"),)
        layer = f"net/block_{block}/part_{i % 20 // 5}"
        k = kernel(("Conv2D", "Relu", "Add")[i % 3], f"{layer}/n{i}", ms, layer=layer, fallback=i % 50 == 49)
        made.append(replace(k, total_bytes_snapshot=100_000 + i % 400 * 1000, buffers=buffers, times_ms=(ms, ms * 1.1)))
    total = sum(k.kernel_time_ms for k in made)
    return replace(profile(tuple(made), total * 1.05), profiled_ms=(total * 1.05, total * 1.2), environment=WHERE)


@pytest.fixture(scope="module")
def measured():
    """Profiles by name, each measured when it is first asked for."""
    known = {}

    def get(name):
        if name != SYNTHETIC and not (MODELS / name).is_dir():
            pytest.skip("the real models are not beside this repository")
        if name not in known:
            known[name] = synthetic() if name == SYNTHETIC else real(name)
        return known[name]

    return get


def real(name):
    with tf.load_model(MODELS / name, backend="wasm-simd") as model:
        return tf.profile_model(model, runs=2, warmup=1)


@pytest.fixture(params=NAMES)
def shown(request, measured, browser, console, tmp_path):
    """A page with the view of a profile, and that profile."""
    given = measured(request.param)
    path = tf.views.timeline(given).save(tmp_path / "view.html")
    page = console(browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce"))
    page.set_default_timeout(STEP_MS)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page, given
    page.close()


class Picture:
    """The canvas of a page, by time and by what the tip says."""

    def __init__(self, page):
        self.page = page
        self.canvas = page.locator("canvas")
        self.box = self.canvas.bounding_box()

    def x(self, part):
        """Where a part of the visible time is."""
        return self.box["x"] + 86 + part * (self.box["width"] - 86)

    def tip(self):
        """What the tip says; nothing when there is none."""
        tip = self.page.locator(".tfv-tip")
        return tip.inner_text() if tip.is_visible() else ""

    def find(self, part, text):
        """Move the pointer down at a part of the visible time until the tip begins with ``text``; where that is."""
        for y in range(4, int(self.box["height"]), 5):
            self.page.mouse.move(self.x(part), self.box["y"] + y)
            if self.tip().startswith(text):
                return self.x(part), self.box["y"] + y
        raise AssertionError(f"no row has {text}")

    def visible(self):
        """The two ends of the visible time and the wall."""
        words = self.page.locator(".tfv-visible").inner_text().split()
        return float(words[0]), float(words[2]), float(words[4])

    def settled(self):
        """``visible`` once what was done is painted."""
        self.page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
        return self.visible()

    def paper(self):
        """The colour of the ground, as the canvas has it."""
        return self.canvas.evaluate("c => [...c.getContext('2d').getImageData(2, c.height - 2, 1, 1).data].slice(0, 3)")


def sticking_out(page):
    return page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")


def keep(page, name):
    folder = os.environ.get("TFJSLAB_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"timeline-{name}.png")


def starts_of(given):
    """When each kernel begins and the run ends."""
    starts = [0.0]
    for k in given.kernels:
        starts.append(starts[-1] + k.kernel_time_ms)
    return starts


def test_a_profile_is_searched_opened_and_read_in_every_theme(shown):
    page, given = shown
    picture, starts = Picture(page), starts_of(given)
    slowest = max(range(len(given.kernels)), key=lambda i: given.kernels[i].kernel_time_ms)
    kernel_ = given.kernels[slowest]
    assert picture.settled()[0] == 0

    # The list of the slowest selects; the tip of the same kernel says the same.
    page.locator(".tfv-slow button").first.click()
    picture.settled()
    assert page.locator(".tfv-pane h3").inner_text() == kernel_.node
    assert kernel_.name in page.locator(".tfv-pane .tfv-kernel").inner_text()
    page.get_by_role("button", name="Zoom to it").click()
    low, high, wall = picture.settled()
    assert low < starts[slowest] + kernel_.kernel_time_ms / 2 < high <= wall
    assert high - low == pytest.approx(min(wall, 6 * kernel_.kernel_time_ms), abs=0.02)
    middle = (starts[slowest] + kernel_.kernel_time_ms / 2 - low) / (high - low)
    picture.find(middle, kernel_.node)
    said = picture.tip()
    assert kernel_.name in said
    assert f"{100 * kernel_.kernel_time_ms / given.wall_ms:.1f}% of the run" in said
    assert "FLOP/s" in said
    page.mouse.move(2, 2)
    assert picture.tip() == ""

    # A layer around it is opened by a click.
    page.get_by_role("button", name="show the whole run").click()
    picture.settled()
    layer = next(s for s in tf.views.timeline(given).data["spans"] if s["first"] <= slowest < s["end"])
    at = (starts[slowest] + kernel_.kernel_time_ms / 2) / wall
    page.mouse.click(*picture.find(at, layer["path"]))
    low, high, _ = picture.settled()
    assert high - low == pytest.approx((starts[layer["end"]] - starts[layer["first"]]) * 1.02, rel=0.1)
    assert page.locator(".tfv-pane h3").inner_text() == layer["path"]

    # Search highlights, Enter goes to the first of what was found.
    page.keyboard.press("/")
    word = given.kernels[-1].node.lower()
    page.keyboard.type(word)
    found = [i for i, k in enumerate(given.kernels) if word in " ".join([k.node, k.name, k.layer, *k.nodes]).lower()]
    assert page.locator(".tfv-count").inner_text() == f"{len(found)} kernel{'s' * (len(found) != 1)}"
    page.keyboard.press("Enter")
    assert page.locator(".tfv-count").inner_text().startswith("1 of ")
    assert page.locator(".tfv-pane h3").inner_text() == given.kernels[found[0]].node
    page.keyboard.press("Escape")
    assert page.locator(".tfv-count").inner_text() == ""

    # Another run has its own times.
    page.get_by_label("run", exact=True).select_option(index=2)
    page.locator(".tfv-pane button", has_text="Close").click()
    assert page.locator(".tfv-pane h3").inner_text().startswith(("run 2 (slowest", "run 2 (fastest"))  # or disturbed
    assert picture.settled()[2] == pytest.approx(given.profiled_ms[1], abs=0.05)

    themes(page, picture)


def themes(page, picture):
    """The system's and JupyterLab's themes, while the page is open, at three widths."""
    name = page.locator(".tfv-title b").inner_text().replace(" ", "-")
    page.get_by_role("button", name="show the whole run").click()
    picture.settled()
    page.emulate_media(color_scheme="light")
    light = picture.paper()
    for width in (1280, 1920, 800):
        page.set_viewport_size({**SIZE, "width": width})
        for scheme, bright in (("light", True), ("dark", False)):
            page.emulate_media(color_scheme=scheme)
            picture.settled()
            assert (min(picture.paper()) > 200) is bright
            assert sticking_out(page) == 0
            keep(page, f"{name}-{width}-{scheme}")
    page.evaluate("() => { document.body.dataset.jpThemeLight = 'true'; }")  # the notebook's theme wins
    picture.settled()
    assert picture.paper() == light


def test_wheel_keys_and_drag_move_through_the_run(shown):
    page, given = shown
    picture = Picture(page)
    wall = picture.settled()[2]
    page.mouse.move(picture.x(0.25), picture.box["y"] + 150)
    page.mouse.wheel(0, -600)
    low, high, _ = picture.settled()
    assert high - low < wall / 2
    assert low < wall / 4 < high
    page.mouse.down()
    page.mouse.move(picture.x(0.25) - 120, picture.box["y"] + 150, steps=4)
    page.mouse.up()
    assert picture.settled()[0] > low
    for key, holds in (("ArrowRight", lambda a, b: b[0] > a[0]), ("+", lambda a, b: b[1] - b[0] < a[1] - a[0]),
                       ("-", lambda a, b: b[1] - b[0] > a[1] - a[0]), ("ArrowLeft", lambda a, b: b[0] < a[0])):
        before = picture.settled()
        page.keyboard.press(key)
        assert holds(before, picture.settled()), key
    page.keyboard.press("0")
    assert picture.settled()[:2] == (0, pytest.approx(wall, abs=0.05))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator(".tfv-pane h3").inner_text() == given.kernels[1].node
    assert page.locator(".tfv-unseen").inner_text() == f"{given.kernels[1].node} selected"
    page.keyboard.press("Escape")
    assert page.locator(".tfv-pane h3").inner_text().startswith("median")


def test_frames_of_a_pan_are_counted(shown):
    page, given = shown
    picture = Picture(page)
    for _ in range(3):
        page.get_by_role("button", name="zoom in").click()
    picture.settled()
    gaps = sorted(page.evaluate(PAN, PAN_FRAMES))
    middle, late = gaps[len(gaps) // 2], gaps[len(gaps) * 95 // 100]
    print(f"{given.label}, {len(given.kernels)} kernels: a frame each {middle:.1f} ms, "  # noqa: T201 - a figure
          f"95% within {late:.1f}, the longest {gaps[-1]:.1f}")
    assert len(gaps) == PAN_FRAMES - 2


@pytest.fixture
def small(measured, browser, console):
    """A page that has nothing yet, in which all that is held is counted, and the 2,000 kernels."""
    page = console(browser.new_page(viewport=SIZE))
    page.add_init_script(COUNTING)
    page.goto("about:blank")
    yield page, measured(SYNTHETIC)
    page.close()


RENDER = """async ([source, data]) => {
  const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const { default: view } = await import(address);
  const values = { data, selected: '' }, changed = [];
  window.model = { get: (n) => values[n], set: (n, v) => { values[n] = v; }, save_changes() {},
    on: (n, f) => changed.push(f), off: (n, f) => changed.splice(changed.indexOf(f), 1), changed };
  window.events = [];
  document.addEventListener('tfjslab:select', (e) => window.events.push(e.detail.node));
  window.before = { ...held };
  const el = document.createElement('div');
  document.body.append(el);
  window.end = await view.render({ model, el });
}"""


def test_what_is_selected_is_told_and_followed_and_all_is_given_back(small):
    page, given = small
    page.evaluate(RENDER, [module("timeline.js"), tf.views.timeline(given).data])
    page.locator(".tfv-slow button").first.click()
    chosen = page.locator(".tfv-pane h3").text_content()
    assert page.evaluate("() => [window.events, model.get('selected')]") == [[chosen], chosen]

    follow = "n => document.dispatchEvent(new CustomEvent('tfjslab:select', { detail: { node: n } }))"
    page.evaluate(follow, given.kernels[1234].node)
    assert page.locator(".tfv-pane h3").text_content() == given.kernels[1234].node
    assert page.evaluate("() => model.get('selected')") == given.kernels[1234].node
    page.evaluate("n => { model.set('selected', n); model.changed.forEach((f) => f()); }", given.kernels[7].node)
    assert page.locator(".tfv-pane h3").text_content() == given.kernels[7].node
    page.evaluate(follow, "no node of this model")
    assert page.locator(".tfv-pane h3").text_content() == given.kernels[7].node

    assert page.evaluate("() => held.observers > before.observers && held.listeners > before.listeners")
    page.evaluate("() => end()")
    assert page.evaluate("() => [held.listeners - before.listeners, held.observers - before.observers]") == [0, 0]
    assert page.evaluate("() => [model.changed.length, document.querySelectorAll('.tfv').length]") == [0, 0]


FINGERS = """() => {
  const canvas = document.querySelector('canvas'), box = canvas.getBoundingClientRect();
  canvas.setPointerCapture = () => {};
  const send = (kind, pointerId, x) => canvas.dispatchEvent(new PointerEvent(kind,
    { pointerId, pointerType: 'touch', button: 0, clientX: box.x + x, clientY: box.y + 150, bubbles: true }));
  send('pointerdown', 1, 300);
  send('pointerdown', 2, 400);
  for (let i = 1; i <= 10; i += 1) { send('pointermove', 1, 300 - 5 * i); send('pointermove', 2, 400 + 5 * i); }
  send('pointerup', 1, 250);
  send('pointerup', 2, 450);
}"""


def test_in_a_notebook_the_wheel_scrolls_until_the_picture_was_clicked(small):
    page, given = small
    page.evaluate(RENDER, [module("timeline.js"), tf.views.timeline(given).data])
    picture = Picture(page)
    whole = picture.settled()
    assert picture.canvas.get_attribute("data-lm-suppress-shortcuts") == "true", "or JupyterLab takes the keys"
    page.mouse.move(picture.x(0.5), picture.box["y"] + 150)
    page.mouse.wheel(0, -300)
    assert picture.settled() == whole
    page.keyboard.down("Control")
    page.mouse.wheel(0, -50)
    page.keyboard.up("Control")
    low, high, _ = picture.settled()
    assert high - low < whole[1]
    page.mouse.click(picture.x(0.5), picture.box["y"] + picture.box["height"] - 2)
    page.mouse.wheel(0, -300)
    closer = picture.settled()
    assert closer[1] - closer[0] < high - low


def test_two_fingers_zoom_to_what_is_between_them(small):
    page, given = small
    page.evaluate(RENDER, [module("timeline.js"), tf.views.timeline(given).data])
    picture = Picture(page)
    wall = picture.settled()[2]
    at = (350 - 86) / (picture.box["width"] - 86) * wall
    page.evaluate(FINGERS)
    low, high, _ = picture.settled()
    assert high - low == pytest.approx(wall / 2, rel=0.02)
    assert low + (high - low) * (350 - 86) / (picture.box["width"] - 86) == pytest.approx(at, rel=0.02)


def test_a_sharp_screen_gets_as_many_pixels_as_it_has(measured, browser, console, tmp_path):
    page = console(browser.new_page(viewport=SIZE, device_scale_factor=2))
    page.goto(tf.views.timeline(measured(SYNTHETIC)).save(tmp_path / "view.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    Picture(page).settled()
    wide = "() => [...document.querySelectorAll('canvas')].map((c) => [c.width - 2 * c.clientWidth, c.clientWidth])"
    assert page.evaluate(wide)[0][0] == 0
    before = page.evaluate(wide)[0][1]
    page.set_viewport_size({**SIZE, "width": 1600})  # and follows its size
    Picture(page).settled()
    assert page.evaluate(wide)[0][0] == 0
    assert page.evaluate(wide)[0][1] > before
    page.close()


def test_the_picture_is_saved_and_a_narrow_page_has_the_details_below(shown, tmp_path):
    page = shown[0]
    with page.expect_download() as saved:
        page.get_by_role("button", name="save what is shown").click()
    saved.value.save_as(tmp_path / "timeline.png")
    image = (tmp_path / "timeline.png").read_bytes()
    assert image.startswith(b"\x89PNG")
    width = int.from_bytes(image[16:20], "big")
    assert width == round(Picture(page).box["width"]) * 2
    page.set_viewport_size({"width": 760, "height": 700})
    pane = page.locator(".tfv-pane").bounding_box()
    assert pane["y"] > Picture(page).box["y"] + Picture(page).box["height"]
    assert sticking_out(page) == 0


def test_a_profile_without_kernels_says_so(browser, console, tmp_path):
    given = replace(profile((), 1.0), profiled_ms=())
    page = console(browser.new_page(viewport=SIZE))
    page.goto(tf.views.timeline(given).save(tmp_path / "view.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    page.locator("canvas").press("ArrowDown")
    assert "No kernel ran." in page.locator(".tfv-pane").inner_text()
    page.close()
