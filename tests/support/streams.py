"""Time that goes on only when somebody sleeps or works, so that what a stream does can be worked out by hand."""

from __future__ import annotations

import numpy as np
from support.lab import GRAPH

from tfjslab.model import Model
from tfjslab.streaming import stream


class FakeTime:
    """A clock and a sleep that belong together; sleeping wakes at half of the time, as a real one may."""

    def __init__(self):
        self.now = 100.0

    def clock(self):
        """Seconds."""
        return self.now

    def sleep(self, seconds):
        """Some of it."""
        self.now += seconds if seconds < 1e-9 else seconds / 2

    def work(self, seconds):
        """A postprocessing that takes so long."""
        def post(y):
            self.now += seconds
            return y

        return post


def small():
    """A model of four numbers."""
    return Model(GRAPH, "cpu")


def exact(time, frames, model, *, work_s, **options):
    """A stream in fake time through a model that takes none, and postprocessing that takes ``work_s``."""
    return stream(model, frames, clock=time.clock, sleep=time.sleep, postprocess=time.work(work_s), **options)


def numbers(count):
    """So many inputs of the small model, each of one number."""
    return [np.full(4, i, np.float32) for i in range(count)]
