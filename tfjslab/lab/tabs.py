"""What the tabs of the dashboard show: each is drawn when it is visible and what it shows has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeVar

import ipywidgets as widgets

from tfjslab.base.errors import TfjslabError
from tfjslab.base.messages import escaped
from tfjslab.base.plots import EMPTY
from tfjslab.lab import markup, panels
from tfjslab.lab.baseline import Baseline
from tfjslab.lab.cards import profile_cards, timing_cards
from tfjslab.lab.controller import Controller
from tfjslab.lab.drawing import Drawer
from tfjslab.lab.session import LabRun, Snapshot
from tfjslab.lab.view import Widgets, close_tree
from tfjslab.profiling.captions import totals
from tfjslab.views.view import View

T = TypeVar("T")
DRAWING, LATER = "drawing ...", "a run is under way; this is drawn between two of its inferences ..."
PANELS = {p.name: p for p in panels.PANELS}
EXPLORABLE = find_spec("anywidget") is not None  # else panels are shown as in the report


@dataclass(frozen=True)
class Drawn:
    """What a tab shows: HTML, and below it a view to explore, if there is one."""

    text: str
    view: View | None = None


class Tabs:
    """Draws the tabs of ``view`` from what ``controller`` has measured, about the run that is picked.

    ``lock`` is the one of the dashboard. ``guarded`` makes a callback of an action, with errors shown to the user.
    """

    def __init__(
        self, view: Widgets, controller: Controller, lock: threading.RLock,
        guarded: Callable[[Callable[[Any], object]], Callable[[Any], None]],
    ) -> None:
        self.drawer = Drawer(lambda: controller.snapshot.busy)
        self._view = view
        self._controller = controller
        self._lock = lock
        self._guarded = guarded
        self._sorted = ("ms", False)
        self._stale: set[str] = set()
        self._drawn: object = ()  # the kernels that the Live tab shows; at first none that a profile could have
        self._choices: dict[int, widgets.Checkbox] = {}
        self._baseline = Baseline(view, self.drawer, lock)
        view.picker.on_change(guarded(lambda _: self._picked()))
        # Loading what draws charts takes longer than drawing one; a run waits for its end.
        self.drawer.ask("charts", partial(_told, _load_charts, Drawn), lambda _: None)

    @property
    def run(self) -> LabRun | None:
        """The run that the tabs show: the one that is picked, at first the last."""
        return self._controller.session.run(self._view.picker.run.value)

    def close(self) -> None:
        """End drawing, and let go of the check boxes."""
        self.drawer.close()
        self._choices.clear()

    def redraw(self, *names: str) -> None:
        """Draw these tabs again, all without names, each when it is next visible."""
        self._stale.update(names or (*PANELS, "Compare"))
        self.refresh()

    def sort(self, name: str) -> None:
        """Sort the kernel table by a column; choosing the same one again reverses the order."""
        by, ascending = self._sorted
        self._sorted = (name, not ascending if name == by else False)
        self.redraw("Kernels")

    def draw_live(self, snapshot: Snapshot) -> None:
        """Draw the figures and the charts of the Live tab; those of a profile only when there is a new one.

        They show the run that is under way, and the picked one when there is none.
        """
        run = None if snapshot.busy else self.run
        result, profile, memory, total = (
            (run.result, run.profile, run.memory, 0) if run is not None
            else (snapshot.result, snapshot.profile, snapshot.memory, snapshot.total))
        self._view.name.value = markup.of_run(run) if run is not None else markup.of_snapshot(snapshot)
        self._view.strip.value = markup.strip(result, profile)
        if snapshot.busy and self._view.tab != "Live":
            return
        limit = self._view.side.limit.value * 10**6
        made = timing_cards(result, total, memory, limit)
        shown = profile.kernels if profile else None, limit
        if shown != self._drawn:
            self._drawn = shown
            made |= profile_cards(profile, limit)
        for title, content in made.items():
            self._view.live[title].value = markup.card(title, content)

    def refresh(self) -> None:
        """Draw the visible tab, if what it shows has changed."""
        with self._lock:
            tab = self._view.tab
            if tab == "Live":
                self.draw_live(self._controller.snapshot)
            if tab not in self._stale:
                return
            self._stale.discard(tab)
            if tab == "Kernels":
                self._draw_kernels(self.run)
            elif tab == "Compare":
                self._ask(tab, partial(_comparison, self._compared()))
            else:
                self._ask(tab, partial(self._panel, PANELS[tab], self.run))

    def _picked(self) -> None:
        """Another run or another baseline was chosen."""
        self._view.picker.show_path()
        self.draw_live(self._controller.snapshot)
        self._baseline.compare(self.run, self._controller.session)
        self.redraw()

    def _ask(self, name: str, draw: Callable[[], Drawn]) -> None:
        """Have a tab drawn, with a place holder of its height until then."""
        later = LATER if self._controller.snapshot.busy else DRAWING
        self._show(name, Drawn(panels.WAITING.format(later)))
        self.drawer.ask(name, partial(_told, draw, Drawn), partial(self._show, name))

    def _show(self, name: str, drawn: Drawn) -> None:
        """Show what was drawn. Called on the thread that drew."""
        with self._lock:
            if name == "Compare":
                self._view.compared.value = drawn.text
                return
            shown, page = self._view.panels[name], self._view.pages[name]
            text, explored = _told(partial(_with_widget, drawn), _failed)
            before = page.children[1:]
            shown.value, page.children = text, (shown, *explored)
            for widget in before:
                close_tree(widget)

    def _panel(self, panel: panels.Panel, run: LabRun | None) -> Drawn:
        """A panel under the name of its run."""
        if run is None:
            return Drawn(panels.NO_PROFILE)
        if panel.name == "Roofline" and run.profile is not None and run.ceilings is None:
            reason = self._controller.measure_ceilings(run)
            if reason:
                return Drawn(markup.of_run(run) + EMPTY.format(escaped(reason)))
            run = self._controller.session.run(run.number) or run
        graph = self._controller.graph(run.number)
        view = panel.view(run, graph) if panel.view is not None and EXPLORABLE else None
        return Drawn(markup.of_run(run) + ("" if view is not None else panel.show(run, graph)), view)

    def _draw_kernels(self, run: LabRun | None) -> None:
        sorter, (by, ascending) = self._view.sorter, self._sorted
        sorter.mark(by, ascending=ascending)
        if run is None or run.profile is None:
            sorter.note.value, sorter.rows.value = "", panels.NO_PROFILE
            return
        sorter.note.value = markup.of_run(run) + panels.note(totals(run.profile))
        sorter.rows.value = panels.kernel_table(run.profile, by, ascending=ascending, head=False)

    def restart(self) -> None:
        """Another session: its runs may have the numbers of others."""
        self._view.choices.children = ()
        while self._choices:
            close_tree(self._choices.popitem()[1])
        self.list_runs()
        self.redraw()

    def list_runs(self) -> None:
        """List the runs in the menus, picking the last one if it is new, with a check box for each in Compare."""
        runs = self._controller.session.runs
        new = bool(runs) and runs[-1].number not in self._choices
        self._view.picker.fill(runs, runs[-1].number if new else self._view.picker.run.value)
        for run in runs:
            if run.number not in self._choices:
                box = widgets.Checkbox(value=True, description=run.name, indent=False)
                box.observe(self._guarded(lambda _: self.redraw("Compare")), "value")
                self._choices[run.number] = box
        self._view.choices.children = tuple(self._choices.values())
        self._baseline.compare(self.run, self._controller.session)

    def _compared(self) -> list[LabRun]:
        return [r for r in self._controller.session.runs if self._choices[r.number].value]


def _told(draw: Callable[[], T], failed: Callable[[str], T]) -> T:
    """What was drawn, or what ``failed`` makes of the HTML that says why it could not be."""
    try:
        return draw()
    except TfjslabError as e:
        return failed(EMPTY.format(escaped(str(e))))
    except Exception as e:  # noqa: BLE001 - drawing is done where nobody would see it fail
        return failed(EMPTY.format(escaped(f"this cannot be drawn: {type(e).__name__}: {e}")))


def _with_widget(drawn: Drawn) -> tuple[str, tuple[widgets.Widget, ...]]:
    """The HTML, and a widget of the view, if there is one."""
    return drawn.text, (drawn.view.widget(),) if drawn.view is not None else ()


def _failed(text: str) -> tuple[str, tuple[widgets.Widget, ...]]:
    return text, ()


def _load_charts() -> Drawn:
    panels.charts()
    return Drawn("")


def _comparison(runs: Sequence[LabRun]) -> Drawn:
    return Drawn(panels.compare(runs))
