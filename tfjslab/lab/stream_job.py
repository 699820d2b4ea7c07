"""A stream of frames through the model that is chosen, as the switches make it, in a thread of its own. No widgets."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from tfjslab.engine.measure import Clock
from tfjslab.lab.opening import opener
from tfjslab.lab.publishing import Publish
from tfjslab.lab.rewriting import rewrite
from tfjslab.lab.session import RunSettings
from tfjslab.lab.task import Task
from tfjslab.model.subject import ModelSource, open_subject
from tfjslab.records.stream import StreamResult
from tfjslab.streaming.stream import Stream, stream
from tfjslab.streaming.watching import line


class StreamJob(Task):
    """A stream. ``result`` is what was measured until now, also when it was stopped; None before it begins.

    ``options`` are those of ``tf.stream``.
    """

    phase, ending = "streaming", "streamed"

    def __init__(
        self, settings: RunSettings, frames: Any, publish: Publish, *, source: ModelSource | None = None,
        clock: Clock = time.perf_counter, calibration: Any = None, **options: Any,
    ) -> None:
        super().__init__(publish, clock)
        self.settings, self.frames, self.options = settings, frames, options
        self.first = f"loading {settings.model}"
        self._source, self._clock, self._calibration = source, clock, calibration
        self._stream: Stream | None = None

    @property
    def result(self) -> StreamResult | None:
        """What was measured until now."""
        return None if self._stream is None else self._stream.result

    @property
    def total(self) -> int:
        """Frames that there will be; 0 where that is not known."""
        return 0 if self._stream is None else self._stream.total

    def work(self) -> str:
        """Load, rewrite, stream."""
        s = self.settings
        s.check()
        source = opener(s, self._source, self.loading)
        with open_subject(source, s.backend or None, s.threads, self._clock) as subject, ExitStack() as made:
            model = subject.model
            if s.variant:
                name = f"{model.name}, {s.variant}"
                model, _ = rewrite(model, s.passes, s.quantize, self._calibration, self.step, made)
                model.name = name
            self._stream = stream(model, self.frames, warmup=max(s.warmup, 1), clock=self._clock, **self.options)
            self._go(self._stream)
        return line(self._stream.result, self.total)

    def _go(self, frames: Stream) -> None:
        self.step("warming up", 0, 0)
        for frame in frames:
            if self.stopped or self.showing.due():
                before = self._clock()
                self.step(line(frames.result, frames.total), frame.index + 1, frames.total)
                self.showing.record_cost(self._clock() - before)
