"""The dashboard's other place to run in: the browser that shows it, by the panel, in place of the tabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tfjslab.base.errors import UsageError
from tfjslab.lab.view import IN_BROWSER, Widgets, close_tree
from tfjslab.model.subject import ModelSource

if TYPE_CHECKING:
    from tfjslab.browser.jobs.results import DeviceResult
    from tfjslab.lab.browser_panel import BrowserPanel


class InBrowser:
    """Shows the panel while "this browser" is chosen. Its server starts when that is chosen for the first time.

    ``models`` gives what is to be measured, or raises UsageError, which the panel shows.
    """

    def __init__(self, view: Widgets, models: Callable[[], Sequence[ModelSource]]) -> None:
        self._view, self._models = view, models
        self._panel: BrowserPanel | None = None

    @property
    def results(self) -> list[DeviceResult]:
        """What the panel's last run found."""
        return list(self._panel.results) if self._panel else []

    def show(self, where: str) -> None:
        """Show the panel, or the tabs again."""
        inside = where == IN_BROWSER
        if inside and self._panel is None:
            from tfjslab.lab.browser_panel import BrowserPanel  # noqa: PLC0415 - with its server, and needs the extra

            self._panel = BrowserPanel(self._models)
            self._view.browser.children = (self._panel.box,)
        self._view.show_place(in_browser=inside)

    def check_idle(self) -> None:
        """UsageError while the panel measures."""
        if self._panel is not None and not self._panel.wait(0):
            raise UsageError("a run in the browser is under way; stop it first, or wait for its end")

    def close(self) -> None:
        """End its run and its server."""
        if self._panel is not None:
            self._panel.close()
            close_tree(self._panel.box)
