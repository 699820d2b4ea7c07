"""What the tabs of the dashboard show: each is drawn when it is visible and what it shows has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from tfjslab.lab import live, markup, panels
from tfjslab.lab.controller import Controller
from tfjslab.lab.session import LabRun, Snapshot
from tfjslab.lab.view import View
from tfjslab.profiling.captions import totals


class Tabs:
    """Draws the tabs of ``view`` from what ``controller`` has measured.

    ``lock`` is the one of the dashboard. ``guarded`` makes a callback of an action, with errors shown to the user.
    """

    def __init__(
        self, view: View, controller: Controller, lock: threading.RLock,
        guarded: Callable[[Callable[[Any], object]], Callable[[Any], None]],
    ) -> None:
        self._view = view
        self._controller = controller
        self._lock = lock
        self._guarded = guarded
        self._sorted = ("ms", False)
        self._stale: set[str] = set()
        self._drawn: object = ()  # the kernels that the Live tab shows; at first none that a profile could have
        self._choices: dict[int, widgets.Checkbox] = {}

    def close(self) -> None:
        """Let go of the check boxes."""
        self._choices.clear()

    def redraw(self, *names: str) -> None:
        """Draw these tabs again, all without names, each when it is next visible."""
        self._stale.update(names or (*self._view.panels, "Kernels", "Compare"))
        self.refresh()

    def sort(self, name: str) -> None:
        """Sort the kernel table by a column; choosing the same one again reverses the order."""
        by, ascending = self._sorted
        self._sorted = (name, not ascending if name == by else False)
        self.redraw("Kernels")

    def draw_live(self, snapshot: Snapshot) -> None:
        """Draw the charts of the Live tab; those of a profile only when there is a new one."""
        times = snapshot.result.times_ms if snapshot.result else ()
        self._draw_cards(0, live.timing_charts(times, snapshot.total))
        kernels = snapshot.profile.kernels if snapshot.profile else None
        if kernels is not self._drawn:
            self._drawn = kernels
            self._draw_cards(2, live.profile_charts(snapshot.profile))

    def _draw_cards(self, first: int, drawn: Sequence[str]) -> None:
        for i, content in enumerate(drawn, first):
            self._view.live[i].value = markup.card(live.TITLES[i], content)

    def refresh(self) -> None:
        """Draw the visible tab, if what it shows has changed."""
        with self._lock:
            tab, last = self._view.tab, self._controller.last
            if tab == "Live":
                self.draw_live(self._controller.snapshot)
            if tab not in self._stale:
                return
            self._stale.discard(tab)
            if tab == "Compare":
                self._view.compared.value = panels.compare(self._compared())
            elif tab == "Kernels":
                self._draw_kernels(last)
            elif tab in self._view.panels:
                self._view.panels[tab].value = self._panel(tab, last)

    def _panel(self, name: str, last: LabRun | None) -> str:
        if last is None:
            return panels.NO_PROFILE
        if name == "Roofline" and last.profile is not None and last.ceilings is None:
            self._view.panels[name].value = live.EMPTY.format("measuring what this machine can do at most ...")
            reason = self._controller.measure_ceilings(last)
            if reason:
                return live.EMPTY.format(reason)
            last = self._controller.last or last
        show = next(p.show for p in panels.PANELS if p.name == name)
        return show(last, self._controller.graph(last.number))

    def _draw_kernels(self, last: LabRun | None) -> None:
        sorter, (by, ascending) = self._view.sorter, self._sorted
        sorter.mark(by, ascending=ascending)
        if last is None or last.profile is None:
            sorter.rows.value = panels.NO_PROFILE
            return
        sorter.note.value = panels.note(totals(last.profile))
        sorter.rows.value = panels.kernel_table(last.profile, by, ascending=ascending, head=False)

    def list_runs(self) -> None:
        """A check box for each run; new ones are checked."""
        numbers = {r.number for r in self._controller.session.runs}
        for number in [n for n in self._choices if n not in numbers]:
            self._choices.pop(number).close()
        for run in self._controller.session.runs:
            if run.number not in self._choices:
                box = widgets.Checkbox(value=True, description=run.label, indent=False)
                box.observe(self._guarded(lambda _: self.redraw("Compare")), "value")
                self._choices[run.number] = box
        self._view.choices.children = tuple(self._choices.values())

    def _compared(self) -> list[LabRun]:
        return [r for r in self._controller.session.runs if self._choices[r.number].value]
