"""The widgets of the dashboard and their layout, without logic: that is in ``dashboard`` and ``tabs``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ipywidgets as widgets

from tfjslab.backends.registry import BackendStatus
from tfjslab.formats.registry import model_suffixes
from tfjslab.lab import markup
from tfjslab.lab.cards import TITLES
from tfjslab.lab.inputs_tab import InputsTab
from tfjslab.lab.panels import PANELS, Column, difference, kernel_columns
from tfjslab.lab.picker import Picker
from tfjslab.lab.stream_tab import StreamTab
from tfjslab.lab.style import CSS
from tfjslab.lab.web_tab import WebTab
from tfjslab.passes.registry import PASSES
from tfjslab.quantizer import KINDS

NO_KIND = "no quantizing"
PATH, UPLOAD = "path or URL ...", "upload ..."
IN_KERNEL, IN_BROWSER = "in this kernel", "in this browser"
# Live comes first and is drawn during a run; Compare and Notes are about all runs.
TABS = ("Live", "Inputs", *(p.name for p in PANELS), "Compare", "Stream", "Export", "Notes")
SOFTWARE = "software"  # the kind of an adapter that is no GPU


def backend_buttons(statuses: Iterable[BackendStatus]) -> dict[str, widgets.ToggleButton]:
    """A button for each backend, with its state; one that cannot run is grey and says why."""
    made = {}
    for s in statuses:
        stands = f", now {s.resolved}" if s.available and s.resolved != s.name else ""
        soft = s.available and s.details.get("adapter_type") == SOFTWARE
        told = f"; on {s.details['adapter']}, which is software: its figures are no GPU's" if soft else ""
        made[s.name] = widgets.ToggleButton(
            description=f"{s.name} ({SOFTWARE})" if soft else s.name, disabled=not s.available,
            tooltip=f"{s.doc}{stands}{told}" if s.available else f"not available: {s.reason}",
            icon="" if s.available else "ban",
        )
    return made


class Header:
    """Model, backend, Run and Stop, progress, and the switch of the settings."""

    def __init__(self, models: Sequence[str], statuses: Sequence[BackendStatus]) -> None:
        self.model = widgets.Dropdown(options=[*models, PATH, UPLOAD], layout=_wide("138px"),
                                      tooltip="a model of the zoo, or your own")
        self.path = widgets.Text(placeholder="path/to/model.json or https://...", continuous_update=False,
                                 layout=_wide("230px"))
        self.upload = widgets.FileUpload(multiple=True, accept=",".join((*model_suffixes(), ".bin")),
                                         description="model and weights",
                                         tooltip="model.json together with its weight files")
        self.place = widgets.Dropdown(options=[IN_KERNEL, IN_BROWSER], layout=_wide("128px"),
                                      tooltip="where the model runs: here, or in the browser that shows this")
        self.backends = backend_buttons(statuses)
        self.optimize = widgets.ToggleButton(
            description="Optimize", icon="magic",
            tooltip="run the graph passes on the model before it is measured; the settings list them")
        self.quantize = widgets.Dropdown(options=[(NO_KIND, ""), *((k, k) for k in KINDS)], layout=_wide("120px"),
                                         tooltip="quantize the model before it is measured")
        self.run = widgets.Button(description="Run", icon="play", button_style="primary")
        self.stop = widgets.Button(description="Stop", icon="stop", disabled=True)
        self.progress = widgets.HTML().add_class("tfl-progress")
        self.settings = widgets.ToggleButton(icon="cog", tooltip="settings, session and export")
        group = widgets.HBox(list(self.backends.values())).add_class("tfl-backends")
        self._of_kernel = (group, self.optimize, self.quantize, self.run, self.stop, self.progress, self.settings)
        self.box = widgets.HBox([self.model, self.path, self.upload, self.place, *self._of_kernel]).add_class(
            "tfl-header")
        self.show_source(str(self.model.value))

    def show_source(self, choice: str) -> None:
        """Show the field that belongs to the chosen kind of model."""
        self.path.layout.display = "" if choice == PATH else "none"
        self.upload.layout.display = "" if choice == UPLOAD else "none"

    def show_place(self, *, in_browser: bool) -> None:
        """Show what belongs to runs in this kernel, or hide it."""
        for widget in self._of_kernel:
            widget.layout.display = "none" if in_browser else ""

    @property
    def backend(self) -> str:
        """The chosen backend; empty when none can run."""
        return next((name for name, b in self.backends.items() if b.value), "")


class Sidebar:
    """Settings, session and export: hidden until the switch shows them."""

    def __init__(self) -> None:
        self.threads = _number("threads", 0, "of threaded backends; 0 means one for each core", least=0)
        self.batch = _number("batch", 1, "length of what the model leaves open", least=1)
        self.warmup = _number("warm-up", 5, "runs that are not counted", least=0)
        self.runs = _number("runs", 50, "steady runs that are measured", least=1)
        self.limit = _number("limit, MB", 0, "does it fit in so many MB (10^6 bytes)? 0 means no limit", least=0)
        self.real = widgets.Checkbox(description="published weights", indent=False,
                                     tooltip="download the zoo's real weights; otherwise seeded random ones")
        self.passes = {p.name: widgets.Checkbox(value=True, description=p.name, indent=False, tooltip=p.doc)
                       for p in PASSES.values()}
        self.path = widgets.Text(value="tfjslab-session.json", continuous_update=False,
                                 tooltip="file of the session; exports are written beside it")
        self.buttons = {name: widgets.Button(description=name, tooltip=doc) for name, doc in (
            ("Save", "write this session to the file"), ("Load", "continue the session in the file"),
            ("HTML", "write a report that stands alone and prints"), ("CSV", "write one line for each run"),
            ("JSON", "write results and profiles in the form of the command line"),
        )}
        self.close = widgets.Button(description="Close the lab", tooltip="free models, threads and widgets")
        row = widgets.HBox(list(self.buttons.values()), layout=widgets.Layout(flex_flow="row wrap", grid_gap="4px"))
        listed = widgets.VBox(list(self.passes.values())).add_class("tfl-passes")
        self.box = widgets.VBox([
            widgets.HTML("<b>Settings</b>"), self.threads, self.batch, self.warmup, self.runs, self.limit,
            self.real,
            widgets.HTML("<b>Passes of Optimize</b>"), listed,
            widgets.HTML("<b>Session</b>"), self.path, row, self.close,
        ], layout=widgets.Layout(display="none")).add_class("tfl-side")


class Sorter:
    """The kernel table: names of columns as buttons over rows in HTML."""

    def __init__(self, sort: Callable[[str], None]) -> None:
        self.columns: tuple[Column, ...] = kernel_columns(0.0)
        self.note = widgets.HTML()
        self.rows = widgets.HTML()
        self.buttons = {c.name: self._button(c, sort) for c in self.columns}
        grid = " ".join(f"minmax(0, {c.width}fr)" for c in self.columns)
        head = widgets.Box(list(self.buttons.values()), layout=widgets.Layout(
            display="grid", grid_template_columns=grid, width="100%")).add_class("tfl-sort")
        scroll = widgets.VBox([head, self.rows]).add_class("tfl-scroll")
        self.box = widgets.VBox([self.note, scroll])

    @staticmethod
    def _button(column: Column, sort: Callable[[str], None]) -> widgets.Button:
        button = widgets.Button(description=column.name, tooltip=f"sort by {column.name}; {column.how}".rstrip("; "))
        button.add_class("tfl-number" if column.numeric else "tfl-text")
        button.on_click(lambda _: sort(column.name))
        return button

    def mark(self, name: str, *, ascending: bool) -> None:
        """Show by an arrow which column sorts."""
        for n, button in self.buttons.items():
            button.description = f"{n} {'▲' if ascending else '▼'}" if n == name else n


class Widgets:
    """All widgets. ``box`` is what a notebook shows."""

    def __init__(self, models: Sequence[str], statuses: Sequence[BackendStatus], sort: Callable[[str], None]) -> None:
        self.header = Header(models, statuses)
        self.side = Sidebar()
        self.message = widgets.HTML(markup.unavailable(statuses))
        self.caution = widgets.HTML()
        self.name = widgets.HTML()
        self.strip = widgets.HTML()
        self.picker = Picker()
        self.live = {title: widgets.HTML().add_class("tfl-card") for title in TITLES}
        self.inputs = InputsTab()
        self.sorter = Sorter(sort)
        # Kernels has its own widgets; every other panel is one piece of HTML.
        self.panels = {p.name: widgets.HTML().add_class("tfl-panel") for p in PANELS if p.name != "Kernels"}
        self.pages = {n: widgets.VBox([w]).add_class("tfl-scroll") for n, w in self.panels.items()}
        self.difference = widgets.HTML(difference(None))
        self.choices = widgets.VBox().add_class("tfl-choice")
        self.compared = widgets.HTML()
        self.stream, self.web = StreamTab(), WebTab()
        self.notes = widgets.Textarea(placeholder="What you want to remember; it is saved with the session.",
                                      continuous_update=False, layout=_wide("100%")).add_class("tfl-notes")
        pages = {
            "Live": widgets.Box(list(self.live.values())).add_class("tfl-live"), "Inputs": self.inputs.box,
            "Kernels": self.sorter.box, **self.pages,
            "Compare": widgets.VBox([self.choices, self.compared, self.difference]).add_class("tfl-scroll"),
            "Stream": self.stream.box, "Export": self.web.box, "Notes": self.notes,
        }
        self.tabs = widgets.Tab([pages[n] for n in TABS], titles=TABS).add_class("tfl-tabs")
        body = widgets.HBox([self.tabs, self.side.box]).add_class("tfl-body")
        self._of_kernel = (self.caution, self.name, self.strip, self.picker.box, body)
        self.browser = widgets.VBox(layout=widgets.Layout(display="none"))
        self.box = widgets.VBox([
            widgets.HTML(f"<style>{CSS}</style>", layout=widgets.Layout(display="none")), self.header.box,
            self.message, *self._of_kernel, self.browser,
        ]).add_class("tfl")

    @property
    def tab(self) -> str:
        """The name of the tab that is seen."""
        return TABS[self.tabs.selected_index or 0]

    def show_place(self, *, in_browser: bool) -> None:
        """Show the tabs, or in their place what measures in this browser."""
        self.header.show_place(in_browser=in_browser)
        for widget in self._of_kernel:
            widget.layout.display = "none" if in_browser else ""
        self.browser.layout.display = "" if in_browser else "none"

    def close(self) -> None:
        """Close every widget with what belongs to it."""
        close_tree(self.box)


def close_tree(widget: widgets.Widget) -> None:
    """Close a widget, all below it, and their layouts and styles, which ipywidgets would keep."""
    for child in getattr(widget, "children", ()):
        close_tree(child)
    widget.unobserve_all()
    for name in ("layout", "style"):
        part: Any = getattr(widget, name, None)
        if isinstance(part, widgets.Widget):
            part.close()
    widget.close()


def _wide(width: str) -> widgets.Layout:
    return widgets.Layout(width=width)


def _number(name: str, value: int, tooltip: str, *, least: int) -> widgets.BoundedIntText:
    return widgets.BoundedIntText(value=value, min=least, max=1_000_000, description=name, tooltip=tooltip)

