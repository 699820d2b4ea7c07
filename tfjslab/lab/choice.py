"""The model that is chosen: its name, where it comes from, and what its inputs are fed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfjslab import zoo
from tfjslab.base.errors import UsageError
from tfjslab.graph.ir import Port
from tfjslab.lab import markup
from tfjslab.lab.inputs import InputChoice
from tfjslab.lab.opening import opener
from tfjslab.lab.panels import note
from tfjslab.lab.publishing import Publish
from tfjslab.lab.session import RunSettings, Snapshot
from tfjslab.lab.task import Task
from tfjslab.lab.uploads import Uploads
from tfjslab.lab.view import PATH, UPLOAD, Widgets, close_tree
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, open_subject

HOST = "cpu"  # where a model is opened to read what its inputs are


class ReadInputs(Task):
    """Opens a model to read what its inputs are, once ``before`` has ended, which is stopped."""

    def __init__(
        self, settings: RunSettings, source: ModelSource | None, publish: Publish, before: Task | None,
    ) -> None:
        super().__init__(publish)
        self.settings = settings
        self._before = before
        self.ports: tuple[Port, ...] = ()
        self.first = f"reading the inputs of {settings.model}"
        self._source = source

    def work(self) -> str:
        """Open it, and close it again."""
        if self._before is not None:
            self._before.stop()
            self._before.wait()
            self._before = None
        with open_subject(opener(self.settings, self._source, self.loading), HOST, None, time.perf_counter) as subject:
            self.ports = subject.model.inputs
        return ""


class ModelChoice:
    """Reads the header's fields and the tab Inputs. ``guarded`` makes a callback with errors shown to the user.

    ``locked`` runs an action while nobody else changes the widgets; ``busy`` says whether a run is under way.
    """

    def __init__(
        self, view: Widgets, own: Model | None, locked: Callable[[Callable[[], None]], None], busy: Callable[[], bool],
    ) -> None:
        self._view, self._locked, self._busy = view, locked, busy
        self._own = {own.name: own} if own is not None else {}
        self._uploads = Uploads()
        self._uploaded: Path | None = None
        self._reading: ReadInputs | None = None

    def choose(self, model: str | os.PathLike[str] | Model | None) -> None:
        """Show a model as the chosen one: a name of the zoo, or a path or an address."""
        header = self._view.header
        if model is not None and not isinstance(model, Model):
            name = os.fspath(model)
            if name in zoo.ENTRIES:
                header.model.value = name
            else:
                header.model.value, header.path.value = PATH, name
        header.show_source(header.model.value)

    @property
    def name(self) -> str:
        """What the chosen model is called: a name, a path, an address. UsageError when nothing is uploaded yet."""
        header = self._view.header
        if header.model.value == PATH:
            return str(header.path.value).strip()
        if header.model.value == UPLOAD:
            if self._uploaded is None:
                raise UsageError("nothing is uploaded yet; expected a model.json with its weight files")
            return self._uploaded.name
        return str(header.model.value)

    def source(self) -> ModelSource | None:
        """Where it comes from, when its name does not say that."""
        if self._view.header.model.value == UPLOAD:
            return self._uploaded
        return self._own.get(str(self._view.header.model.value))

    def inputs(self) -> tuple[InputChoice, ...]:
        """What was chosen for its inputs. UsageError for a field that says what cannot be."""
        return self._view.inputs.choices(self.name)

    def upload(self, files: Sequence[Mapping[str, Any]]) -> str:
        """Take in an uploaded model; a sentence that says so."""
        self._uploaded = self._uploads.take_model(files)
        self._view.inputs.model = ""  # another model may have had that name
        self.show_inputs()
        return f"uploaded {', '.join(f['name'] for f in files)}"

    def show_inputs(self) -> None:
        """Show the inputs of the chosen model, where the tab is visible; they are read first unless they are known."""
        if self._view.tab == "Inputs":
            self._locked(self._show_inputs)

    def _show_inputs(self) -> None:
        tab = self._view.inputs
        try:
            name = self.name
        except UsageError as e:
            self._fill("", ())
            self._tell(str(e), error=False)
            return
        if name != tab.model:
            self._fill("", ())
        reading = self._reading is not None and self._reading.busy and self._reading.settings.model == name
        if not name:
            self._tell("give a path or an address, and its inputs are listed here", error=False)
        elif name == tab.model or reading:
            return
        elif isinstance(source := self.source(), Model):
            self.learn(name, source.inputs)
        elif self._busy():
            self._tell(f"the inputs of {name} are read when the run has ended", error=False)
        else:
            self._read(name, source)

    def learn(self, name: str, ports: Sequence[Port]) -> None:
        """The inputs of a model are known now; shown, where it is the chosen one and they are not shown yet."""
        tab = self._view.inputs
        try:
            chosen = self.name
        except UsageError:
            return
        if name == chosen != tab.model:
            self._fill(name, ports)

    def wait(self) -> None:
        """Wait until no model is being read."""
        if self._reading is not None:
            self._reading.wait()

    def close(self) -> None:
        """Free what was uploaded, and let go of the models."""
        if self._reading is not None:
            self._reading.stop()
            self._reading.wait()
        self._own.clear()
        self._uploads.close()

    def _fill(self, name: str, ports: Sequence[Port]) -> None:
        """Rows for the inputs of a model in place of those of another."""
        before = self._view.inputs.show(name, ports, self._uploads.take, lambda text: self._tell(text, error=True))
        for box in before:
            close_tree(box)

    def _read(self, name: str, source: ModelSource | None) -> None:
        def heard(snapshot: Snapshot) -> None:
            self._locked(lambda: self._heard(snapshot, job))

        settings = RunSettings(name, HOST, real_weights=self._view.side.real.value)
        job = self._reading = ReadInputs(settings, source, heard, self._reading)
        job.start()

    def _heard(self, snapshot: Snapshot, job: ReadInputs) -> None:
        """How the reading of the last model goes. Called on its thread."""
        if job is not self._reading:
            return
        if snapshot.phase == "failed":
            self._tell(snapshot.message, error=True)
        elif snapshot.phase == "written":
            self.learn(job.settings.model, job.ports)
        elif snapshot.message:
            self._tell(snapshot.message, error=False)

    def _tell(self, text: str, *, error: bool) -> None:
        self._view.inputs.told.value = markup.message(text, error=True) if error else note(text)
