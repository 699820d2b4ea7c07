"""The model that is chosen, as the switches make it, written as a web module in a thread of its own. No widgets."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab import zoo
from tfjslab.base.errors import TfjslabError
from tfjslab.base.text import counted
from tfjslab.engine.measure import Clock
from tfjslab.export.web import WebExport, export_web
from tfjslab.export.web.picture import Picture
from tfjslab.export.web.weights import FLOAT16, FLOAT32
from tfjslab.lab.publishing import STOPPED, Publish, Throttle
from tfjslab.lab.rewriting import Rewrite, rewrite
from tfjslab.lab.session import RunSettings, Snapshot
from tfjslab.lab.worker import feeds_for
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, open_subject

# What the input of the module may be, by what a menu says.
INPUTS: Mapping[str, Picture | None] = {
    "numbers": None,
    **{f"image, {low} to {high}": Picture(low, high) for low, high in ((0, 1), (-1, 1), (0, 255))},
}


class _Stop(Exception):  # noqa: N818 - no error: it leads out of the work when Stop was pressed
    """Stop was pressed."""


@dataclass(frozen=True)
class Written:
    """A folder that was written, what its files take on the way to a browser, and what was done to the model."""

    export: WebExport
    gzipped: Mapping[str, int]
    rewrite: Rewrite | None


class WebJob:
    """An export: ``start`` it, ``stop`` it, ``wait`` for it. Nothing is raised; ``publish`` hears how it goes and ends.

    Until the last step nothing is written, so that one that was stopped leaves no folder behind.
    """

    def __init__(
        self, settings: RunSettings, folder: Path, image: Picture | None, publish: Publish, *,
        source: ModelSource | None = None, clock: Clock = time.perf_counter, calibration: Any = None,
    ) -> None:
        self.settings, self.folder, self.image = settings, folder, image
        self.written: Written | None = None
        self._source, self._clock, self._calibration = source, clock, calibration
        self._publish = publish
        self._throttle = Throttle(clock)
        self._stop, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._main, name="tfjslab-export", daemon=True)

    @property
    def busy(self) -> bool:
        """Whether it is at work."""
        return self._thread.ident is not None and not self._ended.is_set()

    def start(self) -> None:
        """Begin, in the background."""
        self._show(f"loading {self.settings.model}", 0, 0)
        self._thread.start()

    def stop(self) -> None:
        """End it before its next step; nothing is written then. One that has ended stays as it is."""
        if self.busy:
            self._stop.set()
            self._publish(Snapshot("stopping"))

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; whether that happened in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _main(self) -> None:
        try:
            self.written = self._work()
        except _Stop:
            end = Snapshot(STOPPED)
        except TfjslabError as e:
            end = Snapshot("failed", str(e))
        except MemoryError:
            end = Snapshot("failed", "there is not enough memory to export this model")
        except Exception as e:  # noqa: BLE001 - whatever happens, the dashboard says so and stays usable
            end = Snapshot("failed", f"{type(e).__name__}: {e}")
        else:
            files = self.written.export.files
            end = Snapshot("written", f"wrote {counted(len(files), 'file')} to {self.written.export.folder}", 1, 1)
        self._ended.set()
        self._publish(end)

    def _work(self) -> Written:
        """Load, rewrite, export."""
        s = self.settings
        s.check()
        with open_subject(self._source or self._open, s.backend or None, s.threads, self._clock) as subject, \
                ExitStack() as made:
            model, told = subject.model, None
            shapes = {name: array.shape for name, array in feeds_for(model, s.batch).items()}
            name = model.name
            if s.variant:
                model, told = rewrite(model, s.passes, s.quantize, self._calibration, self._step, made)
                model.name = name
            found = export_web(
                model, self.folder, weights=FLOAT16 if s.quantize == FLOAT16 else FLOAT32, optimize=False,
                image=self.image, shapes=shapes, progress=self._step,
            )
        return Written(found, gzipped(found), told)

    def _open(self, backend: str | None, threads: int | None) -> Model:
        s = self.settings
        return zoo.open_model(s.model, backend, threads, self._loading, real=s.real_weights)

    def _loading(self, what: str, done: int, total: int | None) -> None:
        if self._throttle.due():
            self._step(f"loading {what}", done, total or 0)

    def _step(self, what: str, done: int, total: int) -> None:
        """Tell a step; the way out before it. After the last one the folder is written already."""
        if self._stop.is_set() and (done < total or not total):
            raise _Stop
        self._show(what, done, total)

    def _show(self, what: str, done: int, total: int) -> None:
        self._publish(Snapshot("exporting", what, done, total))


def gzipped(found: WebExport) -> dict[str, int]:
    """Bytes of each file as a server sends it."""
    return {name: len(gzip.compress((found.folder / name).read_bytes(), 9, mtime=0)) for name in found.files}
