"""The row above the tabs: which finished run they show, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from tfjslab.lab.session import LabRun

NO_RUN, NO_BASELINE, FILE = 0, 0, -1  # values of the menus that are no run's number


class Picker:
    """Its widgets. What ``on_change`` was given is called when the user chooses, and not when the menus are filled."""

    def __init__(self) -> None:
        self._filling = False
        self.run = widgets.Dropdown(options=[("no run yet", NO_RUN)], description="showing", disabled=True,
                                    tooltip="the finished run that the figures and the tabs show")
        self.baseline = widgets.Dropdown(options=_baselines(()), description="baseline",
                                         tooltip="what that run is compared with: another run, or a saved profile")
        self.path = widgets.Text(placeholder="profile.json", continuous_update=False,
                                 tooltip="a file that 'tfjslab profile --json' or tf.profiling.save wrote")
        self.path.layout.display = "none"
        self.told = widgets.HTML().add_class("tfl-verdict")
        self.box = widgets.HBox([self.run, self.baseline, self.path, self.told]).add_class("tfl-picker")

    def fill(self, runs: Sequence[LabRun], shown: int) -> None:
        """List the runs, the last one first, and show the one of that number."""
        newest = runs[::-1]
        self._filling = True
        try:
            _fill(self.run, [(r.name, r.number) for r in newest] or [("no run yet", NO_RUN)], shown)
            _fill(self.baseline, _baselines(newest), self.baseline.value)
        finally:
            self._filling = False
        self.run.disabled = not runs

    def on_change(self, act: Callable[[Any], None]) -> None:
        """Call ``act`` with each change of the run, the baseline or its file."""
        def heard(change: Any) -> None:
            if not self._filling:
                act(change)

        for widget in (self.run, self.baseline, self.path):
            widget.observe(heard, "value")

    def show_path(self) -> None:
        """Show the field of the file when the baseline is one."""
        self.path.layout.display = "" if self.baseline.value == FILE else "none"


def _baselines(runs: Sequence[LabRun]) -> list[tuple[str, int]]:
    return [("none", NO_BASELINE), *((r.name, r.number) for r in runs), ("profile file ...", FILE)]


def _fill(menu: widgets.Dropdown, options: Sequence[tuple[str, int]], value: int) -> None:
    values = [v for _, v in options]
    menu.options = options
    menu.value = value if value in values else values[0]
