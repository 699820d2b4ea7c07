"""``tf.Lab()``: the dashboard. It connects the controller, which measures, with the view, which shows."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfjslab import zoo
from tfjslab.backends import registry, rows
from tfjslab.backends.registry import BackendStatus
from tfjslab.base.closing import Closing
from tfjslab.base.errors import BackendUnavailableError, TfjslabError, UsageError
from tfjslab.base.machine import usable_cores
from tfjslab.engine.measure import Clock
from tfjslab.export.web.picture import Picture
from tfjslab.lab import markup, session
from tfjslab.lab.choice import ModelChoice
from tfjslab.lab.controller import CLOSE_S, Controller
from tfjslab.lab.in_browser import InBrowser
from tfjslab.lab.session import LabSession, RunSettings, Snapshot
from tfjslab.lab.stream_job import StreamJob
from tfjslab.lab.tabs import Tabs
from tfjslab.lab.view import Widgets
from tfjslab.lab.web_job import INPUTS, WebJob
from tfjslab.lab.writing import Writing
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource
from tfjslab.quantizer import KINDS
from tfjslab.records.stream import StreamResult

if TYPE_CHECKING:
    from tfjslab.browser.jobs.results import DeviceResult


class Lab(Closing):
    """A dashboard that measures models while you watch. Put it at the end of a cell, choose, and press Run.

    Args:
        model: a name of the zoo, a path or an address, or a Model; what the menu shows first.
        backend: the backend that is chosen first; by priority without it.
        optimize: whether the switch Optimize is on.
        quantize: the kind of ``tf.quantize`` that is chosen first; empty for none.
        calibration: inputs of the given model from which int8 takes its ranges, as for ``tf.quantize``; generated
            inputs without it, which say nothing about accuracy.
        clock: gives seconds.

    Everything that the buttons do is a method, too: ``run``, ``stop``, ``stream``, ``save``, ``load``, ``export``,
    ``export_web``, ``report_html``, ``close``. ``session`` has all results as inert data. Use it in a ``with`` block
    or call ``close`` to free models, threads and widgets.

    """

    def __init__(
        self, model: str | os.PathLike[str] | Model | None = None, backend: str | None = None, *,
        optimize: bool = False, quantize: str = "", calibration: Any = None, clock: Clock = time.perf_counter,
    ) -> None:
        statuses = registry.backends()
        chosen = _available(statuses, backend or registry.get_backend())
        if quantize and quantize not in KINDS:
            raise UsageError(f"quantize is {quantize!r}; expected one of {', '.join(KINDS)}, or nothing")
        own = model if isinstance(model, Model) else None
        self._lock = threading.RLock()
        self._closed = False
        self._controller = Controller(self._show, clock, between=lambda: self._tabs.drawer.draw_now())  # noqa: PLW0108 - made below
        self._clock = clock
        self._writing = Writing(self._controller, self._show_writing)
        self._view = Widgets([*([own.name] if own else []), *zoo.ENTRIES], statuses,
                             lambda column: self._tabs.sort(column))  # noqa: PLW0108 - made below
        self._tabs = Tabs(self._view, self._controller, self._lock, self._guarded)
        self._model = ModelChoice(self._view, own, self._locked, lambda: self.snapshot.busy)
        self._model.choose(model)
        self._browser = InBrowser(self._view, self._for_browser)
        self._calibration = calibration, self._model.name if calibration is not None else ""
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
        """What Run would measure now. UsageError where a path or a file is missing, or an input cannot be as chosen."""
        header, side = self._view.header, self._view.side
        return RunSettings(
            self._model.name, header.backend, side.threads.value or None, side.batch.value, side.warmup.value,
            side.runs.value, side.real.value, self._passes(), header.quantize.value, self._model.inputs(),
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
        self._controller.run(chosen, self._model.source(), self._data(chosen.model), self._quiet)
        if wait:
            self.wait()

    def _data(self, name: str) -> Any:
        """The data that belong to a model."""
        data, belongs_to = self._calibration
        return data if name == belongs_to else None

    def _quiet(self) -> None:
        """Wait until nothing else is at work that would disturb a run. Called on the run's thread."""
        self._tabs.drawer.wait()
        self._model.wait()

    def _idle(self) -> None:
        """UsageError while something is under way: two at once would measure each other."""
        if self.snapshot.busy:
            raise UsageError("a run is under way; stop it first, or wait for its end")
        self._writing.check_idle()
        self._browser.check_idle()

    @property
    def browser_results(self) -> list[DeviceResult]:
        """What the last run in this browser found, program by program."""
        return self._browser.results

    def _for_browser(self) -> list[ModelSource]:
        """What a run in this browser measures. UsageError while something else would disturb it."""
        if self.snapshot.busy:
            raise UsageError("a run in this kernel is under way; stop it first, or wait for its end")
        self._writing.check_idle()
        return [self._model.source() or self._model.name]

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
        self._writing.start(WebJob(
            chosen, Path(tab.folder.value.strip() if folder is None else folder),
            INPUTS[tab.input.value] if image is None else image, self._show_writing, source=self._model.source(),
            clock=self._clock, calibration=self._data(chosen.model)))
        if wait:
            self.wait()

    def stream(self, frames: Any = None, *, wait: bool = False, **options: Any) -> None:
        """Send frames through what is chosen, as the switches make it, in the background, as ``tf.stream`` does.

        Without ``frames`` those of the tab Stream are taken. ``options`` are those of ``tf.stream`` that are to differ
        from the tab. Raises UsageError; what else goes wrong the tab says. ``stream_result`` has what was measured.
        """
        tab = self._view.stream
        self._idle()
        chosen = self.settings
        self._writing.start(StreamJob(
            chosen, tab.source if frames is None else frames, self._show_writing, source=self._model.source(),
            calibration=self._data(chosen.model), **{**tab.options, **options}))
        if wait:
            self.wait()

    @property
    def stream_result(self) -> StreamResult | None:
        """What the last stream measured until now; None before there is one."""
        job = self._writing.stream
        return None if job is None else job.result

    def _show_writing(self, snapshot: Snapshot) -> None:
        """Bring the header, and the tab of the work, up to date. Called on its thread, or on the caller's."""
        with self._lock:
            if self._closed:
                return
            self._show_progress(snapshot)
            job = self._writing.stream
            if job is not None:
                self._view.stream.show(snapshot, job)
            elif self._writing.is_web:
                self._view.web.show(snapshot, self._writing.web)
            elif not snapshot.busy:
                self._say(snapshot.message, error=snapshot.phase == "failed")

    def _show_progress(self, snapshot: Snapshot) -> None:
        header = self._view.header
        header.progress.value = markup.progress(snapshot)
        header.run.disabled = self._view.web.export.disabled = snapshot.busy
        header.stop.disabled = not snapshot.busy
        self._view.stream.enable(busy=snapshot.busy)

    def stop(self) -> None:
        """End the run or the stream, whose measurements are kept, or the export."""
        self._controller.stop()
        self._writing.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the run, stream or export has ended and freed everything; whether it did in time."""
        written = self._writing.wait(timeout_s)
        return self._controller.wait(timeout_s) and written

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the session to a JSON file."""
        return session.save(self.session, path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Continue the session in a file. Raises InputError or, while a run is under way, UsageError."""
        self._controller.replace_session(session.load(path))
        self._view.notes.value = self.session.notes
        self._tabs.restart()

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write a report (``.html``), the results (``.csv``), or results and profiles (``.json``), by the suffix."""
        return self._writing.file(Path(path))

    def report_html(self) -> str:
        """The panels of all runs as one HTML page of its own, without widgets, for reading and printing."""
        return self._writing.report()

    def close(self) -> None:
        """Free everything: run, thread, model, uploaded files, widgets. A second call does nothing."""
        if not self._closed:
            self.stop()
            self._closed = True
            self._controller.close()
            self._writing.wait(CLOSE_S)
            self._tabs.close()
            self._browser.close()
            self._model.close()
            self._view.close()

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
        header.model.observe(self._guarded(lambda change: self._show_source(change["new"])), "value")
        header.place.observe(self._guarded(lambda change: self._browser.show(change["new"])), "value")
        header.path.observe(self._guarded(lambda _: self._model.show_inputs()), "value")
        header.upload.observe(self._guarded(lambda change: self._upload(change["new"])), "value")
        for name, button in header.backends.items():
            button.observe(partial(self._pressed, name), "value")
        header.run.on_click(self._guarded(lambda _: self.run()))
        header.stop.on_click(self._guarded(lambda _: self.stop()))
        header.settings.observe(lambda c: setattr(side.box.layout, "display", "" if c["new"] else "none"), "value")
        side.buttons["Save"].on_click(self._guarded(lambda _: self._say(f"saved {self.save(side.path.value)}")))
        side.buttons["Load"].on_click(self._guarded(lambda _: self.load(side.path.value)))
        side.threads.observe(lambda _: self._caution(), "value")
        side.limit.observe(self._guarded(lambda _: self._tabs.refresh()), "value")
        for name in ("HTML", "CSV", "JSON"):
            side.buttons[name].on_click(self._guarded(partial(self._export_next_to_session, name)))
        self._view.web.export.on_click(self._guarded(lambda _: self.export_web()))
        self._view.stream.start.on_click(self._guarded(lambda _: self.stream()))
        self._view.stream.stop.on_click(self._guarded(lambda _: self.stop()))
        side.close.on_click(lambda _: self.close())
        self._view.tabs.observe(self._guarded(lambda _: self._turned()), "selected_index")
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

    def _locked(self, action: Callable[[], None]) -> None:
        """Do something to the widgets, from any thread; nothing once they are gone."""
        with self._lock:
            if not self._closed:
                action()

    def _turned(self) -> None:
        """Another tab is visible."""
        self._tabs.refresh()
        self._model.show_inputs()

    def _show_source(self, kind: str) -> None:
        self._view.header.show_source(kind)
        self._model.show_inputs()

    def _caution(self) -> None:
        """Say what is wrong with the settings before they are run."""
        name = self._view.header.backend
        threads = self._view.side.threads.value if name and _may_thread(name) else 0
        self._view.caution.value = markup.cautions(threads, usable_cores())

    def _pressed(self, name: str, change: Mapping[str, Any]) -> None:
        """Choose the backend whose button was pressed; pressing the chosen one again changes nothing."""
        buttons = self._view.header.backends
        if change["new"]:
            for other, button in buttons.items():
                button.value = other == name
        elif not any(b.value for b in buttons.values()):
            buttons[name].value = True
        self._caution()

    def _upload(self, files: Sequence[Mapping[str, Any]]) -> None:
        if files:
            self._say(self._model.upload(files))

    def _export_next_to_session(self, kind: str, _button: object) -> None:
        """Write a file in the background."""
        target = Path(self._view.side.path.value).with_suffix(f".{kind.lower()}")
        if kind == "JSON":  # the session's own file has that suffix
            target = target.with_name(f"{target.stem}-results.json")
        self._idle()
        self._writing.start_file(target)

    def _show(self, snapshot: Snapshot) -> None:
        """Bring the widgets up to date. Called on the run's thread between two inferences, or on the caller's."""
        with self._lock:
            if self._closed:
                return
            self._show_progress(snapshot)
            if snapshot.settings is not None and snapshot.ports:
                self._model.learn(snapshot.settings.model, snapshot.ports)
            if snapshot.busy:
                self._tabs.draw_live(snapshot)
            else:
                self._ended(snapshot)

    def _ended(self, snapshot: Snapshot) -> None:
        if snapshot.phase == "failed":
            self._say(snapshot.message, error=True)
        self._tabs.list_runs()
        self._tabs.draw_live(snapshot)
        self._tabs.redraw()
        self._tabs.drawer.resume()
        self._model.show_inputs()


def _may_thread(name: str) -> bool:
    """Whether a backend, or one that it may stand for, runs on several threads."""
    return any(rows.row(n).threaded for n in (name, *rows.row(name).alias_of))


def _available(statuses: Sequence[BackendStatus], name: str) -> str:
    """``name``; UsageError or BackendUnavailableError for a backend that cannot be chosen."""
    rows.row(name)
    reason = next((s.reason for s in statuses if s.name == name and not s.available), None)
    if reason is not None:
        raise BackendUnavailableError(f"backend '{name}' is not available: {reason}")
    return name
