"""``tf.monitor``: what the loader of web modules tells of its predictions, told of those in Python."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tfjslab.base import forks
from tfjslab.base.closing import Closing
from tfjslab.base.errors import InputError, TfjslabError
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, ms, percent, scaled
from tfjslab.base.threads import start_thread
from tfjslab.engine.measure import memory
from tfjslab.model.model import Model
from tfjslab.monitoring.batch import MOST_KINDS, MOST_NAME, Batch, ErrorCount, kind_of, message_of
from tfjslab.monitoring.histogram import RELATIVE_ERROR
from tfjslab.monitoring.sending import send_batch
from tfjslab.monitoring.totals import FIGURES, Totals

MOST_UNSENT = 20  # batches that are kept while nobody answers; the oldest is forgotten
_PROGRAM = "python"


@dataclass(frozen=True, repr=False)
class MonitorMetrics(Report):
    """What was measured until now; ``start_bytes`` and ``now_bytes`` are of all tensors in this process."""

    model: str
    backend: str
    totals: Totals
    first_ms: float | None
    start_bytes: int
    now_bytes: int

    def tables(self) -> tuple[Table, ...]:
        """Latency, errors, memory."""
        t = self.totals
        times = [(name.removesuffix("_ms"), f"{ms(FIGURES[name](t))} ms") for name in ("p50_ms", "p95_ms", "p99_ms")]
        first = NOTHING if self.first_ms is None else f"{ms(self.first_ms)} ms"
        rows = (("predictions", t.predictions), ("first", first), *times,
                ("errors", f"{t.failed} ({percent(t.error_rate)})"),
                ("tensors", f"{scaled(self.start_bytes, 'B')}, now {scaled(self.now_bytes, 'B')}"))
        kinds = tuple((kind, text, count) for kind, (count, text) in t.errors.items())
        notes = (f"percentiles are within {RELATIVE_ERROR:.0%}",)
        found = Table(f"{self.model} on {self.backend}", ("what", "until now"), rows, notes)
        return (found, Table("Errors", ("kind", "last message", "count"), kinds, left=2)) if kinds else (found,)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the buckets of the histogram."""
        t = self.totals
        return {"model": self.model, "backend": self.backend, "predictions": t.predictions, "first_ms": self.first_ms,
                **{name: FIGURES[name](t) for name in ("p50_ms", "p95_ms", "p99_ms", "error_rate")},
                "relative_error": RELATIVE_ERROR, "predict": t.predict.pairs(),
                "errors": [{"kind": k, "count": n, "message": m} for k, (n, m) in t.errors.items()],
                "start_bytes": self.start_bytes, "now_bytes": self.now_bytes}

    def __repr__(self) -> str:
        return f"<MonitorMetrics: {self.model} on {self.backend}>"


