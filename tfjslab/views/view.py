"""A view: a JavaScript module of ours with its data, as a notebook's widget or as one HTML file that works offline.

The module has one default export, ``{render({model, el})}``, as anywidget defines it; ``model.get("data")`` is what
Python gave. What ``render`` returns is called when the view is taken off the page: it ends workers and listeners.
``model.get("selected")`` is the name of the node that is selected, which Python may read and set.
"""

from __future__ import annotations

import html
import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tfjslab.base.colours import HOST_CSS
from tfjslab.base.errors import UsageError
from tfjslab.base.extras import install
from tfjslab.base.files import write_whole
from tfjslab.base.messages import escaped, visible
from tfjslab.views.modules import FILES, module

_HINT = f"an interactive view in a notebook needs anywidget, which is missing; {install('lab')}"


@dataclass(frozen=True, repr=False)
class View:
    """What can be looked at: ``name`` is the module ``files/<name>.js``, ``data`` is what it shows (plain JSON).

    In a notebook it is a widget (where ``anywidget`` is installed) and otherwise a line that says how to see it. Looks
    of its own are in ``files/<name>.css``, behind what all views share.
    """

    name: str
    title: str
    data: Mapping[str, Any]

    def widget(self) -> Any:
        """A new widget, the caller's to close. UsageError when ``anywidget`` is not installed."""
        try:
            anywidget = importlib.import_module("anywidget")
            traitlets = importlib.import_module("traitlets")
        except ImportError:
            raise UsageError(_HINT, code="usage.missing_extra") from None

        def close(widget: Any) -> None:
            """Close its layout as well, which a widget leaves open."""
            widget.layout.close()
            anywidget.AnyWidget.close(widget)

        fields = {"_esm": module(f"{self.name}.js"), "_css": self._looks, "data": traitlets.Dict().tag(sync=True),
                  "selected": traitlets.Unicode().tag(sync=True), "close": close}
        # By its class anywidget tells views apart, whose looks it puts on the page once.
        return type(f"{self.name.title()}Widget", (anywidget.AnyWidget,), fields)(data=_shown(self.data))

    def to_html(self) -> str:
        """The view as a whole page that reads nothing from anywhere else."""
        script = _text("page.js").replace("VIEW_MODULE", _harmless(module(f"{self.name}.js")))
        data = _harmless(_shown(self.data))
        parts = {"title": escaped(self.title), "css": self._looks, "data": data, "module": script}
        page = _text("page.html")
        for key, value in parts.items():
            page = page.replace(f"<!--{key}-->", value)
        return page

    def frame(self, height_px: int = 560) -> str:
        """The view as an ``iframe`` that holds its whole page, for a report that is one file."""
        return (f'<iframe title="{escaped(self.title)}" srcdoc="{html.escape(self.to_html())}" loading="lazy" '
                f'style="width:100%;height:{height_px}px;border:0"></iframe>')

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write ``to_html``. UsageError when the file cannot be written."""
        target = Path(path)
        try:
            write_whole(target, self.to_html())
        except OSError as e:
            raise UsageError(f"{target}: cannot be written ({e.strerror})") from None
        return target

    def __repr__(self) -> str:
        return f"View({self.title}; save it with .save('view.html'))"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook shows: the widget, or the line that says what it needs."""
        try:
            return self.shown._repr_mimebundle_(**options)
        except UsageError as e:
            return {"text/plain": f"{self!r}\n{e}"}

    @cached_property
    def shown(self) -> Any:
        """The widget that a notebook shows: one, however often it is shown, so that all places select together."""
        return self.widget()

    @property
    def _looks(self) -> str:
        own = FILES / f"{self.name}.css"
        return _css() + (_text(own.name) if own.is_file() else "")


def _text(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def _harmless(data: Any) -> str:
    """JSON that may stand inside of a script: no text in it may end that."""
    return json.dumps(data, allow_nan=False).replace("<", "\\u003c")


def _shown(data: Any) -> Any:
    """The data with texts that show themselves, as pages draw them."""
    if isinstance(data, str):
        return visible(data)
    if isinstance(data, Mapping):
        return {visible(str(key)): _shown(value) for key, value in data.items()}
    return [_shown(value) for value in data] if isinstance(data, list | tuple) else data


def _css() -> str:
    return (FILES / "view.css").read_text(encoding="utf-8").replace("HOST_COLOUR", HOST_CSS)
