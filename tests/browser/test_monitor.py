"""Pages in a real browser tell a collector of another origin, also as they go away; its live page shows it."""

from __future__ import annotations

import time

import pytest

from tfjslab import zoo
from tfjslab.browser.server import served
from tfjslab.export.web import export_web
from tfjslab.monitoring.collector import collector
from tfjslab.monitoring.rules import FallbackRule, MonitorRules, parse_alarm
from tfjslab.monitoring.site import CollectorSettings

STEP_MS, STEP_S = 60_000, 60
RUN = """async ([collector, options, count]) => {
  const { load } = await import('/model.js');
  const model = await load({ variant: 'simd', metrics: { url: `${collector}v1/batches`, every: 3600 }, ...options });
  const x = new Float32Array(model.inputs[0].size);
  for (let i = 0; i < count; i++) {
    await model.predict(x.slice());
    await new Promise((resolve) => setTimeout(resolve));
  }
  await model.predict(new Float32Array(1)).catch(() => {});
  return model.variant;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The digits as a web module."""
    root = tmp_path_factory.mktemp("web") / "digits"
    with zoo.load("digits") as model:
        export_web(model, root, only=["plain", "simd"])
    return root


def counted(running, batches):
    """Wait until so many batches have come; the groups by variant."""
    deadline = time.monotonic() + STEP_S
    while running.summary().total_batches < batches:
        assert time.monotonic() < deadline, running.summary()
    return {g.group.variant: g.totals for g in running.summary().groups}


def test_pages_tell_as_they_go_away_and_the_live_page_shows_it(browser, console, folder, tmp_path, shots):
    rules = MonitorRules((parse_alarm("error_rate>1% at_least=5"),), (FallbackRule("*", 10, 1e-6, variant="plain"),))
    with served(folder) as site, served(folder) as stranger:
        settings = CollectorSettings(origins=frozenset({site.rstrip("/")}))
        with collector(tmp_path / "monitor.sqlite", settings, rules) as running:
            live = console(browser.new_page(viewport={"width": 1200, "height": 900}))
            live.goto(running.url)
            live.wait_for_selector("#charts .empty")

            for options in ({}, {"worker": True}):
                page = console(browser.new_page())
                page.goto(site)
                assert page.evaluate(RUN, [running.url, options, 12]) == "simd"
                page.goto("about:blank")
                page.close()
            found = counted(running, 2)["simd"]
            assert (found.predictions, found.errors["input.shape"][0]) == (24, 2)
            assert (len(found.load), len(found.first)) == (2, 2)
            assert found.start_bytes > 1 << 16

            page = browser.new_page()  # its console may say that it was not allowed
            page.goto(stranger)
            page.evaluate(RUN, [running.url, {}, 3])
            page.goto("about:blank")
            while not running._site.requests["403"]:
                page.evaluate("0")
            page.close()
            assert running.summary().total_batches == 2

            page = console(browser.new_page())
            page.goto(site)
            assert page.evaluate(RUN, [running.url, {"fallback": f"{running.url}v1/rules"}, 200]) == "plain"
            page.goto("about:blank")
            page.close()
            assert counted(running, 4)["plain"].fallbacks == 1

            row = live.locator("#groups tr.alarm", has_text="chrome").first
            row.wait_for(timeout=STEP_MS)
            live.locator("#groups td", has_text="plain").wait_for(timeout=STEP_MS)
            assert "error rate is" in live.inner_text("#alarms")
            assert live.locator("#browsers path").count() == 1
            assert live.locator("#variants path").count() == 2
            assert "input.shape" in live.inner_text("#errors")
            for scheme in ("light", "dark"):
                live.emulate_media(color_scheme=scheme)
                live.screenshot(path=shots / f"monitor-{scheme}.png", full_page=True)
            live.get_by_role("button", name="15 min").click()
            live.wait_for_selector("#state:has-text('the last 15 minutes')")
            live.close()
