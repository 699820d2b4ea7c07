"""No script in a name runs, and no character of it acts: every page and every piece of a notebook, in Chromium."""

from __future__ import annotations

from mimetypes import guess_type

from support.hostile import MARK, MONITOR_RULES

from tfjslab.monitoring.collector import collector

ORIGIN, DEMO = "http://hostile.test", "/web/index.html"
FOUND = f"""[window.{MARK} ?? null, document.querySelectorAll('{MARK}, [{MARK}], [onerror], [onmouseover]').length,
  document.documentElement.innerText.includes('{MARK}'), /[\u202e\u2066\x1b\x07]/.test(document.body.textContent)]"""


def test_no_name_runs_a_script_in_any_page(browser, hostile):
    """Pages are served as they were written; scripts of ours draw names, and nothing else comes of them."""
    notebook = f"<!doctype html><meta charset=utf-8><body>{''.join(hostile.pieces.values())}"
    pages = {f"/{what.replace(' ', '-')}": text for what, text in (hostile.pages | {"notebook": notebook}).items()}
    files = {f"/web/{f.name}": f for f in hostile.folder.iterdir()}

    def answer(route):
        path = route.request.url.removeprefix(ORIGIN)
        if path in pages:
            route.fulfill(body=pages[path], content_type="text/html; charset=utf-8")
        elif path in files:
            route.fulfill(path=files[path], content_type=guess_type(path)[0] or "application/octet-stream")
        else:
            route.fulfill(status=404)

    asked, wrong = browser.new_page(), {}
    asked.route("**/*", answer)
    for path in (*pages, DEMO):
        asked.goto(f"{ORIGIN}{path}")
        if path in ("/graph", "/timeline"):
            asked.wait_for_selector("html[data-ready=true]", state="attached")
        if path == DEMO:
            asked.wait_for_selector("main:not([aria-busy=true])")
            asked.click("#random")
            asked.wait_for_selector("#answer .output")
            asked.click("#profile")
            asked.wait_for_selector("#kernels table")
        asked.evaluate("new Promise((done) => setTimeout(done))")  # after handlers of pictures that do not load
        found = asked.evaluate(FOUND)
        if found != [None, 0, True, False]:
            wrong[path] = found
    asked.close()
    assert wrong == {}


def test_the_live_page_of_a_collector_shows_them_as_text(browser, hostile):
    page = browser.new_page()
    with collector(hostile.store, rules=MONITOR_RULES) as running:
        page.goto(running.url)
        page.wait_for_selector("#errors td")
        assert page.evaluate(FOUND) == [None, 0, True, False]
        alarms, models = (page.locator(f"{part}:has-text('{MARK}')").count() for part in ("#alarms p", "#groups tr"))
        page.close()
    assert alarms == models > 5
