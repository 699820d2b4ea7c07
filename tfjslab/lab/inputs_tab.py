"""The tab Inputs: a row for each input of the chosen model, with its shape and what it is fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from tfjslab.base.errors import UsageError
from tfjslab.base.messages import escaped
from tfjslab.graph.ir import Port
from tfjslab.lab.inputs import InputChoice, is_open, read_choice, untouched
from tfjslab.lab.panels import note
from tfjslab.model.input_files import suffixes
from tfjslab.model.summary import dims_text

GENERATED, FILE = "generated", "file"
ABOUT = """What the model is fed when it runs. Open lengths (?) are the batch of the settings unless they are given
here. Generated values are floats in [0, 1), integers from 0 to 255, or truth values."""
Take = Callable[[Mapping[str, Any]], Path]  # keeps an uploaded file and gives its path


class InputRow:
    """One input: name, dtype and declared shape; fields for its lengths, its seed or its file."""

    def __init__(self, port: Port, seed: int, take: Take, show_error: Callable[[str], None]) -> None:
        self._port, self._take, self._show_error = port, take, show_error
        self._uploaded: Path | None = None
        name, declared = escaped(port.name), escaped(f"{port.dtype or 'any dtype'} {dims_text(port.shape)}")
        about = widgets.HTML(f'<b title="{name}">{name}</b><small>{declared}</small>').add_class("tfl-port")
        self.shape = widgets.Text(placeholder=_example(port), disabled=not is_open(port), continuous_update=False,
                                  tooltip="all lengths with commas, such as 1,224,224,3; empty for the batch")
        self.kind = widgets.Dropdown(options=[GENERATED, FILE], tooltip="where its values come from")
        self.seed = widgets.BoundedIntText(value=seed, min=0, max=2**31 - 1, description="seed",
                                           tooltip="the same seed gives the same values")
        self.file = widgets.Text(placeholder="path/to/values.npy", continuous_update=False,
                                 tooltip=f"one of {', '.join(suffixes())}, where Python runs; or upload one")
        self.upload = widgets.FileUpload(accept=",".join(suffixes()), description="",
                                         tooltip="upload a file from this computer")
        self.box = widgets.HBox([about, self.shape, self.kind, self.seed, self.file, self.upload])
        self.box.add_class("tfl-input")
        self.kind.observe(lambda _: self._show_kind(), "value")
        self.upload.observe(lambda change: self._keep(change["new"]), "value")
        self._show_kind()

    def choice(self) -> InputChoice:
        """What the fields say. UsageError for a shape that cannot be, or a file that is not named."""
        if self.kind.value == GENERATED:
            return read_choice(self._port, self.shape.value, self.seed.value, "")
        text = self.file.value.strip()
        if not text:
            raise UsageError(f"input '{self._port.name}' is to be read from a file; name one in the tab Inputs")
        # An uploaded file is shown by the name that it had; where it is kept nobody needs to know.
        path = str(self._uploaded) if self._uploaded is not None and text == self._uploaded.name else text
        return read_choice(self._port, self.shape.value, self.seed.value, path)

    def _show_kind(self) -> None:
        file = self.kind.value == FILE
        self.seed.layout.display = "none" if file else ""
        self.file.layout.display = self.upload.layout.display = "" if file else "none"

    def _keep(self, files: Sequence[Mapping[str, Any]]) -> None:
        if files:
            try:
                self._uploaded = self._take(files[0])
            except OSError as e:
                self._show_error(f"{files[0]['name']} cannot be kept: {e.strerror}")
            else:
                self.file.value = self._uploaded.name


class InputsTab:
    """Its widgets. ``model`` is the one whose inputs are shown, empty for none; ``rows`` are by name."""

    def __init__(self) -> None:
        self.model = ""
        self.rows: dict[str, InputRow] = {}
        self.told = widgets.HTML()
        self._ports: tuple[Port, ...] = ()
        self._list = widgets.VBox().add_class("tfl-inputs")
        self.box = widgets.VBox([widgets.HTML(note(ABOUT)), self.told, self._list]).add_class("tfl-scroll")

    def show(self, model: str, ports: Sequence[Port], take: Take, show_error: Callable[[str], None]) -> Sequence[Any]:
        """Show the inputs of a model in place of those before, whose widgets are given back, to be closed."""
        before = tuple(self._list.children)
        self.model, self._ports = model, tuple(ports)
        self.rows = {p.name: InputRow(p, i, take, show_error) for i, p in enumerate(ports)}
        self._list.children = tuple(row.box for row in self.rows.values())
        self.told.value = note("this model has no inputs" if model and not ports else "")
        return before

    def choices(self, model: str) -> tuple[InputChoice, ...]:
        """What was chosen for the inputs of a model, where it differs from what holds without a choice."""
        if model != self.model:
            return ()
        made = (row.choice() for row in self.rows.values())
        return tuple(c for c, plain in zip(made, untouched(self._ports), strict=True) if c != plain)


def _example(port: Port) -> str:
    """What the field of the shape shows while it is empty."""
    if port.shape is None:
        return "such as 1,224,224,3"
    return ",".join("?" if d is None or d < 0 else str(d) for d in port.shape) or "scalar"
