"""``tf.Lab()``: the dashboard. It connects the controller, which measures, with the view, which shows."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tfjslab import zoo
from tfjslab.backends import registry, rows
from tfjslab.backends.registry import BackendStatus
from tfjslab.base.errors import BackendUnavailableError, TfjslabError, UsageError
from tfjslab.engine.measure import Clock
from tfjslab.export.web.picture import Picture
from tfjslab.lab import export, markup, session
from tfjslab.lab.controller import CLOSE_S, Controller
from tfjslab.lab.session import LabSession, RunSettings, Snapshot
from tfjslab.lab.tabs import Tabs
from tfjslab.lab.uploads import Uploads
from tfjslab.lab.view import PATH, UPLOAD, View
from tfjslab.lab.web_job import INPUTS, WebJob
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource
from tfjslab.quantizer import KINDS


class Lab:
    """A dashboard that measures models while you watch. Put it at the end of a cell, choose, and press Run.

    Args:
        model: a name of the zoo, a path or an address, or a Model; what the menu shows first.
        backend: the backend that is chosen first; by priority without it.
        optimize: whether the switch Optimize is on.
        quantize: the kind of ``tf.quantize`` that is chosen first; empty for none.
        calibration: inputs of the given model from which int8 takes its ranges, as for ``tf.quantize``; generated
            inputs without it, which say nothing about accuracy.
        clock: gives seconds.

    Everything that the buttons do is a method, too: ``run``, ``stop``, ``save``, ``load``, ``export``, ``export_web``,
    ``report_html``, ``close``. ``session`` has all results as inert data. Use it in a ``with`` block or call ``close``
    to free models, threads and widgets.

    """

    def __init__(
        self, model: str | os.PathLike[str] | Model | None = None, backend: str | None = None, *,
        optimize: bool = False, quantize: str = "", calibration: Any = None, clock: Clock = time.perf_counter,
    ) -> None:
        statuses = registry.backends()
        chosen = _available(statuses, backend or registry.get_backend())
        if quantize and quantize not in KINDS:
            raise UsageError(f"quantize is {quantize!r}; expected one of {', '.join(KINDS)}, or nothing")
        self._own = {model.name: model} if isinstance(model, Model) else {}
        self._lock = threading.RLock()
        self._uploads = Uploads()
        self._uploaded: Path | None = None
        self._closed = False
        self._controller = Controller(self._show, clock)
        self._clock = clock
        self._web: WebJob | None = None
        self._view = View([*self._own, *zoo.ENTRIES], statuses, lambda column: self._tabs.sort(column))  # noqa: PLW0108 - made below
        self._tabs = Tabs(self._view, self._controller, self._lock, self._guarded)
        self._choose_model(model)
        self._calibration = calibration, self._chosen_model() if calibration is not None else ""
        self._view.header.backends[chosen].value = True
        self._view.header.optimize.value, self._view.header.quantize.value = optimize, quantize
        self._connect()
        self._show(self._controller.snapshot)

    @property
    def session(self) -> LabSession:
        """All runs so far and the notes: inert data."""
        return self._controller.session

    @property
    def snapshot(self) -> Snapshot:
        """What is known of the current run, or of the last one."""
        return self._controller.snapshot

    @property
    def settings(self) -> RunSettings:
        """What Run would measure now. UsageError where a path or a file is missing."""
        header, side = self._view.header, self._view.side
        return RunSettings(
            self._chosen_model(), header.backend, side.threads.value or None, side.batch.value, side.warmup.value,
            side.runs.value, side.real.value, self._passes(), header.quantize.value,
        )

    def _passes(self) -> tuple[str, ...]:
        """The passes that are checked, where Optimize is on."""
        if not self._view.header.optimize.value:
            return ()
        wanted = tuple(name for name, box in self._view.side.passes.items() if box.value)
        if not wanted:
            raise UsageError("Optimize is on, but no pass is checked in the settings; check one, or switch it off")
        return wanted

    def run(self, *, wait: bool = False) -> None:
        """Measure what is chosen, in the background; with ``wait`` until it ends. Raises UsageError."""
        chosen = self.settings
        if not chosen.backend:
            raise UsageError("no backend is chosen; press one of those that are available")
        self._idle()
        self._controller.run(chosen, *self._source(chosen.model))
        if wait:
            self.wait()

    def _source(self, name: str) -> tuple[ModelSource | None, Any]:
        """Where a model comes from, if it is no file, and the data that belong to it."""
        data, belongs_to = self._calibration
        return self._own.get(name), data if name == belongs_to else None

    def _idle(self) -> None:
        """UsageError while something is under way: two at once would measure each other."""
        if self.snapshot.busy:
            raise UsageError("a run is under way; stop it first, or wait for its end")
        if self._web is not None and self._web.busy:
            raise UsageError("a web module is being written; stop it first, or wait for its end")

    def export_web(
        self, folder: str | os.PathLike[str] | None = None, image: Picture | None = None, *, wait: bool = False,
    ) -> None:
        """Write what is chosen, as the switches make it, to a folder as a web module, in the background.

        Without ``folder`` and ``image``, which is how pictures become the input, those of the tab Export are taken.
        Raises UsageError; what else goes wrong the tab says.
        """
        tab = self._view.web
        self._idle()
        chosen = self.settings
        if folder is None and not tab.folder.value.strip():
            raise UsageError("no folder is given; expected one that is made anew, such as web-module")
        source, data = self._source(chosen.model)
        job = WebJob(chosen, Path(tab.folder.value.strip() if folder is None else folder),
                     INPUTS[tab.input.value] if image is None else image, self._show_web, source=source,
                     clock=self._clock, calibration=data)
        self._web = job
        job.start()
        if wait:
            job.wait()

    def _show_web(self, snapshot: Snapshot) -> None:
        """Bring the header and the tab Export up to date. Called on the export's thread, or on the caller's."""
        with self._lock:
            if not self._closed:
                self._show_progress(snapshot)
                self._view.web.show(snapshot, self._web.written if self._web is not None else None)

    def _show_progress(self, snapshot: Snapshot) -> None:
        header = self._view.header
        header.progress.value = markup.progress(snapshot)
        header.run.disabled = self._view.web.export.disabled = snapshot.busy
        header.stop.disabled = not snapshot.busy

    def stop(self) -> None:
        """End the run, whose measurements are kept, or the export."""
        self._controller.stop()
        if self._web is not None:
            self._web.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the run has ended and freed everything; whether it did in time."""
        return self._controller.wait(timeout_s)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the session to a JSON file."""
        return session.save(self.session, path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Continue the session in a file. Raises InputError or, while a run is under way, UsageError."""
        self._controller.replace_session(session.load(path))
        self._view.notes.value = self.session.notes
        self._tabs.list_runs()

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write a report (``.html``), the results (``.csv``), or results and profiles (``.json``), by the suffix."""
        if Path(path).suffix.lower() == ".html":
            return session.write_text(path, self.report_html())
        return export.write(self.session, path)

    def report_html(self) -> str:
        """The panels of all runs as one HTML page of its own, without widgets, for reading and printing."""
        for run in self.session.runs:
            if run.profile is not None:
                self._controller.measure_ceilings(run)
        return export.report_html(self.session, self._controller.graph)

    def close(self) -> None:
        """Free everything: run, thread, model, uploaded files, widgets. A second call does nothing."""
        if not self._closed:
            self.stop()
            self._closed = True
            self._controller.close()
            if self._web is not None:
                self._web.wait(CLOSE_S)
            self._view.close()
            self._tabs.close()
            self._own.clear()
            self._uploads.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "Lab(closed)" if self._closed else "Lab()"

    def _repr_mimebundle_(self, **options: Any) -> Mapping[str, Any]:
        """What a notebook shows; as text it is the same every time."""
        if self._closed:
            return {"text/plain": repr(self)}
        bundle: dict[str, Any] = self._view.box._repr_mimebundle_(**options)
        return {**bundle, "text/plain": repr(self)}

    def _connect(self) -> None:
        """Connect widgets to methods."""
        header, side = self._view.header, self._view.side
        header.model.observe(lambda change: header.show_source(change["new"]), "value")
        header.upload.observe(self._guarded(lambda _: self._upload()), "value")
        for name, button in header.backends.items():
            button.observe(partial(self._pressed, name), "value")
        header.run.on_click(self._guarded(lambda _: self.run()))
        header.stop.on_click(self._guarded(lambda _: self.stop()))
        header.settings.observe(lambda c: setattr(side.box.layout, "display", "" if c["new"] else "none"), "value")
        side.buttons["Save"].on_click(self._guarded(lambda _: self._say(f"saved {self.save(side.path.value)}")))
        side.buttons["Load"].on_click(self._guarded(lambda _: self.load(side.path.value)))
        for name in ("HTML", "CSV", "JSON"):
            side.buttons[name].on_click(self._guarded(partial(self._export_next_to_session, name)))
        self._view.web.export.on_click(self._guarded(lambda _: self.export_web()))
        side.close.on_click(lambda _: self.close())
        self._view.tabs.observe(self._guarded(lambda _: self._tabs.refresh()), "selected_index")
        self._view.notes.observe(lambda change: self._controller.set_notes(change["new"]), "value")

    def _guarded(self, action: Callable[[Any], object]) -> Callable[[Any], None]:
        """The action as a callback that shows an error below the header; nobody else would see it."""
        def act(event: Any) -> None:
            self._say("")
            try:
                action(event)
            except TfjslabError as e:
                self._say(str(e), error=True)
            except Exception as e:  # noqa: BLE001 - the dashboard stays usable
                self._say(f"{type(e).__name__}: {e}", error=True)
        return act

    def _say(self, text: str, *, error: bool = False) -> None:
        if not self._closed:
            self._view.message.value = markup.message(text, error=error)

    def _choose_model(self, model: str | os.PathLike[str] | Model | None) -> None:
        header = self._view.header
        if model is None or isinstance(model, Model):
            return
        name = os.fspath(model)
        if name in zoo.ENTRIES:
            header.model.value = name
        else:
            header.model.value, header.path.value = PATH, name
        header.show_source(header.model.value)

    def _pressed(self, name: str, change: Mapping[str, Any]) -> None:
        """Choose the backend whose button was pressed; pressing the chosen one again changes nothing."""
        buttons = self._view.header.backends
        if change["new"]:
            for other, button in buttons.items():
                button.value = other == name
        elif not any(b.value for b in buttons.values()):
            buttons[name].value = True

    def _chosen_model(self) -> str:
        header = self._view.header
        if header.model.value == PATH:
            return str(header.path.value).strip()
        if header.model.value == UPLOAD:
            if self._uploaded is None:
                raise UsageError("nothing is uploaded yet; expected a model.json with its weight files")
            return str(self._uploaded)
        return str(header.model.value)

    def _upload(self) -> None:
        files = self._view.header.upload.value
        if files:
            self._uploaded = self._uploads.take(files)
            self._say(f"uploaded {', '.join(f['name'] for f in files)}")

    def _export_next_to_session(self, kind: str, _button: object) -> None:
        target = Path(self._view.side.path.value).with_suffix(f".{kind.lower()}")
        if kind == "JSON":  # the session's own file has that suffix
            target = target.with_name(f"{target.stem}-results.json")
        self._say(f"wrote {self.export(target)}")

    def _show(self, snapshot: Snapshot) -> None:
        """Bring the widgets up to date. Called on the run's thread between two inferences, or on the caller's."""
        with self._lock:
            if self._closed:
                return
            view = self._view
            self._show_progress(snapshot)
            view.strip.value = markup.strip(snapshot.result, snapshot.profile)
            if view.tab == "Live" or not snapshot.busy:
                self._tabs.draw_live(snapshot)
            if not snapshot.busy:
                self._ended(snapshot)

    def _ended(self, snapshot: Snapshot) -> None:
        if snapshot.phase == "failed":
            self._say(snapshot.message, error=True)
        self._tabs.list_runs()
        self._tabs.redraw()


def _available(statuses: Sequence[BackendStatus], name: str) -> str:
    """``name``; UsageError or BackendUnavailableError for a backend that cannot be chosen."""
    rows.row(name)
    reason = next((s.reason for s in statuses if s.name == name and not s.available), None)
    if reason is not None:
        raise BackendUnavailableError(f"backend '{name}' is not available: {reason}")
    return name
