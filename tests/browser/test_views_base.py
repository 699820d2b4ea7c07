"""What all views stand on, in a real browser: linked files, texts for workers, and frames in a report."""

from __future__ import annotations

import shutil

import pytest

from tfjslab.views import modules
from tfjslab.views import view as views
from tfjslab.views.view import View

SHARED = "export const made = globalThis.made = (globalThis.made ?? 0) + 1;"
ENTRY = """
import source from "./worker.js?text";
import { made } from "./shared.js";
import { again } from "./part/again.js";
async function render({ model, el }) {
  const worker = new Worker(URL.createObjectURL(new Blob([source])));
  const answer = await new Promise((resolve) => { worker.onmessage = (e) => resolve(e.data); worker.postMessage(20); });
  worker.terminate();
  el.textContent = JSON.stringify([answer, made, again, model.get("data").text, model.get("selected")]);
}
export default { render };
"""
HOSTILE = "</script><script>document.title = 'taken'</script>"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A view of four files, whose data would end a script."""
    for name in ("linked.js", "page.js", "page.html", "view.css"):
        shutil.copy(modules.FILES / name, tmp_path)
    (tmp_path / "part").mkdir()
    for name, text in (("shared.js", SHARED), ("small.js", ENTRY),
                       ("part/again.js", 'import { made } from "../shared.js";\nexport const again = made;'),
                       ("worker.js", 'onmessage = (e) => postMessage(`</script>${e.data + 1}"\\n`);')):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(modules, "FILES", tmp_path)
    monkeypatch.setattr(views, "FILES", tmp_path)
    modules.module.cache_clear()
    yield View("small", "small <view>", {"text": HOSTILE})
    modules.module.cache_clear()


@pytest.fixture
def page(browser, console):
    """An empty page whose console must stay free of errors."""
    opened = console(browser.new_page())
    yield opened
    opened.close()


def test_files_are_linked_each_once_and_a_text_runs_as_a_worker(small, page, tmp_path):
    page.goto(small.save(tmp_path / "view.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("() => JSON.parse(document.getElementById('view').textContent)") == [
        '</script>21"\n', 1, 1, HOSTILE, ""]
    assert page.title() == "small <view>"


def test_a_report_holds_a_view_in_a_frame(small, page):
    page.set_content(f"<h1>report</h1>{small.frame(200)}")
    frame = page.frame_locator("iframe")
    frame.locator("html[data-ready]").wait_for()
    assert "</script>21" in frame.locator("#view").inner_text()
    assert page.locator("iframe").bounding_box()["height"] == 200
