"""The visor: what was drawn, kept in surfaces on tabs, to be shown as one. State only; ``visor_html`` renders it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.base.text import counted
from tfjslab.vis import live, visor_html
from tfjslab.vis.options import snake_case

DEFAULT_TAB = "Visor"
STYLES = ("width", "height", "max_width", "max_height")
_LENGTH = re.compile(r"\d+(\.\d+)?(px|%|em|rem|vw|vh)?")


@dataclass(eq=False)
class Surface:
    """A place in the visor for one drawing, or for several parts that belong together.

    ``styles`` may have ``width``, ``height``, ``max_width`` and ``max_height``, as numbers of pixels or CSS lengths;
    the first two in pixels are also the size of charts that are drawn here.

    ``label``, ``draw_area`` and ``container`` are, as in tfjs-vis, its heading, its drawings and all of it, here as
    HTML. A notebook that shows a surface keeps showing what is drawn there.
    """

    name: str
    tab: str = DEFAULT_TAB
    styles: Mapping[str, str] = field(default_factory=dict)
    parts: dict[str, Figure] = field(default_factory=dict)
    visor: Visor | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """The heading."""
        return self.name

    @property
    def draw_area(self) -> str:
        """The drawings as HTML."""
        return visor_html.draw_area(self)

    @property
    def container(self) -> str:
        """The heading and the drawings as HTML."""
        return visor_html.surface(self)

    def show(self, figure: Figure, part: str = "") -> None:
        """Show a figure here in place of what was shown as that part."""
        if not isinstance(figure, Figure):
            raise UsageError(f"a surface shows matplotlib figures, not a {type(figure).__name__}")
        self.parts[part] = figure
        self._changed()

    def clear(self) -> None:
        """Show nothing."""
        self.parts.clear()
        self._changed()

    def _changed(self) -> None:
        live.changed(self)
        if self.visor is not None:
            live.changed(self.visor)

    def pixels(self, name: str) -> float | None:
        """A style as a number of pixels, or None."""
        text = self.styles.get(name, "").removesuffix("px")
        return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None

    def __repr__(self) -> str:
        return f"Surface({self.name!r}, tab {self.tab!r}, {counted(len(self.parts), 'chart')})"

    def _repr_html_(self) -> str:
        return self.container

    def _repr_mimebundle_(self, **_wanted: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _ipython_display_(self) -> None:
        live.show(self)


@dataclass(eq=False)
class Visor:
    """Surfaces by tab. A cell that ends in ``tf.vis.visor()`` shows it, with tabs that need no script.

    The last place where a notebook showed the visor follows it: charts that are drawn into surfaces appear there.
    """

    surfaces: dict[tuple[str, str], Surface] = field(default_factory=dict)
    active_tab: str | None = None
    _open: bool = True
    _fullscreen: bool = False

    def surface(
        self, name: str | Mapping[str, Any], tab: str | None = None, styles: Mapping[str, Any] | None = None,
    ) -> Surface:
        """The surface of that name on that tab, created if needed; a new tab becomes the active one.

        Args:
            name: a name, or ``{"name": ..., "tab": ..., "styles": {...}}``.
            tab: the tab's name; ``Visor`` when there is none.
            styles: see ``Surface``.

        """
        separate = {"name": name, "tab": tab, "styles": styles}
        given: dict[str, Any] = dict(name) if isinstance(name, Mapping) else separate
        unknown = [k for k in given if k not in {"name", "tab", "styles"}]
        title, where = given.get("name"), given.get("tab") or DEFAULT_TAB
        if unknown or not isinstance(title, str) or not title or not isinstance(where, str):
            raise UsageError(f"a surface is given as {given!r}; expected a 'name', and a 'tab' and 'styles' at most")
        look = _styles(given.get("styles") or {})
        if where not in self.tabs:
            self.active_tab = where
        found = self.surfaces.setdefault((title, where), Surface(title, where, look, visor=self))
        if look:
            found.styles = look
        return found

    @property
    def tabs(self) -> tuple[str, ...]:
        """The tabs, in the order in which they were made."""
        return tuple(dict.fromkeys(tab for _, tab in self.surfaces))

    def set_active_tab(self, tab: str) -> None:
        """Show that tab; UsageError when there is no such tab."""
        if tab not in self.tabs:
            known = ", ".join(self.tabs) or "none yet"
            raise UsageError(f"tab '{tab}' is not one of {known}{did_you_mean(tab, self.tabs)}")
        self.active_tab = tab
        live.changed(self)

    def is_open(self) -> bool:
        """Whether surfaces are shown."""
        return self._open

    def open(self) -> None:
        """Show the surfaces."""
        self._open = True
        live.changed(self)

    def close(self) -> None:
        """Show only that there is a visor; its surfaces stay."""
        self._open = False
        live.changed(self)

    def toggle(self) -> None:
        """Open it when closed, close it when open."""
        self._open = not self._open
        live.changed(self)

    def is_fullscreen(self) -> bool:
        """Whether it takes the whole width."""
        return self._fullscreen

    def fullscreen(self, on: bool = True) -> None:  # noqa: FBT001, FBT002 - reads as ``fullscreen(False)``
        """Take the whole width, with surfaces side by side, or as much as one chart needs."""
        self._fullscreen = on
        live.changed(self)

    def toggle_fullscreen(self) -> None:
        """Change between the whole width and that of one chart."""
        self.fullscreen(not self._fullscreen)

    toggle_full_screen = toggle_fullscreen  # toggleFullScreen of tfjs-vis

    def clear(self) -> None:
        """Drop all surfaces and their figures."""
        self.surfaces.clear()
        self.active_tab = None
        live.changed(self)

    def __repr__(self) -> str:
        state = "open" if self._open else "closed"
        if self._fullscreen:
            state += ", full screen"
        return f"Visor({state}, {counted(len(self.surfaces), 'surface')} on {counted(len(self.tabs), 'tab')})"

    def _repr_html_(self) -> str:
        return visor_html.visor(self)

    def _repr_mimebundle_(self, **_wanted: Any) -> dict[str, str]:
        """Text and HTML, whichever of them the front end wants."""
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _ipython_display_(self) -> None:
        live.show(self)


_VISOR = Visor()


def visor() -> Visor:
    """The one visor of this process.

    Example:
        >>> from tfjslab.vis import render, visor
        >>> _ = render.linechart({"name": "Loss", "tab": "Training"}, {"values": [3.0, 2.0, 1.5]})
        >>> visor().surface("Loss", "Training")
        Surface('Loss', tab 'Training', 1 chart)

    """
    return _VISOR


def surface_of(place: object) -> Surface | None:
    """What renderers take as their first argument: a Surface, ``{"name", "tab"}``, or None for no surface."""
    if place is None or isinstance(place, Surface):
        return place
    if isinstance(place, Mapping):
        return _VISOR.surface(place)
    raise UsageError(
        f"the surface is a {type(place).__name__}; expected {{'name': ..., 'tab': ...}}, a Surface, or None",
    )


def _styles(given: Mapping[str, Any]) -> dict[str, str]:
    """Checked lengths by name in snake_case; they end up in a page's CSS."""
    found: dict[str, str] = {}
    for key, value in given.items():
        name = snake_case(str(key))
        text = str(value)
        if name not in STYLES or not _LENGTH.fullmatch(text):
            raise UsageError(f"style '{key}' is {value!r}; expected a length as one of {', '.join(STYLES)}")
        found[name] = f"{text}px" if text[-1].isdigit() else text
    return found
