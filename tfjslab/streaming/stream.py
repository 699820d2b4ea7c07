"""``tf.stream``: frames come on a clock, go through a model, and every part of their latency is measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.base.progress import Progress, Throttle, no_progress
from tfjslab.engine.measure import Clock
from tfjslab.engine.recorder import environment_of
from tfjslab.export.web.picture import Picture
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource, open_subject
from tfjslab.records.profile import Environment
from tfjslab.records.stream import FINISHED, LATEST, STOPPED, FrameTimes, StreamResult, StreamSettings
from tfjslab.streaming.frame_clock import FrameClock
from tfjslab.streaming.prepare import Prepared, Preprocess
from tfjslab.streaming.sources import source_of
from tfjslab.streaming.supply import Arrival, Sleep, Supply, supply_of
from tfjslab.streaming.watching import watching

DEFAULT_WARMUP = 3


@dataclass(frozen=True)
class StreamFrame:
    """A frame that is done: as it came, what postprocessing gave, or the model where there is none, and its times."""

    frame: Any
    output: Any
    times: FrameTimes

    @property
    def index(self) -> int:
        """Its number among all frames that came, from 0; what is missing between two was dropped."""
        return self.times.index


class Stream:
    """What ``tf.stream`` gives. Iterating runs it; ``run`` and ``watch`` do that for you.

    ``result`` has what was measured until now, also in the middle, and after Ctrl-C. A second iteration begins anew.
    """

    def __init__(
        self, model: ModelSource, frames: Any, *, fps: float | None, budget_ms: float | None, drop: str | None,
        count: int | None, preprocess: Preprocess | Picture | None, postprocess: Callable[[Any], Any] | None,
        warmup: int, backend: str | None, threads: int | None, clock: Clock, sleep: Sleep,
    ) -> None:
        _check(fps=fps, budget_ms=budget_ms, drop=drop, count=count, warmup=warmup)
        self._model, self._where = model, (backend, threads)
        self._given, self._count = frames, count
        self._preprocess, self._postprocess = preprocess, postprocess
        self.clock, self._sleep = clock, sleep
        name = model.name if isinstance(model, Model) else "" if callable(model) else str(model)
        source = source_of(frames, again=count is not None)  # what cannot be streamed is refused here
        if source.live and fps is not None:
            raise UsageError(f"fps is {fps:g}, but {source.name} has a rate of its own; leave it out")
        if source.live and drop is None:
            raise UsageError(f"drop is None, but {source.name} is live: its frames cannot wait without end; expected "
                             f"{LATEST!r}")
        self._length = source.length
        self._settings = StreamSettings(name, source.name, fps, budget_ms, drop, warmup)
        self._environment: Environment | None = None
        self._times: list[FrameTimes] = []
        self._came, self._ended = 0, ""

    @property
    def result(self) -> StreamResult:
        """What was measured until now."""
        n = self._times[-1].index + 1 if self._times else 0
        return StreamResult(self._settings, max(n, self._came), tuple(self._times), self._environment, self._ended)

    @property
    def total(self) -> int:
        """How many frames there will be; 0 where that is not known."""
        return min((n for n in (self._count, self._length) if n is not None), default=0)

    def __iter__(self) -> Iterator[StreamFrame]:
        """Each frame that the model was ready for, once it is done.

        The time until the next one is asked for is the caller's, and counted as such: frames go on coming meanwhile.
        """
        self._times, self._came, self._ended = [], 0, ""
        try:
            yield from self._frames()
            self._ended = FINISHED
        finally:
            self._ended = self._ended or STOPPED

    def run(self, progress: Progress = no_progress) -> StreamResult:
        """Go through all frames. Ctrl-C ends it as it ends everything; ``result`` then has what there was."""
        throttle, what = Throttle(self.clock), f"{self._settings.model}: stream"
        total = self.total
        for frame in self:
            if throttle.due():
                progress(what, frame.index + 1, total)
        progress(what, self.result.n, self.result.n)
        return self.result

    def watch(self) -> StreamResult:
        """``run`` with a live chart in a notebook, and with a line that tells how far it is in a terminal.

        It is drawn between two frames, a few times a second, and what that takes counts as ``outside``.
        """
        with watching(self, self.clock) as show:
            for _ in self:
                show()
        return self.result

    def __repr__(self) -> str:
        state = f", {self._ended}" if self._ended else ""
        return f"Stream({self._settings.source}{state})"

    def _frames(self) -> Iterator[StreamFrame]:
        with ExitStack() as stack:
            subject = stack.enter_context(open_subject(self._model, *self._where, self.clock))
            model = subject.model
            prepare, told = self._preparation(model)
            source = source_of(self._given, again=self._count is not None)
            supply = stack.enter_context(closing(supply_of(source, self._count, self.clock, self._sleep)))
            first = supply.first()
            fps = None if source.live else self._settings.fps or source.fps
            if not fps and not source.live:
                raise UsageError(f"{source.name} have no rate of their own; give fps, frames a second")
            self._settings = replace(self._settings, model=model.name, fps=fps, prepared=told)
            self._warm_up(model, prepare, first)
            self._environment = environment_of([model.backend])
            start = self.clock()
            supply.begin(FrameClock(fps or math.inf, self._settings.drop == LATEST), start)
            yield from self._through(model, prepare, supply, start)

    def _preparation(self, model: Model) -> tuple[Preprocess, str]:
        """What makes an input of a frame, and how it says that it does."""
        given = self._preprocess
        if given is None or isinstance(given, Picture):
            made = Prepared(model, given)
            return made, made.text
        return given, f"preprocess is {getattr(given, '__name__', 'your own')}"

    def _warm_up(self, model: Model, prepare: Preprocess, frame: Any) -> None:
        """Compile and run a few times before the clock starts; what stateful layers keep stays as it was."""
        with model.states_aside():
            for _ in range(self._settings.warmup):
                model.predict(prepare(frame))

    def _through(self, model: Model, prepare: Preprocess, supply: Supply, start: float) -> Iterator[StreamFrame]:
        clock = self.clock
        while (arrival := supply.take()) is not None:
            taken = clock()
            x = prepare(arrival.frame)
            prepared = clock()
            y = model.predict(x)
            predicted = clock()
            output = y if self._postprocess is None else self._postprocess(y)
            end = clock()
            times = _times(arrival, start, (taken, prepared, predicted, end))
            self._times.append(times)
            yield StreamFrame(arrival.frame, output, times)
            self._times[-1] = replace(times, outside_ms=(clock() - end) * 1e3)
        self._came = supply.came


def stream(
    model: ModelSource, frames: Any, *, fps: float | None = None, budget_ms: float | None = None,
    drop: str | None = LATEST, count: int | None = None, preprocess: Preprocess | Picture | None = None,
    postprocess: Callable[[Any], Any] | None = None, warmup: int = DEFAULT_WARMUP, backend: str | None = None,
    threads: int | None = None, clock: Clock = time.perf_counter, sleep: Sleep = time.sleep,
) -> Stream:
    """A model on a real-time stream of frames: latency of each, its parts, and what had to be dropped.

    Frames come on a clock, frame ``i`` at ``i / fps`` seconds, whether the model is ready or not. The latency of a
    frame goes from that moment to the end of its postprocessing. Nothing runs before the stream is iterated, or
    ``run`` or ``watch`` is called.

    Args:
        model: a loaded model of any format, or a path or an address.
        frames: a folder of pictures; an animation, a film or an address; ``"camera:0"`` or the number of a camera; a
            list, an array [frames, height, width, channels], or any iterable of arrays and PIL images. Films and
            cameras need OpenCV, the extra ``video``. What is not in memory is read ahead on a thread of its own.
        fps: frames a second; by default those of the film. A camera has its own.
        budget_ms: the latency above which a frame counts as late.
        drop: with ``"latest"`` only the newest frame waits for the model, and older ones are dropped and counted. With
            None all wait, nothing is dropped, and the wait grows where the model is too slow.
        count: how many frames come; a source that has fewer begins anew. By default as many as there are.
        preprocess: makes what ``predict`` takes of a frame. A ``tf.Picture`` says what levels from 0 to 255 become; by
            default the normalization in the file's metadata, else 0 to 1, or integers as they are.
        postprocess: is given what ``predict`` gives; its time is a part of the latency.
        warmup: runs on the first frame before the clock starts.
        backend: where the model runs; where it is by default.
        threads: of threaded backends; all cores by default.
        clock: gives seconds, and never goes back.
        sleep: takes seconds; it may wake early.

    Raises UsageError and InputError for arguments that make no sense and for frames that cannot be read.

    """
    return Stream(model, frames, fps=fps, budget_ms=budget_ms, drop=drop, count=count, preprocess=preprocess,
                  postprocess=postprocess, warmup=warmup, backend=backend, threads=threads, clock=clock, sleep=sleep)


def _times(arrival: Arrival, start: float, at: tuple[float, float, float, float]) -> FrameTimes:
    taken, prepared, predicted, end = at
    return FrameTimes(
        arrival.index, arrival.due_s * 1e3, (taken - start - arrival.due_s) * 1e3, (prepared - taken) * 1e3,
        (predicted - prepared) * 1e3, (end - predicted) * 1e3, arrival.decode_ms, arrival.ready_s <= arrival.due_s,
    )


def _check(
    *, fps: float | None, budget_ms: float | None, drop: str | None, count: int | None, warmup: int,
) -> None:
    """UsageError for what makes no sense."""
    for name, value in (("fps", fps), ("budget_ms", budget_ms)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value) and value > 0):
            raise UsageError(f"{name} is {value!r}; expected a number above 0")
    for name, whole, least in (("count", count, 1), ("warmup", warmup, 0)):
        if whole is not None and (isinstance(whole, bool) or not isinstance(whole, int) or whole < least):
            raise UsageError(f"{name} is {whole!r}; expected an integer >= {least}")
    if drop not in (LATEST, None):
        raise UsageError(f"drop is {drop!r}; expected {LATEST!r} or None{did_you_mean(str(drop), [LATEST])}")
