"""What a model did on a real-time stream of frames: inert data, and how it is shown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfjslab.base.plain import to_plain
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted, ms, percent
from tfjslab.records.profile import Environment
from tfjslab.records.statistics import median_interval

LATEST = "latest"
FINISHED, STOPPED = "finished", "stopped"
PERCENTILES = (50, 95, 99)
# What the latency of a frame consists of, and what stands beside it.
PARTS = ("waiting", "preprocess", "model", "postprocess")
BESIDE = ("decode", "outside")


@dataclass(frozen=True)
class FrameTimes:
    """One frame that went through the model. ``index`` counts the frames that came, from 0; times are milliseconds.

    ``due_ms`` is when it came, from the start of the stream. Its latency goes from then to the end of postprocessing:
    ``waiting_ms`` until it was taken up, then the three steps. ``decode_ms`` is what reading the frame took, ahead on
    another thread; None where it lay in memory. ``ready`` says whether it was read when it was due. ``outside_ms`` is
    what the reader of the stream took after it, such as the body of a loop: the next frames wait for that.
    """

    index: int
    due_ms: float
    waiting_ms: float
    preprocess_ms: float
    model_ms: float
    postprocess_ms: float
    decode_ms: float | None = None
    ready: bool = True
    outside_ms: float = 0.0

    @property
    def latency_ms(self) -> float:
        """From the moment the frame was due to the end of its postprocessing."""
        return self.waiting_ms + self.busy_ms

    @property
    def busy_ms(self) -> float:
        """The three steps."""
        return self.preprocess_ms + self.model_ms + self.postprocess_ms

    @property
    def end_ms(self) -> float:
        """When it was done, from the start of the stream."""
        return self.due_ms + self.latency_ms


@dataclass(frozen=True)
class StreamSettings:
    """What was streamed and how. ``fps`` are frames a second, None for a camera that has a rate of its own.

    ``drop`` is ``"latest"`` or None, ``prepared`` says how frames become inputs.
    """

    model: str
    source: str
    fps: float | None
    budget_ms: float | None
    drop: str | None
    warmup: int
    prepared: str = ""


@dataclass(frozen=True, repr=False)
class StreamResult(Report):
    """A stream, or as much of it as there was until now.

    ``n`` frames came; ``frames`` are those that went through the model, in order, and the others were ``dropped``.
    ``ended`` is empty while it runs, then ``"finished"``, or ``"stopped"`` before the last frame, as by Ctrl-C.
    """

    settings: StreamSettings
    n: int
    frames: tuple[FrameTimes, ...] = field(repr=False, default=())
    environment: Environment | None = None
    ended: str = ""

    @property
    def done(self) -> int:
        """Frames that went through the model."""
        return len(self.frames)

    @property
    def dropped(self) -> int:
        """Frames that a newer one took the place of before the model was ready for them."""
        return self.n - self.done

    @property
    def late(self) -> int | None:
        """Frames whose latency is above the budget; None without one."""
        budget = self.settings.budget_ms
        return None if budget is None else sum(f.latency_ms > budget for f in self.frames)

    @property
    def behind(self) -> int:
        """Frames that had not been read when they were due: the source was too slow for the rate, not the model."""
        return sum(not f.ready for f in self.frames)

    @property
    def latencies_ms(self) -> tuple[float, ...]:
        """The latency of each frame that is done, in order."""
        return tuple(f.latency_ms for f in self.frames)

    @property
    def percentiles_ms(self) -> dict[str, float | None]:
        """The latency's ``p50``, ``p95`` and ``p99``; None before a frame is done."""
        # Asked before the first frame, too: numpy's first percentile takes as long as some frames.
        found = np.percentile(self.latencies_ms or (math.nan,), PERCENTILES).tolist()
        return {f"p{p}": v if self.frames else None for p, v in zip(PERCENTILES, found, strict=True)}

    @property
    def parts_ms(self) -> dict[str, float | None]:
        """The median of each part of the latency, then of what stands beside it; None where nothing was measured."""
        return {part: _median(_times(self.frames, part)) for part in (*PARTS, *BESIDE)}

    @property
    def duration_ms(self) -> float:
        """Until the last frame was done, or until the frame after the last one would have been due."""
        period = 1e3 / self.settings.fps if self.settings.fps else 0.0
        return max(self.frames[-1].end_ms, self.n * period) if self.frames else 0.0

    @property
    def throughput_fps(self) -> float | None:
        """Frames that were done in a second."""
        return self.done / self.duration_ms * 1e3 if self.duration_ms else None

    @property
    def capacity_fps(self) -> float | None:
        """What this machine could hold at most: frames a second, if the steps always took as long as they did here.

        One over the mean, as a queue needs it, of what a frame takes with what is done outside of the stream.
        """
        if not self.frames:
            return None
        busy = statistics.fmean(f.busy_ms + f.outside_ms for f in self.frames)
        return 1e3 / busy if busy > 0 else None

    @property
    def holds(self) -> bool:
        """Whether every frame that came was done, and none late."""
        return self.done > 0 and not self.dropped and not self.late

    @property
    def verdict(self) -> str:
        """In one line: whether the rate holds, and if not, what this machine could do."""
        if not self.frames:
            return "no frame was done"
        rate = f"{self.settings.fps:g} frames/s" if self.settings.fps else "the camera's rate"
        room = self.capacity_fps
        limit = f"; on average the steps of a frame leave room for {room:.1f} frames/s" if room else ""
        lost = [f"{self.dropped} of {self.n} dropped ({percent(self.dropped, self.n)})"] if self.dropped else []
        late = [f"{self.late} of {self.done} later than {self.settings.budget_ms:.4g} ms"] if self.late else []
        waits = self.frames[-1].waiting_ms > 1e3 / (self.settings.fps or math.inf) and self.settings.drop is None
        grows = [f"the last one waited {ms(self.frames[-1].waiting_ms)} ms"] if waits else []
        if lost or late or grows:
            return f"{rate} does not hold: {', '.join([*lost, *late, *grows])}{limit}"
        return f"{rate} holds: none dropped{'' if self.late is None else ', none late'}{limit}"

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``: the figures, then every frame."""
        interval, where = median_interval(self.latencies_ms), self.environment
        return {
            **to_plain(self.settings), "backend": where.backend if where else None,
            "ended": self.ended, "n": self.n, "done": self.done, "dropped": self.dropped, "late": self.late,
            "behind": self.behind, **{f"{k}_ms": v for k, v in self.percentiles_ms.items()},
            "p50_interval_ms": [interval.low, interval.high] if interval else None,
            "throughput_fps": self.throughput_fps, "capacity_fps": self.capacity_fps, "duration_ms": self.duration_ms,
            "holds": self.holds, "parts_ms": self.parts_ms, "environment": to_plain(where) if where else None,
            "frames": [{**to_plain(f), "latency_ms": f.latency_ms} for f in self.frames],
        }

    def tables(self) -> tuple[Table, ...]:
        """The verdict with the latency, and its parts."""
        s, p = self.settings, self.percentiles_ms
        where = f" on {self.environment.where}" if self.environment else ""
        rate = f" at {s.fps:g} frames/s" if s.fps else ""
        title = f"{s.model}{where}, {s.source}{rate}"
        cut = f"{self.ended} after {counted(self.n, 'frame')}" if self.ended not in {FINISHED, ""} else ""
        first = Table(
            title, ("", "frames", "latency p50", "p95", "p99", "throughput"),
            (("done", f"{self.done} of {self.n}", *(f"{ms(v)} ms" for v in p.values()),
              f"{self.throughput_fps:.1f} frames/s" if self.throughput_fps else NOTHING),),
            tuple(filter(None, [self.verdict, cut, *self.notes])),
        )
        shares = [(name, _times(self.frames, name)) for name in (*PARTS, *BESIDE)]
        rows = tuple((NAMES[name], f"{ms(_median(t))} ms", f"{ms(float(np.percentile(t, 95)))} ms")
                     for name, t in shares if t)
        return first, Table("What a frame takes", ("part", "median", "p95"), rows, tuple(filter(None, [s.prepared])))

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said beside the figures: of a source that was too slow, and of a machine that was busy."""
        found, where = [], self.environment
        if self.behind:
            found.append(f"the source was too slow: {counted(self.behind, 'frame')} had not been read when due; "
                         f"reading one takes {ms(self.parts_ms['decode'])} ms")
        if where is not None and (where.load_average or 0) > where.cores:
            found.append(f"the machine was busy: {where.load_average:.1f} programs on average wanted its "
                         f"{counted(where.cores, 'core')} before the stream began")
        return tuple(found)

    def __repr__(self) -> str:
        s = self.settings
        rate = f" at {s.fps:g} frames/s" if s.fps else ""
        return f"<Stream of {s.source} through {s.model}{rate}: {counted(self.n, 'frame')}>"


NAMES = {
    "waiting": "waiting to be taken up", "preprocess": "preprocess", "model": "model", "postprocess": "postprocess",
    "decode": "beside: reading the frame", "outside": "beside: your loop, and showing",
}


def _times(frames: Sequence[FrameTimes], part: str) -> list[float]:
    """Milliseconds of a part, of the frames that have it."""
    found = (getattr(f, f"{part}_ms") for f in frames)
    return [t for t in found if t is not None]


def _median(times: Sequence[float]) -> float | None:
    return statistics.median(times) if times else None
