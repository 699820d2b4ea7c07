"""A view: a JavaScript module of ours with its data, as a notebook's widget or as one HTML file that works offline.

The module has one default export, ``{render({model, el})}``, as anywidget defines it; ``model.get("data")`` is what
Python gave. What ``render`` returns is called when the view is taken off the page: it ends workers and listeners.
"""

from __future__ import annotations

import html
import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.colours import HOST_CSS
from tfjslab.base.errors import UsageError
from tfjslab.base.extras import install
from tfjslab.views.modules import FILES, module

_HINT = f"an interactive view in a notebook needs anywidget, which is missing; {install('lab')}"


@dataclass(frozen=True, repr=False)
class View:
    """What can be looked at: ``name`` is the module ``files/<name>.js``, ``data`` is what it shows (plain JSON).

    In a notebook it is a widget (where ``anywidget`` is installed) and otherwise a line that says how to see it.
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
        fields = {"_esm": module(f"{self.name}.js"), "_css": _css(), "data": traitlets.Dict().tag(sync=True)}
        return type("ViewWidget", (anywidget.AnyWidget,), fields)(data=dict(self.data))

    def to_html(self) -> str:
        """The view as a whole page that reads nothing from anywhere else."""
        data = json.dumps(self.data, allow_nan=False).replace("<", "\\u003c")  # no text may end the script
        page = (FILES / "page.html").read_text(encoding="utf-8")
        parts = {"title": html.escape(self.title), "css": _css(), "data": data, "module": module("page.js").replace(
            "VIEW_MODULE", json.dumps(module(f"{self.name}.js")).replace("<", "\\u003c"))}
        for key, value in parts.items():
            page = page.replace(f"<!--{key}-->", value)
        return page

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write ``to_html``. UsageError when the file cannot be written."""
        target = Path(path)
        try:
            target.write_text(self.to_html(), encoding="utf-8")
        except OSError as e:
            raise UsageError(f"{target}: cannot be written ({e.strerror})") from None
        return target

    def __repr__(self) -> str:
        return f"View({self.title}; save it with .save('view.html'))"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook shows: the widget, or the line that says what it needs."""
        try:
            shown = self.widget()
        except UsageError as e:
            return {"text/plain": f"{self!r}\n{e}"}
        return shown._repr_mimebundle_(**options)


def _css() -> str:
    return (FILES / "view.css").read_text(encoding="utf-8").replace("HOST_COLOUR", HOST_CSS)