class ModelMonitor(Closing):
    """A model whose predictions are measured. All else is the model's own; see ``monitor``."""

    def __init__(
        self, model: Model, *, url: str | None = None, rate: float = 1.0, every_s: float = 30.0,
        name: str | None = None, clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not 0 <= rate <= 1 or every_s <= 0:
            raise InputError(f"rate is {rate:g} and every_s {every_s:g}; expected 0 to 1, and a time above 0")
        self.model, self.name, self._clock = model, _name(name or model.name), clock
        self._url = url if url is not None and random.random() < rate else None  # noqa: S311 - a sample, no secret
        self._lock = forks.free_lock()
        self._all, self._new = Totals(), Totals()
        self._first_ms: float | None = None
        self._unsent: list[Batch] = []
        self._untold_first: float | None = None
        self._started = False
        self._start_bytes = memory().num_bytes
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        if self._url is not None:
            self._thread = threading.Thread(
                target=self._send_often, args=(every_s,), name="tfjslab-sender", daemon=True)
            start_thread(self._thread)

    def predict(self, x: Any) -> Any:
        """``Model.predict``, measured."""
        return self._measured(lambda: self.model.predict(x), x)

    def execute(self, feeds: Any, outputs: Any = None) -> Any:
        """``Model.execute``, measured."""
        return self._measured(lambda: self.model.execute(feeds, outputs), feeds)

    async def predict_async(self, x: Any) -> Any:
        """``predict`` for code that awaits."""
        return self.predict(x)

    def _measured(self, work: Callable[[], Any], x: Any) -> Any:
        try:
            first = not self._started and not self.model.is_compiled(x)
            began = self._clock()
            found = work()
            took = 1000 * (self._clock() - began)
        except Exception as e:
            self._fail(e)
            raise
        with self._lock:
            self._started = True
            for totals in (self._all, self._new):
                (totals.first if first else totals.predict).add(took)
            if first:
                self._first_ms = self._untold_first = took
        return found

    def _fail(self, error: Exception) -> None:
        kind, message = "error", ""  # of errors that are not ours nobody knows what their messages tell
        if isinstance(error, TfjslabError):
            kind, message = kind_of(error.code), message_of(str(error))
        with self._lock:
            for totals in (self._all, self._new):
                totals.fail(kind, 1, message, MOST_KINDS)

    def metrics(self) -> MonitorMetrics:
        """What was measured until now."""
        with self._lock:
            copied = Totals()
            copied.merge(self._all)
        return MonitorMetrics(self.name, self._backend(), copied, self._first_ms, self._start_bytes, memory().num_bytes)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return self.metrics().to_json()

    def send(self, url: str) -> int:
        """Send what was measured since the last time to a collector; how many batches it counted.

        InputError (``monitor.send``) where that fails; it is kept then, and sent with the next ones, once.
        """
        with self._lock:
            if (batch := self._taken()) is not None:
                self._unsent = [*self._unsent, batch][-MOST_UNSENT:]
            waiting, self._unsent = self._unsent, []
        counted = 0
        while waiting:
            try:
                counted += send_batch(url, waiting[0])
            except BaseException:
                with self._lock:
                    self._unsent = [*waiting, *self._unsent][-MOST_UNSENT:]
                raise
            waiting = waiting[1:]
        return counted

    def _taken(self) -> Batch | None:
        """What is new, as a batch; None of nothing."""
        new, self._new = self._new, Totals()
        first, self._untold_first = self._untold_first, None
        if not new.predictions and not new.failed:
            return None
        errors = tuple(ErrorCount(kind, count, text) for kind, (count, text) in new.errors.items())
        return Batch(self.name, self._backend(), _PROGRAM, first_ms=first, predict=new.predict.pairs(),
                     memory=(self._start_bytes, memory().num_bytes), errors=errors)

    def _backend(self) -> str:
        return self.model.backend.name

    def _send_often(self, every_s: float) -> None:
        while not self._over.wait(every_s):
            self._try_to_send()

    def _try_to_send(self) -> None:
        with suppress(InputError):  # a collector that is away is no failure of the program that is watched
            self.send(str(self._url))

    def close(self) -> None:
        """Send what is left, and end the thread that sends. The model stays as it is."""
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
            self._try_to_send()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"'ModelMonitor' object has no attribute '{name}'")
        return getattr(self.model, name)

    def __repr__(self) -> str:
        return f"<ModelMonitor: {self.name}>"

    def _repr_html_(self) -> str:
        return self.metrics()._repr_html_()


def _name(text: str) -> str:
    """A name that a collector takes."""
    return "".join(c if c.isprintable() else " " for c in text)[:MOST_NAME] or "model"


def monitor(
    model: Model, *, url: str | None = None, rate: float = 1.0, every_s: float = 30.0, name: str | None = None,
) -> ModelMonitor:
    """Measure the predictions of a model in production, into a histogram whose percentiles are right to 1%.

    Args:
        model: stays the caller's; it is used as before through what is returned.
        url: of a collector's ``/v1/batches``; without it nothing is sent but by ``send``.
        rate: the part of monitors that send, from 0 to 1, drawn once.
        every_s: seconds between two batches.
        name: what the model is called there; its own name without it.

    Example:
        >>> from tfjslab import zoo
        >>> with zoo.load("digits") as model, monitor(model) as watched:
        ...     for _ in range(5):
        ...         _ = watched.predict(watched.sample())
        ...     watched.metrics().totals.predictions
        5

    """
    return ModelMonitor(model, url=url, rate=rate, every_s=every_s, name=name)
