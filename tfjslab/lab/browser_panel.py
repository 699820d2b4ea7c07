"""A panel for notebooks: models measured in the very browser that shows the notebook."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import ipywidgets as widgets

from tfjslab.base.errors import OutOfMemoryError, TfjslabError
from tfjslab.base.messages import escaped
from tfjslab.base.text import NOTHING, ms
from tfjslab.base.threads import start_thread
from tfjslab.browser.jobs.bench import DEFAULT_BACKENDS, bench
from tfjslab.browser.jobs.job import HowToRun
from tfjslab.browser.jobs.link import DeviceLink
from tfjslab.browser.jobs.programs import PROGRAMS, find_program
from tfjslab.browser.jobs.results import DeviceResult
from tfjslab.lab import markup
from tfjslab.lab.panels import Column, table
from tfjslab.lab.style import CSS
from tfjslab.model.subject import ModelSource
from tfjslab.vis.charts.backend_comparison import backend_comparison
from tfjslab.vis.image import data_uri

_PAGE_HEIGHT = 150
_HINT = ('The page that measures, in this browser. Threads need a tab of their own: '
         '<a href="{url}" target="_blank">open it there</a>, and the runs go to that tab.')
COLUMNS = (
    Column("program", 24, lambda r: r.bench.where, numeric=False),
    Column("in", 26, lambda r: r.device, numeric=False),
    Column("median ms", 12, lambda r: ms(r.bench.median_ms), how="of the steady runs that were not disturbed"),
    Column("p95 ms", 12, lambda r: ms(r.bench.p95_ms)),
    Column("first ms", 12, lambda r: ms(r.bench.first_ms)),
    Column("difference", 14, lambda r: NOTHING if r.difference is None else f"{r.difference:.1e}",
           how="of the outputs from those of numpy, over the largest value"),
)


class BrowserPanel:
    """The panel, shown by its ``box``. ``results`` are those of the last run; ``close`` ends its server, too.

    ``models`` is asked for what is to be measured each time.
    """

    def __init__(
        self, models: Callable[[], Sequence[ModelSource]], backends: Sequence[str] = DEFAULT_BACKENDS,
        how: HowToRun | None = None,
    ) -> None:
        for name in backends:
            find_program(name)
        self.results: list[DeviceResult] = []
        self._models, self._how = models, how or HowToRun()
        self._link = DeviceLink()
        self._link.session.connect_s = 20.0  # the frame is there, or it cannot be reached at all
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.programs = widgets.SelectMultiple(
            options=list(PROGRAMS), value=tuple(backends), rows=5, description="programs",
            tooltip="hold Ctrl to choose several")
        self.run = widgets.Button(description="Run in this browser", button_style="primary", icon="play",
                                  layout=widgets.Layout(width="auto"))
        self.stop = widgets.Button(description="Stop", icon="stop", disabled=True)
        self.state, self.told, self.chart = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.run.on_click(lambda _: self.start())
        self.stop.on_click(lambda _: self.end())
        url = escaped(self._link.url)
        frame = (f'<iframe src="{url}" title="measures in this browser" style="width:100%;height:{_PAGE_HEIGHT}px;'
                 'border:1px solid var(--jp-border-color2, #ccc)"></iframe>')
        note = f'<div class="tfl"><div class="tfl-note">{_HINT.format(url=url)}</div>{frame}</div>'
        self.box = widgets.VBox([
            widgets.HTML(f"<style>{CSS}</style>"), widgets.HBox([self.programs, widgets.VBox([self.run, self.stop])]),
            self.state, widgets.HTML(note), self.told, self.chart,
        ])

    def start(self) -> None:
        """Begin, in the background."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop.clear()
        self.results = []
        self.run.disabled, self.stop.disabled = True, False
        thread = threading.Thread(target=self._work, name="tfjslab-panel", daemon=True)
        try:
            start_thread(thread)
        except OutOfMemoryError as e:
            self._fail(str(e))
            self.run.disabled, self.stop.disabled = False, True
        else:
            self._thread = thread

    def end(self) -> None:
        """Stop what runs; what was measured stays."""
        self._stop.set()
        self.stop.disabled = True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; whether that happened in time."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def close(self) -> None:
        """End the run and the server, and take the panel away."""
        self.end()
        self.wait()
        self._link.close()
        self.box.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook shows."""
        return self.box._repr_mimebundle_(**options)  # the protocol of notebooks

    def _work(self) -> None:
        try:
            bench(self._models(), list(self.programs.value), how=self._how, session=self._link.session,
                  progress=self._say, seen=self._seen, stop=self._stop.is_set)
            self._say("stopped" if self._stop.is_set() else "done", 0, 0)
        except TfjslabError as e:
            self._fail(str(e))
        except Exception as e:  # noqa: BLE001 - whatever happens, the panel says so and stays usable
            self._fail(f"{type(e).__name__}: {e}")
        finally:
            self.run.disabled, self.stop.disabled = False, True

    def _fail(self, message: str) -> None:
        self.state.value = f'<div class="tfl">{markup.message(message, error=True)}</div>'

    def _say(self, what: str, done: int, total: int) -> None:
        part = f" ({done} of {total} rounds)" if total else ""
        self.state.value = f'<div class="tfl" role="status">{escaped(what)}{part}</div>'

    def _seen(self, result: DeviceResult) -> None:
        """Show a result beside those before it."""
        self.results.append(result)
        measured = [r for r in self.results if r.bench.median_ms is not None]
        notes = dict.fromkeys(f"{r.bench.backend}: {note}" for r in self.results for note in r.notes)
        failed = (markup.message(f"{r.bench.backend}: {r.bench.reason}", error=True)
                  for r in self.results if r.bench.reason)
        lines = "".join(f'<div class="tfl-note">{escaped(line)}</div>' for line in notes)
        self.told.value = f'<div class="tfl">{table(COLUMNS, measured)}{"".join(failed)}{lines}</div>'
        if measured:
            picture = data_uri(backend_comparison([r.bench for r in measured]).figure, any_page=True)
            self.chart.value = f'<img alt="median time of each program" src="{picture}">'


def panel(
    models: ModelSource | Sequence[ModelSource], backends: Sequence[str] = DEFAULT_BACKENDS,
    how: HowToRun | None = None,
) -> BrowserPanel:
    """A panel that measures models in the browser which shows the notebook.

    Args:
        models: paths, addresses or loaded models, one or several.
        backends: the programs that are chosen at first; see ``tf.browser.PROGRAMS``.
        how: runs, rounds, budget, threads.

    The notebook's browser must reach this machine's loopback address, which it does when both are one machine.

    """
    given = list(models) if isinstance(models, list | tuple) else [cast("ModelSource", models)]
    return BrowserPanel(lambda: given, backends, how)
