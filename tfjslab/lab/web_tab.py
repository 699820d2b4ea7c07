"""The tab Export: where to write a web module, how its input looks, and what was written."""

from __future__ import annotations

import ipywidgets as widgets

from tfjslab.base.messages import escaped
from tfjslab.base.text import counted, scaled
from tfjslab.lab import markup
from tfjslab.lab.panels import Column, note, table
from tfjslab.lab.session import Snapshot
from tfjslab.lab.web_job import INPUTS, Written

ABOUT = """The model that is chosen, with the passes and the precision of the switches above, as WebAssembly that runs
in any browser without TensorFlow.js."""
AS_LOADED = ("the model as it was loaded, without graph passes and quantizing",)
DOWNLOAD = "a visitor downloads, gzipped: {} or more of code (model.js and one variant) and {} of weights"
SERVE = 'try it: <code>python -m http.server --directory "{}"</code>, then open the address that it tells'
_WIDE = "min(420px, 100%)"

COLUMNS = (
    Column("file", 50, lambda r: r[0], numeric=False),
    Column("bytes", 25, lambda r: scaled(r[1], "B")),
    Column("gzipped", 25, lambda r: scaled(r[2], "B"), how="as a server sends it"),
)


class WebTab:
    """Its widgets. They hold no logic: ``dashboard`` says what they show and do."""

    def __init__(self) -> None:
        self.folder = widgets.Text(value="web-module", description="folder", continuous_update=False,
                                   layout=widgets.Layout(width=_WIDE),
                                   tooltip="made anew; only an earlier export is written over")
        self.input = widgets.Dropdown(options=list(INPUTS), description="input", layout=widgets.Layout(width=_WIDE),
                                      tooltip="numbers, or pictures whose pixels go to this range")
        self.export = widgets.Button(description="Export", icon="download", button_style="primary")
        self.told = widgets.HTML()
        self.box = widgets.VBox([widgets.HTML(note(ABOUT)), self.folder, self.input, self.export, self.told])

    def show(self, snapshot: Snapshot, written: Written | None) -> None:
        """What came of an export."""
        if snapshot.phase == "failed":
            self.told.value = markup.message(snapshot.message, error=True)
        else:
            self.told.value = summary(written) if written is not None else ""


def summary(written: Written) -> str:
    """What is in the folder, what a visitor downloads, and how to try it."""
    found, zipped = written.export, written.gzipped
    code = min(zipped["model.js"] + zipped[f"model-{v}.wasm"] for v in found.variants)
    lines = [
        f"{counted(len(found.variants), 'variant')}: {', '.join(found.variants)}",
        DOWNLOAD.format(scaled(code, "B"), scaled(zipped["weights.bin"], "B")),
        *(written.rewrite.summary if written.rewrite else AS_LOADED),
    ]
    rows = [(name, size, zipped[name]) for name, size in found.files.items()]
    serve = f'<div class="tfl-note">{SERVE.format(escaped(str(found.folder)))}</div>'
    return "".join(map(note, lines)) + serve + table(COLUMNS, rows)
