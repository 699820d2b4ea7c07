"""Browsers: this machine's Chromium, Node, and whatever opens the lab's page; models are measured in them.

A name is loaded when it is first used, so that importing the package stays cheap.
"""

from tfjslab.base.lazy import lazily

__getattr__, __dir__ = lazily(__name__, {
    "tfjslab.browser.jobs.bench": "bench",
    "tfjslab.browser.jobs.job": "HowToRun",
    "tfjslab.browser.jobs.link": "DeviceLink serve",
    "tfjslab.browser.jobs.programs": "PROGRAMS",
    "tfjslab.browser.jobs.results": "DeviceResult",
    "tfjslab.browser.jobs.session": "DeviceSession device_session",
    "tfjslab.browser.jobs.headless": "headless_session",
    "tfjslab.functions.pixels": "from_pixels from_pixels_async to_pixels",
    "tfjslab.lab.browser_panel": "panel",
})
