"""The tab Stream: frames on a clock through the model that is chosen; what is late, and what is dropped, live."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from tfjslab.base.errors import UsageError
from tfjslab.export.web.picture import Picture
from tfjslab.lab import markup
from tfjslab.lab.panels import note
from tfjslab.lab.session import Snapshot
from tfjslab.lab.stream_job import StreamJob
from tfjslab.lab.web_job import INPUTS
from tfjslab.records.stream import LATEST
from tfjslab.streaming import card

ABOUT = """Frames come on a clock, whether the model is ready or not. Latency goes from the moment a frame is due to the
end of its inference. The model is the one that is chosen, with the passes and the precision of the switches above."""
BY_MODEL = "pixels as the model wants"
RANGES: dict[str, Picture | None] = {BY_MODEL: None, **{k: v for k, v in INPUTS.items() if v is not None}}
DROPS = {"drop older frames": LATEST, "let all wait": None}


class StreamTab:
    """Its widgets. They hold no logic: ``dashboard`` says what they show and do."""

    def __init__(self) -> None:
        self.frames = widgets.Text(placeholder="folder of pictures, animation, film, or camera:0", description="frames",
                                   continuous_update=False, layout=widgets.Layout(flex="1 1 300px", width="auto"))
        self.fps = _number("frames/s", 30.0, "0: the film's own")
        self.budget = _number("budget, ms", 33.0, "frames that take longer are late; 0: none")
        self.count = widgets.BoundedIntText(value=300, min=0, max=10_000_000, description="how many",
                                            tooltip="frames; a source that has fewer begins anew; 0: as many as it has",
                                            layout=widgets.Layout(width="156px"))
        self.drop = widgets.Dropdown(options=list(DROPS), layout=widgets.Layout(width="150px"),
                                     tooltip="what becomes of frames that come while the model is at work")
        self.range = widgets.Dropdown(options=list(RANGES), layout=widgets.Layout(width="216px"),
                                      tooltip="what levels from 0 to 255 become")
        self.start = widgets.Button(description="Start", icon="play", button_style="primary")
        self.stop = widgets.Button(description="Stop", icon="stop", disabled=True)
        self.told = widgets.HTML()
        self.box = widgets.VBox([
            widgets.HTML(note(ABOUT)),
            widgets.HBox([self.frames, self.start, self.stop]).add_class("tfl-options"),
            widgets.HBox([self.fps, self.budget, self.count, self.drop, self.range]).add_class("tfl-options"),
            self.told,
        ])

    @property
    def source(self) -> str:
        """Where frames come from; UsageError where nothing is said."""
        if not self.frames.value.strip():
            raise UsageError("no frames are given; expected a folder of pictures, an animation, a film, or camera:0")
        return str(self.frames.value.strip())

    @property
    def options(self) -> dict[str, Any]:
        """Those of ``tf.stream``."""
        numbers = {"fps": self.fps, "budget_ms": self.budget, "count": self.count}
        return {**{name: box.value or None for name, box in numbers.items()}, "drop": DROPS[self.drop.value],
                "preprocess": RANGES[self.range.value]}

    def enable(self, *, busy: bool) -> None:
        """Which of the buttons may be pressed."""
        self.start.disabled, self.stop.disabled = busy, not busy

    def show(self, snapshot: Snapshot, job: StreamJob) -> None:
        """What the stream did until now."""
        if snapshot.phase == "failed":
            self.told.value = markup.message(snapshot.message, error=True)
        elif job.result is not None:
            self.told.value = card.body(job.result, job.total)


def _number(name: str, value: float, tooltip: str) -> widgets.BoundedFloatText:
    return widgets.BoundedFloatText(value=value, min=0, max=100_000, description=name, tooltip=tooltip,
                                    layout=widgets.Layout(width="156px"))
